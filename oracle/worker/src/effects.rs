//! Which effect an audit event, a C function or a denied system call stands for. Tables only.

use crate::protocol::effect::*;

/// Events by prefix or whole name; the first row that fits counts. `None`: no effect.
const EVENTS: &[(&str, Option<u8>)] = &[
    ("os.system", Some(EXEC)),
    ("os.exec", Some(EXEC)),
    ("os.spawn", Some(EXEC)),
    ("os.posix_spawn", Some(EXEC)),
    ("os.startfile", Some(EXEC)),
    ("subprocess.Popen", Some(EXEC)),
    ("pty.spawn", Some(EXEC)),
    ("webbrowser.open", Some(EXEC)),
    ("exec", Some(CODE)),
    ("compile", Some(CODE)),
    ("marshal.", Some(CODE)),
    ("code.__new__", Some(CODE)),
    ("function.__new__", Some(CODE)),
    ("cpython.run_", Some(CODE)),
    ("os.fork", Some(PROCESS)),
    ("os.kill", Some(SIGNAL)),
    ("os.killpg", Some(SIGNAL)),
    ("signal.", Some(SIGNAL)),
    ("_thread.", Some(PROCESS)),
    ("sys.setprofile", Some(CODE)),
    ("sys.settrace", Some(CODE)),
    ("sys.addaudithook", Some(CODE)),
    ("socket.", Some(NETWORK)),
    ("http.client.", Some(NETWORK)),
    ("urllib.", Some(NETWORK)),
    ("ftplib.", Some(NETWORK)),
    ("smtplib.", Some(NETWORK)),
    ("imaplib.", Some(NETWORK)),
    ("poplib.", Some(NETWORK)),
    ("nntplib.", Some(NETWORK)),
    ("telnetlib.", Some(NETWORK)),
    ("ctypes.", Some(NATIVE)),
    ("mmap.__new__", Some(NATIVE)),
    ("sqlite3.enable_load_extension", Some(NATIVE)),
    ("sqlite3.load_extension", Some(NATIVE)),
    ("sqlite3.connect", Some(FILE_WRITE)),
    ("dbm.open", Some(FILE_WRITE)),
    ("os.listdir", Some(FILE_READ)),
    ("os.scandir", Some(FILE_READ)),
    ("os.walk", Some(FILE_READ)),
    ("os.fwalk", Some(FILE_READ)),
    ("os.listxattr", Some(FILE_READ)),
    ("os.getxattr", Some(FILE_READ)),
    ("glob.glob", Some(FILE_READ)),
    ("pathlib.Path.", Some(FILE_READ)),
    ("os.chdir", Some(ENV)),
    ("os.fchdir", Some(ENV)),
    ("os.putenv", Some(ENV)),
    ("os.unsetenv", Some(ENV)),
    ("resource.", Some(ENV)),
    ("syslog.", Some(ENV)),
    ("os.add_dll_directory", Some(ENV)),
    ("os.chmod", Some(FILE_WRITE)),
    ("os.chown", Some(FILE_WRITE)),
    ("os.chflags", Some(FILE_WRITE)),
    ("os.link", Some(FILE_WRITE)),
    ("os.lockf", Some(FILE_WRITE)),
    ("os.mkdir", Some(FILE_WRITE)),
    ("os.remove", Some(FILE_WRITE)),
    ("os.removexattr", Some(FILE_WRITE)),
    ("os.rename", Some(FILE_WRITE)),
    ("os.rmdir", Some(FILE_WRITE)),
    ("os.setxattr", Some(FILE_WRITE)),
    ("os.symlink", Some(FILE_WRITE)),
    ("os.truncate", Some(FILE_WRITE)),
    ("os.utime", Some(FILE_WRITE)),
    ("shutil.", Some(FILE_WRITE)),
    ("tempfile.", Some(FILE_WRITE)),
    ("fcntl.", Some(FILE_WRITE)),
];

/// What the import system does on its own account.
const IMPORTING: &[&str] = &[
    "compile",
    "exec",
    "marshal.loads",
    "marshal.load",
    "os.listdir",
    "os.scandir",
    "code.__new__",
    "function.__new__",
];

/// C functions that raise no audit event, or raise it only on some versions.
const FUNCTIONS: &[(&str, u8)] = &[
    ("posix._exit", PROCESS),
    ("posix.abort", PROCESS),
    ("posix.fork", PROCESS),
    ("posix.forkpty", PROCESS),
    ("posix.nice", PROCESS),
    ("posix.setsid", PROCESS),
    ("posix.setpgid", PROCESS),
    ("posix.setuid", PROCESS),
    ("posix.setgid", PROCESS),
    ("posix.wait", PROCESS),
    ("posix.waitpid", PROCESS),
    ("_thread.start_new", PROCESS),
    ("_thread.start_new_thread", PROCESS),
    ("_thread.start_joinable_thread", PROCESS),
    ("_thread.interrupt_main", SIGNAL),
    ("_posixsubprocess.fork_exec", EXEC),
    ("posix.umask", ENV),
    ("posix.sched_setaffinity", ENV),
    ("posix.putenv", ENV),
    ("posix.unsetenv", ENV),
    ("posix.chroot", ENV),
    ("posix.write", FILE_WRITE),
    ("posix.pwrite", FILE_WRITE),
    ("posix.writev", FILE_WRITE),
    ("posix.sendfile", FILE_WRITE),
    ("posix.ftruncate", FILE_WRITE),
    ("posix.mkfifo", FILE_WRITE),
    ("posix.mknod", FILE_WRITE),
    ("posix.memfd_create", FILE_WRITE),
    ("posix.kill", SIGNAL),
    ("posix.killpg", SIGNAL),
    ("_signal.signal", SIGNAL),
    ("_signal.alarm", SIGNAL),
    ("_signal.setitimer", SIGNAL),
    ("_signal.raise_signal", SIGNAL),
    ("_signal.pthread_kill", SIGNAL),
    ("_signal.set_wakeup_fd", SIGNAL),
    ("faulthandler._sigsegv", SIGNAL),
    ("faulthandler._sigabrt", SIGNAL),
    ("faulthandler._read_null", SIGNAL),
    ("_socket.socket", NETWORK),
    ("_ctypes.call_function", NATIVE),
    ("_ctypes.dlopen", NATIVE),
    ("builtins.eval", CODE),
    ("builtins.exec", CODE),
    ("builtins.compile", CODE),
    ("marshal.loads", CODE),
    ("marshal.load", CODE),
    ("builtins.code", CODE),
    ("builtins.function", CODE),
];

/// System calls that are denied, by what they would have done.
const SYSCALLS: &[(&str, u8)] = &[
    ("exec", EXEC),
    ("clone", PROCESS),
    ("fork", PROCESS),
    ("vfork", PROCESS),
    ("wait", PROCESS),
    ("kill", SIGNAL),
    ("tkill", SIGNAL),
    ("tgkill", SIGNAL),
    ("pidfd_send", SIGNAL),
    ("ptrace", PROCESS),
    ("process_vm", PROCESS),
    ("set", ENV),
    ("chdir", ENV),
    ("fchdir", ENV),
    ("chroot", ENV),
    ("prctl", ENV),
    ("prlimit", ENV),
    ("umask", ENV),
    ("socket", NETWORK),
    ("connect", NETWORK),
    ("bind", NETWORK),
    ("listen", NETWORK),
    ("accept", NETWORK),
    ("send", NETWORK),
    ("recv", NETWORK),
    ("open", FILE_WRITE),
    ("creat", FILE_WRITE),
    ("unlink", FILE_WRITE),
    ("rename", FILE_WRITE),
    ("mkdir", FILE_WRITE),
    ("mknod", FILE_WRITE),
    ("rmdir", FILE_WRITE),
    ("link", FILE_WRITE),
    ("symlink", FILE_WRITE),
    ("truncate", FILE_WRITE),
    ("ftruncate", FILE_WRITE),
    ("chmod", FILE_WRITE),
    ("fchmod", FILE_WRITE),
    ("chown", FILE_WRITE),
    ("lchown", FILE_WRITE),
    ("fchown", FILE_WRITE),
    ("utime", FILE_WRITE),
    ("memfd", FILE_WRITE),
    ("fallocate", FILE_WRITE),
    ("mount", FILE_WRITE),
];

/// The effect of an audit event other than `open` and `import`. `importing` says that the
/// import system is at work.
pub fn of_event(event: &str, importing: bool) -> Option<u8> {
    if importing && IMPORTING.contains(&event) {
        return None;
    }
    EVENTS
        .iter()
        .find(|(name, _)| match name.strip_suffix(['.', '_']) {
            Some(_) => event.starts_with(name),
            None => {
                event == *name
                    || (*name == "os.exec" || *name == "os.spawn") && event.starts_with(name)
            }
        })
        .and_then(|(_, kind)| *kind)
}

/// The effect of calling a C function.
pub fn of_function(name: &str) -> Option<u8> {
    FUNCTIONS.iter().find(|(function, _)| *function == name).map(|(_, kind)| *kind)
}

/// The effect that a denied system call would have had; native code if it is none of those
/// that Python makes.
pub fn of_syscall(name: &str) -> u8 {
    SYSCALLS.iter().find(|(call, _)| name.starts_with(call)).map_or(NATIVE, |(_, kind)| *kind)
}

/// Whether `open` with this mode and these flags may change a file.
pub fn opens_for_writing(mode: Option<&str>, flags: i64) -> bool {
    let by_mode = mode.is_some_and(|mode| mode.contains(['w', 'a', 'x', '+']));
    let writing = i64::from(libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC);
    by_mode || flags & writing != 0
}
