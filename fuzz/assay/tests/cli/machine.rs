//! What concerns the machine and the program itself: `doctor` and `policy`.

use crate::{Place, has_fields};

#[test]
fn doctor_says_what_is_there_and_what_is_missing() {
    let ran = Place::new(&[]).run(&["doctor", "--format", "json"]);
    let lines = ran.json();
    for line in &lines {
        has_fields(line, &["kind", "name", "status", "detail", "fix"]);
        assert_eq!(line["status"] == "ok", line["fix"].is_null(), "{line}");
    }
    for kind in ["sandbox", "interpreters", "analysers", "fuzz targets"] {
        assert!(lines.iter().any(|line| line["kind"] == kind), "{kind}");
    }
    let missing = lines.iter().any(|line| line["status"] == "missing");
    assert_eq!(ran.code, if missing { 2 } else { 0 });
}

#[test]
fn what_is_no_interpreter_is_refused() {
    let place = Place::new(&[("x.pkl", b"N.")]);
    let ran = place.run(&["trace", "x.pkl", "--python", "/bin/true"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("/bin/true: expected a CPython"), "{}", ran.stderr);
}

#[test]
fn policies_can_be_listed_and_shown() {
    let place = Place::new(&[]);
    let listed = place.run(&["policy", "list", "--format", "json"]).json();
    assert!(listed.iter().any(|policy| policy["name"] == "stdlib"));
    assert!(place.run(&["policy", "show", "stdlib"]).stdout.contains("OrderedDict"));
    let [shown] =
        place.run(&["policy", "show", "stdlib", "--format", "json"]).json().try_into().unwrap();
    let globals = shown["globals"].as_array().unwrap();
    assert!(globals.iter().any(|global| global == "collections.OrderedDict"));
    assert_eq!(place.run(&["policy", "show", "none"]).code, 2);
}
