//! The pool under load: pickles of all sorts through both tiers and the filter, while what the
//! processes take is watched. Shared by the test, which is short, and the example.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use assay_oracle::{Engine, Oracle, OracleConfig, Outcome, Refused, Restarts, Result, discover};

/// Pickles in one request.
const BATCH: usize = 256;

/// What the host may take more at the end than after a tenth of the way, in KiB: allocators
/// keep what they once had.
const HOST_GROWTH: u64 = 16 << 10;

/// What the largest worker of the second half may take more than that of the first, in KiB:
/// less than after which a worker is replaced would say nothing.
const WORKER_GROWTH: u64 = 96 << 10;

/// What a soak has seen so far.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Pickles given.
    pub asked: u64,
    /// Observations returned.
    pub answered: u64,
    /// Loads by tier and outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Why workers were replaced.
    pub restarts: Restarts,
    /// Memory of this process, in KiB, as it went.
    pub host: Vec<u64>,
    /// Memory of the largest worker, in KiB, as it went.
    pub worker: Vec<u64>,
    /// Dead processes that nobody waited for.
    pub zombies: usize,
}

impl Seen {
    /// What must not be; nothing if all is well.
    pub fn violations(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.asked != self.answered {
            out.push(format!("{} asked, {} answered", self.asked, self.answered));
        }
        if self.zombies > 0 {
            out.push(format!("{} zombies", self.zombies));
        }
        let (early, late) = (self.host.get(self.host.len() / 10), self.host.last());
        if let (Some(early), Some(late)) = (early, late)
            && *late > early + HOST_GROWTH
        {
            out.push(format!("the host grew from {early} to {late} KiB"));
        }
        let (first, second) = self.worker.split_at(self.worker.len() / 2);
        let most = |samples: &[u64]| samples.iter().copied().max().unwrap_or_default();
        if most(second) > most(first) + WORKER_GROWTH {
            out.push(format!("workers grew from {} to {} KiB", most(first), most(second)));
        }
        out
    }
}

/// Runs `count` pickles through the pool; `report` is called twenty times on the way.
pub fn run(count: u64, seed: u64, mut report: impl FnMut(&Seen)) -> Result<Seen> {
    let mut config = OracleConfig::new(discover());
    config.refused = Refused::StandIn;
    config.limits.timeout = Duration::from_secs(2);
    let allowed = [("collections", "OrderedDict"), ("builtins", "complex"), ("datetime", "date")];
    config.allow = allowed.map(|(module, name)| (module.into(), name.into())).to_vec();
    config.preload = vec!["collections".into(), "datetime".into()];
    let mut oracle = Oracle::new(config)?;
    let pythons = oracle.pythons().len();
    let mut mix = Mix::new(seed);
    let mut seen = Seen::default();
    let mut round = 0;
    let mut next_report = 0;
    while seen.asked < count {
        let batch: Vec<Vec<u8>> = (0..BATCH).map(|_| mix.pickle()).collect();
        let left = (count - seen.asked).min(BATCH as u64) as usize;
        let refs: Vec<&[u8]> = batch.iter().take(left).map(Vec::as_slice).collect();
        let python = round % pythons;
        let engines = &Engine::ALL[..5];
        let run = engines[round / pythons % engines.len()].into();
        // Most through the deny tier, as in a campaign; the rest takes far longer.
        let (tier, outcomes): (_, Vec<Outcome>) = match round % 16 {
            5 => {
                let some = &refs[..left.min(32)];
                let all = oracle.full_batch(python, run, some)?;
                ("full", all.iter().map(|seen| seen.outcome).collect())
            }
            10 => {
                let some = &refs[..left.min(128)];
                let is_hit = |_, seen: &assay_oracle::Observation| !seen.effects.is_empty();
                let all = oracle.sift(python, run, some, is_hit)?;
                ("filter", all.iter().map(|seen| seen.observation.outcome).collect())
            }
            _ => {
                let all = oracle.deny(python, run, &refs)?;
                ("deny", all.iter().map(|seen| seen.outcome).collect())
            }
        };
        seen.asked += match tier {
            "full" => left.min(32),
            "filter" => left.min(128),
            _ => left,
        } as u64;
        seen.answered += outcomes.len() as u64;
        for outcome in outcomes {
            *seen.outcomes.entry(format!("{tier} {outcome:?}")).or_default() += 1;
        }
        round += 1;
        if seen.asked >= next_report || seen.asked >= count {
            next_report += count.div_ceil(20);
            let workers = oracle.processes();
            seen.host.push(anonymous(std::process::id()));
            seen.worker.push(workers.iter().copied().map(anonymous).max().unwrap_or_default());
            seen.restarts = oracle.restarts();
            seen.zombies = zombies(&workers);
            report(&seen);
        }
    }
    // With the workers gone, nothing of theirs may be left.
    let workers = oracle.processes();
    drop(oracle);
    seen.zombies = zombies(&workers);
    Ok(seen)
}

/// Memory that a process has written to, in KiB; 0 if it is gone.
fn anonymous(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
}

/// Dead children of this process and of the workers that nobody waited for.
fn zombies(workers: &[u32]) -> usize {
    let ours = |id: u32| id == std::process::id() || workers.contains(&id);
    let Ok(all) = fs::read_dir("/proc") else { return 0 };
    all.flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            fields.next() == Some("Z")
                && fields.next().and_then(|id| id.parse().ok()).is_some_and(ours)
        })
        .count()
}

/// The pickles: seeds, seeds with their bytes changed, calls, and hostile ones.
struct Mix {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

/// Each is told by the text that it has Python run, in the sandbox only.
const HOSTILE: [&str; 14] = [
    "__import__('os').system('true')",
    "__import__('os')._exit(0)",
    "__import__('os').abort()",
    "__import__('os').kill(__import__('os').getpid(), 9)",
    "__import__('os').fork()",
    "__import__('os').closerange(0, 100)",
    "[__import__('os').write(fd, b'g' * 100) for fd in (1, 2)]",
    "__import__('sys').setprofile(None)",
    "exec('import builtins; builtins.len = builtins.print = None')",
    "exec('import pickle; pickle.loads = pickle._Unpickler = None')",
    "__import__('sys').exit(3)",
    "print('x' * 200000)",
    "'x' * (1 << 40)",
    "__import__('socket').socket()",
];

impl Mix {
    fn new(seed: u64) -> Self {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../corpus/seeds");
        let mut paths: Vec<PathBuf> = fs::read_dir(directory)
            .expect("the corpus has seeds")
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "pkl"))
            .collect();
        paths.sort();
        let seeds: Vec<Vec<u8>> = paths.iter().flat_map(fs::read).collect();
        assert!(seeds.len() > 100, "the corpus has seeds");
        Self { seeds, state: seed | 1 }
    }

    /// A number below `below`: xorshift, so that a seed always gives the same mix.
    fn below(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) as usize % below
    }

    fn pickle(&mut self) -> Vec<u8> {
        match self.below(100) {
            0..45 => self.seed(),
            45..80 => self.mutant(),
            80..96 => {
                let n = self.below(256) as u8;
                [b"\x80\x04cbuiltins\ncomplex\n(K".as_slice(), &[n], b"tR."].concat()
            }
            _ if self.below(2000) == 0 => eval("exec('while True: pass')"),
            _ => eval(HOSTILE[self.below(HOSTILE.len())]),
        }
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.below(self.seeds.len());
        self.seeds[at].clone()
    }

    fn mutant(&mut self) -> Vec<u8> {
        let mut bytes = self.seed();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            match (self.below(3), bytes.is_empty()) {
                (0, false) => bytes[at] = self.below(256) as u8,
                (1, false) => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, self.below(256) as u8),
            }
        }
        bytes
    }
}

fn eval(text: &str) -> Vec<u8> {
    let len = (text.len() as u32).to_le_bytes();
    [b"\x80\x04cbuiltins\neval\n(X".as_slice(), &len, text.as_bytes(), b"tR."].concat()
}
