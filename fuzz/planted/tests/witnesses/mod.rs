//! One handwritten witness for each hole, after what the hole is modelled on.
//!
//! They prove that the holes are real. They must not come near a campaign: who has seen them has
//! found nothing.

/// Runs `true`.
const PAYLOAD: &[u8] = b"cos\nsystem\n(S'true'\ntR";

/// Every hole's name and witness.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("inst-unread", b"(S'true'\nios\nsystem\n.".to_vec()),
        ("unreadable-passes", join(&[PAYLOAD, b"\xff"])),
        ("incomplete-passes", PAYLOAD.to_vec()),
        ("first-pickle-only", join(&[b"N.", PAYLOAD, b"."])),
        ("text-pickles-pass", join(&[PAYLOAD, b"."])),
        ("names-not-forbidden", b"ctimeit\ntimeit\n(S'pass'\ntR.".to_vec()),
        ("python-2-names-pass", b"c__builtin__\neval\n(S'1'\ntR.".to_vec()),
        ("operands-unknown", b"\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93\x8c\x04true\x85R.".to_vec()),
        ("obj-is-no-call", b"(cos\nsystem\nS'true'\no.".to_vec()),
        ("dropped-is-harmless", join(&[PAYLOAD, b"0N."])),
        ("other-builtins-pass", b"cbuiltins\nopen\n(S'/tmp/x'\nS'w'\ntR.".to_vec()),
        ("networking-passes", b"csocket\ngethostbyname\n(S'localhost'\ntR.".to_vec()),
        ("classes-pass", b"csubprocess\nPopen\n(S'true'\ntR.".to_vec()),
        ("last-two-texts", run(b"\x8c\x02os\x8c\x06system\x8c\x07decimal\x8c\x07Decimal00\x93")),
        ("put-unread", stored_then_memoized()),
        (
            "put-in-order",
            run(b"Vos\np2\n0Vsystem\np3\n0Vdecimal\np0\n0VDecimal\np1\n0g2\ng3\n\x93"),
        ),
        ("memoize-miscounted", stored_then_memoized()),
        (
            "first-stored-stays",
            run(b"\x8c\x07decimalq\x00\x8c\x07Decimalq\x01\x8c\x02osq\x00\x8c\x06systemq\x01h\x00h\x01\x93"),
        ),
        ("stored-again-passes", join(&[PAYLOAD, b"p0\np0\n."])),
        ("memo-miss-passes", join(&[PAYLOAD, b"g9\n."])),
        ("not-text-passes", join(&[PAYLOAD, b"K\x01K\x02\x93."])),
        ("unknown-protocol-passes", join(&[PAYLOAD, b"\x80\x09."])),
        ("odd-numerals-pass", join(&[b"I0x1\n0", PAYLOAD, b"."])),
        (
            "packages-pass",
            b"cmultiprocessing.util\nspawnv_passfds\n(C\x09/bin/true(C\x04truet)tR.".to_vec(),
        ),
        ("modules-pass", run(b"\x80\x04cuuid\nos.system\n")),
        (
            "pop-mark-passed-over",
            run(b"\x8c\x02os\x8c\x06system(\x8c\x07decimal\x8c\x07Decimal1\x93"),
        ),
        ("frame-is-pickle", join(&[b"\x80\x04\x95\x02\0\0\0\0\0\0\0N0", PAYLOAD, b"."])),
        ("eight-bit-names-pass", b"U\x02osU\x06system\x93U\x04true\x85R.".to_vec()),
        (
            "unpickling-passes",
            join(&[b"cpickle\nloads\n(C", &[PAYLOAD.len() as u8 + 1], PAYLOAD, b".tR."]),
        ),
        ("looking-up-passes", run(b"cpkgutil\nresolve_name\n(S'os:system'\ntR")),
        ("newobj-is-no-call", b"czoneinfo\nZoneInfo\n(S'Europe/Paris'\nt\x81.".to_vec()),
        (
            "binunicode8-unread",
            run(b"\x8d\x02\0\0\0\0\0\0\0os\x8d\x06\0\0\0\0\0\0\0system\x93"),
        ),
        ("looks-back-ten", join(&[b"cos\nsystem\n", &b"N0".repeat(5), b"(S'true'\ntR."])),
        ("unhandled-ends-reading", join(&[b"F1.0\n0", PAYLOAD, b"."])),
        ("setitem-is-no-call", b"cos\nenviron\nVX\nVy\ns.".to_vec()),
        ("dup-passed-over", run(b"\x8c\x07decimal\x8c\x07Decimal\x8c\x02os\x8c\x06system2200\x93")),
        ("newobj-ex-is-no-call", b"czoneinfo\nZoneInfo\n(S'Europe/Paris'\nt}\x92.".to_vec()),
        (
            "build-is-no-call",
            b"ccollections\nOrderedDict\n)R}S'__setstate__'\ncos\nsystem\nsbS'true'\nb.".to_vec(),
        ),
        (
            "memo-leaks",
            run(b"\x8c\x07decimal\x94\x8c\x07Decimal\x94.\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93"),
        ),
        (
            "memo-forgotten",
            run(b"\x8c\x02os\x94\x8c\x06system\x94.\x8c\x07decimal\x94\x8c\x07Decimal\x94h\x00h\x01\x93"),
        ),
        ("later-fault-passes", join(&[b"N.", PAYLOAD, b"\xff"])),
        ("attributes-pass", run(b"\x80\x04cpathlib\nPurePosixPath.parser.os.system\n")),
        ("getattr-passes", run(GETATTR)),
        (
            "importing-passes",
            run(b"cbuiltins\ngetattr\n(cimportlib\nimport_module\n(S'os'\ntRS'system'\ntR"),
        ),
        ("operators-pass", run(OPERATORS)),
        (
            "extensions-pass",
            run(b"ccopyreg\nadd_extension\n(S'os'\nS'system'\nK\xf0tR0\x82\xf0"),
        ),
        ("opcode-limit", join(&[&b"N0".repeat(50), PAYLOAD, b"."])),
        ("byte-limit", join(&[b"B\x00\x14\0\0", &[0; 0x1400], b"0", PAYLOAD, b"."])),
        ("nul-numerals-pass", join(&[b"I1\0\n0", PAYLOAD, b"."])),
        (
            "memo-by-text",
            run(b"Vdecimal\np0\nVDecimal\np1\nVos\np00\nVsystem\np01\ng0\ng1\n\x93"),
        ),
        (
            "good-company",
            join(&[b"ccollections\ndeque\n0cdatetime\ndate\n0cuuid\nUUID\n0", PAYLOAD, b"."]),
        ),
        ("proven-by-one-use", b"csubprocess\nPopen\nq\x00)\x810h\x00(S'true'\ntR.".to_vec()),
        (
            "nested-in-text",
            join(&[
                b"cpickle\nloads\n(c_codecs\nencode\n(X",
                &[PAYLOAD.len() as u8 + 1, 0, 0, 0],
                PAYLOAD,
                b".X\x06\0\0\0latin1tRtR.",
            ]),
        ),
    ]
}

/// `getattr(getattr(getattr(UUID, '__init__'), '__globals__'), 'get')('os')`, and its `system`.
const GETATTR: &[u8] = b"cbuiltins\ngetattr\np0\n(g0\n(g0\n(g0\n(cuuid\nUUID\nS'__init__'\ntR\
    S'__globals__'\ntRS'get'\ntR(S'os'\ntRS'system'\ntR";

/// The same by operators: `attrgetter('__init__.__globals__')(UUID)`, of which `itemgetter('os')`,
/// and of that its `system`.
const OPERATORS: &[u8] = b"coperator\nattrgetter\n(S'system'\ntR\
    (coperator\nitemgetter\n(S'os'\ntR\
    (coperator\nattrgetter\n(S'__init__.__globals__'\ntR(cuuid\nUUID\ntRtRtR";

/// `os` and `system` by BINPUT at 0 and 1, then something harmless by MEMOIZE.
fn stored_then_memoized() -> Vec<u8> {
    run(b"\x8c\x02osq\x00\x8c\x06systemq\x01\x8c\x07decimal\x94\x8c\x07Decimal\x94h\x00h\x01\x93")
}

/// The pickle that calls what `naming` leaves on the stack with `'true'`.
fn run(naming: &[u8]) -> Vec<u8> {
    join(&[naming, b"\x8c\x04true\x85R."])
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
