use assay_pickle::Argument;

use super::*;
use crate::machine::Kind;

/// Interesting is what asks for `os.system`, as the machine of labels sees it.
fn asks(bytes: &[u8]) -> bool {
    let program = Program::parse(bytes);
    let run = machine::run(&program.codes);
    run.steps.iter().any(|step| match step.opcode {
        Opcode::Inst => {
            matches!(
                program.codes[step.index].view().argument,
                Argument::Name { module: b"os", name: b"system" }
            )
        }
        _ => run.kind(step) == Some(&Kind::Global("os.system".into())),
    })
}

fn plain(bytes: &[u8], mut interesting: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    assert!(interesting(bytes));
    let slow = Hints::default();
    let out = canonicalise(bytes, &slow, &mut interesting, Budget::default()).reduced;
    let target = Target { module: "os".into(), name: "system".into(), call: false };
    let hints = Hints { own: vec![target], ..Hints::default() };
    let quick = canonicalise(bytes, &hints, &mut interesting, Budget::default()).reduced;
    assert_eq!(out.bytes, quick.bytes);
    assert!(quick.tests < 120, "{}", quick.tests);
    assert!(out.complete && interesting(&out.bytes));
    out.bytes
}

#[test]
fn every_spelling_comes_to_the_same() {
    for bytes in [
        b"cos\nsystem\n(S'id'\ntR.".as_slice(),
        b"(S'id'\nios\nsystem\n.",
        b"(cos\nsystem\nS'id'\no.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940N0h\x00h\x01\x93.",
        b"Vo\\u0073\nS's\\x79stem'\n\x93).",
        b"N.cos\nsystem\n.",
        b"cos\nsystem\n\xff\xff",
    ] {
        assert_eq!(plain(bytes, asks), b"cos\nsystem\n.", "{bytes:?}");
    }
}

#[test]
fn what_the_hole_needs_stays() {
    let has = |bytes: &[u8], opcode| {
        Program::parse(bytes).codes.iter().any(|code| code.opcode() == opcode)
    };
    let bytes = b"\x80\x02N0(S'id'\nios\nsystem\n.";
    assert_eq!(plain(bytes, |b| asks(b) && has(b, Opcode::Inst)), b"(ios\nsystem\n.");
    let second = |bytes: &[u8]| {
        let end = bytes.iter().position(|&byte| byte == b'.').unwrap_or(bytes.len());
        asks(bytes) && !asks(&bytes[..end])
    };
    let bytes = b"(K\x01tq\x01.\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.";
    assert_eq!(plain(bytes, second), b"N.cos\nsystem\n.");
    let broken = |bytes: &[u8]| asks(bytes) && !is_whole(bytes);
    assert_eq!(plain(b"(S'id'\nios\nsystem\n00\xff.", broken), b"cos\nsystem\n");
}
