use crate::Place;

#[test]
fn teaches() {
    insta::assert_snapshot!(Place::new(&[]).run(&["--help"]).shown());
}

#[test]
fn every_command_gives_examples() {
    let place = Place::new(&[]);
    for command in ["campaign", "scan", "dis", "trace", "check", "minimize", "generate", "report"] {
        let ran = place.run(&["help", command]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("Examples:\n  assay "), "{command}");
    }
}

#[test]
fn usage_errors_exit_with_2_and_say_what_to_do() {
    let place = Place::new(&[]);
    for args in [
        &["scan"][..],
        &["nonsense"],
        &["scan", "--format", "xml", "x"],
        &["campaign", "--time", "soon"],
        &["campaign", "--analyzer", "picklescan"],
        &["campaign", "--analyzer", "exec:/nonexistent/scanner", "--time", "1s"],
        &["campaign", "--analyzer", "planted:nothing", "--time", "1s"],
        &["campaign", "--shard", "3/2"],
        &["campaign", "--exhaustive", "9"],
        &["campaign", "--exhaustive", "1", "--execs", "5"],
        &["campaign", "--estimate"],
        &["planted", "measure", "--only", "nothing"],
        &["trace", "--engine", "c", "x"],
        &["trace", "--memory", "lots", "x"],
    ] {
        let ran = place.run(args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn every_planted_hole_says_what_it_is_modelled_on() {
    let place = Place::new(&[]);
    let listed = place.run(&["planted", "list", "--format", "json"]);
    assert_eq!(listed.code, 0);
    let holes: Vec<serde_json::Value> =
        listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(holes.len() >= 25);
    assert!(holes.iter().all(|hole| hole["source"].as_str().unwrap().contains("https://")));
    assert!(holes.iter().any(|hole| hole["held_out"] == true));
}

#[test]
fn version_and_completions() {
    let place = Place::new(&[]);
    assert!(place.run(&["--version"]).stdout.starts_with("assay "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.run(&["completions", shell]).stdout.contains("campaign"), "{shell}");
    }
}
