//! Which pickles are loaded how: the deny tier for all, the full tier for those worth it.
//!
//! The choice of interpreter, engine and mode goes by the number of the batch, so that all come
//! up. How many full loads a batch gets goes by time, to keep the full tier's share; nothing
//! that decides what is *generated* may depend on it.

use std::time::Duration;

use assay_differential::{Load, other_modes};
use assay_oracle::{Engine, Mode, Run};

/// How often each engine comes up, among those asked for. C's `loads` is what most programs
/// use; streams are the only way to what follows the first STOP.
const TURNS: [Engine; 10] = [
    Engine::CLoads,
    Engine::Py,
    Engine::CStream,
    Engine::CLoads,
    Engine::CReuse,
    Engine::Py,
    Engine::CLoads,
    Engine::CStream,
    Engine::CFile,
    Engine::Py,
];

/// Turns of the interpreters, engines and modes.
#[derive(Clone, Debug)]
pub struct Turns {
    engines: Vec<Engine>,
    /// Those asked for, with those that load nothing.
    asked: Vec<Engine>,
    pythons: usize,
}

impl Turns {
    /// Turns among these.
    pub fn new(engines: &[Engine], pythons: usize) -> Self {
        let mut turns: Vec<Engine> =
            TURNS.into_iter().filter(|engine| engines.contains(engine)).collect();
        if turns.is_empty() {
            turns.push(Engine::CLoads);
        }
        Self { engines: turns, asked: engines.to_vec(), pythons: pythons.max(1) }
    }

    /// How a batch is loaded in the deny tier.
    pub fn deny(&self, batch: u64) -> Load {
        self.load(batch, Mode::default())
    }

    /// How the chosen ones of a batch are loaded in the full tier: as in the deny tier, but by
    /// another turn, and in every fourth batch in another mode.
    pub fn full(&self, batch: u64) -> Load {
        let modes = other_modes();
        let mode = if batch % 4 == 3 {
            modes[(batch / 4) as usize % modes.len()]
        } else {
            Mode::default()
        };
        self.load(batch, mode)
    }

    /// Another engine of the same interpreter, to hold against the first.
    pub fn against(&self, batch: u64) -> Option<Load> {
        let first = self.deny(batch);
        let other = if first.run.engine == Engine::Py { Engine::CLoads } else { Engine::Py };
        let possible = matches!(first.run.engine, Engine::Py | Engine::CLoads | Engine::CFile)
            && self.engines.contains(&other);
        possible.then_some(Load { python: first.python, run: other.into() })
    }

    /// Everything to hold against the first where disagreement is all that is looked for: the
    /// engines that do the same work, and in every other batch the next interpreter.
    pub fn beside(&self, batch: u64) -> Vec<Load> {
        let first = self.deny(batch);
        let engine = first.run.engine;
        let same: &[Engine] = match engine {
            Engine::CStream | Engine::CReuse => &[Engine::CStream, Engine::CReuse],
            _ => &[Engine::CLoads, Engine::Py, Engine::Dis],
        };
        let others = same.iter().filter(|&&other| other != engine && self.asked.contains(&other));
        let mut out: Vec<Load> =
            others.map(|&other| Load { python: first.python, run: other.into() }).collect();
        if self.pythons > 1 && batch.is_multiple_of(2) {
            out.push(Load { python: (first.python + 1) % self.pythons, run: first.run });
        }
        out
    }

    fn load(&self, batch: u64, mode: Mode) -> Load {
        let turn = (batch % self.engines.len() as u64) as usize;
        // A batch later the next interpreter, whatever the number of engines.
        let python = ((batch + batch / self.engines.len() as u64) % self.pythons as u64) as usize;
        Load { python, run: Run { engine: self.engines[turn], mode } }
    }
}

/// Share of the time that the full tier gets.
const FULL_SHARE: f64 = 0.45;

/// How many pickles of a batch are loaded in the full tier.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Seconds a batch takes besides.
    rest: f64,
    /// Seconds of one full load.
    load: f64,
}

impl Default for Quota {
    /// As measured on two cores, most loads filtered: a fifth of a thousandth of a second a load,
    /// a hundredth a batch.
    fn default() -> Self {
        Self { rest: 0.012, load: 0.000_2 }
    }
}

impl Quota {
    /// Pickles for the next batch.
    pub fn pickles(&self) -> usize {
        let share = FULL_SHARE / (1.0 - FULL_SHARE);
        ((self.rest * share / self.load) as usize).clamp(2, 256)
    }

    /// Learns from a batch. Old batches fade.
    pub fn learn(&mut self, rest: Duration, full: Duration, loads: usize) {
        let fade = |old: f64, new: f64| old * 0.9 + new * 0.1;
        self.rest = fade(self.rest, rest.as_secs_f64().min(self.rest * 2.0));
        if loads > 0 {
            // The first load on an interpreter starts a worker, which says nothing about loads.
            let load = (full.as_secs_f64() / loads as f64).min(self.load * 2.0);
            self.load = fade(self.load, load).max(1e-5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_its_turn() {
        let turns = Turns::new(&Engine::ALL, 5);
        let mut seen = std::collections::HashSet::new();
        for batch in 0..200 {
            let load = turns.deny(batch);
            assert!(load.run.engine.loads());
            seen.insert((load.python, load.run.engine));
        }
        assert_eq!(seen.len(), 25);
        let modes: std::collections::HashSet<Mode> =
            (0..200).map(|batch| turns.full(batch).run.mode).collect();
        assert_eq!(modes.len(), 6);
        let only = Turns::new(&[Engine::Py], 1);
        assert_eq!(only.deny(7).run.engine, Engine::Py);
        assert_eq!(only.against(7), None);
        assert_eq!(only.beside(7), []);
        let pairs: std::collections::HashSet<(Engine, Engine)> = (0..40)
            .flat_map(|batch| {
                let first = turns.deny(batch);
                let of_one = move |other: &Load| other.python == first.python;
                let beside = turns.beside(batch).into_iter().filter(of_one);
                beside.map(move |other| (first.run.engine, other.run.engine))
            })
            .collect();
        assert!(pairs.contains(&(Engine::CLoads, Engine::Dis)));
        assert!(pairs.contains(&(Engine::CStream, Engine::CReuse)));
        assert!(!pairs.contains(&(Engine::CLoads, Engine::CStream)));
        assert!((0..10).any(|batch| turns.beside(batch).len() == 3));
    }

    #[test]
    fn the_quota_keeps_the_share() {
        let mut quota = Quota::default();
        for _ in 0..200 {
            let loads = quota.pickles();
            quota.learn(
                Duration::from_millis(20),
                Duration::from_micros(1000 * loads as u64),
                loads,
            );
        }
        assert!((14..=18).contains(&quota.pickles()), "{}", quota.pickles());
    }
}
