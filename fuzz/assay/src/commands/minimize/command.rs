//! `--interesting`: a command that says by exiting with 0 which candidates are interesting.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use assay_differential::minimise::Predicate;
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use super::interrupted;

/// The command, run on several candidates at once.
pub struct Commands {
    words: Vec<String>,
    /// Each holds the candidate of one run.
    places: Vec<TempDir>,
    limit: Duration,
    /// What kept it from running: then nothing is interesting any more.
    pub trouble: Option<anyhow::Error>,
}

impl Commands {
    /// Parses the command.
    pub fn new(command: &str, limit: Duration, jobs: usize) -> Result<Self> {
        let words = shlex::split(command).context("--interesting: a quote is not closed")?;
        ensure!(!words.is_empty(), "--interesting: no command");
        ensure!(
            words.iter().any(|word| word.contains("{}")),
            "--interesting: expected {{}} in the command, where the file's name goes"
        );
        let places = (0..jobs.max(1)).map(|_| tempfile::tempdir());
        let places =
            places.collect::<std::io::Result<_>>().context("a directory for candidates")?;
        Ok(Self { words, places, limit, trouble: None })
    }

    fn ask(&self, candidates: &[&[u8]]) -> Result<Option<usize>> {
        for (round, some) in candidates.chunks(self.places.len()).enumerate() {
            let mut running = Vec::new();
            for (place, candidate) in self.places.iter().zip(some) {
                running.push(self.start(place, candidate)?);
            }
            for (at, run) in running.iter_mut().enumerate() {
                if run.exits_with_zero()? {
                    return Ok(Some(round * self.places.len() + at));
                }
            }
        }
        Ok(None)
    }

    fn start(&self, place: &TempDir, candidate: &[u8]) -> Result<Running> {
        let file = place.path().join("candidate.pkl");
        std::fs::write(&file, candidate).context("a candidate")?;
        let name = file.to_string_lossy();
        let words: Vec<String> = self.words.iter().map(|word| word.replace("{}", &name)).collect();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What it starts in turn ends with it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("--interesting: cannot start `{}`", words[0]))?;
        Ok(Running { child, deadline: Instant::now() + self.limit })
    }
}

impl Predicate for Commands {
    fn first(&mut self, candidates: &[&[u8]]) -> Option<usize> {
        if self.trouble.is_some() || interrupted() {
            return None;
        }
        self.ask(candidates).unwrap_or_else(|error| {
            self.trouble = Some(error);
            None
        })
    }

    fn width(&self) -> usize {
        self.places.len()
    }
}

/// A run of the command. It ends with this.
struct Running {
    child: Child,
    deadline: Instant,
}

impl Running {
    /// One that takes too long is not interested.
    fn exits_with_zero(&mut self) -> Result<bool> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            if Instant::now() > self.deadline || interrupted() {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // There is none left if all of it has ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
