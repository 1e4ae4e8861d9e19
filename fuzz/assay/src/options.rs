//! Options that several subcommands share, and what they stand for.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use assay_analyzer::Policy;
use assay_differential::Hunt;
use assay_oracle::{Encoding, Engine, Mode, OracleConfig, Python, Run, discover};
use assay_subjects::{JudgeBy, SubjectSpec};
use clap::{Args, ValueEnum};

use crate::size;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// JSON Lines: one object per result
    Json,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Args)]
pub struct FormatArgs {
    /// How to print results
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// `--policy`.
#[derive(Clone, Debug, Args)]
pub struct PolicyArgs {
    /// Policy to judge by: a built-in profile or a TOML file; repeat to add up. Of two that speak of
    /// one global the later has the say
    #[arg(long = "policy", value_name = "NAME|FILE", default_value = "stdlib")]
    pub policies: Vec<String>,
}

impl PolicyArgs {
    /// The policies, added up.
    pub fn load(&self) -> Result<Policy> {
        Ok(Policy::load(&self.policies)?)
    }
}

/// `--jobs`.
#[derive(Clone, Copy, Debug, Args)]
pub struct JobsArgs {
    /// How many to work on at once [default: all cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl JobsArgs {
    /// How many.
    pub fn count(self) -> usize {
        self.jobs.map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            usize::from,
        )
    }
}

/// `--seed`.
#[derive(Clone, Copy, Debug, Args)]
pub struct SeedArgs {
    /// What everything random derives from [default: random, and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl SeedArgs {
    /// The seed.
    pub fn get(self) -> u64 {
        // The standard library's own entropy. JSON readers lose integers beyond 2^53.
        self.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 11)
    }
}

/// `--analyzer` and what goes with it.
#[derive(Clone, Debug, Args)]
pub struct AnalyzerArgs {
    /// Analyser to test: `assay`, `assay:POLICY`, `exec:COMMAND` or `planted:NAME` (one with a
    /// known hole); repeat for more
    #[arg(long = "analyzer", value_name = "SPEC", default_value = "assay")]
    pub analyzers: Vec<SubjectSpec>,
    /// Longest time for one answer of an external analyser
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    pub analyzer_timeout: Duration,
    /// What refutes `safe`: anything touched that the policy does not allow, or any effect
    /// [default: policy for assay, effects for others]
    #[arg(long, value_name = "policy|effects")]
    pub judge: Option<JudgeBy>,
}

impl AnalyzerArgs {
    /// What refutes this analyser's `safe`.
    pub fn judge_by(&self, spec: &SubjectSpec) -> JudgeBy {
        self.judge.unwrap_or_else(|| spec.judge_mode())
    }
}

/// `--hunt` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HuntChoice {
    /// Where analysers are wrong, and crashes
    Soundness,
    /// Where CPythons disagree among themselves, and crashes
    Divergence,
    /// Everything
    All,
}

impl From<HuntChoice> for Hunt {
    fn from(choice: HuntChoice) -> Self {
        match choice {
            HuntChoice::Soundness => Self::Soundness,
            HuntChoice::Divergence => Self::Divergence,
            HuntChoice::All => Self::All,
        }
    }
}

/// Reads a duration such as `30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("expected more than no time".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("expected a duration such as `30s` or `8h`: {error}")),
    }
}

/// `--engine` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineChoice {
    /// `pickle.loads`: the C unpickler over one buffer
    CLoads,
    /// `pickle.load` of a real file
    CFile,
    /// `pickle.load` again and again until EOF, a new Unpickler each
    CStream,
    /// One Unpickler, `.load()` again and again: its memo survives
    CReuse,
    /// The pure Python `_Unpickler`
    Py,
    /// `pickletools.dis`: accepts or rejects only
    Dis,
    /// All of them
    All,
}

impl EngineChoice {
    fn engines(self) -> &'static [Engine] {
        match self {
            Self::CLoads => &[Engine::CLoads],
            Self::CFile => &[Engine::CFile],
            Self::CStream => &[Engine::CStream],
            Self::CReuse => &[Engine::CReuse],
            Self::Py => &[Engine::Py],
            Self::Dis => &[Engine::Dis],
            Self::All => &Engine::ALL,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EncodingChoice {
    #[value(name = "ASCII", alias = "ascii")]
    Ascii,
    Latin1,
    Bytes,
}

/// Which CPythons load, by which engines.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Loading")]
pub struct OracleArgs {
    /// CPython to load with: a path, a name on PATH or a version such as 3.12; repeat for more
    /// [default: every one found]
    #[arg(long = "python", value_name = "EXE")]
    pythons: Vec<PathBuf>,
    /// Engine to load with; repeat for more
    #[arg(long = "engine", value_enum, value_name = "ENGINE", default_value = "all")]
    engines: Vec<EngineChoice>,
    /// Longest time for one load
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    timeout: Duration,
}

/// As [`OracleArgs`], and with which options.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Loading")]
pub struct LoadArgs {
    #[command(flatten)]
    oracle: OracleArgs,
    /// How 8-bit strings of Python 2 are decoded
    #[arg(long, value_enum, ignore_case = true, default_value = "ASCII")]
    encoding: EncodingChoice,
    /// Do not map Python 2 names to Python 3's
    #[arg(long)]
    no_fix_imports: bool,
    /// Give out-of-band buffers: as many as are asked for
    #[arg(long)]
    buffers: bool,
    /// Have the unpickler resolve persistent ids, each to itself
    #[arg(long)]
    persistent_load: bool,
    /// Address space of a process that loads
    #[arg(long, value_name = "SIZE", value_parser = size::parse, default_value = "512MiB")]
    memory: u64,
}

impl OracleArgs {
    /// Whether interpreters were named.
    pub fn names_pythons(&self) -> bool {
        !self.pythons.is_empty()
    }

    /// Longest time for one load.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The interpreters.
    pub fn pythons(&self) -> Result<Vec<Python>> {
        let found = || {
            let found = discover();
            if found.is_empty() { Err(assay_oracle::Error::NoPython) } else { Ok(found) }
        };
        if self.pythons.is_empty() {
            return Ok(found()?);
        }
        let mut out: Vec<Python> = Vec::new();
        for wanted in &self.pythons {
            let python = match version(wanted) {
                Some(version) => {
                    let found = found()?;
                    match found.iter().find(|python| is_version(python, version)) {
                        Some(python) => python.clone(),
                        None => bail!(
                            "no CPython {version} found, only {}; name its executable",
                            found.iter().map(|p| &*p.version).collect::<Vec<_>>().join(", ")
                        ),
                    }
                }
                None => Python::probe(wanted)?,
            };
            if !out.contains(&python) {
                out.push(python);
            }
        }
        Ok(out)
    }

    /// The engines, each once, in the order of reports.
    pub fn engines(&self) -> Vec<Engine> {
        let wanted = |engine: &Engine| self.engines.iter().any(|e| e.engines().contains(engine));
        Engine::ALL.into_iter().filter(wanted).collect()
    }
}

impl LoadArgs {
    /// The options of each load.
    pub fn mode(&self) -> Mode {
        let encoding = match self.encoding {
            EncodingChoice::Ascii => Encoding::Ascii,
            EncodingChoice::Latin1 => Encoding::Latin1,
            EncodingChoice::Bytes => Encoding::Bytes,
        };
        Mode {
            encoding,
            fix_imports: !self.no_fix_imports,
            buffers: self.buffers,
            persistent_load: self.persistent_load,
        }
    }

    /// The engines, each once, in the order of reports.
    pub fn engines(&self) -> Vec<Engine> {
        self.oracle.engines()
    }

    /// Longest time for one load.
    pub fn timeout(&self) -> Duration {
        self.oracle.timeout
    }

    /// Each engine in the mode.
    pub fn runs(&self) -> Vec<Run> {
        let mode = self.mode();
        self.oracle.engines().into_iter().map(|engine| Run { engine, mode }).collect()
    }

    /// An oracle's configuration.
    pub fn config(&self) -> Result<OracleConfig> {
        let mut config = OracleConfig::new(self.oracle.pythons()?);
        config.limits.timeout = self.oracle.timeout;
        config.limits.memory = self.memory;
        Ok(config)
    }
}

/// The text as a version, `3.12` or `3.12.1`, if that is what it is.
fn version(wanted: &Path) -> Option<&str> {
    let text = wanted.to_str()?;
    let numeric = text.starts_with("3.") && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    numeric.then_some(text)
}

fn is_version(python: &Python, version: &str) -> bool {
    python.version == version || python.version.starts_with(&format!("{version}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_from_paths() {
        assert_eq!(version(Path::new("3.12")), Some("3.12"));
        assert_eq!(version(Path::new("3.12.1")), Some("3.12.1"));
        assert_eq!(version(Path::new("python3.12")), None);
        assert_eq!(version(Path::new("./3.12")), None);
    }

    #[test]
    fn durations() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert!(duration("0s").is_err());
        assert!(duration("soon").unwrap_err().contains("such as `30s`"));
    }
}
