//! What is known to be out of reach, and why.

use assay_oracle::Engine;

use crate::Case;

const IN_TURN: &str = "what a recorded C function does to its arguments is its own doing";

/// Mechanisms by whether the C unpickler is meant: it does not do that at all, or it is out of
/// reach.
const ABSENT: &[(&str, bool, &str)] = &[
    ("BUILD, `items` of the state", true, "the C unpickler takes dictionaries only"),
    ("BUILD, `__bool__` of the state", true, "the C unpickler asks whether it is `None`"),
    ("REDUCE, `__iter__` of the arguments", true, "the C unpickler takes tuples only"),
    ("in turn, a slot of a C class", true, IN_TURN),
    ("in turn, a slot of a C class", false, IN_TURN),
    ("INST, `__str__` of an exception", true, "the C unpickler does not rewrite exceptions"),
];

/// Why the case's touch cannot be seen there; `None` if it is to be seen.
pub fn out_of_reach(case: &Case, engine: Engine, _version: &str) -> Option<&'static str> {
    let in_c = engine != Engine::Py;
    ABSENT
        .iter()
        .find(|(mechanism, c, _)| *mechanism == case.mechanism && *c == in_c)
        .map(|(_, _, why)| *why)
}

/// Every row of the matrix that is not seen everywhere, with its reason.
pub fn reasons() -> Vec<(String, &'static str)> {
    ABSENT
        .iter()
        .map(|(mechanism, c, why)| {
            let engines = if *c { "c-*" } else { "py" };
            (format!("{mechanism}, `{engines}`"), *why)
        })
        .collect()
}
