//! SARIF 2.1.0, the format in which code-scanning services take findings.

use serde_json::{Value, json};

use crate::file::FileItem;
use crate::rules::RULES;
use crate::verdict::Severity;

/// The log of a run over files: what was found, each with the path to show.
///
/// Reasons against `safe` become results; `dangerous` ones are errors, others warnings. The
/// region is given in bytes, since a pickle has no lines.
///
/// ```
/// use assay_analyzer::{Policy, analyze_file, sarif};
///
/// let analysis = analyze_file(b"cos\nsystem\n.", &Policy::load(&["data"]).unwrap());
/// let log = sarif(analysis.items.iter().map(|item| ("model.pkl", item)));
/// assert_eq!(log["runs"][0]["results"][0]["ruleId"], "denied-global");
/// ```
pub fn sarif<'a>(items: impl IntoIterator<Item = (&'a str, &'a FileItem)>) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| json!({"id": rule.name, "shortDescription": {"text": rule.summary}}))
        .collect();
    let results: Vec<Value> = items
        .into_iter()
        .flat_map(|(path, item)| item.pickle.reasons.iter().map(move |reason| (path, item, reason)))
        .map(|(path, item, reason)| {
            let level = match reason.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let index = RULES.iter().position(|rule| rule.name == reason.rule);
            let mut location =
                json!({"physicalLocation": {"artifactLocation": {"uri": uri(path)}}});
            match &item.member {
                // Offsets count from the start of the member, which the file has not as such.
                Some(member) => {
                    let name = format!("{member} at byte {}", reason.offset);
                    location["logicalLocations"] =
                        json!([{"name": name, "fullyQualifiedName": member, "kind": "member"}]);
                }
                None => {
                    location["physicalLocation"]["region"] =
                        json!({"byteOffset": reason.offset, "byteLength": 1});
                }
            }
            json!({
                "ruleId": reason.rule,
                "ruleIndex": index,
                "level": level,
                "message": {"text": reason.message},
                "locations": [location],
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
    use crate::{Policy, analyze_file};

    #[test]
    fn a_reason_becomes_a_result() {
        let policy = Policy::load(&["stdlib"]).unwrap();
        let analysis = analyze_file(b"cos\nsystem\n(S'id'\ntR.", &policy);
        let log = sarif(analysis.items.iter().map(|item| ("a b.pkl", item)));
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
