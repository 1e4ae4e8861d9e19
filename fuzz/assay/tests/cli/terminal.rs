//! What a campaign does to a terminal: a few lines that stay in place, and nothing left behind.

#![expect(clippy::print_stderr, reason = "says what was skipped")]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Place;

/// Runs a shell script in a pseudo-terminal; presses Ctrl-C once it shows `wanted`. `None` if
/// util-linux's `script` is not there.
fn with_ctrl_c(place: &Place, shell: &str, wanted: &str) -> Option<String> {
    let mut child = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command", shell, "/dev/null"])
        .current_dir(place.path())
        .env("ASSAY", env!("CARGO_BIN_EXE_assay"))
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut keys = child.stdin.take().unwrap();
    let mut screen = child.stdout.take().unwrap();
    let mut shown = Vec::new();
    let mut pressed = false;
    let mut some = [0; 4096];
    loop {
        let count = screen.read(&mut some).unwrap_or(0);
        if count == 0 {
            break;
        }
        shown.extend_from_slice(&some[..count]);
        if !pressed && String::from_utf8_lossy(&shown).contains(wanted) {
            std::thread::sleep(Duration::from_millis(300));
            keys.write_all(b"\x03").unwrap();
            pressed = true;
        }
    }
    child.wait().unwrap();
    Some(String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    let place = Place::new(&[]);
    // The shell outlives Ctrl-C, and says how the terminal is set before and after.
    let shell = "trap : INT; stty columns 100 rows 30; stty -g; \
                 $ASSAY campaign --out out --time 10m --seed 1 --python python3 --jobs 1; \
                 echo exit $?; stty -g";
    let Some(shown) = with_ctrl_c(&place, shell, "judged") else {
        eprintln!("skipped: ctrl_c_leaves_the_terminal_as_it_was: no script(1) here");
        return;
    };
    let lines: Vec<&str> = shown.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // The live status has colons too, as often as it was drawn.
    let is_settings = |line: &&&str| {
        line.contains(':') && line.chars().all(|c| c == ':' || c.is_ascii_hexdigit())
    };
    let settings: Vec<&&str> = lines.iter().filter(is_settings).collect();
    assert!(settings.len() == 2 && settings[0] == settings[1], "{shown}");
    // 2 is for one that had no time to find the planted hole.
    assert!(lines.iter().any(|line| ["exit 0", "exit 2"].contains(line)), "{shown}");
    // A cursor that was hidden is shown again, and the other screen is left.
    for (on, off) in [("\x1b[?25l", "\x1b[?25h"), ("\x1b[?1049h", "\x1b[?1049l")] {
        assert!(shown.rfind(on) <= shown.rfind(off), "{shown:?}");
    }
    // What was found is saved and told, below what the live status has cleared.
    let summary = shown.rfind("pickles generated and judged").expect("a summary");
    let live = shown.rfind("control   the planted hole").expect("a live status");
    assert!(live < summary && shown[live..summary].contains("\x1b[2K"), "{shown:?}");
    assert!(place.path().join("out/report.html").is_file());
}
