use crate::{ORDERED, Place, SYSTEM, has_fields};

#[test]
fn a_line_of_json_for_each_load() {
    let place = Place::new(&[("x.pkl", SYSTEM)]);
    let ran = place.run(&["trace", "--format", "json", "--python", "python3", "x.pkl"]);
    let lines = ran.json();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let engines: Vec<_> = lines.iter().map(|line| line["engine"].as_str().unwrap()).collect();
    assert_eq!(engines, ["c-loads", "c-file", "c-stream", "c-reuse", "py", "dis"]);
    for line in &lines {
        has_fields(line, &["path", "python", "engine", "outcome", "exception", "touched"]);
        has_fields(line, &["effects", "result", "stderr", "time_us"]);
        assert_eq!(line["path"], "x.pkl");
    }
    for line in &lines[..5] {
        let touched = line["touched"].as_array().unwrap();
        let resolved = touched.iter().find(|t| t["kind"] == "resolve").unwrap();
        has_fields(resolved, &["kind", "name", "opcode_offset", "args"]);
        assert_eq!(resolved["name"], "os.system");
        let kinds: Vec<_> =
            line["effects"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
        assert!(kinds.iter().any(|kind| *kind == "exec"), "{line}");
    }
    assert_eq!(lines[5]["touched"], serde_json::json!([]));
}

#[test]
fn engines_and_interpreters_can_be_chosen() {
    let place = Place::new(&[("x.pkl", ORDERED)]);
    let args = ["trace", "--format", "json", "--python", "python3", "--engine", "py", "x.pkl"];
    let lines = place.run(&args).json();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["engine"], &lines[0]["outcome"]), (&"py".into(), &"loaded".into()));
    let missing = place.run(&["trace", "--python", "/nonexistent/python", "x.pkl"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("/nonexistent/python"), "{}", missing.stderr);
}

#[test]
fn loads_that_went_alike_are_told_once() {
    let place = Place::new(&[("x.pkl", SYSTEM)]);
    let ran = place.run(&["trace", "--python", "python3", "--engine", "c-loads", "x.pkl"]);
    assert!(ran.stdout.contains("resolve    os.system"), "{}", ran.stdout);
    assert!(ran.stdout.contains("exec       os.system"), "{}", ran.stdout);
}
