//! `assay policy conditions` and `assay policy measure`.

use crate::{Place, has_fields};

const ENCODING: &str = "data/_codecs:encode/call[0]/arg[1]";

#[test]
fn conditions_have_names_and_can_be_had_without() {
    let place = Place::new(&[("rot13.pkl", b"c_codecs\nencode\n(Vx\nVrot13\ntR.")]);
    let ran = place.run(&["policy", "conditions", "data/_codecs:", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.shown());
    let lines = ran.json();
    for line in &lines {
        has_fields(line, &["condition", "demands", "globals", "unfound_because", "reason"]);
    }
    assert!(lines.iter().any(|line| line["condition"] == ENCODING), "{lines:?}");
    let spec = format!("assay:stdlib~{ENCODING}");
    let ran = place.run(&[
        "check",
        "rot13.pkl",
        "--python",
        "python3",
        "--analyzer",
        &spec,
        "--analyzer",
        "assay",
        "--hunt",
        "soundness",
        "--format",
        "json",
    ]);
    let verdicts: Vec<_> = ran.json().iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!(verdicts, ["safe", "unproven"], "{}", ran.shown());
    let ran = place.run(&["policy", "conditions", "data/nothing"]);
    assert_eq!(ran.code, 2, "{}", ran.shown());
}

/// One condition of each kind that campaigns find within a second or so.
#[test]
fn campaigns_find_what_deleted_conditions_let_pass() {
    let place = Place::new(&[]);
    let wanted = [
        ENCODING,
        "data/builtins:bytes/call[0]/count",
        "data/builtins:object/build",
        "stdlib/copyreg:_reconstructor/call[0]/arg[1]",
        "stdlib/operator:itemgetter/apply",
    ];
    let args = ["policy", "measure", "--python", "python3", "--format", "json", "--quiet"];
    let ran = place.run(&[&args[..], &wanted[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.shown());
    let lines = ran.json();
    assert_eq!(lines.len(), wanted.len(), "{}", ran.shown());
    for line in &lines {
        assert!(line["found_seconds"].is_number(), "{line}");
        assert!(line["minimized"].is_string() && line["unfound_because"].is_null(), "{line}");
    }
    // What has a result already is left out.
    std::fs::write(place.path().join("done.jsonl"), &ran.stdout).unwrap();
    let args = [&args[..], &["--resume", "done.jsonl"], &wanted[..]].concat();
    assert_eq!(place.run(&args).json().len(), 0);
}
