//! The scanner kept as a fixture: conservative as it is, and wrong in one way with each flaw.

use std::time::Duration;

use assay_analyzer::Policy;
use assay_subjects::{Judged, Subject, SubjectSpec};

/// A pickle that runs a command, and the flaw that lets it pass.
const WITNESSES: [(&str, &[u8]); 5] = [
    ("skip-inst", b"(S'true'\nios\nsystem\n."),
    ("first-pickle-only", b"N.cos\nsystem\n(S'true'\ntR."),
    ("parse-error-is-safe", b"cos\nsystem\n(S'true'\ntR"),
    (
        "last-two-strings",
        b"\x8c\x02os\x8c\x06system\x8c\x0bcollections0\x8c\x0bOrderedDict0\x93)R.",
    ),
    ("naive", b"csubprocess\ncall\n(]S'true'\natR."),
];

fn scanner(flaw: Option<&str>) -> Box<dyn Subject> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/scanner.py");
    let flaw = flaw.map(|flaw| format!(" --flaw {flaw}")).unwrap_or_default();
    let spec: SubjectSpec = format!("exec:python3 '{path}'{flaw}").parse().unwrap();
    spec.start(&Policy::load(&["stdlib"]).unwrap(), Duration::from_secs(30)).unwrap()
}

#[test]
fn each_flaw_lets_its_witness_pass_and_the_twin_does_not() {
    let mut twin = scanner(None);
    for (flaw, witness) in WITNESSES {
        assert_eq!(scanner(Some(flaw)).judge(witness).verdict, Judged::Safe, "{flaw}");
        assert_eq!(twin.judge(witness).verdict, Judged::Dangerous, "{flaw}");
    }
}

#[test]
fn a_flaw_changes_nothing_else() {
    // `naive` is no default-deny scanner at all, so it is left out.
    for (flaw, _) in &WITNESSES[..4] {
        let mut flawed = scanner(Some(flaw));
        for (other, witness) in WITNESSES.iter().filter(|(other, _)| other != flaw) {
            assert_eq!(flawed.judge(witness).verdict, Judged::Dangerous, "{flaw} on {other}");
        }
    }
}

#[test]
fn harmless_pickles_pass() {
    let harmless: [&[u8]; 6] = [
        b"N.",
        b"(lp0\nI1\naS'x'\np1\nag1\na.",
        b"ccollections\nOrderedDict\n)R.",
        b"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00\x8c\x03abc\x94h\x00\x86.",
        b"\x80\x04\x8c\x08builtins\x94\x8c\x03set\x94\x93\x94)R.",
        b"N.N.",
    ];
    for (pickle, judgement) in harmless.iter().zip(scanner(None).judge_batch(&harmless)) {
        assert_eq!(judgement.verdict, Judged::Safe, "{}: {judgement:?}", pickle.escape_ascii());
    }
}

#[test]
fn what_unpicklers_may_read_differently_does_not_pass() {
    let doubtful: [(&str, &[u8]); 15] = [
        ("empty", b""),
        ("extension code", b"\x82\x01."),
        ("persistent id", b"Pos\n."),
        ("name from an 8-bit string", b"U\x0bcollectionsU\x0bOrderedDict\x93."),
        ("name that is no string", b"\x8c\x02osK\x01\x93."),
        ("name from the memo", b"\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93."),
        ("name by DUP", b"\x8c\x02os2\x93."),
        ("name through a tuple", b"\x8c\x02os\x8c\x06system\x8600\x93."),
        ("dotted name", b"\x8c\x0bcollections\x8c\x12OrderedDict.__init\x93."),
        ("escaped name", b"ccollections\nOrdered\\x44ict\n."),
        ("memo index that is not set", b"h\x00."),
        ("frame past the end", b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N."),
        ("frame past STOP", b"\x95\x04\x00\x00\x00\x00\x00\x00\x00N.N."),
        ("trailing bytes", b"N.\0"),
        ("mark as a value", b"(."),
    ];
    let pickles: Vec<&[u8]> = doubtful.iter().map(|(_, pickle)| *pickle).collect();
    for ((what, _), judgement) in doubtful.iter().zip(scanner(None).judge_batch(&pickles)) {
        assert_eq!(judgement.verdict, Judged::Dangerous, "{what}: {judgement:?}");
        assert!(!judgement.crashed, "{what}");
    }
}

#[test]
fn a_memo_that_survives_the_pickle_is_reckoned_with() {
    // A fresh unpickler finds `collections OrderedDict` in the memo, one used again `os system`.
    let stream = b"\x8c\x02os\x94\x8c\x06system\x94.\
        \x8c\x0bcollections\x94\x8c\x0bOrderedDict\x9400h\x00h\x01\x93)R.";
    let judgement = scanner(None).judge(stream);
    assert_eq!(judgement.verdict, Judged::Dangerous, "{judgement:?}");
    assert_eq!(judgement.globals, ["collections.OrderedDict", "os.system"]);
}
