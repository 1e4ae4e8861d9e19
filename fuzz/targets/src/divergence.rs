//! `divergence`: about what the analyser calls safe, no two engines that load disagree.
//!
//! Engines do disagree, about many pickles: that is a fact of the world, and new disagreements
//! are kept as new behaviour. It is a fault where the analyser vouched for all that load. With
//! `ASSAY_DIVERGENCE=all` in the environment every disagreement counts, those of `dis` and
//! between versions included: for reducing one with `cargo fuzz tmin`.

use assay_differential::divergence::{self, Facet};
use assay_differential::{Behaviour, Load};
use assay_oracle::{Engine, Refused, Run};
use assay_subjects::{Judged, Subject};

use crate::witness::{Witness, analyser, policy};
use crate::{Features, Target};

/// Engines that each input meets in the deny tier.
const FIRST: [Engine; 3] = [Engine::CLoads, Engine::Py, Engine::Dis];

/// See the module.
pub struct Divergence {
    subject: Box<dyn Subject>,
    witness: Witness,
    all: bool,
}

impl Target for Divergence {
    const NAME: &'static str = "divergence";
    const PROGRAMS: u32 = 12;

    fn new() -> Self {
        let policy = policy();
        let all = std::env::var_os("ASSAY_DIVERGENCE").is_some_and(|what| what == "all");
        let witness = Witness::new(&policy, Refused::StandIn);
        Self { subject: analyser(&policy), witness, all }
    }

    fn run(&mut self, input: &[u8]) -> Result<Features, String> {
        let judgement = self.subject.judge(input);
        let python = self.witness.python(input);
        let load = |python: usize, engine: Engine| Load { python, run: Run::from(engine) };
        let mut seen = FIRST.map(|engine| self.witness.deny(load(python, engine), input)).to_vec();
        let other = (python + 1) % self.witness.pythons();
        seen.push(self.witness.deny(load(other, Engine::CLoads), input));
        let mut behaviour = Behaviour::new(input, &|_| false);
        behaviour.judged(&judgement);
        seen.iter().for_each(|seen| _ = behaviour.denied(seen));
        let mut features: Features = self.witness.names(&seen[0]).collect();
        features.push(behaviour.id());
        let counts = |engine: &Engine| self.all || engine.loads();
        let differs = |i: usize| seen[i].outcome != seen[0].outcome;
        let differ = (0..FIRST.len()).any(|i| counts(&FIRST[i]) && differs(i))
            || self.all && differs(FIRST.len());
        let vouched = self.all || judgement.verdict == Judged::Safe;
        if vouched && (differ || self.witness.is_worth_a_load(behaviour.id())) {
            let engines: Vec<Engine> = Engine::ALL.into_iter().filter(counts).collect();
            let pythons = if self.all { 0..self.witness.pythons() } else { python..python + 1 };
            let mut full = Vec::new();
            for python in pythons {
                full.extend(self.witness.full(python, &engines, input));
            }
            // What allowed callables raise shows as a call in some engines and not in others.
            let counts = |found: &divergence::Divergence| self.all || found.facet != Facet::Touched;
            if let Some(found) = divergence::find(&full).filter(counts) {
                let say = |side: &divergence::Side| {
                    let engines: Vec<_> = side.engines.iter().map(|e| e.name()).collect();
                    format!("{} on {} {}", engines.join(", "), side.pythons.join(", "), side.says)
                };
                let sides: Vec<_> = found.sides.iter().map(say).collect();
                return Err(format!("judged {}, yet {}", judgement.verdict, sides.join("; ")));
            }
        }
        Ok(features)
    }
}
