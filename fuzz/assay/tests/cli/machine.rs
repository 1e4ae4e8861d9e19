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
fn doctor_exits_with_2_where_there_is_no_interpreter() {
    let place = Place::new(&[]);
    let nowhere = place.path().join("nowhere");
    let mut command = place.command(&["trace", "x.pkl", "--python", "/bin/true"]);
    let output = command.env("PATH", &nowhere).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
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
