//! A *finding*: a root cause that a campaign came upon, with its smallest witness.

use std::path::{Path, PathBuf};

use assay_differential::{Class, Explanation, Traced, explain, is_safe_crash};
use assay_oracle::{Effect, Engine, Touched};
use assay_pickle::Program;
use serde::{Deserialize, Serialize};

use crate::{Result, files, render, reproduce};

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The id of the root cause.
    pub bucket: String,
    /// Of what class.
    pub class: Class,
    /// The analyser that was wrong, or at work.
    pub analyzer: String,
    /// One sentence.
    pub summary: String,
    /// Seconds into the campaign.
    pub first_seen_seconds: f64,
    /// How many pickles showed it.
    pub count: u64,
    /// The pickle that first showed it.
    pub original: Vec<u8>,
    /// The plainest one that does.
    pub minimized: Vec<u8>,
    /// Versions that show it.
    pub pythons: Vec<String>,
    /// Engines that show it.
    pub engines: Vec<Engine>,
    /// What was touched, by the minimised pickle.
    pub touched: Vec<Touched>,
    /// What was felt.
    pub effects: Vec<Effect>,
    /// In plain words.
    pub explanation: Explanation,
}

impl Finding {
    /// Whether an analyser's `safe` is refuted: the load touched what it must not, or crashed.
    pub fn refutes_safe(&self) -> bool {
        self.class == Class::Unsound || is_safe_crash(&self.bucket)
    }
}

/// A line of `findings.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The id of the root cause.
    pub bucket: String,
    /// Of what class.
    pub class: Class,
    /// The analyser.
    pub analyzer: String,
    /// One sentence.
    pub summary: String,
    /// Seconds into the campaign.
    pub first_seen_seconds: f64,
    /// How many pickles showed it.
    pub count: u64,
    /// Size of the pickle that first showed it.
    pub original_bytes: usize,
    /// Size of the plainest one.
    pub minimized_bytes: usize,
    /// Its opcodes.
    pub minimized_opcodes: usize,
    /// Where it is, relative to the campaign's directory.
    pub minimized_path: String,
    /// Versions that show it.
    pub pythons: Vec<String>,
    /// Engines that show it.
    pub engines: Vec<Engine>,
    /// What was touched.
    pub touched: Vec<Touched>,
}

impl Finding {
    /// The finding that a traced discrepancy is.
    pub fn new(analyzer: &str, original: &[u8], traced: Traced, seconds: f64) -> Self {
        let Traced { bucket, minimized, discrepancy, features, judgement, mode, .. } = traced;
        let explanation = explain(&minimized, &discrepancy, &judgement, mode, &features);
        Self {
            bucket,
            class: discrepancy.class,
            analyzer: analyzer.to_owned(),
            pythons: discrepancy.pythons(),
            engines: discrepancy.engines(),
            summary: discrepancy.summary,
            first_seen_seconds: seconds,
            count: 1,
            original: original.to_vec(),
            minimized,
            touched: discrepancy.touched,
            effects: discrepancy.effects,
            explanation,
        }
    }

    /// Opcodes of the minimised pickle.
    pub fn minimized_opcodes(&self) -> usize {
        Program::parse(&self.minimized).codes.len()
    }

    /// The directory of its files, relative to the campaign's. Findings of one cause in several
    /// analysers lie side by side.
    pub fn directory(&self) -> String {
        if self.analyzer == "assay" || !self.class.concerns_analyzer() {
            return format!("findings/{}", self.bucket);
        }
        let hash = blake3::hash(self.analyzer.as_bytes());
        format!("findings/{}@{}", self.bucket, &hash.to_hex()[..6])
    }

    /// The line for `findings.jsonl`.
    pub fn line(&self, directory: &str) -> Line {
        Line {
            bucket: self.bucket.clone(),
            class: self.class,
            analyzer: self.analyzer.clone(),
            summary: self.summary.clone(),
            first_seen_seconds: self.first_seen_seconds,
            count: self.count,
            original_bytes: self.original.len(),
            minimized_bytes: self.minimized.len(),
            minimized_opcodes: self.minimized_opcodes(),
            minimized_path: format!("{directory}/minimized.pkl"),
            pythons: self.pythons.clone(),
            engines: self.engines.clone(),
            touched: self.touched.clone(),
        }
    }

    /// Writes its four files under `out`.
    pub fn write(&self, out: &Path, directory: &str) -> Result<PathBuf> {
        let dir = out.join(directory);
        files::directory(&dir)?;
        files::write(&dir.join("original.pkl"), &self.original)?;
        files::write(&dir.join("minimized.pkl"), &self.minimized)?;
        files::write(&dir.join("report.md"), render::finding(self)?.as_bytes())?;
        files::write(&dir.join("reproduce.py"), reproduce::script(self).as_bytes())?;
        Ok(dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_crash_refutes_what_was_called_safe() {
        let of = |class, bucket: &str| {
            Finding { class, bucket: bucket.to_owned(), ..testing::finding() }.refutes_safe()
        };
        assert!(of(Class::Unsound, "unsound-x"));
        assert!(of(Class::InterpreterCrash, "interpreter-crash-judged-safe-x"));
        assert!(!of(Class::InterpreterCrash, "interpreter-crash-x"));
        assert!(!of(Class::NoWitness, "no-witness-x"));
    }
}
