//! Versions of interpreters in their own order: 3.9 comes before 3.10.

/// The versions of both, each once, in order.
pub fn united(some: &[String], others: &[String]) -> Vec<String> {
    let mut out = [some, others].concat();
    out.sort_by_cached_key(|version| (numbers(version), version.clone()));
    out.dedup();
    out
}

fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(u64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_comes_before_ten() {
        let versions = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let some = versions(&["3.13.0", "3.10.2", "3.9.18"]);
        let others = versions(&["3.10.13", "3.9.18", "3.14.0rc1"]);
        let all = ["3.9.18", "3.10.2", "3.10.13", "3.13.0", "3.14.0rc1"];
        assert_eq!(united(&some, &others), versions(&all));
    }
}
