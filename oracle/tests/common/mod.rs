//! What the tests of the oracle share: interpreters, and pieces of pickles.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;
use std::time::Duration;

use assay_oracle::{
    Effect, EffectKind, Observation, Oracle, OracleConfig, Python, Run, TouchKind, Touched,
    discover,
};

/// Every CPython of this machine; a machine without one fails the test.
pub fn pythons() -> Vec<Python> {
    let found = discover();
    assert!(!found.is_empty(), "these tests need a CPython >= 3.9; none was found");
    found
}

/// An oracle that can import the test's own modules.
pub fn oracle_for(pythons: Vec<Python>) -> Oracle {
    // Filling the memory up to its limit takes a second, and several on a busy machine.
    oracle_within(Duration::from_secs(20), pythons)
}

/// The same, with another limit of time.
pub fn oracle_within(timeout: Duration, pythons: Vec<Python>) -> Oracle {
    let mut config = OracleConfig::new(pythons);
    config.extra_path = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/modules")];
    config.limits.timeout = timeout;
    Oracle::new(config).unwrap()
}

/// An oracle whose loads find these modules imported.
pub fn oracle_preloaded(pythons: Vec<Python>, modules: &[&str]) -> Oracle {
    let mut config = OracleConfig::new(pythons);
    config.extra_path = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/modules")];
    config.limits.timeout = Duration::from_secs(20);
    config.preload = modules.iter().map(|module| (*module).to_owned()).collect();
    Oracle::new(config).unwrap()
}

/// An oracle for the default interpreter.
pub fn oracle() -> Oracle {
    oracle_for(vec![pythons().remove(0)])
}

/// One load in the full tier.
pub fn full(oracle: &mut Oracle, run: impl Into<Run>, pickle: &[u8]) -> Observation {
    oracle.full(0, run.into(), pickle).unwrap()
}

/// GLOBAL.
pub fn g(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

/// A string.
pub fn s(text: &str) -> Vec<u8> {
    let len = (text.len() as u32).to_le_bytes();
    [b"X".as_slice(), &len, text.as_bytes()].concat()
}

/// A global called with arguments.
pub fn call(module: &str, name: &str, args: &[u8]) -> Vec<u8> {
    [&g(module, name), b"(".as_slice(), args, b"tR"].concat()
}

/// Pieces between PROTO 4 and STOP.
pub fn pickle(pieces: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x04".as_slice(), &pieces.concat(), b"."].concat()
}

/// `builtins.eval` of a text.
pub fn eval(text: &str) -> Vec<u8> {
    pickle(&[&call("builtins", "eval", &s(text))])
}

/// `builtins.exec` of a text, in a dictionary of its own.
pub fn exec(text: &str) -> Vec<u8> {
    pickle(&[&call("builtins", "exec", &[s(text), b"}".to_vec()].concat())])
}

/// The touches as `kind name`.
pub fn shown(observation: &Observation) -> Vec<String> {
    observation.touched.iter().map(show).collect()
}

fn show(touched: &Touched) -> String {
    let kind = match touched.kind {
        TouchKind::Resolve => "resolve",
        TouchKind::Call => "call",
        TouchKind::Import => "import",
        TouchKind::Method => "method",
        TouchKind::Setattr => "setattr",
        TouchKind::Persistent => "persistent",
    };
    format!("{kind} {}", touched.name)
}

/// The effects but for those of the import system.
pub fn effects(observation: &Observation) -> Vec<&Effect> {
    observation.effects.iter().filter(|effect| effect.kind != EffectKind::Import).collect()
}
