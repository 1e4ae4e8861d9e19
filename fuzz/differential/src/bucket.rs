//! *Buckets*: stable ids of root causes.
//!
//! A bucket is read off the minimised, canonicalised pickle: every peculiarity left there is
//! one that the discrepancy needs. It is made of opcodes and their forms, of places in the
//! stream and, for divergences, of the engines apart; never of the names of payloads, of texts,
//! addresses or versions, so that the same cause has the same id everywhere.

mod apart;

use std::collections::{BTreeMap, BTreeSet};

use assay_oracle::{Mode, TouchKind};
use assay_pickle::{Opcode, Program, StackItem};

use crate::canonicalise::Probe;
use crate::compare::Discrepancy;
use crate::machine::{self, Run, Step};
use crate::{Class, fault};

/// The id of a root cause: `<class>-<slug>-<8 hex digits>`.
pub fn id(class: Class, features: &[String]) -> String {
    let hash = blake3::hash(format!("{class}|{}", features.join("|")).as_bytes());
    format!("{class}-{}-{}", slug(features), &hash.to_hex()[..8])
}

/// A rough key: cheap, computed on a pickle as it is. Pickles of one key mostly share a cause,
/// and those of one cause come in a few dozen keys.
pub fn rough_key(pickle: &[u8], discrepancy: &Discrepancy) -> String {
    let program = Program::parse(pickle);
    let run = machine::run(&program.codes);
    let mut parts = vec![discrepancy.class.name().to_owned()];
    match discrepancy.class {
        Class::Unsound | Class::NoWitness => {
            parts.extend(touch(&program, &run, discrepancy));
            // What was called in breach of its contract tells contracts apart; what was merely
            // asked for tells causes apart only where they are about names, see `is_about_a_name`.
            parts.extend(
                discrepancy
                    .touched
                    .iter()
                    .find(|touched| touched.kind != TouchKind::Resolve)
                    .filter(|_| discrepancy.touched[0].kind != TouchKind::Resolve)
                    .map(|touched| touched.name.clone()),
            );
        }
        Class::Divergence | Class::AnalyzerCrash | Class::InterpreterCrash => {
            parts.extend(judged_safe(discrepancy));
            if let Some(divergence) = &discrepancy.divergence {
                parts.push(divergence.facet.name().to_owned());
            }
            parts.extend(apart::frames(&program).map(str::to_owned));
            let last = program.codes.get(run.steps.len()).or(program.codes.last());
            parts.extend(last.map(|code| lower(code.opcode())));
        }
    }
    parts.extend(ending(&program, &run));
    parts.extend(doubts(&program));
    parts.join("|")
}

/// A rough key of a suspicion that two engines part, by how each ended, in its own words.
pub fn rough_parting(pickle: &[u8], ends: [&str; 2]) -> String {
    let program = Program::parse(pickle);
    let doubts = apart::doubts(&program);
    let frames = apart::frames(&program).unwrap_or_default();
    format!("divergence|{}|{}|{}|{frames}", ends[0], ends[1], doubts.join(","))
}

/// Whether the cause of that id is about one name: no other would have done. Then pickles that
/// ask for another name show another cause, though their rough key is the same.
pub fn is_about_a_name(bucket: &str) -> bool {
    Class::ALL.iter().any(|class| {
        bucket
            .strip_prefix(class.name())
            .is_some_and(|rest| rest.starts_with(&format!("-{NAMED}-")))
    })
}

/// In what a mode differs from the default.
fn peculiar(mode: Mode) -> Vec<String> {
    let default = Mode::default();
    let mut out = Vec::new();
    if mode.encoding != default.encoding {
        out.push("encoding");
    }
    if mode.fix_imports != default.fix_imports {
        out.push("no-fix-imports");
    }
    if mode.buffers != default.buffers {
        out.push("buffers");
    }
    if mode.persistent_load != default.persistent_load {
        out.push("persistent-load");
    }
    out.into_iter().map(str::to_owned).collect()
}

/// Parts of a slug that are shown; the rest is in the hash.
const SHOWN: usize = 4;

fn slug(features: &[String]) -> String {
    let shown: Vec<&str> = features.iter().take(SHOWN).map(String::as_str).collect();
    if shown.is_empty() { "plain".to_owned() } else { shown.join("-") }
}

/// A crash of what is called safe is a cause of its own: it is the analyser's fault as well.
fn judged_safe(found: &Discrepancy) -> Option<String> {
    let crash = found.class == Class::InterpreterCrash && found.safe;
    crash.then(|| JUDGED_SAFE.to_owned())
}

/// Whether that is the id of a crash of what an analyser calls safe.
pub fn is_safe_crash(id: &str) -> bool {
    let rest = id.strip_prefix(Class::InterpreterCrash.name()).and_then(|id| id.strip_prefix('-'));
    rest.is_some_and(|features| features.starts_with(JUDGED_SAFE))
}

/// The first feature of such a crash.
const JUDGED_SAFE: &str = "judged-safe";

/// From so many opcodes on a minimised pickle is one whose length matters: a payload in the
/// worst of dress takes some forty.
const MANY_OPCODES: usize = 64;

/// As [`MANY_OPCODES`], in bytes: names and texts of a payload come to some two hundred.
const MANY_BYTES: usize = 512;

/// How often an opcode must be repeated to count as nested deep.
const DEEP: usize = 256;

/// Every peculiarity of the minimised pickle, most telling first.
///
/// `minimized` must be canonical for the discrepancy, `found` what was seen with it, `mode` the
/// plainest mode in which it shows, `probes` what its variants tell, and `stand_ins` the names
/// that could have taken the place of the one it has.
pub fn features(
    minimized: &[u8],
    found: &Discrepancy,
    mode: Mode,
    probes: &[Probe],
    stand_ins: &[(&str, &str)],
) -> Vec<String> {
    let program = Program::parse(minimized);
    let run = machine::run(&program.codes);
    let long = program.codes.len() > MANY_OPCODES || minimized.len() > MANY_BYTES;
    let mut out = match found.class {
        Class::Divergence => apart::features(found, &program, &run),
        Class::InterpreterCrash if !deep(&program).is_empty() => deep(&program),
        _ => match &found.root {
            // Whatever the pickle handed over, the contract of this one let it be used.
            Some(root) => vec!["contract".into(), root.clone()],
            None => {
                let mut out = touch(&program, &run, found);
                if probes.contains(&Probe::Unreadable) {
                    out.push("unreadable".into());
                } else {
                    out.extend(ending(&program, &run));
                }
                out.extend(doubts(&program));
                let expected = skeleton(&run, found, &program);
                out.extend(opcodes(&program, |index| {
                    expected.contains(&index) || long && builds_data(program.codes[index].opcode())
                }));
                let name = named(&program, &run, found, stand_ins);
                if let [plain] = out.as_mut_slice() {
                    // Where nothing else is peculiar, the name is.
                    if name.is_some() && plain == PLAIN {
                        NAMED.clone_into(plain);
                    }
                    out.extend(name);
                } else if let Some(first) = out.first_mut().filter(|first| *first == PLAIN) {
                    "global".clone_into(first);
                }
                out
            }
        },
    };
    if program.codes.len() > MANY_OPCODES {
        out.push("many-opcodes".into());
    } else if long {
        out.push("many-bytes".into());
    }
    for (probe, name) in [(Probe::GlobalOnly, "global-only"), (Probe::Uncalled, "uncalled")] {
        if probes.contains(&probe) {
            out.push(name.into());
        }
    }
    out.extend(peculiar(mode));
    out.splice(0..0, judged_safe(found));
    out
}

/// As [`PLAIN`], but the name matters.
const NAMED: &str = "named";

/// GLOBAL and REDUCE, and nothing else of note.
const PLAIN: &str = "plain-global";

/// What is repeated so often that the C stack does not bear it.
fn deep(program: &Program) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for code in &program.codes {
        *counts.entry(lower(family(code.opcode()))).or_default() += 1;
    }
    let often = counts.into_iter().filter(|(_, count)| *count >= DEEP);
    often.map(|(opcode, _)| format!("deep-{opcode}")).collect()
}

/// The name that is needed, if no stand-in would do in its place.
fn named(
    program: &Program,
    run: &Run,
    found: &Discrepancy,
    stand_ins: &[(&str, &str)],
) -> Option<String> {
    let step = fault::step(program, run, found)?;
    let naming = fault::naming_and_calling(run, step).0?;
    let (module, name) = fault::module_and_name(program, run, naming)?;
    if !stand_ins.contains(&(&*module, &*name)) {
        return Some(format!("{module}.{name}"));
    }
    // Only Python 2 has it: without its spelling another stand-in would have done.
    (module == "__builtin__").then(|| "python-2-name".into())
}

/// Where the opcode at fault stands and how it names and calls.
fn touch(program: &Program, run: &Run, discrepancy: &Discrepancy) -> Vec<String> {
    let mut out = Vec::new();
    let Some(step) = fault::step(program, run, discrepancy) else { return out };
    if step.pickle > 0 {
        out.push("second-pickle".into());
    }
    let (naming, calling) = fault::naming_and_calling(run, step);
    if let Some(naming) = naming {
        out.push(lower(family(naming.opcode)));
        out.extend(spelling(run, naming));
    }
    if let Some(calling) = calling
        && calling.opcode != Opcode::Reduce
        && naming.is_none_or(|naming| naming.index != calling.index)
    {
        out.push(lower(calling.opcode));
    }
    if naming.is_none() && calling.is_none() {
        out.push(lower(family(step.opcode)));
    }
    if out == ["global"] {
        out[0] = PLAIN.into();
    }
    out
}

/// How the operands of STACK_GLOBAL came about, where not as plain literals.
fn spelling(run: &Run, step: &Step) -> Option<String> {
    if step.opcode != Opcode::StackGlobal {
        return None;
    }
    let forms: BTreeSet<String> = step
        .took
        .iter()
        .filter_map(|&id| {
            let value = &run.values[id];
            if value.through_dup {
                return Some("dup".to_owned());
            }
            if value.through_memo {
                return Some("memo".to_owned());
            }
            let made_by = family(run.step(value.made_by)?.opcode);
            (made_by != Opcode::ShortBinUnicode).then(|| lower(made_by))
        })
        .collect();
    (!forms.is_empty()).then(|| forms.into_iter().collect::<Vec<_>>().join("+"))
}

/// How the stream ends, if not as it should.
fn ending(program: &Program, run: &Run) -> Option<String> {
    Some(if run.fault.is_some() {
        "before-fault".into()
    } else if program.tail.first().is_some_and(|&byte| byte == Opcode::Proto.byte()) {
        "before-unknown-protocol".into()
    } else if !program.tail.is_empty() && run.stopped {
        "before-garbage".into()
    } else if !program.tail.is_empty() {
        "before-unreadable-opcode".into()
    } else if !run.stopped {
        "before-end".into()
    } else {
        return None;
    })
}

/// Arguments on whose reading CPythons disagree.
fn doubts(program: &Program) -> Vec<String> {
    let doubts: BTreeSet<String> = program
        .codes
        .iter()
        .filter_map(|code| {
            let view = code.view();
            let ambiguity = view.ambiguity?;
            Some(format!("{}:{ambiguity:?}", lower(family(view.opcode))).to_lowercase())
        })
        .collect();
    doubts.into_iter().collect()
}

/// The opcodes that are there for a reason that nothing else explains, each once.
fn opcodes(program: &Program, explained: impl Fn(usize) -> bool) -> Vec<String> {
    let left: BTreeSet<String> = program
        .codes
        .iter()
        .enumerate()
        .filter(|(index, code)| !explained(*index) && !is_filler(code.opcode()))
        .map(|(_, code)| lower(family(code.opcode())))
        .collect();
    left.into_iter().collect()
}

/// Opcodes that a minimiser leaves where some value is needed.
fn is_filler(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::None | Opcode::EmptyTuple | Opcode::Mark | Opcode::Stop)
}

/// Opcodes that do the same work in several forms count as one where nothing hangs on the form.
fn family(opcode: Opcode) -> Opcode {
    match opcode {
        Opcode::Put | Opcode::LongBinPut => Opcode::BinPut,
        Opcode::Get | Opcode::LongBinGet => Opcode::BinGet,
        Opcode::BinPersId => Opcode::PersId,
        Opcode::Ext2 | Opcode::Ext4 => Opcode::Ext1,
        Opcode::Long | Opcode::Long4 => Opcode::Long1,
        Opcode::BinUnicode | Opcode::BinUnicode8 => Opcode::ShortBinUnicode,
        Opcode::BinString => Opcode::ShortBinString,
        Opcode::BinBytes | Opcode::BinBytes8 => Opcode::ShortBinBytes,
        other => other,
    }
}

/// The opcodes that any touch of this kind needs: the one that names and its operands, the one
/// that calls and its arguments.
fn skeleton(run: &Run, discrepancy: &Discrepancy, program: &Program) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    let Some(step) = fault::step(program, run, discrepancy) else { return out };
    let (naming, calling) = fault::naming_and_calling(run, step);
    for step in [Some(step), naming, calling].into_iter().flatten() {
        out.insert(step.index);
        for &id in &step.took {
            let value = &run.values[id];
            for inner in &run.steps[value.first.min(run.steps.len())..] {
                if inner.index > value.made_by {
                    break;
                }
                if builds_data(inner.opcode) {
                    out.insert(inner.index);
                }
            }
        }
    }
    out
}

/// Literals and the tuples around them: arguments of a call.
fn builds_data(opcode: Opcode) -> bool {
    let info = opcode.info();
    matches!(
        opcode,
        Opcode::Tuple
            | Opcode::Tuple1
            | Opcode::Tuple2
            | Opcode::Tuple3
            | Opcode::List
            | Opcode::Dict
            | Opcode::Mark
    ) || info.before.is_empty()
        && matches!(
            info.after,
            [StackItem::Int
                | StackItem::IntOrBool
                | StackItem::Bool
                | StackItem::Float
                | StackItem::Str
                | StackItem::BytesOrStr
                | StackItem::Bytes
                | StackItem::None
                | StackItem::Dict
                | StackItem::List
                | StackItem::Tuple]
        )
}

fn lower(opcode: Opcode) -> String {
    opcode.name().to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use assay_oracle::Engine;
    use assay_subjects::{JudgeBy, Judged, Judgement};

    use super::*;
    use crate::compare;
    use crate::testing::{Good, system};

    const NAMES: &[(&str, &str)] = &[("os", "system"), ("not", "os")];

    fn unsound(minimized: &[u8], pythons: &[&str]) -> String {
        let seen: Vec<_> = pythons.iter().map(|python| system(python, Engine::CLoads)).collect();
        let found =
            compare(&Judgement::new(Judged::Safe), JudgeBy::Effects, &Good, &seen).remove(0);
        id(found.class, &features(minimized, &found, Mode::default(), &[], NAMES))
    }

    #[test]
    fn the_id_does_not_hang_on_payload_or_versions() {
        let one = unsound(b"(S'x'\nios\nsystem\n.", &["3.11.7"]);
        assert_eq!(one, unsound(b"(inot\nos\n.", &["3.9.18", "3.13.0"]));
        assert!(one.starts_with("unsound-inst-"), "{one}");
    }

    #[test]
    fn a_crash_of_what_is_called_safe_is_a_cause_of_its_own() {
        let mut seen = system("3.11.7", Engine::CLoads);
        seen.outcome = assay_oracle::Outcome::Signaled;
        let crash = |verdict| {
            let found = compare(
                &Judgement::new(verdict),
                JudgeBy::Policy,
                &Good,
                std::slice::from_ref(&seen),
            );
            let of = |found: &&Discrepancy| found.class == Class::InterpreterCrash;
            let found = found.iter().find(of).expect("it crashed");
            id(found.class, &features(b"N.", found, Mode::default(), &[], NAMES))
        };
        let (safe, other) = (crash(Judged::Safe), crash(Judged::Unproven));
        assert!(is_safe_crash(&safe), "{safe}");
        assert!(!is_safe_crash(&other), "{other}");
    }

    #[test]
    fn different_causes_have_different_ids() {
        let pickles: [&[u8]; 9] = [
            b"cos\nsystem\n.",
            b"(ios\nsystem\n.",
            b"N.cos\nsystem\n.",
            b"cos\nsystem\n\xff",
            b"cos\nsystem\n",
            b"\x8c\x02os\x8c\x06system\x93.",
            b"\x8c\x02os\x940\x8c\x06systemh\x00\x93.",
            b"(cos\nsystem\no.",
            b"\x82\x01.",
        ];
        let ids: BTreeSet<String> = pickles.iter().map(|p| unsound(p, &["3.11.7"])).collect();
        assert_eq!(ids.len(), pickles.len(), "{ids:#?}");
    }

    #[test]
    fn a_call_by_reduce_is_the_plain_one() {
        let asked = unsound(b"cos\nsystem\n.", &["3.11.7"]);
        let called = unsound(b"cos\nsystem\n\x8c\x01x\x85R.", &["3.11.7"]);
        assert_eq!(asked, called);
    }
}
