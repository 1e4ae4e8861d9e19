//! Exhaustive campaigns: small ones to their end, longer ones in part.

use std::process::{Command, Stdio};
use std::time::Duration;

use assay_campaign::Store;
use serde_json::Value;

use crate::Place;

/// One CPython, little sampling: what is tested here does not hang on how many.
const SMALL: [&str; 6] = ["--python", "python3", "--exhaustive-sample", "320", "--jobs", "1"];

fn certificate(place: &Place, out: &str) -> Value {
    let path = place.path().join(out).join("certificate.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// What does not hang on how quick the machine is.
fn counts(certificate: &Value) -> Value {
    let mut counts = certificate["counts"].clone();
    counts.as_object_mut().unwrap().remove("spent_us");
    counts
}

#[test]
fn our_analyser_is_sound_on_two_opcodes_and_no_rule_is_contradicted() {
    let place = Place::new(&[]);
    let args = ["campaign", "--exhaustive", "2", "--seed", "1", "--out", "out"];
    let ran = place.run(&[&args[..], &SMALL].concat());
    assert_eq!(ran.code, 0, "{}", ran.shown());
    assert!(ran.stdout.contains("certificate: exhaustive\n"), "{}", ran.stdout);
    let certificate = certificate(&place, "out");
    assert_eq!(certificate["complete"], true);
    assert_eq!(certificate["void"], Value::Null);
    assert_eq!(certificate["programs"], 1 + 159 + 159 * 159);
    assert_eq!(certificate["counts"]["programs"], certificate["programs"]);
    assert_eq!(certificate["counts"]["refuted"], 0);
    let rules = certificate["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 4);
    for rule in rules {
        assert!(rule["pruned"].as_u64().unwrap() > 0, "{rule}");
        assert!(rule["tried"].as_u64().unwrap() > 0, "{rule}");
        assert_eq!(rule["contradicted"], 0, "{rule}");
    }
    let html = std::fs::read_to_string(place.path().join("out/report.html")).unwrap();
    assert!(html.contains("Certificate: at most 2 opcodes") && html.contains("ended-prefix"));
    // Done is done.
    let again = place.run(&["campaign", "--resume", "out", "--python", "python3"]);
    assert_eq!(again.code, 0, "{}", again.shown());
    assert_eq!(counts(&self::certificate(&place, "out")), counts(&certificate));
}

#[test]
fn a_hole_that_needs_two_opcodes_is_found() {
    let place = Place::new(&[]);
    let analyzer = ["--analyzer", "planted:inst-unread", "--judge", "policy"];
    let args = ["campaign", "--exhaustive", "2", "--seed", "1", "--out", "out", "--format", "json"];
    let ran = place.run(&[&args[..], &analyzer, &SMALL].concat());
    assert_eq!(ran.code, 1, "{}", ran.shown());
    let lines = ran.json();
    let found = lines.iter().find(|line| line["class"] == "unsound").unwrap();
    assert!(found["bucket"].as_str().unwrap().starts_with("unsound-inst-"), "{found}");
    assert!(found["minimized_opcodes"].as_u64().unwrap() <= 3, "{found}");
    let certificate = certificate(&place, "out");
    assert!(certificate["counts"]["refuted"].as_u64().unwrap() > 0);
    assert!(certificate["result"].as_str().unwrap().contains("1 root cause"), "{certificate}");
}

#[test]
fn a_kill_loses_no_unit_and_counts_none_twice() {
    let place = Place::new(&[]);
    let begin = ["campaign", "--quiet", "--exhaustive", "3", "--seed", "1"];
    // Eight units of 160.
    let shard = [&begin[..], &["--shard", "2/20", "--engine", "c-loads"], &SMALL].concat();
    let whole = place.run(&[&shard[..], &["--out", "whole"]].concat());
    assert_eq!(whole.code, 0, "{}", whole.shown());
    let mut child = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args([&shard[..], &["--out", "killed"]].concat())
        .current_dir(place.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let killed = place.path().join("killed");
    let done =
        || Store::open(&killed).and_then(|store| store.state(2)).map_or(0, |s| s.units.len());
    // A minute at most: a machine may be slow.
    for _ in 0..1200 {
        if done() >= 2 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = done();
    assert!(before >= 2);
    let ran = place.run(&["campaign", "--resume", "killed", "--python", "python3"]);
    assert_eq!(ran.code, 0, "{}", ran.shown());
    assert_eq!(done(), 8);
    let expected = counts(&certificate(&place, "whole"));
    assert_eq!(counts(&certificate(&place, "killed")), expected);
    assert!(ran.stdout.contains("not exhaustive, 5.0 % done"), "{}", ran.stdout);

    // Another shard, done elsewhere, makes one certificate with it.
    let other = [&begin[..], &["--shard", "3/20", "--engine", "c-loads"], &SMALL].concat();
    assert_eq!(place.run(&[&other[..], &["--out", "other"]].concat()).code, 0);
    let report =
        place.run(&["report", "killed", "other", "whole", "--format", "json", "--out", "-"]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let merged = report["summary"]["certificates"].as_array().unwrap();
    assert_eq!(merged.len(), 1);
    // The shard that was done twice counts once.
    assert_eq!(merged[0]["units_done"], 16);
    let programs = |of: &Value| of["counts"]["programs"].as_u64().unwrap();
    let both = programs(&certificate(&place, "killed")) + programs(&certificate(&place, "other"));
    assert_eq!(programs(&merged[0]), both);
}

#[test]
fn the_cost_is_estimated_from_a_slice() {
    let place = Place::new(&[]);
    let args = ["campaign", "--exhaustive", "4", "--estimate", "--time", "1s", "--seed", "1"];
    let engine = ["--engine", "c-loads", "--format", "json", "--quiet"];
    let ran = place.run(&[&args[..], &engine, &SMALL].concat());
    assert_eq!(ran.code, 0, "{}", ran.shown());
    let cost = &ran.json()[0];
    assert_eq!(cost["units"], 1 + 159 + 159 * 159);
    assert!(cost["units_measured"].as_u64().unwrap() >= 2);
    assert!(cost["core_hours"].as_f64().unwrap() > 0.0);
    assert!(!place.path().join("campaigns").exists());
}
