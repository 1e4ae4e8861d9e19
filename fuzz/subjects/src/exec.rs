//! An external analyser: a command of which each worker keeps one process, asked over pipes.
//!
//! A request is one line with a length and then that many bytes; an answer is one line of JSON.
//! Whatever the process does instead costs the pickle in question an `error`, and the process
//! its life: a new one is started for the next pickle.

mod answer;
mod process;

use std::time::Duration;

use crate::{Judgement, Result, Subject};
use process::Process;

/// An external analyser, started.
pub(crate) struct ExecSubject {
    words: Vec<String>,
    timeout: Duration,
    process: Option<Process>,
}

impl ExecSubject {
    /// Starts the command, to learn at once whether it can be.
    pub(crate) fn start(words: &[String], timeout: Duration) -> Result<Self> {
        let process = Some(Process::start(words)?);
        Ok(Self { words: words.to_owned(), timeout, process })
    }

    /// Asks as many of the pickles as go well, and one more if that does not.
    fn ask(&mut self, pickles: &[&[u8]], judgements: &mut Vec<Judgement>) {
        let process = match &mut self.process {
            Some(process) => process,
            none => match Process::start(&self.words) {
                Ok(process) => none.insert(process),
                Err(error) => {
                    judgements.push(Judgement::crash(error.to_string()));
                    return;
                }
            },
        };
        if let Err(trouble) = process.ask(pickles, self.timeout, judgements) {
            // The judgement says it as well: who asks has it, and need not be told twice.
            tracing::info!(analyser = self.words[0], "{trouble}; restarting it");
            judgements.push(Judgement::crash(trouble));
            self.process = None;
        }
    }
}

impl Subject for ExecSubject {
    fn judge(&mut self, pickle: &[u8]) -> Judgement {
        self.judge_batch(&[pickle]).remove(0)
    }

    fn judge_batch(&mut self, pickles: &[&[u8]]) -> Vec<Judgement> {
        let mut judgements = Vec::with_capacity(pickles.len());
        while judgements.len() < pickles.len() {
            self.ask(&pickles[judgements.len()..], &mut judgements);
        }
        judgements
    }
}
