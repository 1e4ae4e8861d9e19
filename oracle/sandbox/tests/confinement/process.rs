//! Processes for scenarios, and what is done to them beforehand.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a scenario answers: nothing, or what was wrong.
pub type Outcome = Result<(), String>;

/// Longer than any scenario takes: a hung one is killed, not waited for.
const SECONDS: u32 = 60;

/// Runs `scenario` in a forked process. A scenario that can't run here returns `Ok`.
pub fn isolated(scenario: fn() -> Outcome) -> Outcome {
    let (mut reader, mut writer) = io::pipe().map_err(|error| error.to_string())?;
    // SAFETY: this process has one thread, so the child may do anything.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: no handler is set, so the alarm kills.
        unsafe { libc::alarm(SECONDS) };
        drop(reader);
        // A failed assertion is an answer like another; it must not unwind into `main`.
        std::panic::set_hook(Box::new(|_| {}));
        let outcome = catch_unwind(AssertUnwindSafe(scenario)).unwrap_or_else(|panic| {
            Err(panic.downcast::<String>().map_or("panicked".to_owned(), |text| *text))
        });
        let reason = outcome.as_ref().err().cloned().unwrap_or_default();
        let _ = writer.write_all(reason.as_bytes());
        assay_sandbox::exit_now(i32::from(outcome.is_err()));
    }
    drop(writer);
    let mut reason = String::new();
    let _ = reader.read_to_string(&mut reason);
    match wait(pid) {
        0 => Ok(()),
        _ if !reason.is_empty() => Err(reason),
        status => Err(format!("the scenario ended with wait status {status:#x}")),
    }
}

/// Waits for a child; its raw status.
pub fn wait(pid: libc::pid_t) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is ours to write.
    unsafe { libc::waitpid(pid, &raw mut status, 0) };
    status
}

/// Becomes the user `nobody`, without any privilege; false if we may not.
pub fn become_nobody() -> bool {
    const NOBODY: u32 = 65534;
    // SAFETY: no pointers but the null one, which stands for no groups.
    unsafe {
        libc::setgroups(0, std::ptr::null()) == 0
            && libc::setgid(NOBODY) == 0
            && libc::setuid(NOBODY) == 0
    }
}

/// Takes all capabilities away and keeps the user, as some containers do; false if that is
/// not possible.
pub fn drop_capabilities() -> bool {
    let header = [0x2008_0522_u32, 0];
    let none = [0_u32; 6];
    // SAFETY: a version 3 header and its six words.
    unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) == 0 }
}

/// Makes the system call `number` fail with `EPERM` from here on: a system that lacks it.
pub fn without(number: libc::c_long) {
    let instruction = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let filter = [
        instruction(0x20, 0, 0),
        instruction(0x15, 1, number as u32),
        instruction(0x06, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        instruction(0x06, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: program and filter outlive the calls, which only read them.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let done = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program);
        assert_eq!(done, 0, "the filter that plays a lesser system");
    }
}

/// Waits until nobody holds the writing end any more.
pub fn wait_for_end(reader: PipeReader) {
    let mut rest = Vec::new();
    let _ = File::from(std::os::fd::OwnedFd::from(reader)).read_to_end(&mut rest);
}

/// The error number of a raw system call's answer, 0 if it succeeded.
pub fn errno(answer: libc::c_long) -> i32 {
    if answer == -1 { io::Error::last_os_error().raw_os_error().unwrap_or(0) } else { 0 }
}

/// The number under which a descriptor goes in a raw call.
pub fn raw(file: &impl AsRawFd) -> libc::c_long {
    file.as_raw_fd().into()
}
