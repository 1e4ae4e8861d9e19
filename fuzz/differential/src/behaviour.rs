//! The *behaviour* of a pickle: what was made of it, as one number.
//!
//! Two pickles behave alike if they end in the same opcode, if the same rules fired for the same
//! verdicts, and if every load ended alike, with the same exception class and the same names
//! touched. Coverage of our own code cannot see what CPythons do; a behaviour that is new can
//! stand in for it (NEZHA: Petsios et al., "Efficient Domain-Independent Differential Testing",
//! 2017). It depends on nothing but what it is told, so that a seed means a campaign.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use assay_oracle::{DenyObservation, Observation};
use assay_pickle::{Opcode, Reader};
use assay_subjects::Judgement;

use crate::classify::exception_class;

/// Adds up what was made of one pickle. The order in which it is told counts.
pub struct Behaviour<'n> {
    hasher: DefaultHasher,
    known: &'n dyn Fn(&str) -> bool,
}

impl<'n> Behaviour<'n> {
    /// Of a pickle of which nothing was made yet. Names that `known` does not know count as one:
    /// or each misspelling of a name would be a behaviour of its own.
    pub fn new(pickle: &[u8], known: &'n dyn Fn(&str) -> bool) -> Self {
        // The default hasher has fixed keys: a build means the same numbers every time.
        let mut hasher = DefaultHasher::new();
        last_opcode(pickle).map(Opcode::byte).hash(&mut hasher);
        Self { hasher, known }
    }

    /// An analyser said this of it.
    pub fn judged(&mut self, judgement: &Judgement) -> &mut Self {
        judgement.verdict.hash(&mut self.hasher);
        judgement.rules.hash(&mut self.hasher);
        judgement.calls.hash(&mut self.hasher);
        self
    }

    /// A load in the deny tier showed this.
    pub fn denied(&mut self, seen: &DenyObservation) -> &mut Self {
        seen.outcome.hash(&mut self.hasher);
        seen.exception.as_deref().map(exception_class).hash(&mut self.hasher);
        (seen.persistent > 0).hash(&mut self.hasher);
        let names = seen.resolved.iter().map(|asked| {
            let name = format!("{}.{}", asked.module, asked.name);
            (asked.allowed, Some(name).filter(|name| (self.known)(name)))
        });
        names.collect::<BTreeSet<_>>().hash(&mut self.hasher);
        self
    }

    /// A full load showed this.
    pub fn loaded(&mut self, seen: &Observation) -> &mut Self {
        seen.engine.hash(&mut self.hasher);
        seen.outcome.hash(&mut self.hasher);
        seen.exception.as_deref().map(exception_class).hash(&mut self.hasher);
        let names = seen.touched.iter().map(|touched| {
            (touched.kind, Some(touched.name.as_str()).filter(|name| (self.known)(name)))
        });
        names.collect::<BTreeSet<_>>().hash(&mut self.hasher);
        self
    }

    /// The number.
    pub fn id(&self) -> u64 {
        self.hasher.finish()
    }
}

/// The opcode before the first STOP, or before the first byte that no reader gets past.
fn last_opcode(pickle: &[u8]) -> Option<Opcode> {
    let read = Reader::new(pickle).map_while(Result::ok).map(|instruction| instruction.opcode);
    read.take_while(|opcode| *opcode != Opcode::Stop).last()
}

#[cfg(test)]
mod tests {
    use assay_oracle::{Engine, Outcome, TouchKind};
    use assay_subjects::Judged;

    use super::*;
    use crate::testing::{observation, touch};

    #[test]
    fn tells_apart_what_differs_and_nothing_else() {
        let known = |name: &str| name == "os.system";
        let of = |pickle: &[u8], verdict: Judged, name: &str| {
            let mut seen = observation("3.11.7", Engine::CLoads, Outcome::Raised);
            seen.touched = vec![touch(TouchKind::Resolve, name, None)];
            Behaviour::new(pickle, &known).judged(&Judgement::new(verdict)).loaded(&seen).id()
        };
        let one = of(b"K\x01.", Judged::Safe, "os.system");
        assert_eq!(one, of(b"NK\x07.tail", Judged::Safe, "os.system"));
        assert_ne!(one, of(b"N.", Judged::Safe, "os.system"));
        assert_ne!(one, of(b"K\x01.", Judged::Unproven, "os.system"));
        assert_ne!(one, of(b"K\x01.", Judged::Safe, "os.sistem"));
        assert_eq!(
            of(b"K\x01.", Judged::Safe, "os.sistem"),
            of(b"K\x01.", Judged::Safe, "so.system")
        );
    }

    #[test]
    fn an_exception_counts_by_its_class() {
        let of = |exception: &str| {
            let mut seen = observation("3.11.7", Engine::Py, Outcome::Raised);
            seen.exception = Some(exception.to_owned());
            Behaviour::new(b"N", &|_| true).loaded(&seen).id()
        };
        assert_eq!(of("ValueError: 1"), of("ValueError: 2"));
        assert_ne!(of("ValueError: 1"), of("TypeError: 1"));
    }
}
