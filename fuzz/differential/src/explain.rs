//! *Explaining*: a discrepancy in plain words, aligned on the disassembly.
//!
//! Says what the analyser believed, what happened, and at which opcode the two part. It tells
//! only what was seen: it must not guess at the analyser's source.

use assay_oracle::{EffectKind, Mode, TouchKind};
use assay_pickle::{Program, disassemble, quote_bytes};
use assay_subjects::Judgement;
use serde::{Deserialize, Serialize};

use crate::advisory::{self, Advisory};
use crate::compare::Discrepancy;
use crate::machine::{self, Run, Step};
use crate::mechanism::tell;
use crate::{Class, fault};

/// One line of an annotated disassembly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Offset in bytes.
    pub offset: usize,
    /// Opcode and argument, or the bytes that are none.
    pub code: String,
    /// What came about here, if anything did.
    pub note: Option<String>,
    /// Whether this is the opcode at fault.
    pub at_fault: bool,
}

/// A discrepancy explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What the analyser said, and what it said beside it.
    pub believed: String,
    /// What was seen.
    pub happened: Vec<String>,
    /// Where the two part, in a sentence.
    pub parting: Option<String>,
    /// What kind of hole it is, as far as the pickle's form tells.
    pub mechanism: String,
    /// The disassembly.
    pub listing: Vec<Line>,
    /// How to load it to see it.
    pub load: String,
    /// How grave it is, and why.
    #[serde(default)]
    pub severity: String,
    /// Published advisories about holes of the kind.
    #[serde(default)]
    pub resembles: Vec<Advisory>,
}

/// Explains what the minimised pickle shows; `features` are those of its bucket.
pub fn explain(
    minimized: &[u8],
    discrepancy: &Discrepancy,
    judgement: &Judgement,
    mode: Mode,
    features: &[String],
) -> Explanation {
    let program = Program::parse(minimized);
    let run = machine::run(&program.codes);
    let at = match discrepancy.class {
        Class::Unsound | Class::NoWitness => fault::step(&program, &run, discrepancy),
        _ => None,
    };
    Explanation {
        believed: believed(judgement),
        happened: happened(discrepancy),
        parting: at.map(|step| parting(&program, step, discrepancy)),
        mechanism: mechanism(discrepancy, features),
        listing: listing(&program, &run, at, discrepancy),
        load: load(discrepancy, mode),
        severity: severity(discrepancy),
        resembles: advisory::resembling(discrepancy.class, features),
    }
}

fn believed(judgement: &Judgement) -> String {
    let mut out = format!("The analyser's verdict is `{}`", judgement.verdict);
    if !judgement.rules.is_empty() {
        out += &format!(", for {}", judgement.rules.join(", "));
    }
    if let Some(detail) = &judgement.detail {
        out += &format!(" ({detail})");
    }
    if judgement.globals.is_empty() {
        out += "; it names no global that it saw";
    } else {
        out += &format!("; it saw {}", judgement.globals.join(", "));
    }
    out + "."
}

fn happened(discrepancy: &Discrepancy) -> Vec<String> {
    let mut out: Vec<String> = discrepancy
        .touched
        .iter()
        .map(|touched| {
            let kind = format!("{:?}", touched.kind).to_lowercase();
            let args = touched.args.as_deref().map(|args| format!(" with {args}"));
            format!("{kind} `{}`{}", touched.name, args.unwrap_or_default())
        })
        .collect();
    out.extend(discrepancy.effects.iter().map(|effect| {
        format!("effect {}: {}", format!("{:?}", effect.kind).to_lowercase(), effect.detail)
    }));
    if let Some(divergence) = &discrepancy.divergence {
        out.extend(divergence.sides.iter().map(|side| {
            let engines: Vec<&str> = side.engines.iter().map(|engine| engine.name()).collect();
            format!("{} on {}: {}", engines.join(", "), side.pythons.join(", "), side.says)
        }));
    }
    if out.is_empty() {
        out.push(discrepancy.summary.clone());
    }
    out
}

fn parting(program: &Program, step: &Step, discrepancy: &Discrepancy) -> String {
    let opcode = program.codes[step.index].opcode().name();
    let place = format!("byte {}, opcode {opcode}", step.offset);
    match discrepancy.class {
        Class::NoWitness => format!("The analyser's charge can only concern {place}."),
        _ => format!("The verdict is refuted at {place}."),
    }
}

fn mechanism(discrepancy: &Discrepancy, features: &[String]) -> String {
    let about = match discrepancy.class {
        Class::Unsound => None,
        Class::AnalyzerCrash => Some("The analyser does not survive these bytes"),
        Class::InterpreterCrash => Some("The interpreter does not survive these bytes"),
        Class::NoWitness => Some("The analyser claims proof of danger where loading meets none"),
        Class::Divergence => Some("CPython has no single answer here"),
    };
    let told = tell(features).join("; ");
    match (about, told.is_empty()) {
        (Some(about), true) => format!("{about}."),
        (Some(about), false) => format!("{about}: {told}."),
        (None, true) => "No form of it is plainer, and nothing tells it from others.".into(),
        (None, false) => {
            let mut chars = told.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).chain(".".chars()).collect()
        }
    }
}

/// How grave it is: by what was felt, or else by how far it got.
fn severity(discrepancy: &Discrepancy) -> String {
    let runs = |kind: EffectKind| {
        matches!(
            kind,
            EffectKind::Exec | EffectKind::Code | EffectKind::Native | EffectKind::Process
        )
    };
    match discrepancy.class {
        Class::Unsound if discrepancy.effects.iter().any(|effect| runs(effect.kind)) => {
            "critical: a pickle judged safe runs code of its author's choice"
        }
        Class::Unsound if !discrepancy.effects.is_empty() => {
            "high: a pickle judged safe changes the outside world"
        }
        Class::Unsound if discrepancy.touched.iter().any(|t| t.kind != TouchKind::Resolve) => {
            "high: a pickle judged safe calls what it must not"
        }
        Class::Unsound => "medium: a pickle judged safe gets hold of what it must not; the next opcode can call it",
        Class::AnalyzerCrash => {
            "medium: who takes silence for consent lets the pickle pass, and the next ones wait"
        }
        Class::InterpreterCrash if discrepancy.safe => {
            "high: a pickle judged safe has memory read or written wrongly, which may lead to any code"
        }
        Class::InterpreterCrash => "medium: whoever loads it dies, without an exception to catch",
        Class::NoWitness => "low: an alarm without cause",
        Class::Divergence => "low: an analyser that follows one reader is wrong about another",
    }
    .to_owned()
}

fn listing(
    program: &Program,
    run: &Run,
    at: Option<&Step>,
    discrepancy: &Discrepancy,
) -> Vec<Line> {
    let mut notes: Vec<(usize, String)> = Vec::new();
    for touched in &discrepancy.touched {
        if let Some(step) = fault::of_touch(program, run, touched) {
            let kind = format!("{:?}", touched.kind).to_lowercase();
            notes.push((step.index, format!("{kind} {}", touched.name)));
        }
    }
    if let Some((index, fault)) = run.fault {
        notes.push((index, format!("breaks here: {}", fault_name(fault))));
    }
    let mut offset = 0;
    let mut out = Vec::new();
    for (index, code) in program.codes.iter().enumerate() {
        let noted: Vec<&str> =
            notes.iter().filter(|(i, _)| *i == index).map(|(_, note)| note.as_str()).collect();
        out.push(Line {
            offset,
            code: disassemble(&code.view()),
            note: (!noted.is_empty()).then(|| noted.join(", ")),
            at_fault: at.is_some_and(|step| step.index == index),
        });
        offset += code.bytes().len();
    }
    if !program.tail.is_empty() {
        out.push(Line {
            offset,
            code: format!("bytes {}", quote_bytes(&program.tail, 32)),
            note: Some("not readable as an opcode".into()),
            at_fault: false,
        });
    }
    out
}

fn fault_name(fault: machine::Fault) -> &'static str {
    match fault {
        machine::Fault::Stack => "the stack holds too little",
        machine::Fault::Memo => "the memo has no such entry",
    }
}

fn load(discrepancy: &Discrepancy, mode: Mode) -> String {
    let mut options = Vec::new();
    let default = Mode::default();
    if mode.encoding != default.encoding {
        options.push(format!("encoding={:?}", format!("{:?}", mode.encoding).to_lowercase()));
    }
    if mode.fix_imports != default.fix_imports {
        options.push("fix_imports=False".into());
    }
    if mode.buffers {
        options.push("buffers=…".into());
    }
    if mode.persistent_load {
        options.push("a persistent_load".into());
    }
    let engines: Vec<&str> = discrepancy.engines().iter().map(|engine| engine.name()).collect();
    let pythons = discrepancy.pythons();
    match (engines.as_slice(), options.as_slice()) {
        ([], _) => "No load is needed to see it.".into(),
        (engines, []) => {
            format!("Seen by {} on CPython {}.", engines.join(", "), pythons.join(", "))
        }
        (engines, options) => format!(
            "Seen by {} on CPython {}, loading with {}.",
            engines.join(", "),
            pythons.join(", "),
            options.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use assay_oracle::Engine;
    use assay_subjects::{JudgeBy, Judged};

    use super::*;
    use crate::compare;
    use crate::testing::{Good, system};

    #[test]
    fn says_what_was_believed_what_happened_and_where() {
        let judgement = Judgement::new(Judged::Safe);
        let seen = [system("3.11.7", Engine::CLoads)];
        let found = compare(&judgement, JudgeBy::Policy, &Good, &seen).remove(0);
        let told = explain(
            b"(S'x'\nios\nsystem\n.",
            &found,
            &judgement,
            Mode::default(),
            &["inst".into()],
        );
        assert!(told.believed.contains("`safe`"), "{told:?}");
        assert!(told.happened[0].contains("os.system"), "{told:?}");
        assert!(told.parting.as_ref().unwrap().contains("byte 6, opcode INST"), "{told:?}");
        assert!(told.mechanism.starts_with("INST names and calls"), "{told:?}");
        let at: Vec<&Line> = told.listing.iter().filter(|line| line.at_fault).collect();
        assert_eq!(at.len(), 1);
        assert_eq!(at[0].code, "INST 'os' 'system'");
        assert_eq!(told.load, "Seen by c-loads on CPython 3.11.7.");
    }

    #[test]
    fn a_report_reads_well() {
        let judgement = Judgement { globals: Vec::new(), ..Judgement::new(Judged::Safe) };
        let seen = [system("3.11.7", Engine::CLoads), system("3.12.1", Engine::Py)];
        let found = compare(&judgement, JudgeBy::Effects, &Good, &seen).remove(0);
        let pickle = b"\x8c\x02os\x8c\x06system\x8c\x03set0\x93\x8c\x00\x85R.";
        let features = ["stack-global".to_owned(), "pop".to_owned()];
        let told = explain(pickle, &found, &judgement, Mode::default(), &features);
        insta::assert_json_snapshot!(told);
    }

    #[test]
    fn crashes_and_divergences_are_told_too() {
        let seen = [
            crate::testing::observation("3.11.7", Engine::CLoads, assay_oracle::Outcome::Loaded),
            crate::testing::observation("3.11.7", Engine::Py, assay_oracle::Outcome::Raised),
        ];
        let judgement = Judgement::new(Judged::Unproven);
        let found = compare(&judgement, JudgeBy::Policy, &Good, &seen).remove(0);
        let features = ["c-vs-py".to_owned(), "empty-list".to_owned(), "reduce".to_owned()];
        let told = explain(b"cgood\nf\n]R.", &found, &judgement, Mode::default(), &features);
        insta::assert_json_snapshot!(told);
        let crashed = Judgement::crash("exited with 3");
        let found = compare(&crashed, JudgeBy::Effects, &Good, &[]).remove(0);
        let told = explain(b"(\x91.", &found, &crashed, Mode::default(), &["frozenset".into()]);
        insta::assert_json_snapshot!(told);
    }
}
