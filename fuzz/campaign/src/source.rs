//! Where pickles come from: generated, mutated, or given.
//!
//! What a batch holds depends on the seed, the place of the batch and what the pool was fed,
//! and on nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use arbitrary::Unstructured;
use assay_generator::{
    Config, Generator, Profile, SafeGlobal, decoy, gadget_pickle, generate_seeded, graft, mutate,
};

use crate::pool::Pool;
use crate::random::Random;
use crate::store::{self, Store};
use crate::{Aim, Error, Result, files};

/// How a pickle comes about, with weights; those of a hunt for divergences beside.
const MIX: [(Origin, usize, usize); 7] = [
    (Origin::Generated(Profile::Mixed), 58, 10),
    (Origin::Generated(Profile::Attack), 10, 3),
    (Origin::Generated(Profile::Data), 6, 4),
    (Origin::Generated(Profile::Divergent), 4, 58),
    (Origin::Decoy, 6, 0),
    (Origin::MutatedInteresting, 12, 18),
    (Origin::MutatedSeed, 6, 7),
];

#[derive(Clone, Copy)]
enum Origin {
    Generated(Profile),
    /// An attack with something benign beside each name, for who keeps stack or memo otherwise.
    Decoy,
    MutatedInteresting,
    MutatedSeed,
    /// What the campaign is aimed at.
    Aimed,
}

/// Of so many pickles of an aimed campaign all but one are aimed; that one is a mutation of what
/// was interesting, which brings the uses of an object that no aim foresees.
const AIMED: usize = 8;

/// Whether a batch belongs to the control, until that has found its hole. Such a batch is made as
/// those of any hunt for unsoundness are, whatever the campaign hunts for or is aimed at; a hunt for
/// divergences has few batches, so more of them.
pub fn is_for_control(hunts_divergence: bool, number: u64) -> bool {
    let every = if hunts_divergence { 4 } else { 16 };
    number % every == every / 2
}

/// Random bytes that a mutation may draw on: it asks for a few dozen.
const ENTROPY: usize = 512;

/// Files longer than this are no seeds: they would take the time of a thousand pickles.
const LONGEST_SEED: u64 = 64 << 10;

/// Protocols in which each gadget is tried as it is: one of text, one of binary names, and one
/// that names from the stack.
const PROTOCOLS: [u8; 3] = [0, 2, 4];

/// Names that are no pickles in a corpus directory: a campaign's own files lie beside its pickles.
const NO_PICKLES: [&str; 9] =
    ["sqlite", "sqlite-wal", "sqlite-shm", "json", "jsonl", "md", "html", "py", "toml"];

/// A source of pickles, one per worker.
pub struct Source {
    generators: Vec<(Profile, Generator)>,
    seeds: Seeds,
    /// Workers among which the seeds are dealt out as they are.
    jobs: usize,
    seed: u64,
    place: [u64; 2],
    divergence: bool,
    aim: Option<Arc<Aim>>,
}

/// Pickles that were given, not made.
#[derive(Clone, Debug, Default)]
pub struct Seeds {
    /// Those of the corpus first.
    pickles: Vec<Vec<u8>>,
    /// How many are of the corpus.
    of_corpus: usize,
}

impl Seeds {
    fn pick(&self, random: &mut Random) -> Option<&[u8]> {
        let count = self.pickles.len();
        (count > 0).then(|| self.pickles[random.below(count)].as_slice())
    }

    fn pick_of_corpus(&self, random: &mut Random) -> Option<&[u8]> {
        (self.of_corpus > 0).then(|| self.pickles[random.below(self.of_corpus)].as_slice())
    }
}

/// Everything given: the corpus first, then seeds, regressions and gadgets. Of the corpus, a
/// campaign's directory brings its pool and its findings, any other its files.
pub fn given(corpus: &[PathBuf]) -> Result<Seeds> {
    let mut out = Vec::new();
    let mut plain = Vec::new();
    for path in corpus {
        let campaigns = if path.is_dir() { store::campaigns(path)? } else { Vec::new() };
        for campaign in &campaigns {
            out.extend(Store::open_to_read(campaign)?.pickles()?);
        }
        if campaigns.is_empty() {
            plain.push(path.clone());
        }
    }
    out.sort();
    out.dedup();
    for path in files::walk(&plain)? {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| NO_PICKLES.contains(&extension)) {
            continue;
        }
        let size = std::fs::metadata(&path).map_err(Error::file(&path))?.len();
        if size <= LONGEST_SEED {
            out.push(std::fs::read(&path).map_err(Error::file(&path))?);
        }
    }
    let fits = |bytes: &Vec<u8>| !bytes.is_empty() && bytes.len() as u64 <= LONGEST_SEED;
    out.retain(fits);
    let of_corpus = out.len();
    out.extend(assay_corpus::seeds().iter().map(|seed| seed.bytes.to_vec()));
    out.extend(assay_corpus::regressions().iter().map(|regression| regression.bytes.to_vec()));
    for gadget in assay_corpus::gadgets() {
        out.extend(PROTOCOLS.map(|protocol| gadget_pickle(gadget, protocol)));
    }
    out.retain(fits);
    Ok(Seeds { pickles: out, of_corpus })
}

impl Source {
    /// The source of a worker. `place` is its shard and its number among `jobs`.
    pub fn new(
        seed: u64,
        place: [u64; 2],
        jobs: usize,
        max_opcodes: usize,
        seeds: Seeds,
        divergence: bool,
    ) -> Self {
        let generators = Profile::ALL
            .into_iter()
            .map(|profile| {
                (profile, Generator::new(Config { profile, max_opcodes, ..Config::default() }))
            })
            .collect();
        Self { generators, seeds, jobs: jobs.max(1), seed, place, divergence, aim: None }
    }

    /// The source, aimed: nothing is dealt out as it was given.
    pub fn aimed(mut self, aim: Option<Arc<Aim>>) -> Self {
        self.aim = aim;
        self
    }

    /// The pickles of a batch. The first batches bring what was given, as it is.
    pub fn batch(&self, number: u64, size: usize, pool: &Pool) -> Vec<Vec<u8>> {
        // Real pickles are written lest readers disagree about them: they may come by and by.
        let most = if self.divergence { size.div_ceil(16) } else { size };
        let first = usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(most);
        let dealt = self.seeds.pickles.iter().skip(self.place[1] as usize).step_by(self.jobs);
        let given = if self.aim.is_none() { most } else { 0 };
        let mut out: Vec<Vec<u8>> = dealt.skip(first).take(given).cloned().collect();
        let stream = Random::at(self.seed, &self.place).next();
        let mut random = Random::at(self.seed, &[self.place[0], self.place[1], number]);
        while out.len() < size {
            let index = number * size as u64 + out.len() as u64;
            out.push(self.one(number, stream, index, pool, &mut random));
        }
        out
    }

    fn one(
        &self,
        batch: u64,
        stream: u64,
        index: u64,
        pool: &Pool,
        random: &mut Random,
    ) -> Vec<u8> {
        let mutated = |base: &[u8], random: &mut Random| {
            let mut entropy = [0; ENTROPY];
            random.fill(&mut entropy);
            let other = pool.pick(random).or_else(|| self.seeds.pick(random));
            mutate::mutate(base, other, &mut Unstructured::new(&entropy))
        };
        match self.origin(batch, random) {
            Origin::Generated(profile) => self.generate(profile, stream, index),
            Origin::Decoy => {
                // Half of the plainest pickles: what else an attack hides would be seen instead.
                let gadgets = assay_corpus::gadgets();
                let attack = match random.below(2) {
                    0 => gadget_pickle(&gadgets[random.below(gadgets.len())], 4),
                    _ => self.generate(Profile::Attack, stream, index),
                };
                let benign = SafeGlobal::all();
                let allowed = &benign[random.below(benign.len())].global;
                let mut entropy = [0; 8];
                random.fill(&mut entropy);
                decoy(&attack, allowed, &mut Unstructured::new(&entropy))
            }
            Origin::Aimed => match &self.aim {
                Some(aim) => self.aimed_at(aim, random),
                None => self.generate(Profile::Mixed, stream, index),
            },
            Origin::MutatedInteresting => match pool.pick(random) {
                Some(base) => mutated(base, random),
                None => self.generate(Profile::Mixed, stream, index),
            },
            Origin::MutatedSeed => match self.seeds.pick(random) {
                Some(base) => mutated(base, random),
                None => self.generate(Profile::Data, stream, index),
            },
        }
    }

    /// A pickle of the aim: as it is, with an object of another in it, or as an object in one of the
    /// corpus, which may take one of its like, too.
    fn aimed_at(&self, aim: &Aim, random: &mut Random) -> Vec<u8> {
        let of_corpus = |random: &mut Random| self.seeds.pick_of_corpus(random).map(<[u8]>::to_vec);
        let base = match random.below(4) {
            0 => None,
            1 | 2 if self.seeds.of_corpus > 0 => of_corpus(random),
            _ => return aim.pickle(random),
        };
        let base = base.unwrap_or_else(|| aim.pickle(random));
        let other = if random.below(2) == 0 { of_corpus(random) } else { None };
        let other = other.unwrap_or_else(|| aim.pickle(random));
        let mut entropy = [0; ENTROPY];
        random.fill(&mut entropy);
        graft(&base, &other, &mut Unstructured::new(&entropy))
    }

    fn origin(&self, batch: u64, random: &mut Random) -> Origin {
        let special = !is_for_control(self.divergence, batch);
        if special && self.aim.is_some() {
            let stray = random.below(AIMED) == 0;
            return if stray { Origin::MutatedInteresting } else { Origin::Aimed };
        }
        let weight =
            |row: &(Origin, usize, usize)| if special && self.divergence { row.2 } else { row.1 };
        let mut at = random.below(MIX.iter().map(weight).sum());
        for row in &MIX {
            match at.checked_sub(weight(row)) {
                None => return row.0,
                Some(rest) => at = rest,
            }
        }
        MIX[0].0
    }

    fn generate(&self, profile: Profile, stream: u64, index: u64) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some((_, generator)) = self.generators.iter().find(|(p, _)| *p == profile) {
            generate_seeded(generator, stream, index, &mut out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an aimed source, many pickles are those of the corpus with something grafted in.
    #[test]
    fn aims_are_grafted_into_what_was_given() {
        let policy = assay_analyzer::Policy::load(&["data"]).unwrap();
        let aim = Aim::at(&policy, &policy.conditions());
        let real = b"\x80\x04](X\x04\0\0\0REALK\x01K\x02e.";
        let seeds = Seeds { pickles: vec![real.to_vec()], of_corpus: 1 };
        let made = |seeds| {
            let source = Source::new(1, [1, 0], 1, 40, seeds, false).aimed(Some(Arc::clone(&aim)));
            source.batch(1, 256, &Pool::default())
        };
        let holds_it = |pickle: &&Vec<u8>| pickle.windows(4).any(|bytes| bytes == b"REAL");
        let grafted = made(seeds).iter().filter(holds_it).filter(|one| one[..] != real[..]).count();
        assert!(grafted > 64, "{grafted}");
        assert_eq!(made(Seeds::default()).iter().filter(holds_it).count(), 0);
    }

    #[test]
    fn a_place_means_its_pickles() {
        let seeds = given(&[]).unwrap();
        let count = seeds.pickles.len() as u64;
        let source = |seed| Source::new(seed, [1, 0], 1, 40, seeds.clone(), false);
        let mut pool = Pool::default();
        pool.feed(1, b"K\x01.");
        let number = count / 64 + 2;
        let batch = source(1).batch(number, 64, &pool);
        assert_eq!(batch.len(), 64);
        assert_eq!(batch, source(1).batch(number, 64, &pool));
        assert_ne!(batch, source(2).batch(number, 64, &pool));
        assert_ne!(batch, source(1).batch(number + 1, 64, &pool));
        assert_eq!(source(1).batch(0, 64, &pool)[..10], seeds.pickles[..10]);
    }
}
