//! What templates see of a finding, and its report as Markdown.

use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::json;

use crate::Result;
use crate::finding::Finding;
use crate::report::remedy::remedy;

/// The report of one finding.
pub fn finding(finding: &Finding) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("finding", include_str!("../templates/finding.md"))?;
    let template = environment.get_template("finding")?;
    // The engine drops the template's last newline.
    Ok(template.render(Serde(json!({ "finding": view(finding) })))? + "\n")
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
        "remedy": remedy(finding),
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
}
