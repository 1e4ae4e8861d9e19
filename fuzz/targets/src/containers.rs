//! `containers`: what the analyser calls a safe file asks for nothing, whichever loader of
//! containers reads it, that the policy does not allow.
//!
//! Each file that is called safe is read in the deny tier by every loader that an interpreter has:
//! decompressors and `pickle.load` everywhere; `joblib.load`, `numpy.load` and `torch.load` where
//! those are installed. Interpreters that have them are named by `ASSAY_PYTHON`, separated by
//! colons. Whether allowed globals do more than they should is for `soundness` to find out.

mod mutate;
mod pack;
mod place;
mod readings;
mod seeds;

pub use place::variants;
pub use readings::files_read_differently;
pub use seeds::files;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;

use arbitrary::Unstructured;
use assay_analyzer::{FileAnalysis, Policy, Verdict, analyze_file};
use assay_oracle::{DenyObservation, Loader, Oracle, OracleConfig, Outcome, Python, discover};

use crate::{Features, Target, choice};

/// What reading a file may take, most of it for memory that headers ask for.
const PATIENCE: Duration = Duration::from_millis(400);

/// Address space of who reads: that of PyTorch's libraries and some. joblib and NumPy allocate what
/// headers say, which takes time.
const MEMORY: u64 = 2 << 30;

/// Of files that are not called safe, one in so many is read: nothing can speak against them.
const READ: u64 = 8;

/// See the module.
pub struct Containers {
    policy: Policy,
    oracle: Oracle,
    loaders: Vec<Vec<Loader>>,
}

impl Containers {
    /// A target under this policy.
    ///
    /// # Panics
    /// As [`Target::new`].
    pub fn with(policy: Policy) -> Self {
        let mut pythons = Vec::new();
        for exe in std::env::var("ASSAY_PYTHON").unwrap_or_default().split(':') {
            if !exe.is_empty() {
                let python = Python::probe(Path::new(exe));
                pythons.push(python.unwrap_or_else(|error| panic!("ASSAY_PYTHON: {error}")));
            }
        }
        if pythons.is_empty() {
            pythons = discover();
        }
        let mut config = OracleConfig::new(pythons);
        config.allow = policy.globals();
        config.preload =
            Loader::ALL.into_iter().filter_map(Loader::module).map(str::to_owned).collect();
        config.limits.timeout = PATIENCE;
        config.limits.memory = MEMORY;
        let mut oracle = Oracle::new(config).unwrap_or_else(|error| panic!("{error}"));
        let loaders = (0..oracle.pythons().len()).map(|python| {
            oracle.loaders(python).unwrap_or_else(|error| panic!("the oracle failed: {error}"))
        });
        Self { policy, loaders: loaders.collect(), oracle }
    }

    /// Whether the file is called safe; if so, it is read by all there is.
    ///
    /// # Errors
    /// If one of them asks for what the policy does not allow.
    pub fn check(&mut self, file: &[u8]) -> Result<bool, String> {
        let safe = analyze_file(file, &self.policy).verdict == Verdict::Safe;
        if safe {
            for python in 0..self.loaders.len() {
                for seen in self.read(python, file) {
                    self.refute(python, &seen)?;
                }
            }
        }
        Ok(safe)
    }

    /// Reads the file by every loader of an interpreter.
    fn read(&mut self, python: usize, file: &[u8]) -> Vec<(Loader, DenyObservation)> {
        let read = |&loader: &Loader| {
            let seen = self.oracle.deny_files(python, loader, &[file]);
            let mut seen = seen.unwrap_or_else(|error| panic!("the oracle failed: {error}"));
            (loader, seen.remove(0))
        };
        self.loaders[python].iter().map(read).collect()
    }

    /// An error if what was called safe asked for what the policy does not allow. (What allowed
    /// native code does with hostile sizes is not asked here.)
    fn refute(&self, python: usize, seen: &(Loader, DenyObservation)) -> Result<(), String> {
        let (loader, seen) = seen;
        let asked = match seen.resolved.iter().find(|asked| !asked.allowed) {
            Some(asked) => format!("{}.{}", asked.module, asked.name),
            // Without a record nothing is known; with one there were more names than fit.
            None if seen.complete || seen.outcome != Outcome::Raised => return Ok(()),
            None => "more than is kept".to_owned(),
        };
        let version = &self.oracle.pythons()[python].version;
        Err(format!("judged safe, yet {} on {version} asks for {asked}", loader.name()))
    }

    /// Which loaders the interpreters have, for each.
    pub fn loaders(&self) -> &[Vec<Loader>] {
        &self.loaders
    }
}

impl Target for Containers {
    const NAME: &'static str = "containers";
    const PROGRAMS: u32 = 12;

    fn new() -> Self {
        Self::with(Policy::load(&["joblib", "torch"]).expect("the profiles are built in"))
    }

    fn run(&mut self, input: &[u8]) -> Result<Features, String> {
        let analysis = analyze_file(input, &self.policy);
        let safe = analysis.verdict == Verdict::Safe;
        let mut hasher = DefaultHasher::new();
        hash_analysis(&analysis, &mut hasher);
        let python = choice(input, 2) as usize % self.loaders.len();
        if !safe && !choice(input, 6).is_multiple_of(READ) {
            return Ok(vec![hasher.finish()]);
        }
        for seen in self.read(python, input) {
            let refused = seen.1.resolved.iter().filter(|asked| !asked.allowed).count();
            (seen.0, seen.1.outcome, &seen.1.exception, refused).hash(&mut hasher);
            if safe {
                self.refute(python, &seen)?;
            }
        }
        Ok(vec![hasher.finish()])
    }

    /// Mutates what the container holds, or the container of what it holds.
    fn mutant(input: &[u8], u: &mut Unstructured<'_>) -> Vec<u8> {
        mutate::file(input, u).unwrap_or_default()
    }
}

fn hash_analysis(analysis: &FileAnalysis, hasher: &mut DefaultHasher) {
    (analysis.verdict, analysis.format, analysis.items.len().min(4)).hash(hasher);
    let mut rules: Vec<_> = analysis
        .items
        .iter()
        .flat_map(|item| item.pickle.reasons.iter().map(|reason| (item.loader, reason.rule)))
        .collect();
    rules.sort_unstable();
    rules.dedup();
    rules.hash(hasher);
}
