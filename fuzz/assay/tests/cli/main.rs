//! The command line as its users meet it: exit codes, JSON fields, and what people read.

mod attacks;
mod bad_input;
mod campaign;
mod check;
mod conditions;
mod dis;
mod endurance;
mod exhaustive;
mod generate;
mod help;
mod machine;
mod scan;
mod terminal;
mod trace;

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// Runs a command if `os.system` is not kept from it; the command is `true`.
const SYSTEM: &[u8] = b"cos\nsystem\n(S'true'\ntR.";

/// Calls something that the default policy allows.
const ORDERED: &[u8] = b"\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R.";

/// A directory with these files, and the program run in it.
struct Place(TempDir);

impl Place {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, bytes) in files {
            std::fs::write(place.path().join(name), bytes).unwrap();
        }
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The program with these arguments.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
        command.current_dir(self.path()).args(args).env("NO_COLOR", "1").env_remove("ASSAY_LOG");
        command
    }

    /// Runs it.
    fn run(&self, args: &[&str]) -> Ran {
        Ran::new(&mut self.command(args))
    }
}

/// What came of a run.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn new(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let ran = Self {
            code: output.status.code().expect("no signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("internal error"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("Traceback"), "{}", ran.stderr);
        ran
    }

    /// Standard output as JSON Lines: each an object, and nothing else there.
    fn json(&self) -> Vec<Value> {
        let line = |line: &str| match serde_json::from_str(line) {
            Ok(Value::Object(object)) => Value::Object(object),
            _ => panic!("not an object: {line}"),
        };
        self.stdout.lines().map(line).collect()
    }

    /// All that people read, and the exit code.
    fn shown(&self) -> String {
        format!("{}--- stderr, exit code {}\n{}", self.stdout, self.code, self.stderr)
    }
}

/// Asserts that the object has exactly these fields, at least.
fn has_fields(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object.get(field).is_some(), "no field {field} in {object}");
    }
}
