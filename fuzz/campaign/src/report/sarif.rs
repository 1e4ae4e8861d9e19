//! SARIF 2.1.0, the format in which code-scanning services take findings.

use assay_differential::Class;
use serde_json::{Value, json};

use super::ordered;
use super::remedy::remedy;
use crate::finding::Finding;
use crate::merge::Merged;
use crate::summary::Summary;

/// The log: a rule per class, a result per finding. Its fingerprint is the bucket, so that a
/// service knows it again.
pub fn log(merged: &Merged, summary: &Summary) -> Value {
    let rules: Vec<Value> = Class::ALL
        .iter()
        .map(|class| json!({ "id": class.name(), "shortDescription": { "text": says(*class) } }))
        .collect();
    let results: Vec<Value> =
        ordered(merged).into_iter().map(|cause| result(cause.finding())).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "assay",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{
                // One whose planted hole was not found proves nothing by what it did not find.
                "executionSuccessful": summary.trustworthy,
            }],
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let level = match finding.class {
        Class::Unsound | Class::AnalyzerCrash => "error",
        Class::InterpreterCrash | Class::NoWitness => "warning",
        Class::Divergence => "note",
    };
    let rule = Class::ALL.iter().position(|class| *class == finding.class);
    let at = finding.explanation.listing.iter().find(|line| line.at_fault);
    let offset = at.map_or(0, |line| line.offset);
    json!({
        "ruleId": finding.class.name(),
        "ruleIndex": rule,
        "level": level,
        "message": { "text": format!("{}: {}", finding.analyzer, finding.summary) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": format!("{}/minimized.pkl", finding.directory()) },
            "region": { "byteOffset": offset, "byteLength": 1 },
        }}],
        "partialFingerprints": { "assayBucket/v1": finding.bucket },
        "occurrenceCount": finding.count.max(1),
        "properties": {
            "analyzer": finding.analyzer,
            "mechanism": finding.explanation.mechanism,
            "remedy": remedy(finding),
            "pythons": finding.pythons,
            "engines": finding.engines,
        },
    })
}

fn says(class: Class) -> &'static str {
    match class {
        Class::Unsound => "Judged safe, yet loading touched something that is not allowed.",
        Class::AnalyzerCrash => "The analyser died, hung or answered badly.",
        Class::InterpreterCrash => "The interpreter died of a signal.",
        Class::NoWitness => "Judged dangerous, yet no engine reached anything denied.",
        Class::Divergence => "Engines or versions of CPython disagree.",
    }
}
