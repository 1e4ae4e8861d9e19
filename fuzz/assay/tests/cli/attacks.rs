//! Every way to name and to call `os.system`: `scan` never says `safe`, `trace` shows the call.

use std::collections::BTreeSet;

use crate::Place;

/// What a way is called, and the pickle. The command is `true`.
const WAYS: [(&str, &[u8]); 24] = [
    ("global-reduce", b"cos\nsystem\n(S'true'\ntR."),
    ("stack-global", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."),
    ("inst", b"(S'true'\nios\nsystem\n."),
    ("obj", b"(cos\nsystem\nS'true'\no."),
    // A tuple made by NEWOBJ takes in an iterator made by NEWOBJ, which calls.
    (
        "newobj",
        b"\x80\x02cbuiltins\ntuple\ncbuiltins\nmap\ncos\nsystem\n](S'true'\ne\x86\x81\x85\x81.",
    ),
    (
        "newobj-ex",
        b"\x80\x04cbuiltins\ntuple\ncbuiltins\nmap\ncos\nsystem\n](S'true'\ne\x86}\x92\x85}\x92.",
    ),
    // The first BUILD puts `__setstate__` into the object, the second calls it.
    (
        "build-setstate",
        b"\x80\x02ctypes\nSimpleNamespace\n)R}X\x0c\x00\x00\x00__setstate__cos\nsystem\nsb\
          X\x04\x00\x00\x00trueb.",
    ),
    ("memo-text", b"Vos\np0\n0Vsystem\np1\n0g0\ng1\n\x93(S'true'\ntR."),
    ("memo-binary", b"\x80\x04\x8c\x02os\x94\x8c\x06system\x9400h\x00h\x01\x93\x8c\x04true\x85R."),
    (
        "memo-renumbered",
        b"\x8c\x01x\x940\x8c\x02osr\x00\x00\x00\x000h\x00\x8c\x06system\x93(S'true'\ntR.",
    ),
    ("memo-of-the-global", b"cos\nsystem\np5\n0N0g5\n(S'true'\ntR."),
    ("dup-of-the-name", b"\x80\x04\x8c\x02os20\x8c\x06system\x93\x8c\x04true\x85R."),
    ("dup-of-the-global", b"cos\nsystem\n20(S'true'\ntR."),
    ("unicode-escape", b"V\\u006fs\nV\\u0073ystem\n\x93(S'\\x74rue'\ntR."),
    ("8-bit-names", b"U\x02osU\x06system\x93(S'true'\ntR."),
    ("native-name", b"cposix\nsystem\n(S'true'\ntR."),
    ("renamed-module", b"\x80\x02ccommands\ngetoutput\n(S'true'\ntR."),
    ("renamed-builtin", b"c__builtin__\neval\n(S'__import__(\"os\").system(\"true\")'\ntR."),
    ("dotted-name", b"\x80\x04\x8c\x06shutil\x8c\x09os.system\x93\x8c\x04true\x85R."),
    ("second-pickle", b"N.cos\nsystem\n(S'true'\ntR."),
    ("memo-of-another-pickle", b"cos\nsystem\np0\n.g0\n(S'true'\ntR."),
    ("truncated-after-the-call", b"cos\nsystem\n(S'true'\ntR"),
    ("fault-after-the-call", b"cos\nsystem\n(S'true'\ntR\xff"),
    ("in-a-frame", b"\x80\x04\x95\x16\0\0\0\0\0\0\0\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."),
];

/// What the call shows as: callables by the names they have themselves.
const CALLED: [&str; 4] = ["posix.system", "os.system", "subprocess.getoutput", "builtins.eval"];

fn place() -> Place {
    let files: Vec<(String, &[u8])> =
        WAYS.iter().map(|(name, pickle)| (format!("{name}.pkl"), *pickle)).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, pickle)| (&**name, *pickle)).collect();
    Place::new(&files)
}

fn names() -> BTreeSet<String> {
    WAYS.iter().map(|(name, _)| format!("./{name}.pkl")).collect()
}

#[test]
fn none_is_judged_safe() {
    let ran = place().run(&["scan", "--format", "json", "."]);
    assert_eq!(ran.code, 1);
    let unsafe_ones: BTreeSet<String> = ran
        .json()
        .iter()
        .filter(|line| line["verdict"] != "safe")
        .map(|line| line["path"].as_str().unwrap().to_owned())
        .collect();
    let safe: Vec<String> = names().difference(&unsafe_ones).cloned().collect();
    assert!(safe.is_empty(), "judged safe: {safe:?}");
}

#[test]
fn each_shows_its_call() {
    let ran = place().run(&["trace", "--format", "json", "--python", "python3", "."]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let shown: BTreeSet<String> = ran
        .json()
        .iter()
        .filter(|line| {
            let touched = line["touched"].as_array().unwrap();
            touched.iter().any(|touched| {
                // What stands in for a method is recorded as one, under its own name.
                (touched["kind"] == "call" || touched["kind"] == "method")
                    && CALLED.contains(&touched["name"].as_str().unwrap())
            })
        })
        .map(|line| line["path"].as_str().unwrap().to_owned())
        .collect();
    let missed: Vec<String> = names().difference(&shown).cloned().collect();
    assert!(missed.is_empty(), "no call seen: {missed:?}");
}
