//! `soundness`: what the analyser calls safe touches nothing, when it is loaded, that the policy
//! does not allow.
//!
//! Each input is judged and, if it is called safe, loaded in the deny tier, by an engine and an
//! interpreter that its own bytes choose; some of the others are, too, for what behaviour there
//! is close to them. What is called safe and asks for something not allowed is then loaded for
//! real, by every engine; what is called safe and does anything rare, by two.

use assay_analyzer::Policy;
use assay_differential::{Behaviour, Class, Load, compare};
use assay_oracle::{DenyObservation, Engine, Outcome, Refused, Run};
use assay_subjects::{JudgeBy, Judged, Subject};

use crate::witness::{Witness, analyser, policy};
use crate::{Features, Target, choice};

const ENGINES: [Engine; 5] =
    [Engine::CLoads, Engine::CFile, Engine::CStream, Engine::CReuse, Engine::Py];

/// Of inputs that are not called safe, one in so many is loaded: no load can speak against them.
const LOADED: u64 = 4;

/// See the module.
pub struct Soundness {
    policy: Policy,
    subject: Box<dyn Subject>,
    witness: Witness,
}

impl Soundness {
    /// Names that were never touched together, or an ending that was never seen with them.
    fn is_worth_a_load(&mut self, features: &[u64]) -> bool {
        let bytes: Vec<u8> = features.iter().flat_map(|feature| feature.to_le_bytes()).collect();
        self.witness.is_worth_a_load(choice(&bytes, 5))
    }
}

/// Whether the load asked for something that is not allowed, or died.
fn speaks_against(seen: &DenyObservation) -> bool {
    seen.persistent > 0
        || seen.outcome == Outcome::Signaled
        || seen.resolved.iter().any(|asked| !asked.allowed)
}

impl Target for Soundness {
    const NAME: &'static str = "soundness";
    const PROGRAMS: u32 = 12;

    fn new() -> Self {
        let policy = policy();
        let witness = Witness::new(&policy, Refused::Raise);
        Self { subject: analyser(&policy), witness, policy }
    }

    fn run(&mut self, input: &[u8]) -> Result<Features, String> {
        let judgement = self.subject.judge(input);
        if judgement.crashed {
            return Err(judgement.detail.unwrap_or_default());
        }
        let safe = judgement.verdict == Judged::Safe;
        if !safe && !choice(input, 6).is_multiple_of(LOADED) {
            return Ok(vec![Behaviour::new(input, &|_| false).judged(&judgement).id()]);
        }
        let python = self.witness.python(input);
        let engine = ENGINES[choice(input, 3) as usize % ENGINES.len()];
        let seen = self.witness.deny(Load { python, run: Run::from(engine) }, input);
        let behaviour = Behaviour::new(input, &|_| false).judged(&judgement).denied(&seen).id();
        let mut features: Features = self.witness.names(&seen).collect();
        features.push(behaviour);
        let against = safe && speaks_against(&seen);
        if against || safe && !seen.resolved.is_empty() && self.is_worth_a_load(&features) {
            let engines = if against { &ENGINES[..] } else { &[Engine::CLoads, engine] };
            let seen = self.witness.full(python, engines, input);
            let found = compare(&judgement, JudgeBy::Policy, &self.policy, &seen);
            let mut grave = found.iter().filter(|found| found.class != Class::Divergence);
            if let Some(found) = grave.next() {
                let engines: Vec<_> = found.engines().iter().map(|e| e.name()).collect();
                return Err(format!("{} ({})", found.summary, engines.join(", ")));
            }
        }
        Ok(features)
    }
}
