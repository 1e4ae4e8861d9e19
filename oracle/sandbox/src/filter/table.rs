//! The table of system calls: what loading a pickle and importing modules takes.
//!
//! One row for each call that is not simply denied, with the reason. Whatever has no row is
//! denied with `EPERM` and recorded: among it every way to run a program, to reach the
//! network, to change a file (but in the scratch directory, see [`crate::scratch`]), to touch another process, to gain a namespace or a mount.
//! To allow one more call, add its row; nothing else needs to change.

use libc::{c_long, *};

/// `cachestat`, which the `libc` crate does not know yet; one number on all architectures.
pub(crate) const SYS_CACHESTAT: c_long = 451;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is made.
    Allow,
    /// It is made if the test holds; else denied and recorded.
    If(Test),
    /// It is made by the zygote, marked (see [`crate::trusted`]); else denied and recorded.
    Trusted,
    /// It is made if the test holds, or by the zygote, marked; else denied and recorded.
    IfOrTrusted(Test),
    /// It fails with this error, unrecorded: what the C library asks of every kernel to see
    /// whether it is new enough.
    Absent(i32),
}

/// A test of one argument (counted from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// None of these bits is set. Of flags the kernel reads 32 bits.
    NoneOf(u8, u32),
    /// The low 32 bits are one of these. For commands and options, of which it reads as many.
    OneOf(u8, &'static [u32]),
    /// All 64 bits are zero.
    Null(u8),
}

/// One system call.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its number on this architecture.
    pub number: c_long,
    /// What becomes of it.
    pub rule: Rule,
    /// Why.
    pub why: &'static str,
}

/// Every system call that is not simply denied.
#[must_use]
pub fn syscalls() -> &'static [Row] {
    TABLE
}

/// Flags of `open` with which a file is written, created or cut. `O_TMPFILE` is its own bit
/// here: libc's constant contains `O_DIRECTORY`, which `scandir` uses.
const WRITING: u32 = (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & !O_DIRECTORY)) as u32;

/// What `ioctl` may ask: is it a terminal, how large, how much to read; close on exec.
/// Among what is left out: `TIOCSTI`, which types on the terminal.
const QUESTIONS: &[u32] = &[
    TCGETS as u32,
    TIOCGWINSZ as u32,
    FIONREAD as u32,
    FIOCLEX as u32,
    FIONCLEX as u32,
    FIONBIO as u32,
];

/// What `fcntl` may do: a descriptor's own flags and copies. Left out: locks, leases, signals
/// on input (`F_SETOWN`), seals, pipe sizes.
const DESCRIPTORS: &[u32] = &[
    F_DUPFD as u32,
    F_DUPFD_CLOEXEC as u32,
    F_GETFD as u32,
    F_SETFD as u32,
    F_GETFL as u32,
    F_SETFL as u32,
    F_GETLK as u32,
];

/// What `prctl` may do: names of threads and of memory, and questions.
const HARMLESS_OPTIONS: &[u32] = &[
    PR_GET_NAME as u32,
    PR_SET_NAME as u32,
    PR_SET_VMA as u32,
    PR_GET_DUMPABLE as u32,
    PR_GET_NO_NEW_PRIVS as u32,
    PR_GET_PDEATHSIG as u32,
    PR_GET_SECCOMP as u32,
    PR_CAPBSET_READ as u32,
];

const fn row(number: c_long, rule: Rule, why: &'static str) -> Row {
    Row { number, rule, why }
}

use Rule::{Absent, Allow, If, IfOrTrusted, Trusted};

/// By frequency first: the filter compares in this order where the kernel can't cache.
#[rustfmt::skip] // one row a line
const TABLE: &[Row] = &[
    // Reading files: landlock and the mount namespace say which.
    row(SYS_openat, If(Test::NoneOf(2, WRITING)), "import opens; nothing may be written"),
    row(SYS_read, Allow, "of what was opened for reading"),
    row(SYS_pread64, Allow, "as read; zip archives of modules"),
    row(SYS_readv, Allow, "as read"),
    row(SYS_preadv, Allow, "as read"),
    row(SYS_preadv2, Allow, "as read"),
    row(SYS_close, Allow, "a descriptor of its own"),
    row(SYS_close_range, Allow, "as close"),
    row(SYS_fstat, Allow, "io.open asks the size"),
    row(SYS_newfstatat, Allow, "import asks what exists"),
    row(SYS_statx, Allow, "as stat"),
    row(SYS_lseek, Allow, "of what was opened"),
    row(SYS_getdents64, Allow, "import lists directories"),
    row(SYS_readlinkat, Allow, "os.path.realpath"),
    row(SYS_faccessat, Allow, "a question"),
    row(SYS_faccessat2, Allow, "a question"),
    row(SYS_getcwd, Allow, "a question; import of relative paths"),
    row(SYS_fstatfs, Allow, "a question"),
    row(SYS_statfs, Allow, "a question"),
    row(SYS_fadvise64, Allow, "advice on reading"),
    row(SYS_readahead, Allow, "advice on reading"),
    row(SYS_CACHESTAT, Allow, "a question"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_open, If(Test::NoneOf(1, WRITING)), "old form of openat"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_stat, Allow, "old form"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_lstat, Allow, "old form"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_access, Allow, "old form"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_readlink, Allow, "old form"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_getdents, Allow, "old form"),
    row(SYS_openat2, Absent(ENOSYS), "its flags lie in memory, which a filter can't read"),

    // Writing to what the worker left open: its pipes. No file can be opened for writing.
    row(SYS_write, Allow, "standard error, the worker's pipes"),
    row(SYS_writev, Allow, "as write"),
    row(SYS_pwrite64, Allow, "as write"),

    // Descriptors.
    row(SYS_ioctl, IfOrTrusted(Test::OneOf(1, QUESTIONS)), "isatty of each file opened; the recorder"),
    row(SYS_fcntl, If(Test::OneOf(1, DESCRIPTORS)), "close on exec, blocking or not"),
    row(SYS_dup, Allow, "a copy of its own"),
    row(SYS_dup3, Allow, "a copy of its own"),
    row(SYS_pipe2, Allow, "leads nowhere: nobody has the other end"),
    row(SYS_ppoll, Allow, "waits on what it has"),
    row(SYS_pselect6, Allow, "waits on what it has"),
    row(SYS_epoll_create1, Allow, "`import selectors` tries whether it works"),
    row(SYS_epoll_ctl, Allow, "waits on what it has"),
    row(SYS_epoll_pwait, Allow, "waits on what it has"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_poll, Allow, "waits on what it has"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_epoll_wait, Allow, "waits on what it has"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_select, Allow, "waits on what it has"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_dup2, Allow, "a copy of its own"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_pipe, Allow, "old form"),

    // Memory: RLIMIT_AS bounds it.
    row(SYS_mmap, Allow, "executable too: import maps extension modules"),
    row(SYS_munmap, Allow, "its own memory"),
    row(SYS_mprotect, Allow, "its own memory; relocation of shared objects"),
    row(SYS_mremap, Allow, "its own memory; large realloc"),
    row(SYS_madvise, Allow, "its own memory; free"),
    row(SYS_brk, Allow, "its own memory; malloc"),
    row(SYS_get_mempolicy, Allow, "a question; numerical libraries at import"),
    row(SYS_mbind, Allow, "where its own memory lies; numpy's OpenBLAS at import"),

    // Itself.
    row(SYS_futex, Allow, "locks"),
    row(SYS_rt_sigaction, Allow, "Python's handlers"),
    row(SYS_rt_sigprocmask, Allow, "abort, setjmp"),
    row(SYS_rt_sigreturn, Allow, "the end of a handler"),
    row(SYS_sigaltstack, Allow, "faulthandler"),
    row(SYS_restart_syscall, Allow, "the kernel itself, after a signal"),
    row(SYS_sched_yield, Allow, "gives time away"),
    row(SYS_nanosleep, Allow, "time.sleep; the supervisor's clock runs on"),
    row(SYS_clock_nanosleep, Allow, "time.sleep; the supervisor's clock runs on"),
    row(SYS_set_robust_list, Allow, "its own locks"),
    row(SYS_rseq, Allow, "its own registers"),
    row(SYS_exit, Allow, "the end"),
    row(SYS_exit_group, Allow, "the end"),
    row(SYS_wait4, Allow, "the zygote waits; a child has none to wait for"),
    row(SYS_waitid, Allow, "the zygote waits; a child has none to wait for"),
    row(SYS_tgkill, If(Test::OneOf(2, &[SIGABRT as u32])),
        "abort, so that a crash is seen as one; the tail filter asks that it be its own"),

    // Questions about itself and the machine.
    row(SYS_getrandom, Allow, "hash seeds, random"),
    row(SYS_clock_gettime, Allow, "the time"),
    row(SYS_clock_getres, Allow, "the time"),
    row(SYS_gettimeofday, Allow, "the time"),
    row(SYS_times, Allow, "the time it used"),
    row(SYS_getrusage, Allow, "what it used"),
    row(SYS_getpid, Allow, "a question"),
    row(SYS_getppid, Allow, "a question"),
    row(SYS_gettid, Allow, "a question"),
    row(SYS_getuid, Allow, "a question"),
    row(SYS_geteuid, Allow, "a question"),
    row(SYS_getgid, Allow, "a question"),
    row(SYS_getegid, Allow, "a question"),
    row(SYS_getresuid, Allow, "a question"),
    row(SYS_getresgid, Allow, "a question"),
    row(SYS_getgroups, Allow, "a question"),
    row(SYS_getpgid, Allow, "a question"),
    row(SYS_getsid, Allow, "a question"),
    row(SYS_getpriority, Allow, "a question"),
    row(SYS_getcpu, Allow, "a question"),
    row(SYS_sched_getaffinity, Allow, "os.cpu_count"),
    row(SYS_uname, Allow, "platform"),
    row(SYS_sysinfo, Allow, "sysconf"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_getpgrp, Allow, "a question"),
    #[cfg(target_arch = "x86_64")]
    row(SYS_time, Allow, "the time"),
    row(SYS_prlimit64, IfOrTrusted(Test::Null(2)), "asks for limits; sets none"),
    row(SYS_getrlimit, Allow, "a question"),
    row(SYS_prctl, IfOrTrusted(Test::OneOf(0, HARMLESS_OPTIONS)), "names and questions"),

    // New processes and threads. glibc asks for clone3 first and goes on with clone.
    row(SYS_clone3, Absent(ENOSYS), "its flags lie in memory, which a filter can't read"),
    row(SYS_clone, Trusted, "the zygote forks a child for each pickle; nobody starts threads"),

    // What only the zygote does.
    row(SYS_seccomp, Trusted, "the child's tail filter"),
    row(SYS_unlinkat, Trusted, "empties the scratch directory"),
    row(SYS_fchmodat, Trusted, "opens what a pickle closed there"),
    row(SYS_kill, Trusted, "ends a child"),
    row(SYS_pidfd_send_signal, Trusted, "ends a child, without a race for its number"),
    row(SYS_pidfd_open, Trusted, "waits for a child"),
    row(SYS_memfd_create, Trusted, "files of its own"),
    row(SYS_ftruncate, Trusted, "files of its own"),
    row(SYS_sendmsg, Trusted, "descriptors to the host"),
    row(SYS_recvmsg, Trusted, "descriptors from the host"),
];
