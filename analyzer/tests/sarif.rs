//! What is written for code scanning is valid by the schema of SARIF 2.1.0.

use std::io::{Cursor, Write};

use assay_analyzer::{Limits, Policy, analyze_file_with, sarif};
use serde_json::Value;

fn validator() -> jsonschema::Validator {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fuzz/campaign/tests/fixtures/sarif-schema-2.1.0.json"
    );
    let schema = std::fs::read_to_string(path).expect("the schema is kept with the reports' tests");
    // Its pattern for languages has a bracket that JavaScript takes as itself and a strict reader
    // refuses.
    let schema = schema.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$");
    jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap()
}

#[test]
fn every_kind_of_finding_is_valid() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("a ü.pkl", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"cos\nsystem\n(S'true'\ntR.").unwrap();
    let zip = zip.finish().unwrap().into_inner();
    let files: [(&str, &[u8]); 6] = [
        ("a dangerous <one>.pkl", b"cos\nsystem\n(S'\xff<>&\"'\ntR."),
        ("-", b"cm\nn\n(lp0\nb."),
        ("dir/malformed", b"\x80\x04]\xff"),
        ("/absolute/ünïcode.zip", &zip),
        ("damaged.zip", &zip[..zip.len() - 30]),
        ("safe", b"N."),
    ];
    let policy = Policy::load(&["stdlib"]).unwrap();
    let analyses: Vec<_> = files
        .iter()
        .map(|(path, bytes)| (*path, analyze_file_with(bytes, &policy, &Limits::default())))
        .collect();
    let items =
        analyses.iter().flat_map(|(path, analysis)| analysis.items.iter().map(|i| (*path, i)));
    let log = sarif(items);
    let validator = validator();
    let faults: Vec<String> = validator
        .iter_errors(&log)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let of = |uri: &str| -> Vec<&Value> {
        let is = |result: &&Value| {
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
        };
        results.iter().filter(is).collect()
    };
    assert_eq!(of("a%20dangerous%20%3Cone%3E.pkl")[0]["level"], "error");
    assert_eq!(of("dir/malformed")[0]["level"], "warning");
    assert_eq!(of("safe").len(), 0);
    let member = of("/absolute/%C3%BCn%C3%AFcode.zip")[0];
    assert_eq!(member["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "a ü.pkl");
    // The schema does refuse what is wrong.
    let mut wrong = log.clone();
    wrong["runs"][0]["results"][0]["level"] = "bad".into();
    assert!(!validator.is_valid(&wrong));
}
