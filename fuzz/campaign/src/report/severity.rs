//! How grave a finding is, by what its pickle did.

use assay_differential::Class;
use assay_oracle::EffectKind;

use crate::finding::Finding;

/// What the pickle could do, in words; nothing if it did nothing to the outside.
pub fn harm(finding: &Finding) -> Option<&'static str> {
    let has = |kinds: &[EffectKind]| finding.effects.iter().any(|e| kinds.contains(&e.kind));
    use EffectKind::{Code, Env, Exec, FileRead, FileWrite, Native, Network, Process, Signal};
    if has(&[Exec]) {
        Some("runs a program")
    } else if has(&[Code, Native]) {
        Some("runs code of its own")
    } else if has(&[FileWrite]) {
        Some("writes files")
    } else if has(&[Process, Signal]) {
        Some("makes or ends processes")
    } else if has(&[Network]) {
        Some("uses the network")
    } else if has(&[FileRead, Env]) {
        Some("reads files or changes its environment")
    } else {
        None
    }
}

/// Sorts findings: gravest first.
pub fn rank(finding: &Finding) -> (Option<usize>, u8) {
    let class = Class::ALL.iter().position(|class| *class == finding.class);
    let harm = match harm(finding) {
        Some("runs a program") => 0,
        Some("runs code of its own") => 1,
        Some(_) => 2,
        None => 3,
    };
    (class, harm)
}
