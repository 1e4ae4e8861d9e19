//! Pins `policies/renames.toml` to the `_compat_pickle` of the CPython in the path.

use std::collections::BTreeMap;
use std::process::Command;

use assay_analyzer::Policy;

const DUMP: &str = "
import _compat_pickle as c
for k, v in c.IMPORT_MAPPING.items(): print(k, v)
for (m, n), (a, b) in c.NAME_MAPPING.items(): print(f'{m}:{n}', f'{a}:{b}')
";

/// CPython 3.13 dropped the rename of a module that it no longer has.
const GONE_IN_3_13: [&str; 1] = ["Tix"];

#[test]
fn the_renames_are_those_of_cpython() {
    let output = Command::new("python3").args(["-I", "-c", DUMP]).output();
    let output = output.expect("the tests need a CPython of 3.9 or later as `python3`");
    let text = String::from_utf8(output.stdout).expect("ASCII");
    let pair = |line: &str| line.split_once(' ').map(|(k, v)| (k.to_owned(), v.to_owned()));
    let theirs: BTreeMap<_, _> = text.lines().filter_map(pair).collect();
    let policy = Policy::load(&["data"]).expect("the profile is built in");
    let renames = policy.renames();
    let ours: BTreeMap<_, _> = renames
        .modules()
        .iter()
        .chain(renames.names())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let differing: Vec<_> = ours
        .iter()
        .filter(|(key, value)| theirs.get(*key) != Some(value))
        .map(|(key, _)| key.as_str())
        .chain(theirs.keys().filter(|key| !ours.contains_key(*key)).map(String::as_str))
        .filter(|key| !GONE_IN_3_13.contains(key))
        .collect();
    assert_eq!(differing, Vec::<&str>::new());
}
