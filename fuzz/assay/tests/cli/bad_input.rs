//! Input that is no pickle, or hardly one: exact exit codes, one clear line, bounded memory.

use std::time::{Duration, Instant};

use crate::{Place, Ran};

/// Address space that a run may take; what is measured is less.
const MEMORY_KB: u64 = 512 << 10;

/// Scans in bounded memory.
fn scan(place: &Place, file: &str) -> Ran {
    let script = format!("ulimit -v {}; exec \"$0\" \"$@\"", MEMORY_KB);
    let mut command = assert_cmd::Command::new("sh");
    command.current_dir(place.path()).env("NO_COLOR", "1");
    // One worker: each has a stack of its own, which counts as address space unused.
    command.args([
        "-c",
        &script,
        env!("CARGO_BIN_EXE_assay"),
        "scan",
        "--quiet",
        "--jobs",
        "1",
        file,
    ]);
    let begun = Instant::now();
    let ran = Ran::new(&mut command);
    assert!(begun.elapsed() < Duration::from_secs(20), "{file} took {:?}", begun.elapsed());
    ran
}

fn unsafe_with(bytes: &[u8], message: &str) {
    let place = Place::new(&[("x.pkl", bytes)]);
    let ran = scan(&place, "x.pkl");
    assert_eq!(ran.code, 1, "{}", ran.shown());
    assert!(ran.stdout.starts_with("unproven  x.pkl\n"), "{}", ran.shown());
    assert!(ran.stdout.contains(message), "expected {message:?} in {}", ran.shown());
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.shown());
    assert_eq!(ran.stderr, "");
}

#[test]
fn an_empty_file() {
    unsafe_with(b"", "the input ends");
}

#[test]
fn a_hundred_megabytes_of_zeros() {
    unsafe_with(&vec![0; 100 << 20], "unknown opcode 0x00");
}

#[test]
fn a_memo_index_of_2_to_the_31() {
    unsafe_with(b"Nr\x00\x00\x00\x80.", "2147483648");
}

#[test]
fn a_long_of_four_gigabytes_that_are_not_there() {
    unsafe_with(b"\x8b\xff\xff\xff\x7fabc", "2147483647 bytes needed, 3 left");
    unsafe_with(b"\x8b\x00\x00\x00\x80abc", "negative");
    unsafe_with(b"\x8e\x00\x00\x00\x00\x01\x00\x00\x00abc", "4294967296 bytes needed, 3 left");
}

#[test]
fn a_pickle_nested_a_million_deep() {
    let lists = [vec![b']'; 1_000_000], vec![b'a'; 999_999], b".".to_vec()].concat();
    let tuples = [b"N".to_vec(), vec![0x85; 1_000_000], b".".to_vec()].concat();
    let marks = [vec![b'('; 1_000_000], b".".to_vec()].concat();
    let place = Place::new(&[("lists", &lists), ("tuples", &tuples), ("marks", &marks)]);
    for file in ["lists", "tuples", "marks"] {
        let ran = scan(&place, file);
        assert!(ran.code <= 1, "{}", ran.shown());
        assert_eq!(ran.stderr, "");
    }
    // Not judged safe: some unpickler would fall over the depth of what it built.
    assert_eq!(scan(&place, "marks").code, 1);
}

#[test]
fn a_missing_path() {
    let ran = scan(&Place::new(&[]), "none.pkl");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert_eq!(ran.stderr, "assay: none.pkl: no such file or directory\n");
}

#[test]
fn a_directory_is_walked_and_an_empty_one_is_clean() {
    let place = Place::new(&[]);
    std::fs::create_dir_all(place.path().join("sub/sub")).unwrap();
    let ran = scan(&place, "sub");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "assay: sub: no file in it\n"));
    std::fs::write(place.path().join("sub/sub/x.pkl"), crate::SYSTEM).unwrap();
    assert_eq!(scan(&place, "sub").code, 1);
}

#[test]
fn a_device_is_refused() {
    let ran = scan(&Place::new(&[]), "/dev/zero");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("a device, not a file"), "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_is_no_error_to_report() {
    let place = Place::new(&[]);
    for i in 0..200 {
        std::fs::write(place.path().join(format!("{i}.pkl")), crate::SYSTEM).unwrap();
    }
    let program = env!("CARGO_BIN_EXE_assay");
    let script = format!("'{program}' scan --quiet --format json . . . . . . | head -n 1");
    let mut command = assert_cmd::Command::new("sh");
    let ran = Ran::new(command.current_dir(place.path()).args(["-c", &script]));
    assert_eq!(ran.stdout.lines().count(), 1);
    assert_eq!(ran.stderr, "");
}
