//! Names that the alphabet spells as Python 2 did.
//!
//! The policy allows them under either spelling, as one entry, and lists them under Python 3's.
//! The oracle is told of both, so that a load that asks for the old one goes on as it would
//! anywhere, and is not taken for one that asks for what is forbidden.

use assay_analyzer::Policy;
use assay_generator::exhaustive::Alphabet;
use assay_pickle::Opcode;

/// Globals that symbols name, and that the policy allows but does not list so.
pub fn spelled_otherwise(policy: &Policy) -> Vec<(String, String)> {
    let listed = policy.globals();
    let symbols = Alphabet::standard().symbols().iter();
    let mut out: Vec<(String, String)> = symbols
        .filter(|symbol| matches!(symbol.opcode, Opcode::Global | Opcode::Inst))
        .filter_map(|symbol| {
            let text = std::str::from_utf8(&symbol.bytes[1..]).ok()?;
            let (module, name) = text.strip_suffix('\n')?.split_once('\n')?;
            Some((module.to_owned(), name.to_owned()))
        })
        .filter(|(module, name)| policy.allows_resolve(&format!("{module}.{name}")))
        .filter(|global| !listed.contains(global))
        .collect();
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_spellings_of_what_is_allowed_are_known() {
        let policy = Policy::load(&["stdlib"]).unwrap();
        let names = spelled_otherwise(&policy);
        let old = ("__builtin__".to_owned(), "set".to_owned());
        assert!(names.contains(&old), "{names:?}");
        assert!(!names.iter().any(|(module, _)| module == "os" || module == "posix"), "{names:?}");
    }
}
