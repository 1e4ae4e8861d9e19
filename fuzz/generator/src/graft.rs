//! Grafts: an object of one pickle put into another, where it takes an object's place or changes
//! one that others hold already.
//!
//! What a real pickle has in the right shape is hard to make up; a graft leaves most of it as it
//! is. It may make nonsense, and must end in bounded time.

mod objects;

use arbitrary::Unstructured;
use assay_pickle::{Code, Opcode, Program};

use crate::choices::Choices;
use crate::machine::Kind;
use objects::{Objects, can_change, indexed};

/// Pickles longer than this are left as they are.
const MAX_BYTES: usize = 1 << 16;

/// How an object is changed.
#[derive(Clone, Copy)]
enum Change {
    Build,
    Append,
    SetItem,
    AddItem,
    Call,
}

/// How one of which nothing is known is changed: mostly it is restored.
const CHANGES: [Change; 8] = [
    Change::Build,
    Change::Build,
    Change::Build,
    Change::Build,
    Change::Append,
    Change::SetItem,
    Change::AddItem,
    Change::Call,
];

/// Puts an object of `other` into `base`, one to three times. What can't be done leaves it as it is.
pub fn graft(base: &[u8], other: &[u8], entropy: &mut Unstructured<'_>) -> Vec<u8> {
    if base.len() > MAX_BYTES || other.len() > MAX_BYTES {
        return base.to_vec();
    }
    let mut choices = Choices::new(entropy);
    let theirs = Objects::of(&Program::parse(other));
    let mut grafted = base.to_vec();
    for _ in 0..1 + choices.below(3) {
        let program = Program::parse(&grafted);
        let ours = Objects::of(&program);
        if let Some(codes) = grafted_once(&ours, &theirs, &mut choices) {
            let codes = codes.iter().flat_map(|code| code.bytes().iter().copied());
            grafted = codes.chain([Opcode::Stop.byte()]).collect();
        }
    }
    grafted
}

fn grafted_once(
    ours: &Objects,
    theirs: &Objects,
    choices: &mut Choices<'_, '_>,
) -> Option<Vec<Code>> {
    let from = ours.unused();
    let object = chosen(theirs, choices)?;
    let scion = theirs.alone(object, from)?;
    let stored = ours.stored();
    let (at, inserted) = if stored.is_empty() || choices.one_in(2) {
        let (at, kind) = place(ours, choices)?;
        (at, instead_or_into(ours, kind, scion, choices)?)
    } else {
        let (index, put) = *choices.pick(&stored);
        // While it is made, or when others hold it already.
        let at = put.at + 1 + choices.below(ours.codes.len() - put.at);
        let mut codes = vec![indexed(Opcode::LongBinGet, index)?];
        codes.extend(changed(ours, put.kind, scion, choices)?);
        codes.push(Code::op(Opcode::Pop));
        (at, codes)
    };
    let mut codes = ours.codes.clone();
    codes.splice(at..at, inserted);
    Some(codes)
}

/// An object: all there is, a state, or any.
fn chosen(theirs: &Objects, choices: &mut Choices<'_, '_>) -> Option<usize> {
    let states = theirs.states();
    match choices.below(4) {
        0 => theirs.result(),
        1 if !states.is_empty() => Some(*choices.pick(&states)),
        _ => (theirs.count() > 0).then(|| choices.below(theirs.count())),
    }
}

/// After how many codes there is an object that can be popped, and its kind.
fn place(ours: &Objects, choices: &mut Choices<'_, '_>) -> Option<(usize, Kind)> {
    let start = choices.below(ours.codes.len() + 1);
    (start..=ours.codes.len()).find_map(|after| Some((after, ours.top(after)?)))
}

/// The object in the top's place, or what changes the top by it.
fn instead_or_into(
    ours: &Objects,
    kind: Kind,
    scion: Vec<Code>,
    choices: &mut Choices<'_, '_>,
) -> Option<Vec<Code>> {
    if can_change(kind) && choices.one_in(4) {
        return changed(ours, kind, scion, choices);
    }
    let mut codes = vec![Code::op(Opcode::Pop)];
    codes.extend(scion);
    Some(codes)
}

/// What changes an object of that kind by the other: its state, an item, a member, or a call.
fn changed(
    ours: &Objects,
    kind: Kind,
    mut scion: Vec<Code>,
    choices: &mut Choices<'_, '_>,
) -> Option<Vec<Code>> {
    let change = match kind {
        Kind::List => Change::Append,
        Kind::Dict => Change::SetItem,
        Kind::Set => Change::AddItem,
        _ => *choices.pick(&CHANGES),
    };
    match change {
        Change::Build => scion.push(Code::op(Opcode::Build)),
        Change::Append => scion.push(Code::op(Opcode::Append)),
        Change::SetItem => {
            let texts = ours.texts();
            if texts.is_empty() {
                return None;
            }
            let key = ours.alone(*choices.pick(&texts), 0)?;
            scion.splice(0..0, key.into_iter().take(1));
            scion.push(Code::op(Opcode::SetItem));
        }
        Change::AddItem => {
            scion.insert(0, Code::op(Opcode::Mark));
            scion.push(Code::op(Opcode::AddItems));
        }
        Change::Call => scion.extend([Code::op(Opcode::Tuple1), Code::op(Opcode::Reduce)]),
    }
    Some(scion)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check;

    /// A class with a state, memoised, in a list; and another with a state of its own.
    const BASE: &[u8] = b"\x80\x04]\x94cx\ny\n)\x81\x94}\x94X\x01\0\0\0aK\x01sba.";
    const OTHER: &[u8] = b"\x80\x04cz\nw\n)\x81\x94X\x01\0\0\0b\x94K\x02\x86b.";

    fn grafts() -> impl Iterator<Item = Vec<u8>> {
        (0..2000_u32).map(|seed| {
            let mut entropy = [0; 64];
            crate::fill_entropy(u64::from(seed), 0, &mut entropy);
            graft(BASE, OTHER, &mut Unstructured::new(&entropy))
        })
    }

    #[test]
    fn grafts_hold_together() {
        let all: Vec<_> = grafts().collect();
        let loadable = all.iter().filter(|pickle| check(pickle).is_loadable()).count();
        assert!(loadable * 10 > all.len() * 8, "{loadable} of {}", all.len());
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 500, "{}", distinct.len());
    }

    #[test]
    fn an_object_is_restored_again_once_something_holds_it() {
        // GET of the instance behind the APPEND that puts it into the list, then BUILD.
        let late = grafts().filter(|pickle| {
            let codes = Program::parse(pickle).codes;
            let held = codes.iter().position(|code| code.opcode() == Opcode::Append);
            held.is_some_and(|held| {
                let behind = &codes[held..];
                let recalled = behind.iter().any(|code| code.bytes() == b"j\x01\0\0\0");
                recalled && behind.iter().any(|code| code.opcode() == Opcode::Build)
            })
        });
        assert!(late.count() > 20);
    }

    #[test]
    fn what_is_no_pickle_is_left_as_it_is() {
        for bytes in [&b""[..], b".", b"\xff", b"0"] {
            assert_eq!(graft(bytes, b"\xff", &mut Unstructured::new(&[7; 64])), bytes);
            graft(bytes, b"N.", &mut Unstructured::new(&[7; 64]));
        }
    }
}
