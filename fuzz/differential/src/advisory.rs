//! *Advisories*: what was published about holes of the same kind.
//!
//! The table is data, each row with its source. It says what a finding resembles, never that it
//! is the same: the analyser may be another.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::Class;

/// One published advisory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// Its id: CVE or GHSA.
    pub id: String,
    /// Whose hole it was.
    pub tool: String,
    /// What the hole was, in a clause.
    pub about: String,
    /// Features of buckets, one of which a finding must have to resemble it,
    pub features: Vec<String>,
    /// and whether it may have no other: any payload shows the missing of a name.
    pub alone: bool,
    /// Where it was looked up.
    pub source: String,
}

/// Every advisory of the table.
pub fn all() -> &'static [Advisory] {
    #[derive(Deserialize)]
    struct File {
        advisory: Vec<Advisory>,
    }
    static ALL: OnceLock<Vec<Advisory>> = OnceLock::new();
    ALL.get_or_init(|| {
        let file: File = toml::from_str(include_str!("../data/advisories.toml"))
            .expect("the table is valid, as a test checks");
        file.advisory
    })
}

/// The advisories that a finding with these features resembles.
pub fn resembling(class: Class, features: &[String]) -> Vec<Advisory> {
    if class != Class::Unsound {
        return Vec::new();
    }
    let fits = |advisory: &&Advisory| {
        features.iter().any(|feature| advisory.features.contains(feature))
            && (!advisory.alone || features.len() == 1)
    };
    all().iter().filter(fits).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_an_id_and_a_source() {
        assert!(!all().is_empty());
        for advisory in all() {
            let known = ["CVE-", "GHSA-"].iter().any(|start| advisory.id.starts_with(start));
            assert!(known, "{advisory:?}");
            assert!(advisory.source.starts_with("https://"), "{advisory:?}");
        }
    }

    #[test]
    fn a_mechanism_resembles_its_own_advisories_only() {
        let ids = |features: &[&str]| -> Vec<String> {
            let features: Vec<String> = features.iter().map(|f| (*f).to_owned()).collect();
            resembling(Class::Unsound, &features).into_iter().map(|a| a.id).collect()
        };
        assert_eq!(ids(&["plain-global"]), ["CVE-2025-1716", "CVE-2026-22608"]);
        assert_eq!(ids(&["stack-global", "pop"]), ["GHSA-9gvj-pp9x-gcfr"]);
        assert_eq!(ids(&["inst"]), [] as [&str; 0]);
        assert!(resembling(Class::Divergence, &["build".into()]).is_empty());
    }
}
