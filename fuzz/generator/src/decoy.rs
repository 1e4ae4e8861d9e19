//! Decoys: a pickle whose names are other than they seem to who keeps stack, memo or stream in
//! another way than unpicklers do.
//!
//! Beside each name that a pickle asks for stands an allowed one: above it on the stack and
//! dropped again, under an index of the memo that is overwritten, counted or spelled otherwise, or
//! in the memo of another pickle of the stream. An unpickler finds the real name; an analyser
//! that cuts a corner finds the decoy.

use arbitrary::Unstructured;
use assay_corpus::GlobalName;
use assay_pickle::{Argument, Code, Opcode, Program, Writer};

use crate::choices::Choices;

/// Where a decoy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Above the name, dropped by two POP.
    Popped,
    /// Above the name, dropped with a mark.
    Marked,
    /// Below the name, which is doubled and the copy dropped.
    Doubled,
    /// Below the name, and left there.
    Beneath,
    /// Under the same indices of the memo, overwritten by the name.
    Overwritten,
    /// Under the indices that the name would have if they were counted.
    OutOfOrder,
    /// Where MEMOIZE counts entries, and would not if it took the highest index.
    Counted,
    /// Where MEMOIZE stores if it counts MEMOIZEs, and not what PUT stored as well.
    Uncounted,
    /// Under the same index, spelled in another way.
    Spelled,
    /// In the memo of a pickle before, which all but one engine forget.
    Forgotten,
    /// The name is in the memo of a pickle before, which one engine keeps.
    Kept,
}

/// Places on the stack: they fit anywhere.
const ON_STACK: [Place; 4] = [Place::Popped, Place::Marked, Place::Doubled, Place::Beneath];

/// Places in the memo: they fit where nothing else uses it.
const IN_MEMO: [Place; 7] = [
    Place::Overwritten,
    Place::OutOfOrder,
    Place::Counted,
    Place::Uncounted,
    Place::Spelled,
    Place::Forgotten,
    Place::Kept,
];

/// The pickle, with `allowed` as a decoy for each name that it spells out; in the memo for the first
/// alone. Frames go, since their lengths would be wrong, and so does what is stored for nothing.
pub fn decoy(pickle: &[u8], allowed: &GlobalName, entropy: &mut Unstructured<'_>) -> Vec<u8> {
    let mut choices = Choices::new(entropy);
    let program = Program::parse(pickle);
    let named = named(&program.codes);
    // Nothing is missed if what is never fetched is not stored.
    let fetches =
        |code: &Code| matches!(code.opcode(), Opcode::Get | Opcode::BinGet | Opcode::LongBinGet);
    let stores = |code: &Code| code.opcode().has_memo_index() || code.opcode() == Opcode::Memoize;
    let uses_memo = program.codes.iter().any(fetches);
    let place = match uses_memo || choices.one_in(3) {
        true => *choices.pick(&ON_STACK),
        false => *choices.pick(&IN_MEMO),
    };
    let mut writer = Writer::new();
    let decoy = [allowed.module.as_str(), allowed.name.as_str()];
    let (mut at, mut written) = (0, 0);
    while let Some(code) = program.codes.get(at) {
        // Two names cannot have the same places in one memo.
        let room = written == 0 || ON_STACK.contains(&place);
        match named.iter().find(|name| room && name.codes.start == at) {
            Some(name) => {
                place.write(&mut writer, name.texts(), decoy);
                at = name.codes.end;
                written += 1;
            }
            None => {
                let needless = !uses_memo && stores(code);
                if code.opcode() != Opcode::Frame && !needless {
                    writer.raw(code.bytes());
                }
                at += 1;
            }
        }
    }
    writer.raw(&program.tail);
    let mut out = place.before(&named, decoy);
    out.extend(writer.take());
    out
}

/// A name that is spelled out.
struct Named {
    /// The opcodes that spell it, and what stores its texts.
    codes: std::ops::Range<usize>,
    module: String,
    name: String,
}

impl Named {
    fn texts(&self) -> [&str; 2] {
        [&self.module, &self.name]
    }
}

fn named(codes: &[Code]) -> Vec<Named> {
    let text = |code: &Code| match code.view().argument {
        Argument::Str(text) => std::str::from_utf8(text).ok().map(str::to_owned),
        _ => None,
    };
    let mut out: Vec<Named> = Vec::new();
    for (at, code) in codes.iter().enumerate() {
        match code.view().argument {
            Argument::Name { module, name } if code.opcode() == Opcode::Global => {
                let (Ok(module), Ok(name)) =
                    (std::str::from_utf8(module), std::str::from_utf8(name))
                else {
                    continue;
                };
                let (module, name) = (module.to_owned(), name.to_owned());
                out.push(Named { codes: at..at + 1, module, name });
            }
            _ if code.opcode() == Opcode::StackGlobal => {
                let mut texts = Vec::new();
                let mut start = at;
                while start > 0 && texts.len() < 2 {
                    start -= 1;
                    match text(&codes[start]) {
                        Some(text) => texts.push(text),
                        None if codes[start].opcode() == Opcode::Memoize => {}
                        None => break,
                    }
                }
                if let [name, module] = &texts[..] {
                    let (module, name) = (module.clone(), name.clone());
                    out.push(Named { codes: start..at + 1, module, name });
                }
            }
            _ => {}
        }
    }
    out
}

impl Place {
    /// What stands before the pickle.
    fn before(self, named: &[Named], decoy: [&str; 2]) -> Vec<u8> {
        let mut writer = Writer::new();
        let real = named.first().map(Named::texts);
        match (self, real) {
            (Self::Forgotten, Some(_)) => stored(&mut writer, decoy),
            (Self::Kept, Some(real)) => stored(&mut writer, real),
            _ => return Vec::new(),
        }
        writer.op(Opcode::None).op(Opcode::Stop);
        writer.take()
    }

    /// Pushes the global of those names.
    fn write(self, writer: &mut Writer, [module, name]: [&str; 2], [other, thing]: [&str; 2]) {
        let real = |writer: &mut Writer| {
            writer.str(module, 4).str(name, 4);
        };
        match self {
            Self::Popped => {
                real(writer);
                writer.str(other, 4).str(thing, 4).op(Opcode::Pop).op(Opcode::Pop);
            }
            Self::Marked => {
                real(writer);
                writer.op(Opcode::Mark).str(other, 4).str(thing, 4).op(Opcode::PopMark);
            }
            Self::Doubled => {
                // Who does not see DUP push takes the name off with the copies.
                writer.str(other, 4).str(thing, 4);
                real(writer);
                for _ in 0..2 {
                    writer.op(Opcode::Dup).op(Opcode::Pop);
                }
            }
            Self::Beneath => {
                writer.str(other, 4).str(thing, 4);
                real(writer);
            }
            Self::Overwritten => {
                for (text, index) in [(other, 0), (thing, 1), (module, 0), (name, 1)] {
                    put(writer, text, index);
                }
                get(writer, [0, 1]);
            }
            Self::OutOfOrder => {
                for (text, index) in [(other, 2), (thing, 3), (module, 0), (name, 1)] {
                    put(writer, text, index);
                }
                get(writer, [0, 1]);
            }
            Self::Counted => {
                // Stored at 1, the first is overwritten by MEMOIZE, which counts one entry; and so
                // is the second at 2.
                for (text, index, memoized) in [(other, 1, module), (thing, 2, name)] {
                    put(writer, text, index);
                    writer.str(memoized, 4).op(Opcode::Memoize).op(Opcode::Pop);
                }
                get(writer, [1, 2]);
            }
            Self::Uncounted => {
                put(writer, module, 0);
                put(writer, name, 1);
                stored(writer, [other, thing]);
                get(writer, [0, 1]);
            }
            Self::Spelled => {
                for (text, line) in [(other, "0"), (thing, "1"), (module, "00"), (name, "01")] {
                    writer.str(text, 4).raw(format!("p{line}\n").as_bytes()).op(Opcode::Pop);
                }
                writer.raw(b"g0\ng1\n");
            }
            Self::Forgotten => {
                stored(writer, [module, name]);
                get(writer, [0, 1]);
            }
            Self::Kept => {
                stored(writer, [other, thing]);
                get(writer, [0, 1]);
            }
        }
        writer.op(Opcode::StackGlobal);
    }
}

/// Texts in the next places of the memo.
fn stored(writer: &mut Writer, texts: [&str; 2]) {
    for text in texts {
        writer.str(text, 4).op(Opcode::Memoize).op(Opcode::Pop);
    }
}

fn put(writer: &mut Writer, text: &str, index: u8) {
    writer.str(text, 4).raw(&[Opcode::BinPut.byte(), index]).op(Opcode::Pop);
}

fn get(writer: &mut Writer, indices: [u8; 2]) {
    for index in indices {
        writer.raw(&[Opcode::BinGet.byte(), index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> GlobalName {
        GlobalName { module: "builtins".into(), name: "set".into() }
    }

    fn write(place: Place) -> Program {
        let mut writer = Writer::new();
        place.write(&mut writer, ["os", "system"], ["builtins", "set"]);
        Program::parse(&writer.take())
    }

    #[test]
    fn every_place_has_both_names_and_asks_once() {
        for place in ON_STACK.into_iter().chain(IN_MEMO) {
            let program = write(place);
            let texts =
                program.codes.iter().filter(|code| code.opcode() == Opcode::ShortBinUnicode);
            assert_eq!(
                texts.count(),
                if place == Place::Forgotten || place == Place::Kept { 2 } else { 4 }
            );
            let asks = program.codes.iter().filter(|code| code.opcode() == Opcode::StackGlobal);
            assert_eq!(asks.count(), 1, "{place:?}");
            assert!(program.tail.is_empty());
        }
    }

    #[test]
    fn names_are_found_however_they_are_spelled() {
        for (pickle, spelled) in [
            (&b"cos\nsystem\n."[..], true),
            (b"\x8c\x02os\x94\x8c\x06system\x94\x93.", true),
            (b"\x8c\x02os\x8c\x06system\x93.", true),
            (b"h\x00h\x01\x93.", false),
            (b"\x93.", false),
        ] {
            let found = named(&Program::parse(pickle).codes);
            assert_eq!(found.len(), usize::from(spelled), "{pickle:?}");
            assert!(found.iter().all(|name| name.module == "os" && name.name == "system"));
        }
    }

    /// What is no name stays as it is, but for frames.
    #[test]
    fn the_rest_stays() {
        let pickle = b"\x80\x04\x95\x03\0\0\0\0\0\0\0K\x01.";
        for byte in 0..=255 {
            let entropy = [byte; 8];
            let out = decoy(pickle, &names(), &mut Unstructured::new(&entropy));
            assert_eq!(out, b"\x80\x04K\x01.");
        }
    }
}
