//! `analyze`: no change that keeps a pickle's meaning turns its verdict from unsafe to safe.
//!
//! Metamorphic: nobody needs to know the right verdict, only that another spelling, other memo
//! numbers, other frames or added opcodes without effect cannot make a pickle harmless.

use arbitrary::Unstructured;
use assay_differential::Behaviour;
use assay_generator::{fill_entropy, mutate};
use assay_pickle::Program;
use assay_subjects::{Judged, Judgement, Subject};

use crate::witness::{analyser, policy};
use crate::{Features, Target, choice};

/// Bytes from which on a pickle is only judged: rewriting longer ones finds nothing more.
const LONGEST: usize = 1 << 14;

/// See the module.
pub struct Analyze {
    subject: Box<dyn Subject>,
}

impl Analyze {
    fn judge(&mut self, pickle: &[u8]) -> Result<Judgement, String> {
        let judgement = self.subject.judge(pickle);
        match judgement.crashed {
            true => Err(judgement.detail.unwrap_or_default()),
            false => Ok(judgement),
        }
    }
}

impl Target for Analyze {
    const NAME: &'static str = "analyze";
    const PROGRAMS: u32 = 8;

    fn new() -> Self {
        Self { subject: analyser(&policy()) }
    }

    fn run(&mut self, input: &[u8]) -> Result<Features, String> {
        let judgement = self.judge(input)?;
        if judgement.verdict != Judged::Safe && input.len() <= LONGEST {
            let keeping: Vec<_> = mutate::all().iter().filter(|m| m.keeps_meaning()).collect();
            let mutator = keeping[choice(input, 0) as usize % keeping.len()];
            let mut entropy = [0; 32];
            fill_entropy(choice(input, 1), 0, &mut entropy);
            let mut program = Program::parse(input);
            let kept = mutator.can_mutate(&program)
                && mutator.mutate(&mut program, &mut Unstructured::new(&entropy)).is_ok();
            let other = program.to_bytes();
            if kept && self.judge(&other)?.verdict == Judged::Safe {
                return Err(format!(
                    "{} ({}) becomes safe by {}: {}",
                    judgement.verdict,
                    judgement.detail.unwrap_or_default(),
                    mutator.name(),
                    other.escape_ascii()
                ));
            }
        }
        Ok(vec![Behaviour::new(input, &|_| false).judged(&judgement).id()])
    }
}
