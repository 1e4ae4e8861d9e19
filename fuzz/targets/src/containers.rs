//! `containers`: what the analyser calls a safe file asks for nothing, whichever loader of
//! containers reads it, that the policy does not allow.
//!
//! Each file that is called safe is read in the deny tier by every loader that an interpreter has:
//! decompressors and `pickle.load` everywhere; `joblib.load`, `numpy.load` and `torch.load` where
//! those are installed. Interpreters that have them are named by `ASSAY_PYTHON`, separated by
//! colons. Whether allowed globals do more than they should is for `soundness` to find out.

mod pack;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use arbitrary::Unstructured;
use assay_analyzer::{FileAnalysis, Policy, Verdict, analyze_file};
use assay_corpus::{Seed, seeds};
use assay_generator::mutate as by;
use assay_oracle::{DenyObservation, Loader, Oracle, OracleConfig, Outcome, Python, discover};

use self::pack::Container;
use crate::{Features, Target, choice};

/// What reading a file may take, most of it for memory that headers ask for.
const PATIENCE: Duration = Duration::from_millis(400);

/// Address space of who reads: that of PyTorch's libraries and some. joblib and NumPy allocate what
/// headers say, which takes time.
const MEMORY: u64 = 2 << 30;

/// Of files that are not called safe, one in so many is read: nothing can speak against them.
const READ: u64 = 8;

/// The longest file to begin with: longer ones are few, and add little.
const LONGEST: usize = 4096;

/// Asks for something that no policy allows, wherever these bytes are taken for opcodes. Short: there
/// may be no more room than joblib's padding.
const ASKS: [&[u8]; 3] = [b"ca\nb\n", b"ca\nb\n0", b"ca\nb\n."];

/// Names of members that loaders look for.
const NAMES: [&str; 8] = [
    "m/data.pkl",
    "M/DATA.PKL",
    "m/constants.pkl",
    "data.pkl",
    "m/data/0",
    "a.npy",
    "b.npy",
    "m/code/x.pkl",
];

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
        try_mutate(input, u).unwrap_or_default()
    }
}

/// Files to begin with, of at most 4 KiB: those of joblib and PyTorch among the corpus's, and one
/// pickle of every kind of its in a container of each kind.
///
/// # Errors
/// If `corpus/real/files` of this repository can't be read.
pub fn files() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let real = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/real/files");
    for entry in fs::read_dir(real)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.contains("-joblib-") || name.contains("-torch-") {
            files.push((name, fs::read(path)?));
        }
    }
    files.retain(|(_, bytes)| bytes.len() <= LONGEST);
    files.sort();
    let mut kinds = HashSet::new();
    let fitting = |seed: &&Seed| seed.policy == "stdlib" && seed.bytes.len() < LONGEST;
    for seed in seeds().iter().filter(fitting).filter(|seed| kinds.insert(seed.kind)) {
        for kind in 0..Container::KINDS {
            let container = Container::of(kind, seed.bytes.to_vec());
            files.push((format!("{}-{kind}", seed.name), container.pack()));
        }
    }
    Ok(files)
}

/// Every file that comes of this one by asking for something at one place of what it holds: between
/// two bytes, in the place of as many, or in a container behind it.
pub fn variants(file: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let container = Container::open(file);
    let parts: Vec<Vec<u8>> = match container.clone() {
        Some(mut container) => container.parts().into_iter().map(std::mem::take).collect(),
        None => vec![file.to_vec()],
    };
    let within = parts.into_iter().enumerate().flat_map(move |(index, part)| {
        let container = container.clone();
        (0..=part.len()).flat_map(move |at| {
            let changed = |asks: &[u8], end: usize| {
                let changed = [&part[..at], asks, &part[end.min(part.len())..]].concat();
                match container.clone() {
                    Some(mut container) => {
                        *container.parts()[index] = changed;
                        container.pack()
                    }
                    None => changed,
                }
            };
            let both = |asks: &[u8]| [changed(asks, at), changed(asks, at + asks.len())];
            ASKS.into_iter().flat_map(both).collect::<Vec<_>>()
        })
    });
    let behind = (0..Container::KINDS).flat_map(move |kind| {
        ASKS.map(|asks| [file, &Container::of(kind, asks.to_vec()).pack()].concat())
    });
    within.chain(behind)
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

fn try_mutate(input: &[u8], u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let Some(mut container) = Container::open(input) else {
        let part = mutate_part(input, u)?;
        return Ok(match u.ratio(1, 4)? {
            true => Container::of(u.arbitrary()?, part).pack(),
            false => part,
        });
    };
    match u.int_in_range(0..=15)? {
        // Another container behind it, or the same again within another.
        0 => {
            let asks = *u.choose(&ASKS)?;
            let other = Container::of(u.arbitrary()?, asks.to_vec());
            return Ok([&container.pack()[..], &other.pack()].concat());
        }
        1 => return Ok(Container::of(u.arbitrary()?, input.to_vec()).pack()),
        // What it holds, by itself or in a container of another kind.
        2 => {
            let mut parts = container.parts();
            if let Some(part) = parts.first_mut() {
                let part = std::mem::take(*part);
                return Ok(match u.arbitrary()? {
                    true => part,
                    false => Container::of(u.arbitrary()?, part).pack(),
                });
            }
        }
        3 | 4 => {
            if let Container::Zip(members) = &mut container {
                let name = (*u.choose(&NAMES)?).to_owned();
                if u.arbitrary()? || members.is_empty() {
                    let asks = *u.choose(&ASKS)?;
                    members.push((name, asks.to_vec()));
                } else {
                    let index = u.choose_index(members.len())?;
                    members[index].0 = name;
                }
            }
        }
        _ => {}
    }
    let mut parts = container.parts();
    if !parts.is_empty() {
        let index = u.choose_index(parts.len())?;
        let part = mutate_part(parts[index], u)?;
        *parts[index] = part;
    }
    Ok(container.pack())
}

/// Mutates a pickle, perhaps with raw bytes of arrays within.
fn mutate_part(part: &[u8], u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    // Often near the end, where what one reader takes for data is left over for another.
    let place = |u: &mut Unstructured<'_>| {
        let first = if u.arbitrary()? { part.len().saturating_sub(32) } else { 0 };
        u.int_in_range(first..=part.len())
    };
    Ok(match u.int_in_range(0..=7)? {
        0 | 1 => {
            let (at, asks) = (place(u)?, *u.choose(&ASKS)?);
            [&part[..at], asks, &part[at..]].concat()
        }
        // In the place of as many bytes: offsets and lengths stay.
        2 | 3 => {
            let (at, asks) = (place(u)?, *u.choose(&ASKS)?);
            let end = (at + asks.len()).min(part.len());
            [&part[..at], asks, &part[end..]].concat()
        }
        // A piece again, elsewhere.
        4 => {
            let (from, to, at) = (place(u)?, place(u)?, place(u)?);
            let piece = &part[from.min(to)..from.max(to)];
            [&part[..at], piece, &part[at..]].concat()
        }
        5 => {
            let mut part = part.to_vec();
            if !part.is_empty() {
                let at = u.choose_index(part.len())?;
                part[at] = u.arbitrary()?;
            }
            part
        }
        _ => by::mutate(part, None, u),
    })
}
