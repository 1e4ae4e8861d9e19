//! The cargo-fuzz package, which no other test builds: that it names every target, and leaves its
//! neighbours to their own workspace, or cargo would refuse it.

use std::fs;
use std::path::Path;

use assay_targets::{Analyze, Containers, Decode, Divergence, Roundtrip, Soundness, Target};

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn every_neighbour_is_excluded() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let excluded = manifest.lines().find(|line| line.starts_with("exclude = ")).unwrap();
    for entry in fs::read_dir(fuzz()).unwrap() {
        let path = entry.unwrap().path();
        if path.join("Cargo.toml").exists() {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(excluded.contains(&format!("\"{name}\"")), "{name} is missing in `exclude`");
        }
    }
}

#[test]
fn every_target_is_listed() {
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in [
        Decode::NAME,
        Roundtrip::NAME,
        Analyze::NAME,
        Soundness::NAME,
        Divergence::NAME,
        Containers::NAME,
    ] {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\""))
        );
        assert!(fuzz().join(format!("fuzz_targets/{name}.rs")).exists());
    }
}
