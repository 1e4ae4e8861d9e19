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

/// Every load mode can be asked for, and the line says which it was.
#[test]
fn modes_are_part_of_the_line() {
    let pickle = b"\x80\x05K\x01Q\x970U\x01\xe9c__builtin__\nlen\n.";
    let place = Place::new(&[("x.pkl", pickle)]);
    let base = ["trace", "--format", "json", "--python", "python3", "x.pkl"];
    for line in place.run(&base).json() {
        has_fields(&line, &["encoding", "fix_imports", "buffers", "persistent_load"]);
        assert_eq!(line["encoding"], "ascii");
        assert_eq!(
            (&line["fix_imports"], &line["buffers"], &line["persistent_load"]),
            (&true.into(), &false.into(), &false.into())
        );
    }
    let flags = ["--encoding", "latin1", "--no-fix-imports", "--buffers", "--persistent-load"];
    let lines = place.run(&[&base[..], &flags].concat()).json();
    for line in &lines[..5] {
        assert_eq!(line["encoding"], "latin1");
        assert_eq!(
            (&line["fix_imports"], &line["buffers"], &line["persistent_load"]),
            (&false.into(), &true.into(), &true.into())
        );
        let touched = line["touched"].as_array().unwrap();
        let names: Vec<_> = touched.iter().map(|touch| touch["name"].as_str().unwrap()).collect();
        assert_eq!(names[..2], ["1", "__builtin__.len"], "{line}");
    }
}

/// A virtual environment is an interpreter of its own, with the packages installed there.
#[test]
fn a_virtual_environment_has_its_packages() {
    let place = Place::new(&[("x.pkl", b"cassay_test_package\nhello\n)R.")]);
    let made = std::process::Command::new("python3")
        .args(["-I", "-m", "venv", "--without-pip", "env"])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let lib = place.path().join("env/lib");
    let python = std::fs::read_dir(lib).unwrap().next().unwrap().unwrap().path();
    let module = python.join("site-packages/assay_test_package.py");
    std::fs::write(module, "def hello():\n    return 'from the package'\n").unwrap();

    let exe = place.path().join("env/bin/python");
    let args = ["trace", "--format", "json", "--engine", "c-loads", "--python"];
    let ran = place.run(&[&args[..], &[exe.to_str().unwrap(), "x.pkl"]].concat());
    let lines = ran.json();
    assert_eq!(lines[0]["result"], "'from the package'", "{}{}", lines[0], ran.stderr);
    let without = place.run(&[&args[..], &["python3", "x.pkl"]].concat()).json();
    assert_eq!(without[0]["outcome"], "raised", "{}", without[0]);
}
