//! The bare side: the same interpreter without the oracle, in a loop and one process a pickle.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use assay_oracle::Python;

const SCRIPT: &str = include_str!("yardstick.py");

/// What is run for each pickle when a process is spawned for each.
const SPAWNED: &str = "import pickle, sys; pickle.loads(bytes.fromhex(sys.argv[1]))";

/// An ordinary process of the interpreter that loads the benchmark's pickles in a loop.
pub struct Loop {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Loop {
    /// Starts the process; with it come the pickles that it made.
    pub fn start(python: &Python) -> std::io::Result<(Self, Vec<Vec<u8>>)> {
        let mut child = command(python, SCRIPT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let requests = child.stdin.take().expect("piped");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        let count = number(&mut answers)?;
        let mut pickles = Vec::with_capacity(count);
        for _ in 0..count {
            let mut pickle = vec![0; number(&mut answers)?];
            answers.read_exact(&mut pickle)?;
            pickles.push(pickle);
        }
        Ok((Self { child, requests, answers }, pickles))
    }

    /// Loads every pickle so often; the seconds by the process's own clock.
    pub fn load(&mut self, rounds: usize) -> std::io::Result<f64> {
        writeln!(self.requests, "{rounds}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().map_err(|_| std::io::Error::other("the yardstick died"))
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Loads one of the yardstick's own pickles in a process of its own.
pub fn spawn(python: &Python, pickle: &[u8]) -> std::io::Result<()> {
    let hex: String = pickle.iter().map(|byte| format!("{byte:02x}")).collect();
    let status = command(python, SPAWNED).arg(hex).status()?;
    if status.success() { Ok(()) } else { Err(std::io::Error::other("a benign load failed")) }
}

fn number(from: &mut impl Read) -> std::io::Result<usize> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes) as usize)
}

fn command(python: &Python, script: &str) -> Command {
    let mut command = Command::new(&python.exe);
    command.args(["-I", "-S", "-c", script]);
    command
}
