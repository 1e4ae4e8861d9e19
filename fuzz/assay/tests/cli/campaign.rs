//! Short campaigns: that the command works. How much they find in a minute is for CI to see.

use serde_json::Value;

use crate::check::scanner;
use crate::{Place, Ran, has_fields};

/// Pickles: enough for the flaws looked for here, quickly done.
const EXECS: &str = "5000";

fn campaign(place: &Place, out: &str, more: &[&str]) -> Ran {
    let args =
        ["campaign", "--execs", EXECS, "--seed", "1", "--time", "60s", "--python", "python3"];
    place.run(&[&args[..], &["--out", out, "--format", "json"], more].concat())
}

fn summary(place: &Place, out: &str) -> Value {
    let text = std::fs::read_to_string(place.path().join(out).join("summary.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn finds_the_flaw_of_a_scanner_and_leaves_what_a_reader_needs() {
    let place = Place::new(&[]);
    let ran = campaign(&place, "out", &["--analyzer", &scanner(Some("naive")), "--fail-on", "any"]);
    // 2 if the planted hole was not found in so short a time.
    assert_ne!(ran.code, 0, "{}", ran.shown());
    let findings: Vec<Value> =
        ran.json().into_iter().filter(|line| line.get("bucket").is_some()).collect();
    let found = findings.iter().find(|finding| finding["class"] == "unsound");
    let found = found.unwrap_or_else(|| panic!("nothing unsound: {}", ran.shown()));
    has_fields(found, &["analyzer", "summary", "first_seen_seconds", "count", "original_bytes"]);
    has_fields(found, &["minimized_bytes", "minimized_opcodes", "pythons", "engines", "touched"]);
    let out = place.path().join("out");
    let minimized = out.join(found["minimized_path"].as_str().unwrap());
    for name in ["original.pkl", "minimized.pkl", "report.md", "reproduce.py"] {
        assert!(minimized.with_file_name(name).is_file(), "{name}");
    }
    for name in ["campaign.sqlite", "summary.json", "findings.jsonl", "report.html"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    let summary = summary(&place, "out");
    has_fields(&summary, &["seed", "seconds", "generated", "analyzed", "executed"]);
    has_fields(&summary, &["executed_deny", "executed_full", "execs_per_second", "loaded"]);
    has_fields(&summary, &["touched_denied", "opcodes_seen", "transitions_seen", "verdicts"]);
    has_fields(&summary, &["safe_with_call_executed_full", "control", "buckets", "analyzers"]);
    has_fields(&summary, &["pythons", "first_find_seconds"]);
    has_fields(&summary["control"], &["planted", "found_seconds"]);
    assert_eq!(summary["seed"], 1);

    let report = place.run(&["report", "out", "--format", "md"]);
    assert_eq!(report.code, 0, "{}", report.stderr);
    assert!(report.stdout.contains(found["bucket"].as_str().unwrap()));
}

#[test]
fn aims_at_what_the_policy_keeps_out() {
    let place = Place::new(&[]);
    let hole = "data/_codecs:encode/call[0]/arg[1]";
    let analyzer = format!("assay:stdlib~{hole}");
    let aimed = ["--aim", hole, "--until-found", "--analyzer"];
    let ran = campaign(&place, "hole", &[&aimed[..], &[&analyzer]].concat());
    assert_eq!(ran.code, 1, "{}", ran.shown());
    // The whole policy, aimed at everywhere; 2 if the planted hole was not found in so short a time.
    let ran = campaign(&place, "whole", &["--aim", "data/", "--aim", "stdlib/"]);
    assert_ne!(ran.code, 1, "{}", ran.shown());
    // Most of what is aimed is kept out, as it must be.
    assert!(summary(&place, "whole")["verdicts"]["safe"].as_u64() > Some(300));
    let ran = campaign(&place, "none", &["--aim", "data/nothing"]);
    assert_eq!(ran.code, 2, "{}", ran.shown());
    assert!(ran.stderr.contains("assay policy conditions"), "{}", ran.shown());
}

#[test]
fn goes_on_where_it_was_left() {
    let place = Place::new(&[]);
    campaign(&place, "out", &[]);
    let before = summary(&place, "out")["generated"].as_u64().unwrap();
    let ran = place.run(&["campaign", "--resume", "out", "--execs", "2000", "--time", "60s"]);
    assert!(ran.stderr.contains("resuming out, seed 1"), "{}", ran.stderr);
    let after = summary(&place, "out");
    assert!(after["generated"].as_u64().unwrap() > before);
    assert_eq!(after["seed"], 1);
    // A directory that holds a campaign is not written over.
    assert_eq!(campaign(&place, "out", &[]).code, 2);
    assert_eq!(place.run(&["campaign", "--resume", "nowhere"]).code, 2);
}
