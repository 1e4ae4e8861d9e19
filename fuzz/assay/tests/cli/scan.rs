use crate::{ORDERED, Place, SYSTEM, has_fields};

#[test]
fn exits_with_0_only_if_all_are_safe() {
    let place = Place::new(&[("good.pkl", ORDERED), ("bad.pkl", SYSTEM), ("broken.pkl", b"]\x93")]);
    assert_eq!(place.run(&["scan", "good.pkl"]).code, 0);
    assert_eq!(place.run(&["scan", "bad.pkl"]).code, 1);
    assert_eq!(place.run(&["scan", "broken.pkl"]).code, 1);
    assert_eq!(place.run(&["scan", "good.pkl", "bad.pkl"]).code, 1);
    assert_eq!(place.run(&["scan", "."]).code, 1);
}

#[test]
fn a_line_of_json_for_each_pickle() {
    let two = [b"N.", SYSTEM].concat();
    let place = Place::new(&[("one.pkl", ORDERED), ("two.pkl", &two)]);
    let ran = place.run(&["scan", "--format", "json", "one.pkl", "two.pkl"]);
    let lines = ran.json();
    assert_eq!((ran.code, lines.len()), (1, 3));
    for line in &lines {
        has_fields(line, &["path", "member", "offset", "length", "protocol", "verdict", "policy"]);
        has_fields(line, &["reasons", "globals", "calls", "malformed"]);
        assert_eq!(line["policy"], serde_json::json!(["stdlib"]));
    }
    assert_eq!(lines[0]["verdict"], "safe");
    assert_eq!(lines[0]["calls"], serde_json::json!(["collections.OrderedDict"]));
    assert_eq!((&lines[1]["path"], &lines[1]["verdict"]), (&"two.pkl".into(), &"safe".into()));
    assert_eq!(lines[2]["verdict"], "dangerous");
    assert_eq!(lines[2]["offset"], 2);
    assert_eq!(lines[2]["length"], SYSTEM.len());
    let reason = &lines[2]["reasons"][0];
    has_fields(reason, &["rule", "severity", "offset", "opcode", "global", "message"]);
    assert_eq!(reason["global"], "os.system");
}

#[test]
fn reads_standard_input() {
    let place = Place::new(&[]);
    let output = place.command(&["scan", "-", "--format", "json"]).write_stdin(SYSTEM).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains(r#""path":"-""#));
}

#[test]
fn writes_sarif() {
    let place = Place::new(&[("bad.pkl", SYSTEM)]);
    let ran = place.run(&["scan", "--format", "sarif", "bad.pkl"]);
    let [log] = ran.json().try_into().unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"][0]["tool"]["driver"]["name"], "assay");
    assert_eq!(log["runs"][0]["results"][0]["level"], "error");
}

#[test]
fn policies_add_up_and_unknown_ones_are_named() {
    let place = Place::new(&[("good.pkl", ORDERED)]);
    assert_eq!(place.run(&["scan", "--policy", "data", "good.pkl"]).code, 1);
    let both = ["scan", "--policy", "data", "--policy", "stdlib", "good.pkl"];
    assert_eq!(place.run(&both).code, 0);
    let unknown = place.run(&["scan", "--policy", "nonsense", "good.pkl"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("nonsense"), "{}", unknown.stderr);
}

#[test]
fn one_bad_path_never_stops_the_rest() {
    let place = Place::new(&[("good.pkl", ORDERED), ("bad.pkl", SYSTEM)]);
    let ran = place.run(&["scan", "none.pkl", "good.pkl"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stdout.contains("good.pkl"));
    assert!(ran.stderr.contains("none.pkl: no such file"), "{}", ran.stderr);
    // That something is unsafe outweighs that something could not be read.
    assert_eq!(place.run(&["scan", "none.pkl", "bad.pkl"]).code, 1);
}

#[test]
fn as_people_read_it() {
    let stream = [ORDERED, b"cnowhere\nnothing\n.", SYSTEM, b"\x01"].concat();
    let place = Place::new(&[("a.pkl", ORDERED), ("stream.pkl", &stream)]);
    insta::assert_snapshot!(place.run(&["scan", "a.pkl", "stream.pkl"]).shown());
}

#[test]
fn a_hostile_name_does_not_reach_the_terminal() {
    let place = Place::new(&[("x.pkl", b"cos\n\x1b[2Jsystem\n.")]);
    let ran = place.run(&["scan", "x.pkl"]);
    assert!(!ran.stdout.contains('\x1b') && !ran.stderr.contains('\x1b'));
}

#[test]
fn quiet_leaves_only_results() {
    let place = Place::new(&[("a.pkl", ORDERED)]);
    let ran = place.run(&["scan", "--quiet", "a.pkl"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("a.pkl"));
}
