//! Whether a prefix *ends* a load: by an exception, or by a STOP after which nothing is read.
//!
//! It is the engine that is asked, by programs that begin with the prefix; [`Rule::EndedPrefix`]
//! says why its answers prove it. This module must not know what an opcode does.
//!
//! [`Rule::EndedPrefix`]: super::Rule::EndedPrefix

use assay_generator::exhaustive::Alphabet;
use assay_oracle::{DenyObservation, Engine, Outcome};
use assay_pickle::Opcode;

/// No opcode has this byte.
const NO_OPCODE: u8 = 0xff;

/// Whether engines can be asked: they read each symbol as it is written, and look at nothing
/// behind the prefix before they are through with it.
pub fn can_be_asked(alphabet: &Alphabet, prefix: &[usize]) -> bool {
    let reads_on = |&at: &usize| {
        let symbol = &alphabet.symbols()[at];
        symbol.open || symbol.opcode == Opcode::Frame
    };
    !prefix.is_empty() && !prefix.iter().any(reads_on)
}

/// What to ask an engine about a prefix.
pub fn questions(alphabet: &Alphabet, prefix: &[usize], engine: Engine) -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    alphabet.write(prefix, &mut bytes);
    // `dis` rejects what leaves more than one object on the stack. A symbol pushes one at most.
    let pops = if engine == Engine::Dis { prefix.len() } else { 0 };
    let mut out: Vec<Vec<u8>> = (0..=pops)
        .map(|pops| {
            let pops = std::iter::repeat_n(Opcode::Pop.byte(), pops);
            let end = [Opcode::None.byte(), Opcode::Stop.byte()];
            bytes.iter().copied().chain(pops).chain(end).collect()
        })
        .collect();
    bytes.push(NO_OPCODE);
    out.push(bytes);
    out
}

/// What every program that begins with the prefix does, if the answers prove that it ends there.
pub fn ends(answers: &[DenyObservation]) -> Option<&DenyObservation> {
    let (over, rejected) = answers.split_last()?;
    if over.outcome == Outcome::Loaded && over.complete {
        return Some(over);
    }
    let raised = rejected.iter().chain([over]).all(|seen| {
        let exhausted = matches!(seen.exception.as_deref(), Some("RecursionError" | "MemoryError"));
        seen.outcome == Outcome::Raised && seen.complete && !exhausted && same(seen, over)
    });
    raised.then_some(over)
}

/// Whether two loads did the same. What an exception's text says is left out: it tells memo indices
/// and addresses, which nothing in a load can look at.
pub fn same(one: &DenyObservation, other: &DenyObservation) -> bool {
    let DenyObservation { outcome, exception, message: _, resolved, persistent, complete } = one;
    *outcome == other.outcome
        && *exception == other.exception
        && *resolved == other.resolved
        && *persistent == other.persistent
        && *complete == other.complete
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(outcome: Outcome, exception: Option<&str>) -> DenyObservation {
        DenyObservation {
            outcome,
            exception: exception.map(str::to_owned),
            message: None,
            resolved: Vec::new(),
            persistent: 0,
            complete: true,
        }
    }

    #[test]
    fn what_an_exception_says_is_no_difference() {
        let one = seen(Outcome::Raised, Some("UnpicklingError"));
        let said = DenyObservation {
            message: Some("Memo value not found at index 7".into()),
            ..one.clone()
        };
        assert!(same(&one, &said));
        assert!(!same(&one, &DenyObservation { persistent: 1, ..one.clone() }));
        assert!(!same(&one, &seen(Outcome::Raised, Some("KeyError"))));
    }

    fn prefix(parts: &[&[u8]]) -> Vec<usize> {
        let at = |bytes: &&[u8]| {
            Alphabet::standard().symbols().iter().position(|symbol| symbol.bytes == *bytes)
        };
        parts.iter().map(at).collect::<Option<_>>().unwrap()
    }

    #[test]
    fn answers_prove_an_end_or_nothing() {
        let loaded = seen(Outcome::Loaded, None);
        let raised = seen(Outcome::Raised, Some("UnpicklingError"));
        let other = seen(Outcome::Raised, Some("IndexError"));
        let exhausted = seen(Outcome::Raised, Some("MemoryError"));
        let hung = seen(Outcome::Timeout, None);
        // Alive: NONE STOP is accepted, what is no opcode is not.
        assert_eq!(ends(&[loaded.clone(), raised.clone()]), None);
        // Over by a STOP.
        assert!(ends(&[loaded.clone(), loaded.clone()]).is_some());
        // Raised, and as it must be, alike.
        assert_eq!(ends(&[raised.clone(), raised.clone()]), Some(&raised));
        assert_eq!(ends(&[other, raised.clone()]), None);
        assert_eq!(ends(&[exhausted.clone(), exhausted]), None);
        assert_eq!(ends(&[hung.clone(), hung]), None);
        // `dis` may need some POPs to accept.
        assert_eq!(ends(&[raised.clone(), loaded, raised]), None);
        assert_eq!(ends(&[]), None);
    }

    #[test]
    fn only_prefixes_that_are_read_as_they_are_written_are_asked_about() {
        let alphabet = Alphabet::standard();
        let can = |parts: &[&[u8]]| can_be_asked(alphabet, &prefix(parts));
        assert!(can(&[b"N", b"cx\ny\n", b"."]));
        assert!(!can(&[]));
        // Reads two bytes that are not its own.
        assert!(!can(&[b"N", b"\x8c\x02"]));
        assert!(!can(&[b"\x95\0\0\0\0\0\0\0\0", b"N"]));
    }

    #[test]
    fn questions_begin_with_the_prefix() {
        let (alphabet, prefix) = (Alphabet::standard(), prefix(&[b"N", b"0"]));
        assert_eq!(questions(alphabet, &prefix, Engine::Py), [&b"N0N."[..], b"N0\xff"]);
        let of_dis = questions(alphabet, &prefix, Engine::Dis);
        assert_eq!(of_dis, [&b"N0N."[..], b"N00N.", b"N000N.", b"N0\xff"]);
    }
}
