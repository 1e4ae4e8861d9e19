//! SARIF 2.1.0, the format in which code-scanning services take findings.

use serde_json::{Value, json};

use crate::rules::RULES;
use crate::verdict::{PickleAnalysis, Severity};

/// The log of a run over files: each with the path to show and what was found in it.
///
/// Reasons against `safe` become results; `dangerous` ones are errors, others warnings. The
/// region is given in bytes, since a pickle has no lines.
pub fn sarif<'a>(pickles: impl IntoIterator<Item = (&'a str, &'a PickleAnalysis)>) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| json!({"id": rule.name, "shortDescription": {"text": rule.summary}}))
        .collect();
    let results: Vec<Value> = pickles
        .into_iter()
        .flat_map(|(path, pickle)| pickle.reasons.iter().map(move |reason| (path, reason)))
        .map(|(path, reason)| {
            let level = match reason.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let index = RULES.iter().position(|rule| rule.name == reason.rule);
            json!({
                "ruleId": reason.rule,
                "ruleIndex": index,
                "level": level,
                "message": {"text": reason.message},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": uri(path)},
                    "region": {"byteOffset": reason.offset, "byteLength": 1},
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "assay",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

/// A path as a relative URI reference: what is not allowed there is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, analyze};

    #[test]
    fn a_reason_becomes_a_result() {
        let policy = Policy::load(&["stdlib"]).unwrap();
        let analysis = analyze(b"cos\nsystem\n(S'id'\ntR.", &policy);
        let log = sarif(analysis.pickles.iter().map(|pickle| ("a b.pkl", pickle)));
        let result = &log["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "denied-global");
        assert_eq!(result["level"], "error");
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "a%20b.pkl");
        assert_eq!(location["region"]["byteOffset"], 0);
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], "denied-global");
    }
}
