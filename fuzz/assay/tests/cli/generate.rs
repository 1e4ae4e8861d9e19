use crate::{Place, has_fields};

#[test]
fn the_same_seed_gives_the_same_pickles() {
    let place = Place::new(&[]);
    let args =
        |seed| ["generate", "--count", "50", "--seed", seed, "--out", "-", "--format", "json"];
    let (one, again, other) = (place.run(&args("7")), place.run(&args("7")), place.run(&args("8")));
    assert_eq!(one.code, 0);
    assert_eq!(one.stdout, again.stdout);
    assert_ne!(one.stdout, other.stdout);
    assert_eq!(one.json().len(), 50);
    has_fields(&one.json()[0], &["index", "hex"]);
    assert_eq!(one.stderr, "seed 7\n");
}

#[test]
fn a_file_each() {
    let place = Place::new(&[]);
    let ran = place.run(&["generate", "--count", "20", "--profile", "data", "--out", "here"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.starts_with("seed "), "a random seed is printed: {}", ran.stderr);
    assert_eq!(std::fs::read_dir(place.path().join("here")).unwrap().count(), 20);
}

#[test]
fn statistics_show_that_all_opcodes_are_reached() {
    let place = Place::new(&[]);
    for profile in ["attack", "mixed", "divergent"] {
        let args = ["generate", "--count", "5000", "--profile", profile, "--seed", "1", "--stats"];
        let [stats] = place.run(&args).json().try_into().unwrap();
        assert!(stats["coverage"]["opcodes_seen"].as_u64().unwrap() >= 60, "{profile}: {stats}");
    }
}

#[test]
fn somewhere_to_write_is_needed() {
    assert_eq!(Place::new(&[]).run(&["generate", "--count", "1"]).code, 2);
}
