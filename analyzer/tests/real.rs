//! Pickles that real libraries wrote (`corpus/real`) are safe under their profile, and stop being
//! so when one global or one argument in them is swapped.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use assay_analyzer::{Policy, Verdict, analyze_file, explain};
use assay_pickle::{Opcode, Reader};

#[derive(serde::Deserialize)]
struct Row {
    file: String,
    profile: String,
}

struct Real {
    file: String,
    profile: String,
    bytes: Vec<u8>,
}

static DIRECTORY: LazyLock<PathBuf> =
    LazyLock::new(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/real"));

/// The selection, by profile.
fn selection() -> Vec<(Policy, Vec<Real>)> {
    let manifest = std::fs::read_to_string(DIRECTORY.join("manifest.jsonl")).expect("a manifest");
    let mut files: Vec<Real> = manifest
        .lines()
        .map(|line| serde_json::from_str::<Row>(line).expect("a row"))
        .map(|Row { file, profile }| {
            let bytes = std::fs::read(DIRECTORY.join("files").join(&file)).expect("a file");
            Real { file, profile, bytes }
        })
        .collect();
    files.sort_by(|a, b| (&a.profile, &a.file).cmp(&(&b.profile, &b.file)));
    files
        .chunk_by(|a, b| a.profile == b.profile)
        .map(|files| {
            let names: Vec<&str> = files[0].profile.split('+').collect();
            let policy = Policy::load(&names).expect("a built-in profile");
            let copy = |real: &Real| Real {
                file: real.file.clone(),
                profile: real.profile.clone(),
                bytes: real.bytes.clone(),
            };
            (policy, files.iter().map(copy).collect())
        })
        .collect()
}

/// What the profiles leave out on purpose, and why.
const MISSES: [(&str, &str); 3] = [
    ("-scipy-frozen-norm-", "its __setstate__ runs exec on an attribute of the pickle's"),
    ("-scipy-random-variable-", "its __setstate__ runs exec on an attribute of the pickle's"),
    ("-numpy-structured-object-array-", "offsets of fields may overlap, and NumPy does not check"),
];

#[test]
fn real_pickles_are_safe_under_their_profile() {
    let mut seen = 0;
    for (policy, files) in selection() {
        for real in files {
            seen += 1;
            let analysis = analyze_file(&real.bytes, &policy);
            let missed = MISSES.iter().any(|(part, _)| real.file.contains(part));
            let reasons: Vec<_> =
                analysis.items.iter().flat_map(|item| &item.pickle.reasons).collect();
            assert_eq!(analysis.verdict == Verdict::Safe, !missed, "{}: {reasons:?}", real.file);
        }
    }
    assert!(seen >= 300, "{seen} files are too few to show anything");
}

/// A proposal names what a file asks for and no more, and that is enough.
#[test]
fn proposals_are_minimal_and_enough() {
    for (_, files) in selection() {
        for real in files {
            let names: Vec<_> = real.profile.split('+').map(str::to_owned).collect();
            let explained = explain(&[&real.bytes], &names).expect("a built-in profile");
            let only = explained.proposal.matches("\n    \"").count();
            assert!(only <= explained.entries.len(), "{}: {}", real.file, explained.proposal);
            let missed = MISSES.iter().any(|(part, _)| real.file.contains(part));
            assert!(explained.proved || missed, "{}: {}", real.file, explained.proposal);
        }
    }
}

/// A span of bytes and what to put there instead.
type Swap = (std::ops::Range<usize>, Vec<u8>);

/// Globals that attacks put in the place of others; each has effects when called.
const EVIL: [(&str, &str); 4] =
    [("os", "system"), ("builtins", "eval"), ("builtins", "exec"), ("posix", "system")];

/// Swaps that make a pickle ask for something else, or hand something else to what it calls.
fn swaps(bytes: &[u8]) -> Vec<Swap> {
    let mut swaps = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Ok(instruction) = reader.read() {
        let (start, end) = (instruction.offset, instruction.end());
        let (module, name) = EVIL[swaps.len() % EVIL.len()];
        let global = || format!("c{module}\n{name}\n").into_bytes();
        match instruction.opcode {
            Opcode::Global => {
                swaps.push((start..end, global()));
                swaps.push((start..end, b"c__builtin__\ngetattr\n".to_vec()));
            }
            // The two names below stay on the stack; POP takes what they gave.
            Opcode::StackGlobal => swaps.push((start..end, [b"\x930", &global()[..]].concat())),
            // A call of something else with the same arguments.
            Opcode::Reduce => {
                let call = [&b"0"[..], &global(), b"\x8c\x04true\x85R"].concat();
                swaps.push((start..end, call));
            }
            Opcode::NewObj => swaps.push((start..end, [&b"0"[..], &global(), b")R"].concat())),
            // State that is a global, or that names a hook.
            Opcode::Build => {
                swaps.push((start..end, [&b"0"[..], &global(), b"b"].concat()));
                let hook = [&b"0}\x8c\x0c__setstate__"[..], &global(), b"sb"].concat();
                swaps.push((start..end, hook));
            }
            _ => {}
        }
    }
    swaps
}

/// Numerals and text of arguments that a contract pins, with what must not stand there.
fn literals(bytes: &[u8]) -> Vec<Swap> {
    let pinned: [(&[u8], &[u8]); 8] = [
        (b"\x8c\x06latin1", b"\x8c\x06base64"),
        (b"X\x06\0\0\0latin1", b"X\x06\0\0\0base64"),
        (b"\x8c\x02f8", b"\x8c\x02O8"),
        (b"X\x02\0\0\0f8", b"X\x02\0\0\0O8"),
        (b"\x8c\x02i8", b"\x8c\x02O8"),
        (b"X\x02\0\0\0i8", b"X\x02\0\0\0O8"),
        // numpy.dtype's flags: 0 to 63, that of objects.
        (b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t", b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ft"),
        (b"\x8c\x09_unpickle", b"\x8c\x09__class__"),
    ];
    let mut swaps = Vec::new();
    for (honest, hostile) in pinned {
        let mut from = 0;
        while let Some(at) = bytes[from..].windows(honest.len()).position(|window| window == honest)
        {
            let start = from + at;
            swaps.push((start..start + honest.len(), hostile.to_vec()));
            from = start + honest.len();
        }
    }
    swaps
}

fn swapped(bytes: &[u8], (span, with): &Swap) -> Vec<u8> {
    [&bytes[..span.start], with, &bytes[span.end..]].concat()
}

/// Swaps tried of one file: a model of thousands of opcodes has the same few over and over.
const TRIED: usize = 40;

#[test]
fn swapped_pickles_are_never_safe() {
    let mut tried = [0, 0];
    for (policy, files) in selection() {
        for real in files {
            for (kind, swaps) in [swaps(&real.bytes), literals(&real.bytes)].into_iter().enumerate()
            {
                let step = swaps.len().div_ceil(TRIED).max(1);
                for swap in swaps.iter().step_by(step) {
                    let variant = swapped(&real.bytes, swap);
                    let verdict = analyze_file(&variant, &policy).verdict;
                    let what = swap.1.escape_ascii();
                    assert_ne!(verdict, Verdict::Safe, "{} at {:?}: {what}", real.file, swap.0);
                    tried[kind] += 1;
                }
            }
        }
    }
    assert!(tried[0] > 5000 && tried[1] > 500, "{tried:?} variants are too few");
}
