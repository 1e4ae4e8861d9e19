//! Interpreters, lesser systems and lesser users: the suite runs itself again, each by itself.
//!
//! Another user is played by root only. A system without some of the kernel's calls is played by
//! a filter that refuses them; nothing of the machine is changed.

#![allow(unsafe_code, reason = "a filter is installed between fork and exec")]

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// The variable that tells the suite run again what the system lacks.
pub const LACKS: &str = "ASSAY_ESCAPE_LACKS";

/// `nobody`, on every Linux.
const NOBODY: u32 = 65534;

/// Runs the suite on one interpreter of those that this user finds, where `lacking` calls fail.
fn again(user: Option<u32>, lacking: &'static [libc::c_long], name: &str) {
    if user.is_some() && !rustix::process::geteuid().is_root() {
        eprintln!("not played: only root can become another user");
        return;
    }
    // The build's directories may be closed to other users.
    let place = tempfile::Builder::new().prefix("assay-scenario-").tempdir().unwrap();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let exe = place.path().join("escape");
    std::fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    let mut command = Command::new(exe);
    command
        .args(plays("plays_the_default"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", std::env::var_os("HOME").unwrap_or_default())
        .env(LACKS, name)
        .current_dir("/");
    if let Some(user) = user {
        command.uid(user).gid(user).env("HOME", "/nonexistent");
    }
    // SAFETY: only system calls are made between fork and exec.
    unsafe { command.pre_exec(move || without(lacking)) };
    passes(&mut command);
}

/// Arguments by which the suite, run again, runs only that.
fn plays(test: &str) -> [&str; 4] {
    ["--exact", test, "--nocapture", "--include-ignored"]
}

/// Runs the suite as this user, on a system that lacks nothing.
fn by_itself(test: &str) {
    passes(Command::new(std::env::current_exe().unwrap()).args(plays(test)));
}

/// Runs the suite again and shows what it said if it fails.
fn passes(command: &mut Command) {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = output_of(command);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Runs it, once nobody writes to it: whatever another test starts between the copy and here holds
/// the copy open for as long as it takes to execute something else.
fn output_of(command: &mut Command) -> Output {
    loop {
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(10));
            }
            output => return output.unwrap(),
        }
    }
}

/// Has these calls fail with `EPERM` from here on.
fn without(calls: &[libc::c_long]) -> io::Result<()> {
    for &call in calls {
        let instruction = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
        let filter = [
            instruction(0x20, 0, 0),
            instruction(0x15, 1, call as u32),
            instruction(0x06, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            instruction(0x06, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let len = filter.len() as u16;
        let program = libc::sock_fprog { len, filter: filter.as_ptr().cast_mut() };
        // SAFETY: program and filter outlive the calls, which only read them.
        let done = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

#[test]
fn nothing_escapes_the_newest() {
    by_itself("plays_the_newest");
}

#[test]
fn nothing_escapes_the_oldest() {
    by_itself("plays_the_oldest");
}

#[test]
fn nothing_escapes_the_others() {
    by_itself("plays_the_others");
}

#[test]
fn nothing_escapes_nobody() {
    again(Some(NOBODY), &[], "nothing");
}

#[test]
fn nothing_escapes_nobody_without_namespaces() {
    again(Some(NOBODY), &[libc::SYS_unshare], "namespaces");
}

#[test]
fn nothing_escapes_without_namespaces() {
    again(None, &[libc::SYS_unshare], "namespaces");
}

#[test]
fn nothing_escapes_without_landlock() {
    again(None, &[libc::SYS_landlock_create_ruleset], "landlock");
}

#[test]
fn nothing_escapes_nobody_without_landlock() {
    again(Some(NOBODY), &[libc::SYS_landlock_create_ruleset], "landlock");
}
