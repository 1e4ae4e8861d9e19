//! Markdown, from templates: the report of a finding, and of a campaign.

use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::json;

use crate::Result;
use crate::finding::Finding;
use crate::store::State;
use crate::summary::Summary;

/// The report of one finding.
pub fn finding(finding: &Finding) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("finding", include_str!("../templates/finding.md"))?;
    let template = environment.get_template("finding")?;
    Ok(template.render(Serde(json!({ "finding": view(finding) })))?)
}

/// The report of a campaign.
pub fn campaign(state: &State, summary: &Summary) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("campaign", include_str!("../templates/campaign.md"))?;
    let template = environment.get_template("campaign")?;
    let findings: Vec<serde_json::Value> = ordered(&state.findings).map(view).collect();
    Ok(template.render(Serde(json!({
        "summary": summary,
        "findings": findings,
        "headline": headline(summary),
    })))?)
}

/// Findings, gravest first, then the one with fewest opcodes.
pub fn ordered(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    let mut all: Vec<&Finding> = findings.iter().collect();
    let rank = |finding: &Finding| {
        assay_differential::Class::ALL.iter().position(|class| *class == finding.class)
    };
    all.sort_by_key(|finding| (rank(finding), finding.minimized_opcodes(), finding.bucket.clone()));
    all.into_iter()
}

/// What the campaign comes to, in a sentence or two.
pub fn headline(summary: &Summary) -> String {
    let unsound = summary.buckets.get("unsound").copied().unwrap_or(0);
    let who = summary.analyzers.join(", ");
    if !summary.trustworthy {
        return "Not trustworthy: the hole that was planted in our own analyser was not found, so \
                that nothing follows from what was not found."
            .into();
    }
    let worth = format!(
        "{} pickles that {who} judged safe although they call something were loaded for real and \
         watched",
        thousands(summary.safe_with_call_executed_full)
    );
    match unsound {
        0 => format!("No unsound verdict found. {worth}; none did what it must not."),
        1 => format!("Unsound: one root cause. {worth}."),
        n => format!("Unsound: {n} root causes. {worth}."),
    }
}

/// A number with thin spaces between thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// What templates see of a finding.
pub fn view(finding: &Finding) -> serde_json::Value {
    let hex: Vec<String> = finding.minimized.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "bucket": finding.bucket,
        "class": finding.class,
        "analyzer": finding.analyzer,
        "summary": finding.summary,
        "first_seen_seconds": (finding.first_seen_seconds * 10.0).round() / 10.0,
        "count": finding.count,
        "original_bytes": finding.original.len(),
        "minimized_bytes": finding.minimized.len(),
        "minimized_opcodes": finding.minimized_opcodes(),
        "directory": finding.directory(),
        "pythons": finding.pythons,
        "engines": finding.engines,
        "explanation": finding.explanation,
        "hex": hex.join(" "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn the_headline_says_what_it_is_worth() {
        let mut summary = Summary { trustworthy: true, ..Summary::default() };
        summary.safe_with_call_executed_full = 5000;
        assert!(headline(&summary).starts_with("No unsound verdict found. 5\u{202f}000"));
        summary.buckets.insert("unsound".into(), 2);
        assert!(headline(&summary).starts_with("Unsound: 2 root causes"));
        summary.trustworthy = false;
        assert!(headline(&summary).starts_with("Not trustworthy"));
    }
}
