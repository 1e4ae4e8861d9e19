//! Records of the worker, parsed into observations. A child under a hostile pickle writes the
//! trace itself, so no byte of it is trusted: what cannot be read ends the trace.

use crate::protocol::{self, Reader, outcome, tag};
use crate::{
    DenyObservation, Effect, EffectKind, Filtered, Observation, Outcome, Resolved, Run, TouchKind,
    Touched,
};

/// The records of a batch, one after the other; ends early where one is cut off or longer than
/// any that a worker makes.
pub(crate) fn split(bytes: &[u8], longest: usize) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || reader.bytes().filter(|record| record.len() <= longest))
}

/// A record of the deny tier.
pub(crate) fn deny(bytes: &[u8]) -> DenyObservation {
    let garbled = || deny_without_record(Outcome::Sandbox, Some("the record was garbled"));
    parse_deny(bytes).unwrap_or_else(garbled)
}

fn parse_deny(bytes: &[u8]) -> Option<DenyObservation> {
    let mut r = Reader::new(bytes);
    let outcome = outcome_of(r.u8()?)?;
    let complete = r.u8()? == 1;
    let persistent = r.u32()?;
    let exception = r.optional_string()?;
    let message = r.optional_string()?;
    let mut resolved = Vec::new();
    while !r.is_empty() {
        let (module, name) = (r.string()?, r.string()?);
        resolved.push(Resolved { module, name, allowed: r.u8()? == 1 });
    }
    Some(DenyObservation { outcome, exception, message, resolved, persistent, complete })
}

/// For a pickle of which nothing came back.
pub(crate) fn deny_without_record(outcome: Outcome, why: Option<&str>) -> DenyObservation {
    DenyObservation {
        outcome,
        exception: why.map(str::to_owned),
        message: None,
        resolved: Vec::new(),
        persistent: 0,
        complete: false,
    }
}

/// A record of the full tier: how the process ended, and the trace it left.
pub(crate) fn full(bytes: &[u8], python: &str, run: Run) -> Filtered {
    let why = "the record was garbled";
    let mut observation = full_without_record(python, run, Outcome::Sandbox, why);
    let mut alone = false;
    let parsed = parse_full(bytes, &mut observation, &mut alone);
    if parsed.is_none() {
        observation.complete = false;
    }
    Filtered { observation, alone }
}

/// For a pickle of which nothing came back.
pub(crate) fn full_without_record(
    python: &str,
    run: Run,
    outcome: Outcome,
    why: &str,
) -> Observation {
    Observation {
        python: python.to_owned(),
        engine: run.engine,
        mode: run.mode,
        outcome,
        exception: Some(why.to_owned()),
        touched: Vec::new(),
        effects: Vec::new(),
        result: None,
        stderr: String::new(),
        time_us: 0,
        complete: false,
    }
}

fn parse_full(bytes: &[u8], o: &mut Observation, alone: &mut bool) -> Option<()> {
    let mut r = Reader::new(bytes);
    let ended = outcome_of(r.u8()?)?;
    *alone = r.u8()? == 1;
    let detail = r.optional_string()?;
    o.time_us = r.u64()?;
    o.stderr = r.string()?;
    let syscalls = r.u32()?;
    let mut kernel = Vec::new();
    for _ in 0..syscalls {
        let kind = effect_kind(r.u8()?)?;
        kernel.push(Effect { kind, detail: r.string()? });
    }
    o.complete = true;
    o.exception = None;
    let mut end = None;
    let whole = parse_trace(r.bytes()?, o, &mut end);
    o.effects.extend(kernel.into_iter().filter(|e| e.kind != EffectKind::Import));
    match end {
        Some((outcome, exception, result, time_us)) if ended == Outcome::Loaded => {
            o.outcome = outcome;
            o.exception = exception;
            o.result = result;
            o.time_us = time_us;
        }
        _ => {
            // No account of the end: the process ended itself, as `os._exit` does.
            o.outcome = if ended == Outcome::Loaded { Outcome::Raised } else { ended };
            o.exception = detail;
        }
    }
    whole
}

type End = (Outcome, Option<String>, Option<String>, u64);

fn parse_trace(bytes: &[u8], o: &mut Observation, end: &mut Option<End>) -> Option<()> {
    let mut r = Reader::new(bytes);
    while !r.is_empty() {
        match r.u8()? {
            tag::TOUCH => {
                let kind = touch_kind(r.u8()?)?;
                let by = r.u32()?;
                let offset = r.u64()?;
                let name = r.string()?;
                let args = r.optional_string()?;
                let opcode_offset = (offset != u64::MAX).then_some(offset);
                let by = (by != u32::MAX).then_some(by);
                o.touched.push(Touched { kind, name, opcode_offset, args, by });
            }
            tag::EFFECT => {
                let kind = effect_kind(r.u8()?)?;
                o.effects.push(Effect { kind, detail: r.string()? });
            }
            tag::END => {
                let outcome = outcome_of(r.u8()?)?;
                *end = Some((outcome, r.optional_string()?, r.optional_string()?, r.u64()?));
            }
            tag::INCOMPLETE => {
                o.complete = false;
                let _reason = r.string()?;
            }
            _ => return None,
        }
    }
    Some(())
}

fn outcome_of(number: u8) -> Option<Outcome> {
    Some(match number {
        outcome::LOADED => Outcome::Loaded,
        outcome::RAISED => Outcome::Raised,
        outcome::SIGNALED => Outcome::Signaled,
        outcome::TIMEOUT => Outcome::Timeout,
        outcome::OOM => Outcome::Oom,
        outcome::SANDBOX => Outcome::Sandbox,
        _ => return None,
    })
}

fn touch_kind(number: u8) -> Option<TouchKind> {
    Some(match number {
        protocol::touch::RESOLVE => TouchKind::Resolve,
        protocol::touch::CALL => TouchKind::Call,
        protocol::touch::IMPORT => TouchKind::Import,
        protocol::touch::METHOD => TouchKind::Method,
        protocol::touch::SETATTR => TouchKind::Setattr,
        protocol::touch::PERSISTENT => TouchKind::Persistent,
        _ => return None,
    })
}

fn effect_kind(number: u8) -> Option<EffectKind> {
    use protocol::effect;
    Some(match number {
        effect::EXEC => EffectKind::Exec,
        effect::CODE => EffectKind::Code,
        effect::PROCESS => EffectKind::Process,
        effect::FILE_READ => EffectKind::FileRead,
        effect::FILE_WRITE => EffectKind::FileWrite,
        effect::NETWORK => EffectKind::Network,
        effect::NATIVE => EffectKind::Native,
        effect::SIGNAL => EffectKind::Signal,
        effect::ENV => EffectKind::Env,
        effect::IMPORT => EffectKind::Import,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Engine;
    use crate::protocol::{put_bytes, put_optional, put_u32};

    fn record(log: &[u8]) -> Vec<u8> {
        let mut out = vec![outcome::LOADED, 1];
        put_optional(&mut out, Some(b"exit status 3"));
        out.extend(7u64.to_le_bytes());
        put_bytes(&mut out, b"printed");
        put_u32(&mut out, 1);
        out.push(protocol::effect::PROCESS);
        put_bytes(&mut out, b"syscall clone");
        put_bytes(&mut out, log);
        out
    }

    fn touch_record() -> Vec<u8> {
        let mut log = vec![tag::TOUCH, protocol::touch::CALL];
        put_u32(&mut log, u32::MAX);
        log.extend(5u64.to_le_bytes());
        put_bytes(&mut log, b"posix.getppid");
        put_optional(&mut log, None);
        log
    }

    #[test]
    fn a_process_that_left_no_account_ended_itself() {
        let Filtered { observation: seen, alone } =
            full(&record(&touch_record()), "3.11.7", Engine::CLoads.into());
        assert!(alone);
        assert_eq!(seen.outcome, Outcome::Raised);
        assert_eq!(seen.exception.as_deref(), Some("exit status 3"));
        assert_eq!((seen.touched.len(), seen.touched[0].by), (1, None));
        assert_eq!(seen.touched[0].opcode_offset, Some(5));
        assert_eq!(seen.effects[0].detail, "syscall clone");
        assert!(seen.complete);
    }

    /// The child writes the trace under a hostile pickle: no bytes may upset the host.
    #[test]
    fn no_prefix_and_no_garbage_upsets_the_parser() {
        let whole = record(&touch_record());
        for len in 0..whole.len() {
            let seen = full(&whole[..len], "3.11.7", Engine::CLoads.into()).observation;
            assert!(!seen.complete, "{len}: {seen:?}");
            deny(&whole[..len]);
        }
        for byte in 0..=u8::MAX {
            full(&record(&[byte; 40]), "3.11.7", Engine::CLoads.into());
            deny(&[byte; 40]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// A hostile worker writes the records too: whatever they are, they are told apart from
        /// a whole one, and never take more memory than a small multiple of their size.
        #[test]
        fn garbled_records_yield_little_and_say_so(
            at in 0..200_usize,
            junk in prop::collection::vec(any::<u8>(), 0..64),
            cut in 0..200_usize,
        ) {
            let mut bytes = record(&touch_record().repeat(3));
            let at = at.min(bytes.len());
            let end = (at + junk.len()).min(bytes.len());
            bytes.splice(at..end, junk);
            bytes.truncate(cut);
            let seen = full(&bytes, "3.11.7", Engine::CLoads.into()).observation;
            prop_assert!(seen.touched.len() + seen.effects.len() <= bytes.len());
            prop_assert!(seen.stderr.len() <= 3 * bytes.len());
            deny(&bytes);
        }

        #[test]
        fn records_are_split_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut total = 0;
            for record in split(&bytes, 100) {
                prop_assert!(record.len() <= 100);
                total += 4 + record.len();
            }
            prop_assert!(total <= bytes.len());
        }
    }
}
