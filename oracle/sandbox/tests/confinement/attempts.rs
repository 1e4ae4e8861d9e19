//! What a hostile pickle's process attempts, and how it must end.

use std::ffi::CStr;
use std::hint::black_box;

use libc::{c_long, *};

use crate::process::errno;

/// How an attempt must end.
#[derive(Clone, Copy, Debug)]
pub enum Expected {
    /// `EPERM`, and the call of this number is recorded.
    Recorded(c_long),
    /// Any error that refuses, and the call of this number is recorded: where there is a
    /// scratch directory, it is the kernel that refuses what lies outside.
    Refused(c_long),
    /// This error, and nothing is recorded.
    Silent(i32),
    /// Success, and the call of this number is recorded.
    Written(c_long),
    /// Success, and nothing is recorded.
    Allowed,
    /// One of these signals, and nothing is recorded.
    Killed(&'static [i32]),
}

/// One attempt.
pub struct Attempt {
    /// For the report.
    pub name: &'static str,
    /// Makes it; answers an error number, 0 for success.
    pub attempt: fn() -> i32,
    /// How it must end.
    pub expected: Expected,
}

use Expected::{Allowed, Killed, Recorded, Refused, Silent, Written};

/// `name: the call => how it must end`, the call being an expression that gives -1 and errno.
macro_rules! attempts {
    ($($name:literal: $call:expr => $expected:expr;)*) => {
        &[$(Attempt {
            name: $name,
            // SAFETY: plain system calls; pointers are null, of C strings or of locals.
            attempt: || errno(unsafe { $call } as c_long),
            expected: $expected,
        }),*]
    };
}

const FILE: *const c_char = c"/tmp/assay-attempt".as_ptr();
const ELSEWHERE: *const c_char = c"/var/assay-attempt".as_ptr();
const EXISTING: *const c_char = c"/etc/hostname".as_ptr();
const NONE: *const c_char = std::ptr::null();
const HERE: c_int = AT_FDCWD;
const FORK: c_long = SIGCHLD as c_long;

/// Every attempt that all systems answer alike.
#[allow(unused_unsafe, reason = "some of the calls are safe functions of this module")]
pub const FILTERED: &[Attempt] = attempts! {
    // Files.
    "create a file": open(ELSEWHERE, O_CREAT | O_WRONLY, 0o600) => Refused(SYS_openat);
    "open for writing": open(EXISTING, O_WRONLY) => Refused(SYS_openat);
    "open for both": open(EXISTING, O_RDWR) => Refused(SYS_openat);
    "open and cut": open(EXISTING, O_RDONLY | O_TRUNC) => Refused(SYS_openat);
    "open without a name": open(c"/usr/lib".as_ptr(), O_TMPFILE | O_RDWR) => Refused(SYS_openat);
    "write over what it may read": open(c"/etc/ld.so.cache".as_ptr(), O_WRONLY)
        => Refused(SYS_openat);
    "write to a device": open(c"/dev/urandom".as_ptr(), O_WRONLY) => Refused(SYS_openat);
    "write through a link": open(c"/proc/self/exe".as_ptr(), O_WRONLY) => Refused(SYS_openat);
    "open by openat2": syscall(SYS_openat2, HERE, FILE, 0, 0) => Silent(ENOSYS);
    "chmod": fchmodat(HERE, EXISTING, 0o777, 0) => Recorded(SYS_fchmodat);
    "chown": fchownat(HERE, EXISTING, 1, 1, 0) => Recorded(SYS_fchownat);
    "symlink": symlinkat(EXISTING, HERE, FILE) => Recorded(SYS_symlinkat);
    "link": linkat(HERE, EXISTING, HERE, FILE, 0) => Recorded(SYS_linkat);
    "rename": syscall(SYS_renameat2, HERE, EXISTING, HERE, ELSEWHERE, 0)
        => Refused(SYS_renameat2);
    "rename into the scratch directory": renameat(HERE, EXISTING, HERE, c"x".as_ptr())
        => Refused(SYS_renameat);
    "unlink": unlinkat(HERE, EXISTING, 0) => Refused(SYS_unlinkat);
    "mkdir": mkdirat(HERE, ELSEWHERE, 0o700) => Refused(SYS_mkdirat);
    "mknod": mknodat(HERE, FILE, S_IFIFO, 0) => Recorded(SYS_mknodat);
    "truncate": truncate(EXISTING, 0) => Recorded(SYS_truncate);
    "ftruncate": ftruncate(2, 0) => Recorded(SYS_ftruncate);
    "set times": utimensat(HERE, EXISTING, std::ptr::null(), 0) => Recorded(SYS_utimensat);
    "chdir": chdir(c"/".as_ptr()) => Recorded(SYS_chdir);
    "chroot": chroot(c"/".as_ptr()) => Recorded(SYS_chroot);
    "anonymous file": memfd_create(c"x".as_ptr(), 0) => Recorded(SYS_memfd_create);
    "flock": flock(2, LOCK_EX) => Recorded(SYS_flock);
    "type on the terminal": ioctl(0, TIOCSTI, c"x".as_ptr()) => Recorded(SYS_ioctl);
    "signals on input": fcntl(0, F_SETOWN, 1) => Recorded(SYS_fcntl);

    // The network.
    "socket": socket(AF_INET, SOCK_STREAM, 0) => Recorded(SYS_socket);
    "unix socket": socket(AF_UNIX, SOCK_STREAM, 0) => Recorded(SYS_socket);
    "socket pair": socketpair(AF_UNIX, SOCK_STREAM, 0, [0; 2].as_mut_ptr())
        => Recorded(SYS_socketpair);
    "connect": connect(0, std::ptr::null(), 0) => Recorded(SYS_connect);
    "bind": bind(0, std::ptr::null(), 0) => Recorded(SYS_bind);
    "send": sendto(0, std::ptr::null(), 0, 0, std::ptr::null(), 0) => Recorded(SYS_sendto);
    "send a message": sendmsg(0, std::ptr::null(), 0) => Recorded(SYS_sendmsg);

    // Programs, processes and threads.
    "execve": execve(c"/bin/true".as_ptr(), &NONE, &NONE) => Recorded(SYS_execve);
    "execveat": syscall(SYS_execveat, HERE, c"/bin/true".as_ptr(), &NONE, &NONE, 0)
        => Recorded(SYS_execveat);
    "fork": fork() => Recorded(SYS_clone);
    "clone": syscall(SYS_clone, FORK, 0, 0, 0, 0, 0) => Recorded(SYS_clone);
    "clone3": syscall(SYS_clone3, 0, 0) => Silent(ENOSYS);
    "kill process 1": kill(1, SIGTERM) => Recorded(SYS_kill);
    "kill everyone": kill(-1, SIGKILL) => Recorded(SYS_kill);
    "kill itself": kill(getpid(), SIGTERM) => Recorded(SYS_kill);
    "kill a thread": syscall(SYS_tkill, 1, SIGTERM) => Recorded(SYS_tkill);
    "signal a thread of its own": syscall(SYS_tgkill, getpid(), getpid(), SIGTERM)
        => Recorded(SYS_tgkill);
    "abort another": syscall(SYS_tgkill, 1, 1, SIGABRT) => Silent(EPERM);
    "queue a signal": syscall(SYS_rt_sigqueueinfo, 1, SIGTERM, 0) => Recorded(SYS_rt_sigqueueinfo);
    "open a process": syscall(SYS_pidfd_open, 1, 0) => Recorded(SYS_pidfd_open);
    "signal by descriptor": syscall(SYS_pidfd_send_signal, 0, SIGTERM, 0, 0)
        => Recorded(SYS_pidfd_send_signal);
    "ptrace": ptrace(PTRACE_TRACEME, 0, 0, 0) => Recorded(SYS_ptrace);
    "read another's memory": process_vm_readv(1, std::ptr::null(), 0, std::ptr::null(), 0, 0)
        => Recorded(SYS_process_vm_readv);
    "write another's memory": process_vm_writev(1, std::ptr::null(), 0, std::ptr::null(), 0, 0)
        => Recorded(SYS_process_vm_writev);
    "new session": setsid() => Recorded(SYS_setsid);
    "timer": alarm_errno() => Recorded(SYS_setitimer);
    "affinity": sched_setaffinity(0, 0, std::ptr::null()) => Recorded(SYS_sched_setaffinity);
    "priority": syscall(SYS_setpriority, 0, 0, -5) => Recorded(SYS_setpriority);

    // Power.
    "unshare": unshare(CLONE_NEWUSER) => Recorded(SYS_unshare);
    "setns": setns(0, 0) => Recorded(SYS_setns);
    "mount": mount(NONE, c"/".as_ptr(), NONE, MS_REMOUNT, std::ptr::null()) => Recorded(SYS_mount);
    "umount": umount2(c"/tmp".as_ptr(), MNT_DETACH) => Recorded(SYS_umount2);
    "move a mount": syscall(SYS_move_mount, HERE, FILE, HERE, FILE, 0) => Recorded(SYS_move_mount);
    "mount attributes": syscall(SYS_mount_setattr, HERE, FILE, 0, 0, 0)
        => Recorded(SYS_mount_setattr);
    "pivot root": syscall(SYS_pivot_root, FILE, FILE) => Recorded(SYS_pivot_root);
    "setuid": syscall(SYS_setuid, 0) => Recorded(SYS_setuid);
    "capset": syscall(SYS_capset, 0, 0) => Recorded(SYS_capset);
    "set a limit": setrlimit(RLIMIT_CORE, &rlimit { rlim_cur: 0, rlim_max: 0 })
        => Recorded(SYS_prlimit64);
    "dumpable": prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) => Recorded(SYS_prctl);
    "outlive the parent": prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) => Recorded(SYS_prctl);
    "one more filter": syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0) => Recorded(SYS_seccomp);
    "bpf": syscall(SYS_bpf, 0, 0, 0) => Recorded(SYS_bpf);
    "io_uring": syscall(SYS_io_uring_setup, 1, 0) => Recorded(SYS_io_uring_setup);
    "perf": syscall(SYS_perf_event_open, 0, 0, 0, 0, 0) => Recorded(SYS_perf_event_open);
    "keys": syscall(SYS_keyctl, 0, 0, 0, 0, 0) => Recorded(SYS_keyctl);
    "userfaultfd": syscall(SYS_userfaultfd, 0) => Recorded(SYS_userfaultfd);
    "personality": personality(0) => Recorded(SYS_personality);
    "host name": sethostname(c"x".as_ptr(), 1) => Recorded(SYS_sethostname);
    "reboot": reboot(0) => Recorded(SYS_reboot);
    "load a module": syscall(SYS_finit_module, 0, c"".as_ptr(), 0) => Recorded(SYS_finit_module);
    "shared memory": shmget(IPC_PRIVATE, 4096, 0o600) => Recorded(SYS_shmget);
    "a call that does not exist": syscall(UNKNOWN) => Recorded(UNKNOWN);

    // The zygote's calls: knowing the mark does not help.
    "marked fork": marked(SYS_clone, [FORK as usize, 0, 0, 0, 0]) => Silent(EPERM);
    "marked kill": marked(SYS_kill, [1, 9, 0, 0, 0]) => Silent(EPERM);
    "marked filter": marked(SYS_seccomp, [1, 0, 0, 0, 0]) => Silent(EPERM);
    "marked limit": marked(SYS_prlimit64, [0, 0, 1, 0, 0]) => Silent(EPERM);
    "marked prctl": marked(SYS_prctl, [PR_SET_DUMPABLE as usize, 1, 0, 0, 0]) => Silent(EPERM);
    "marked memfd": marked(SYS_memfd_create, [0; 5]) => Silent(EPERM);

    // What must work.
    "read a directory of libraries": open(c"/usr/lib".as_ptr(), O_RDONLY | O_DIRECTORY) => Allowed;
    "ask for limits": getrlimit(RLIMIT_AS, &mut rlimit { rlim_cur: 0, rlim_max: 0 }) => Allowed;
    "name itself": prctl(PR_SET_NAME, c"x".as_ptr(), 0, 0, 0) => Allowed;
    "map executable memory": map(4096, PROT_READ | PROT_EXEC) => Allowed;
    "pipe": pipe([0; 2].as_mut_ptr()) => Allowed;
    "sleep": usleep(1) => Allowed;

    // Bombs.
    "a gigabyte": map(1 << 30, PROT_READ | PROT_WRITE) => Silent(ENOMEM);
    "many descriptors": descriptors() => Silent(EMFILE);
    "spin": spin() => Killed(&[SIGKILL, SIGXCPU]);
    "abort": abort_errno() => Killed(&[SIGABRT]);
};

/// What only x86-64 has: calls in old forms, and second numberings.
#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe, reason = "some of the calls are safe functions of this module")]
pub const LOCAL: &[Attempt] = attempts! {
    "old open": syscall(SYS_open, ELSEWHERE, O_CREAT | O_WRONLY, 0o600) => Refused(SYS_open);
    "old creat": syscall(SYS_creat, ELSEWHERE, 0o600) => Refused(SYS_creat);
    "old fork": syscall(SYS_fork) => Recorded(SYS_fork);
    "old vfork": syscall(SYS_vfork) => Recorded(SYS_vfork);
    "old chmod": syscall(SYS_chmod, EXISTING, 0o777) => Recorded(SYS_chmod);
    "old rename": syscall(SYS_rename, EXISTING, ELSEWHERE) => Refused(SYS_rename);
    "old unlink": syscall(SYS_unlink, EXISTING) => Refused(SYS_unlink);
    "old symlink": syscall(SYS_symlink, EXISTING, FILE) => Recorded(SYS_symlink);
    "alarm": syscall(SYS_alarm, 1) => Recorded(SYS_alarm);
    "x32 numbers": syscall(SYS_getpid | 0x4000_0000) => Killed(&[SIGSYS]);
    "i386 calls": int80() => Killed(&[SIGSYS, SIGSEGV]);
};

/// What only x86-64 has.
#[cfg(not(target_arch = "x86_64"))]
pub const LOCAL: &[Attempt] = &[];

/// What takes landlock.
pub const LANDLOCKED: &[Attempt] = attempts! {
    "read the users": open(c"/etc/passwd".as_ptr(), O_RDONLY) => Silent(EACCES);
    "list the root": open(c"/".as_ptr(), O_RDONLY | O_DIRECTORY) => Silent(EACCES);
};

/// What takes a private `/tmp`.
pub const PRIVATE: &[Attempt] = attempts! {
    "list the working directory": open(c".".as_ptr(), O_RDONLY | O_DIRECTORY) => Allowed;
    "what lay in /tmp": access(OUTSIDE.as_ptr(), F_OK) => Silent(ENOENT);
};

/// What takes a scratch directory: it can be written, and is not seen outside.
pub const SCRATCH: &[Attempt] = attempts! {
    "a file": open(FILE, O_CREAT | O_EXCL | O_WRONLY, 0o600) => Written(SYS_openat);
    "the same in another child": open(FILE, O_CREAT | O_EXCL | O_WRONLY, 0o600)
        => Written(SYS_openat);
    "a directory that nobody can list": mkdirat(HERE, c"closed".as_ptr(), 0o300)
        => Written(SYS_mkdirat);
    "the same directory in another child": mkdirat(HERE, c"closed".as_ptr(), 0o300)
        => Written(SYS_mkdirat);
    "write to nowhere": open(c"/dev/null".as_ptr(), O_WRONLY) => Written(SYS_openat);
    "a link to the outside": symlinkat(EXISTING, HERE, FILE) => Recorded(SYS_symlinkat);
    "a device": mknodat(HERE, FILE, S_IFCHR, 0x103) => Recorded(SYS_mknodat);
};

/// A file in the `/tmp` outside, which the runner makes.
pub const OUTSIDE: &CStr = c"/tmp/assay-sandbox-outside";

/// No such call in any kernel so far.
const UNKNOWN: c_long = 4000;

fn marked(number: c_long, arguments: [usize; 5]) -> c_long {
    // SAFETY: the arguments are numbers and null pointers; the call is refused.
    unsafe { assay_sandbox::trusted(number, arguments) }.map_or(-1, |value| value as c_long)
}

fn alarm_errno() -> c_int {
    // SAFETY: a null pointer stands for no new value.
    unsafe { syscall(SYS_setitimer, ITIMER_REAL, 0, 0) as c_int }
}

fn map(size: usize, protection: c_int) -> c_long {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS;
    // SAFETY: a new mapping that nobody uses.
    unsafe { mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) as c_long }
}

fn descriptors() -> c_int {
    // SAFETY: no pointers; descriptor 2 is open.
    (0..1000).map(|_| unsafe { dup(2) }).find(|fd| *fd == -1).unwrap_or(0)
}

fn abort_errno() -> c_int {
    std::process::abort()
}

fn spin() -> c_int {
    loop {
        black_box(());
    }
}

#[cfg(target_arch = "x86_64")]
fn int80() -> c_long {
    let answer: i64;
    // SAFETY: `getpid` of i386; no memory is touched.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => answer, out("r8") _, out("r9") _, out("r10") _, out("r11") _)
    };
    answer
}
