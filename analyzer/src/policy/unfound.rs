//! Which conditions no campaign can show to be needed, and why: data, beside the profiles.
//!
//! A condition is there against something. Where deleting it leads to nothing that an observer can
//! see, this says what it is against instead. A row whose condition is found after all is wrong.

use std::sync::OnceLock;

/// Why deleting a condition shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// Whatever else is given raises a Python exception, or is kept or ignored, and no code but
    /// the contract's own runs: the condition is there to say no more than picklers write.
    Harmless,
    /// What else is given may read or write memory wrongly, or exhaust it.
    Memory,
    /// Engines or versions part: the condition keeps out what they read differently.
    Divergence,
    /// Something may happen that observers can't see, or see too seldom.
    Blind,
}

/// Conditions of which nothing shows that they are needed.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unfound {
    /// Their names; `*` stands for any text.
    pub conditions: Vec<String>,
    /// Those among them that are found.
    #[serde(default)]
    pub except: Vec<String>,
    /// Why.
    pub because: Because,
    /// That in words, with where it is written.
    pub reason: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    unfound: Vec<Unfound>,
}

/// Every row, in order.
///
/// # Panics
/// If the file is broken, which a test excludes.
pub fn unfound() -> &'static [Unfound] {
    static ROWS: OnceLock<Vec<Unfound>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let text = include_str!("../../policies/unfound.toml");
        toml::from_str::<File>(text).expect("a test reads it").unfound
    })
}

impl Unfound {
    /// The first row that speaks of the condition of that name.
    pub fn of(condition: &str) -> Option<&'static Self> {
        let among = |patterns: &[String]| patterns.iter().any(|pattern| like(pattern, condition));
        unfound().iter().find(|row| among(&row.conditions) && !among(&row.except))
    }
}

/// Whether the name is like the pattern, in which `*` stands for any text.
fn like(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| like(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    #[test]
    fn every_row_speaks_of_a_condition() {
        let mut names = Vec::new();
        for (profile, _) in Policy::builtin() {
            let policy = Policy::load(&[profile]).unwrap();
            names.extend(policy.conditions().into_iter().map(|condition| condition.name));
        }
        for row in unfound() {
            assert!(row.reason.len() > 20, "{:?} says little", row.conditions);
            for pattern in row.conditions.iter().chain(&row.except) {
                let known = names.iter().any(|name| like(pattern, name));
                assert!(known, "no condition is like {pattern}");
            }
        }
    }

    #[test]
    fn stars_stand_for_any_text() {
        assert!(like("a/*/c[*]", "a/b/b/c[0]"));
        assert!(like("a*", "a") && like("*", ""));
        assert!(!like("a/*/c", "a/b/d") && !like("a", "ab"));
    }
}
