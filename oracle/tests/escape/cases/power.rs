//! Power: no namespace, no mount, no privilege, no setting of the machine, nothing in the kernel
//! that outlives the load.

use assay_oracle::EffectKind::{Env, FileWrite, Native};

use super::{Case, raises, refused};

#[rustfmt::skip] // one case a line where it fits
pub fn cases() -> Vec<Case> {
    vec![
        refused("user namespace", "native('unshare', 0x10000000)", &[Native]),
        refused("mount namespace", "native('unshare', 0x00020000)", &[Native]),
        refused("someone's namespace", "native('setns', 0, 0)", &[Env]),
        refused("mount", "native('mount', b'none', CANARY.encode(), b'tmpfs', 0, 0)", &[FileWrite]),
        refused("remount for writing", "native('mount', 0, b'/', 0, 32, 0)", &[FileWrite]),
        refused("mount, new way", "native('fsopen', b'tmpfs', 0)", &[Native]),
        refused("copy a mount", "native('open_tree', -100, b'/', 1)", &[]),
        refused("move a mount", "native('move_mount', -100, b'/tmp', -100, b'/mnt', 0)", &[]),
        refused("unmount the scratch directory", "native('umount2', b'/tmp', 2)", &[]),
        refused("pivot root", "native('pivot_root', b'.', b'.')", &[Native]),
        refused("keys", "native('keyctl', 0, -3, 1)", &[Native]),
        refused("leave a key", "native('add_key', b'user', TAG.encode(), b'x', 1, -4)", &[Native]),
        refused("bpf", "native('bpf', 0, 0, 0)", &[Native]),
        refused("perf", "native('perf_event_open', 0, 0, -1, -1, 0)", &[Native]),
        refused("userfaultfd", "native('userfaultfd', 0)", &[Native]),
        refused("io_uring", "native('io_uring_setup', 1, 0)", &[Native]),
        refused("asynchronous input", "native('io_setup', 1, 0)", &[Native]),
        refused("splice memory into a pipe", "native('vmsplice', 1, 0, 0, 0)", &[Native]),
        refused("secret memory", "native('memfd_secret', 0)", &[]),
        refused("set the clock", "import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)", &[]),
        refused("set the time of day", "native('settimeofday', 0, 0)", &[Env]),
        refused("tune the clock", "native('adjtimex', 0)", &[Native]),
        refused("reboot", "native('reboot', 0, 0, 0, 0)", &[Native]),
        refused("load a kernel", "native('kexec_load', 0, 0, 0, 0)", &[Native]),
        refused("load a module", "native('finit_module', 0, b'', 0)", &[Native]),
        refused("swap", "native('swapon', FILE.encode(), 0)", &[Native]),
        refused("accounting", "native('acct', FILE.encode())", &[Native]),
        refused("the kernel's log", "native('syslog', 5, 0, 0)", &[Native]),
        refused("hang the terminal up", "native('vhangup')", &[Native]),
        refused("type on the terminal", "import fcntl, termios\nfcntl.ioctl(0, termios.TIOCSTI, b'x')", &[]),
        refused("host name", "native('sethostname', TAG.encode(), len(TAG))", &[Env]),
        refused("leave a segment", "native('shmget', KEY, 4096, 0o1666)", &[]),
        refused("leave a queue", "native('msgget', KEY, 0o1666)", &[]),
        refused("leave a semaphore", "native('semget', KEY, 1, 0o1666)", &[]),
        refused("leave a POSIX queue", "native('mq_open', TAG.encode(), 0o102, 0o600, 0)", &[]),
        refused("leave POSIX shared memory", "from multiprocessing import shared_memory\nshared_memory.SharedMemory(TAG, True, 4096)", &[FileWrite]),
        refused("reserve disk", "native('fallocate', 1, 0, 0, 1 << 40)", &[FileWrite]),
        #[cfg(target_arch = "x86_64")]
        raises("ports of the machine", "import ctypes\nlibc = ctypes.CDLL(None)\nassert libc.iopl(3) == 0 or libc.ioperm(0, 8, 1) == 0", "AssertionError", &[Native]),
    ]
}
