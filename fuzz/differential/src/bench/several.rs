//! Several oracles as one witness, which loads as many pickles at the same time.

use assay_oracle::{DenyObservation, Filtered, Observation, Oracle, OracleConfig, Result, Run};

use super::{Load, Witness};

/// Oracles that share the work. What is asked about in one question is divided among them in
/// order, so that the answers are those of one.
pub struct Several(Vec<Oracle>);

impl Several {
    /// So many of them, at least one; none starts anything yet.
    pub fn new(config: &OracleConfig, count: usize) -> Result<Self> {
        let oracles = (0..count.max(1)).map(|_| Oracle::new(config.clone()));
        Ok(Self(oracles.collect::<Result<_>>()?))
    }

    fn divide<T: Send>(
        &mut self,
        pickles: &[&[u8]],
        run: impl Fn(&mut Oracle, &[&[u8]]) -> Result<Vec<T>> + Sync,
    ) -> Result<Vec<T>> {
        let share = pickles.len().div_ceil(self.0.len()).max(1);
        if share == pickles.len() {
            return run(&mut self.0[0], pickles);
        }
        std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = (pickles.chunks(share).zip(&mut self.0))
                .map(|(some, oracle)| scope.spawn(move || run(oracle, some)))
                .collect();
            let mut out = Vec::with_capacity(pickles.len());
            for thread in threads {
                match thread.join() {
                    Ok(some) => out.extend(some?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(out)
        })
    }
}

impl Witness for Several {
    fn versions(&self) -> Vec<String> {
        self.0[0].versions()
    }

    fn load(&mut self, python: usize, run: Run, pickles: &[&[u8]]) -> Result<Vec<Observation>> {
        self.divide(pickles, |oracle, some| oracle.full_batch(python, run, some))
    }

    fn deny(&mut self, load: Load, pickles: &[&[u8]]) -> Result<Vec<DenyObservation>> {
        self.divide(pickles, |oracle, some| oracle.deny(load.python, load.run, some))
    }

    fn filter(&mut self, load: Load, pickles: &[&[u8]]) -> Result<Vec<Filtered>> {
        self.divide(pickles, |oracle, some| oracle.filter(load.python, load.run, some))
    }

    fn at_once(&self) -> usize {
        self.0.len()
    }
}
