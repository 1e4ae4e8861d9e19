//! The record of one pickle of the full tier, as the host wants it: how its process ended, what
//! the kernel and the pipe know of it, and the trace it left.

use assay_sandbox::End;

use crate::effects;
use crate::protocol::{outcome, put_bytes, put_optional, put_u32, signal_name};

/// What is known of one load besides its trace.
pub struct Ending<'a> {
    /// How the process ended; while it went on to the next pickle, as if it had ended well.
    pub end: Result<End, String>,
    /// Whether the process loaded nothing else.
    pub alone: bool,
    /// From fork to end.
    pub time_us: u64,
    /// What was printed.
    pub output: &'a [u8],
}

/// Puts the record together.
pub fn record<'a>(
    ending: &Ending<'_>,
    denied: impl Iterator<Item = &'a str> + Clone,
    trace: &[u8],
) -> Vec<u8> {
    let (outcome, detail) = match &ending.end {
        // The account in the log says how; without one, the process ended itself.
        Ok(End::Exited(code)) => {
            (outcome::LOADED, Some(format!("exit status {code}: the process ended itself")))
        }
        Ok(End::TimedOut) => (outcome::TIMEOUT, None),
        // Nobody sends it but the kernel, when memory runs out.
        Ok(End::Signaled(libc::SIGKILL)) => (outcome::OOM, Some("killed".to_owned())),
        Ok(End::Signaled(libc::SIGXCPU)) => (outcome::TIMEOUT, None),
        Ok(End::Signaled(libc::SIGSYS)) => (outcome::SANDBOX, Some("SIGSYS".to_owned())),
        Ok(End::Signaled(signal)) => (outcome::SIGNALED, Some(signal_name(*signal))),
        Err(reason) => (outcome::SANDBOX, Some(reason.clone())),
    };
    let mut out = Vec::with_capacity(trace.len() + ending.output.len() + 128);
    out.push(outcome);
    out.push(u8::from(ending.alone));
    put_optional(&mut out, detail.as_deref().map(str::as_bytes));
    out.extend(ending.time_us.to_le_bytes());
    put_bytes(&mut out, ending.output);
    put_u32(&mut out, denied.clone().count() as u32);
    for name in denied {
        out.push(effects::of_syscall(name));
        put_bytes(&mut out, format!("syscall {name}").as_bytes());
    }
    put_bytes(&mut out, trace);
    out
}

/// The record of a load that could not be tried.
pub fn failure(reason: &str) -> Vec<u8> {
    let end = Err(reason.to_owned());
    record(&Ending { end, alone: true, time_us: 0, output: &[] }, std::iter::empty(), &[])
}
