//! A case is a hostile pickle, and how its load must end.

mod bombs;
mod files;
mod interpreter;
mod network;
mod power;
mod processes;

use assay_oracle::{EffectKind, Outcome};

use crate::host::Host;

/// A hostile pickle.
pub struct Case {
    /// For reports.
    pub name: &'static str,
    /// What it is.
    pub payload: Payload,
    /// How its load must end: one of these.
    pub outcomes: &'static [Outcome],
    /// If it ends with an exception, how that begins: one of these, between bars.
    pub exceptions: &'static str,
    /// The effects that must be among those recorded.
    pub effects: &'static [EffectKind],
    /// Whether it takes all the time it is given.
    pub endless: bool,
}

/// What a pickle is made of.
pub enum Payload {
    /// `builtins.exec` of this text, after the host's names and [`NATIVE`].
    Code(&'static str),
    /// The pickle itself.
    Bytes(&'static [u8]),
    /// The same, made.
    Made(fn() -> Vec<u8>),
}

/// Every case.
pub fn all() -> Vec<Case> {
    [
        files::cases(),
        processes::cases(),
        network::cases(),
        power::cases(),
        bombs::cases(),
        interpreter::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Code whose load must end so, and be seen to have these effects.
const fn code(
    name: &'static str,
    text: &'static str,
    outcomes: &'static [Outcome],
    effects: &'static [EffectKind],
) -> Case {
    let payload = Payload::Code(text);
    Case { name, payload, outcomes, exceptions: "", effects, endless: false }
}

/// Code that the sandbox refuses.
const fn refused(name: &'static str, text: &'static str, effects: &'static [EffectKind]) -> Case {
    // By the filter, by landlock, or by a mount that is read-only.
    raises(name, text, "PermissionError|OSError: (30", effects)
}

/// Code that ends with one of these exceptions, written between bars.
const fn raises(
    name: &'static str,
    text: &'static str,
    exceptions: &'static str,
    effects: &'static [EffectKind],
) -> Case {
    Case { exceptions, ..code(name, text, &[Outcome::Raised], effects) }
}

/// Code that takes all the time it is given.
const fn endless(name: &'static str, text: &'static str) -> Case {
    Case { endless: true, ..code(name, text, &[Outcome::Timeout], &[]) }
}

/// System calls by name, through ctypes; one that fails raises.
const NATIVE: &str = "
def native(name, *args):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(NUMBERS[name], *args) == -1:
        n = ctypes.get_errno()
        raise OSError(n, os.strerror(n))
";

/// The calls that cases make by number.
#[rustfmt::skip] // a list
const NUMBERS: &[(&str, libc::c_long)] = &[
    ("acct", libc::SYS_acct), ("add_key", libc::SYS_add_key), ("adjtimex", libc::SYS_adjtimex),
    ("bpf", libc::SYS_bpf), ("clock_settime", libc::SYS_clock_settime),
    ("clone", libc::SYS_clone), ("clone3", libc::SYS_clone3),
    ("fallocate", libc::SYS_fallocate), ("fanotify_init", libc::SYS_fanotify_init),
    ("finit_module", libc::SYS_finit_module), ("fsopen", libc::SYS_fsopen),
    ("inotify_init1", libc::SYS_inotify_init1), ("io_setup", libc::SYS_io_setup),
    ("io_uring_setup", libc::SYS_io_uring_setup), ("kexec_load", libc::SYS_kexec_load),
    ("keyctl", libc::SYS_keyctl), ("memfd_secret", libc::SYS_memfd_secret),
    ("mount", libc::SYS_mount), ("move_mount", libc::SYS_move_mount),
    ("mq_open", libc::SYS_mq_open), ("msgget", libc::SYS_msgget),
    ("name_to_handle_at", libc::SYS_name_to_handle_at),
    ("open_by_handle_at", libc::SYS_open_by_handle_at), ("open_tree", libc::SYS_open_tree),
    ("openat2", libc::SYS_openat2), ("perf_event_open", libc::SYS_perf_event_open),
    ("personality", libc::SYS_personality), ("pidfd_open", libc::SYS_pidfd_open),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal), ("pivot_root", libc::SYS_pivot_root),
    ("prctl", libc::SYS_prctl), ("prlimit64", libc::SYS_prlimit64),
    ("process_vm_writev", libc::SYS_process_vm_writev), ("ptrace", libc::SYS_ptrace),
    ("quotactl", libc::SYS_quotactl), ("reboot", libc::SYS_reboot),
    ("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo), ("seccomp", libc::SYS_seccomp),
    ("semget", libc::SYS_semget), ("sethostname", libc::SYS_sethostname),
    ("setns", libc::SYS_setns), ("settimeofday", libc::SYS_settimeofday),
    ("shmget", libc::SYS_shmget), ("swapon", libc::SYS_swapon), ("syslog", libc::SYS_syslog),
    ("tgkill", libc::SYS_tgkill), ("timer_create", libc::SYS_timer_create),
    ("tkill", libc::SYS_tkill), ("umount2", libc::SYS_umount2), ("unshare", libc::SYS_unshare),
    ("userfaultfd", libc::SYS_userfaultfd), ("vhangup", libc::SYS_vhangup),
    ("vmsplice", libc::SYS_vmsplice),
];

impl Case {
    /// Whether the exception is one that it may end with.
    pub fn raises(&self, exception: &str) -> bool {
        self.exceptions.split('|').any(|expected| exception.starts_with(expected))
    }

    /// Whether it is about reading alone.
    pub fn reads(&self) -> bool {
        self.effects == [EffectKind::FileRead] || self.name.starts_with("list the ")
    }

    /// The pickle, with what the host has to be harmed.
    pub fn pickle(&self, host: &Host) -> Vec<u8> {
        match self.payload {
            Payload::Bytes(bytes) => bytes.to_vec(),
            Payload::Made(make) => make(),
            Payload::Code(text) => {
                let numbers: String =
                    NUMBERS.iter().map(|(name, number)| format!("'{name}':{number},")).collect();
                let text = format!(
                    "import os\nNUMBERS = {{{numbers}}}\n{}\n{NATIVE}\n{text}",
                    host.names()
                );
                crate::common::exec(&text)
            }
        }
    }
}
