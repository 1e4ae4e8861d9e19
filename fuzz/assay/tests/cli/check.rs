use crate::{ORDERED, Place, SYSTEM, has_fields};

/// The scanner kept as a fixture, as an analyser under test.
pub fn scanner(flaw: Option<&str>) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../subjects/tests/fixtures/scanner.py");
    let flaw = flaw.map(|flaw| format!(" --flaw {flaw}")).unwrap_or_default();
    format!("exec:python3 '{path}'{flaw}")
}

const HUNT: [&str; 4] = ["--python", "python3", "--hunt", "soundness"];

#[test]
fn where_judgement_and_truth_agree_nothing_is_found() {
    let place = Place::new(&[("good.pkl", ORDERED), ("bad.pkl", SYSTEM)]);
    let twin = scanner(None);
    let args = [
        &["check", ".", "--format", "json", "--analyzer", "assay", "--analyzer", &twin],
        &HUNT[..],
    ];
    let ran = place.run(&args.concat());
    assert_eq!(ran.code, 0, "{}", ran.shown());
    let lines = ran.json();
    assert_eq!(lines.len(), 4);
    for line in &lines {
        has_fields(line, &["path", "analyzer", "verdict", "discrepancies"]);
        assert_eq!(line["verdict"], if line["path"] == "./bad.pkl" { "dangerous" } else { "safe" });
    }
}

#[test]
fn a_hole_is_found_and_has_a_bucket_whatever_the_bytes_around() {
    let small = b"(S'true'\nios\nsystem\n.";
    let large = b"\x80\x02]q\x00(K\x01K\x02(X\x04\x00\x00\x00trueq\x01ios\nsystem\nq\x02e.";
    let place = Place::new(&[("large.pkl", large), ("small.pkl", small)]);
    let flawed = scanner(Some("skip-inst"));
    let args = [
        &["check", "large.pkl", "small.pkl", "--format", "json", "--analyzer", &flawed],
        &HUNT[..],
    ];
    let ran = place.run(&args.concat());
    assert_eq!(ran.code, 1, "{}", ran.shown());
    let mut buckets = Vec::new();
    for line in ran.json() {
        let [found] = line["discrepancies"].as_array().unwrap().as_slice() else {
            panic!("one discrepancy expected: {line}");
        };
        has_fields(found, &["class", "bucket", "summary", "python", "engine", "touched"]);
        assert_eq!(found["class"], "unsound");
        buckets.push(found["bucket"].clone());
    }
    assert_eq!(buckets[0], buckets[1]);
}

#[test]
fn an_analyser_that_dies_is_a_discrepancy_and_one_that_is_missing_an_error() {
    let place = Place::new(&[("good.pkl", ORDERED)]);
    let args = [&["check", "good.pkl", "--format", "json", "--analyzer", "exec:false"], &HUNT[..]];
    let ran = place.run(&args.concat());
    assert_eq!(ran.code, 1, "{}", ran.shown());
    assert_eq!(ran.json()[0]["verdict"], "error");
    assert_eq!(ran.json()[0]["discrepancies"][0]["class"], "analyzer-crash");
    let args = ["check", "good.pkl", "--analyzer", "exec:/nonexistent/scanner"];
    let ran = place.run(&args);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn minimize_stays_in_the_bucket() {
    let large = b"\x80\x02]q\x00(K\x01K\x02(X\x04\x00\x00\x00trueq\x01ios\nsystem\nq\x02e.";
    let place = Place::new(&[("large.pkl", large)]);
    let flawed = scanner(Some("skip-inst"));
    let args = ["minimize", "large.pkl", "--out", "small.pkl", "--format", "json"];
    let ran = place.run(&[&args[..], &["--analyzer", &flawed, "--python", "python3"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.shown());
    let [line] = ran.json().try_into().unwrap();
    assert_eq!(line["class"], "unsound");
    assert!(line["minimized_opcodes"].as_u64().unwrap() <= 6, "{line}");
    let small = std::fs::read(place.path().join("small.pkl")).unwrap();
    assert_eq!(small.len() as u64, line["minimized_bytes"].as_u64().unwrap());
}

#[test]
fn minimize_by_a_command() {
    let place = Place::new(&[("x.pkl", SYSTEM), ("y.pkl", b"N.")]);
    let command = ["--out", "small.pkl", "--interesting", "grep -q system {}"];
    let ran = place.run(&[&["minimize", "x.pkl"], &command[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.shown());
    let small = std::fs::read(place.path().join("small.pkl")).unwrap();
    assert!(small.len() < SYSTEM.len() && small.windows(6).any(|window| window == b"system"));
    let ran = place.run(&[&["minimize", "y.pkl"], &command[..]].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("not interesting"), "{}", ran.stderr);
}

#[test]
fn minimize_by_a_command_bears_spaces_relative_paths_and_what_hangs() {
    // Interesting in an instant, or never done.
    let script = b"#!/bin/sh\ngrep -q system \"$1\" && exit 0\nsleep 1000\n";
    let place = Place::new(&[("a file.pkl", b"cos\nsystem\n."), ("say so.sh", script)]);
    let args = ["minimize", "a file.pkl", "--out", "the smallest.pkl", "--timeout", "300ms"];
    for jobs in ["1", "5"] {
        let command = ["--interesting", "sh './say so.sh' {}", "--tests", "40", "--jobs", jobs];
        let ran = place.run(&[&args[..], &command].concat());
        assert_eq!(ran.code, 0, "{}", ran.shown());
        let small = std::fs::read(place.path().join("the smallest.pkl")).unwrap();
        assert_eq!(small, b"\nsystem", "{}", ran.shown());
    }
    for (command, says) in [
        ("./nowhere {}", "cannot start"),
        ("true", "where the file's name goes"),
        ("sh 'unclosed {}", "a quote is not closed"),
    ] {
        let ran = place.run(&[&args[..], &["--interesting", command]].concat());
        assert!(ran.code == 2 && ran.stderr.contains(says), "{}", ran.shown());
    }
}
