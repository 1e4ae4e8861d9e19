use crate::{Place, SYSTEM, has_fields};

#[test]
fn as_people_read_it() {
    let place = Place::new(&[("x.pkl", b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94.")]);
    insta::assert_snapshot!(place.run(&["dis", "x.pkl"]).shown());
}

#[test]
fn goes_on_past_a_fault() {
    let place = Place::new(&[("x.pkl", b"K\x010RK\x02.")]);
    let ran = place.run(&["dis", "x.pkl"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.shown());
}

#[test]
fn a_line_of_json_for_each_opcode() {
    let place = Place::new(&[("x.pkl", SYSTEM)]);
    let ran = place.run(&["dis", "--format", "json", "x.pkl"]);
    let lines = ran.json();
    assert_eq!((ran.code, lines.len()), (0, 6));
    for line in &lines {
        has_fields(line, &["path", "offset", "opcode", "argument", "stack", "facts", "fault"]);
    }
    assert_eq!(lines[0]["opcode"], "GLOBAL");
    assert_eq!(lines[4]["opcode"], "REDUCE");
    assert_eq!(lines[4]["offset"], 21);
    assert!(lines[4]["facts"][0].as_str().unwrap().contains("os.system"));
}

#[test]
fn a_missing_path_is_trouble() {
    assert_eq!(Place::new(&[]).run(&["dis", "none.pkl"]).code, 2);
}
