//! Analysers with a planted hole as subjects, within this process: they run nothing that they
//! read.

use assay_planted::{Scanner, Verdict};

use crate::{Judged, Judgement, Subject};

/// A scanner with a hole, or the one without.
pub(crate) struct PlantedSubject(pub Scanner);

impl Subject for PlantedSubject {
    fn judge(&mut self, pickle: &[u8]) -> Judgement {
        match self.0.scan(pickle) {
            Verdict::Safe => Judgement::new(Judged::Safe),
            Verdict::Dangerous(why) => {
                Judgement { detail: Some(why), ..Judgement::new(Judged::Dangerous) }
            }
        }
    }
}
