//! Containers that readers open otherwise than this analyser once did (`corpus/containers`): none is
//! safe.

use std::collections::BTreeSet;
use std::path::Path;

use assay_analyzer::{Policy, Verdict, analyze_file};

const MANIFEST: &str = "containers.toml";

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    file: Vec<File>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    policy: String,
    cause: String,
}

#[test]
fn what_readers_open_otherwise_is_never_safe() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/containers");
    let text = std::fs::read_to_string(directory.join(MANIFEST)).expect("a manifest");
    let manifest: Manifest = toml::from_str(&text).expect("it is as described");
    let mut listed = BTreeSet::from([MANIFEST.to_owned()]);
    for File { name, policy, cause } in manifest.file {
        let bytes = std::fs::read(directory.join(&name)).expect("a file");
        let policy = Policy::load(&[&policy]).expect("a built-in profile");
        assert_ne!(analyze_file(&bytes, &policy).verdict, Verdict::Safe, "{name}: {cause}");
        assert!(!cause.is_empty(), "{name}: name the root cause");
        assert!(listed.insert(name.clone()), "{name} is listed twice");
    }
    let entries = std::fs::read_dir(directory).expect("a directory");
    let found: BTreeSet<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    assert_eq!(found, listed);
}
