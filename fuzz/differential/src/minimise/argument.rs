//! Simpler opcodes, shorter texts, smaller numbers.

use std::collections::HashMap;

use assay_pickle::{Argument, Code, Opcode, Program, Writer};

use super::search::Search;

/// Makes each opcode's argument as simple as it can be.
pub fn simplify(search: &mut Search<'_>) {
    let mut from = 0;
    loop {
        let program = search.best();
        let candidates = (from..program.codes.len()).flat_map(|at| {
            let program = &program;
            simpler(&program.codes[at]).into_iter().map(move |code| {
                let mut codes = program.codes.clone();
                codes[at] = code;
                (at, Program { codes, tail: program.tail.clone() })
            })
        });
        match search.offer_first(candidates) {
            Some(at) => from = at,
            None => return,
        }
    }
}

/// Opcodes that may stand in for this one, simplest first.
fn simpler(code: &Code) -> Vec<Code> {
    let view = code.view();
    let info = view.opcode.info();
    let mut out = Vec::new();
    let mut put = |opcode: Opcode, argument: Argument<'_>| {
        let mut writer = Writer::new();
        writer.instruction(opcode, &argument);
        out.extend(Code::from_bytes(writer.take()));
    };
    let literal = info.before.is_empty() && info.after.len() == 1;
    if literal {
        put(Opcode::None, Argument::None);
        put(Opcode::EmptyTuple, Argument::None);
        put(Opcode::BinInt1, Argument::UInt(0));
        put(Opcode::EmptyList, Argument::None);
    }
    for shorter in view_text(&view.argument).map(shorter).unwrap_or_default() {
        put(view.opcode, with_text(&view.argument, shorter));
    }
    match view.argument {
        Argument::Name { module, name } => {
            for shorter in shorter(name) {
                put(view.opcode, Argument::Name { module, name: shorter });
            }
            for shorter in shorter(module) {
                put(view.opcode, Argument::Name { module: shorter, name });
            }
        }
        Argument::UInt(value) if value > 0 => {
            put(view.opcode, Argument::UInt(0));
            put(view.opcode, Argument::UInt(1));
            put(view.opcode, Argument::UInt(value / 2));
            put(view.opcode, Argument::UInt(value - 1));
        }
        Argument::Int(value) if value != 0 => {
            put(view.opcode, Argument::Int(0));
            put(view.opcode, Argument::Int(1));
            put(view.opcode, Argument::Int(value / 2));
        }
        _ => {}
    }
    out
}

fn view_text<'a>(argument: &Argument<'a>) -> Option<&'a [u8]> {
    match *argument {
        Argument::Quoted { text, .. }
        | Argument::FloatText(text)
        | Argument::RawUnicode(text)
        | Argument::PersId(text)
        | Argument::Long(text)
        | Argument::String8(text)
        | Argument::Bytes(text)
        | Argument::Str(text) => Some(text),
        Argument::Numeral(numeral) => Some(numeral.text),
        _ => None,
    }
}

fn with_text<'a>(argument: &Argument<'a>, text: &'a [u8]) -> Argument<'a> {
    match *argument {
        Argument::Quoted { quote, .. } => Argument::Quoted { quote, text },
        Argument::FloatText(_) => Argument::FloatText(text),
        Argument::RawUnicode(_) => Argument::RawUnicode(text),
        Argument::PersId(_) => Argument::PersId(text),
        Argument::Long(_) => Argument::Long(text),
        Argument::String8(_) => Argument::String8(text),
        Argument::Bytes(_) => Argument::Bytes(text),
        Argument::Str(_) => Argument::Str(text),
        Argument::Numeral(mut numeral) => {
            numeral.text = text;
            Argument::Numeral(numeral)
        }
        other => other,
    }
}

/// Parts of a text: none, its first byte, halves, all but an end.
fn shorter(text: &[u8]) -> Vec<&[u8]> {
    let half = text.len() / 2;
    let mut out: Vec<&[u8]> = Vec::new();
    for part in [
        &text[..0],
        &text[..text.len().min(1)],
        &text[..half],
        &text[half..],
        &text[..text.len().saturating_sub(1)],
        &text[text.len().min(1)..],
    ] {
        if part.len() < text.len() && !out.contains(&part) {
            out.push(part);
        }
    }
    out
}

/// Gives memo entries the numbers 0, 1, 2… in the order of their first use, in the one-byte form.
pub fn renumber_memo(search: &mut Search<'_>) {
    let mut program = Program::clone(&search.best());
    if program.codes.iter().any(|code| code.opcode() == Opcode::Memoize) {
        return;
    }
    let mut numbers: HashMap<u64, u64> = HashMap::new();
    for code in &mut program.codes {
        let view = code.view();
        let opcode = match view.opcode {
            Opcode::Put | Opcode::BinPut | Opcode::LongBinPut => Opcode::BinPut,
            Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => Opcode::BinGet,
            _ => continue,
        };
        let key = match view.argument {
            Argument::UInt(key) => Some(key),
            Argument::Numeral(numeral) => numeral.value.and_then(|key| u64::try_from(key).ok()),
            _ => None,
        };
        let Some(key) = key else { return };
        let next = numbers.len() as u64;
        let number = *numbers.entry(key).or_insert(next);
        let mut writer = Writer::new();
        writer.instruction(opcode, &Argument::UInt(number & 0xff));
        if let Some(new) = Code::from_bytes(writer.take()) {
            *code = new;
        }
    }
    search.offer(program);
}
