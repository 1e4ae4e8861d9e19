//! What the tests of several modules start from.

use std::path::Path;

use crate::finding::Finding;
use crate::store::{FILE, Store};

/// Puts a campaign there that was written with the first version of the tables.
pub fn first_version(directory: &Path) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/campaign-1.sqlite");
    std::fs::copy(fixture, directory.join(FILE)).expect("the fixture is there");
}

/// The finding of that campaign.
pub fn finding() -> Finding {
    let dir = tempfile::tempdir().expect("there is room");
    first_version(dir.path());
    let state = Store::open(dir.path()).and_then(|store| store.state(1));
    state.expect("it can be read").findings.remove(0)
}
