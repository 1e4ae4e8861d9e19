//! The page: one file, no network, readable on a phone and without its script.
//!
//! What is shown comes from attackers: the template engine escapes everything, and the page's
//! own policy runs no script and takes no style but those written here.

use assay_differential::Class;
use assay_pickle::Opcode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::headline::{headline, worth};
use super::{hindcast, ordered, plots, severity, trends};
use crate::Result;
use crate::merge::{Cause, Merged};
use crate::render::{thousands, view};
use crate::summary::Summary;

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

/// The page of everything.
pub fn page(merged: &Merged, summary: &Summary) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("thousands", |number: u64| thousands(number));
    environment.add_filter("duration", plots::duration);
    environment.add_filter("percent", percent);
    environment.add_filter("code", code);
    environment.add_template("certificate", include_str!("../../templates/certificate.html"))?;
    environment.add_template("page", include_str!("../../templates/report.html"))?;
    let kind = match summary.buckets.get("unsound") {
        Some(0) | None if !summary.trustworthy => "doubt",
        Some(0) | None => "good",
        Some(_) => "bad",
    };
    let coverage = merged.coverage();
    let missing: Vec<&str> = coverage.missing().iter().map(|opcode| opcode.name()).collect();
    let parts = merged.parts();
    let longest = parts.iter().map(|part| part.seconds).fold(0.0, f64::max);
    let found = ordered(merged);
    let context = json!({
        "summary": summary,
        "findings": found.iter().map(|cause| shown(cause, merged)).collect::<Vec<_>>(),
        "headline": headline(summary),
        "worth": worth(summary),
        "kind": kind,
        "classes": summary.buckets.iter().filter(|(_, n)| **n > 0).collect::<Vec<_>>(),
        "matrix": matrix(summary),
        "plots": plots::growth(&parts),
        "first_finds": plots::first_finds(
            &found.iter().map(|cause| cause.finding()).collect::<Vec<_>>(), longest),
        "transitions": plots::transitions(&coverage),
        "often": often(merged),
        "missing": missing,
        "policy": merged.each(|meta| &meta.policy),
        "nights": trends::nights(merged),
        "hindcast": parts.iter().find_map(|part| hindcast::at_half(&part.timeline)),
        "style": STYLE,
        "style_hash": hash(STYLE),
        "script": SCRIPT,
        "script_hash": hash(SCRIPT),
        "version": env!("CARGO_PKG_VERSION"),
    });
    let page = environment.get_template("page")?;
    Ok(page.render(minijinja::value::Serde(context))?)
}

/// Text for people, in which code stands between backticks, as they know it from Markdown.
fn code(text: &str) -> minijinja::Value {
    let mut out = String::new();
    let mut parts = text.split('`').peekable();
    let mut within = false;
    while let Some(part) = parts.next() {
        let part = minijinja::HtmlEscape(part);
        // A backtick without another is itself.
        match (within, parts.peek().is_some()) {
            (true, true) => out += &format!("<code>{part}</code>"),
            (true, false) => out += &format!("`{part}"),
            (false, _) => out += &part.to_string(),
        }
        within = !within;
    }
    minijinja::Value::from_safe_string(out)
}

/// What the page's policy knows an inline script or style by.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// What the template sees of a cause.
fn shown(cause: &Cause, merged: &Merged) -> Value {
    let finding = cause.finding();
    let mut out = view(finding);
    // One cause in two analysers is two findings, and an anchor is one place.
    let at = blake3::hash(finding.analyzer.as_bytes()).to_hex();
    out["anchor"] = json!(format!("{}-{}", finding.bucket, &at[..6]));
    if finding.class == Class::Unsound {
        out["touched_name"] = json!(finding.touched.first().map(|touched| &touched.name));
    }
    out["harm"] = json!(severity::harm(finding));
    out["parts"] = json!(cause.sightings().len());
    out["of"] = json!(merged.parts().len());
    out
}

/// A probability for people.
fn percent(share: f64) -> String {
    match share * 100.0 {
        p if p <= 0.0 => "0 %".into(),
        p if p < 0.1 => "less than 0.1 %".into(),
        p if p > 99.9 => "more than 99.9 %".into(),
        p if p < 10.0 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// Verdicts by outcomes, with the totals that make a row.
fn matrix(summary: &Summary) -> Value {
    let outcomes = ["loaded", "raised", "signaled", "timeout", "oom", "sandbox"];
    let seen: Vec<&str> = outcomes
        .into_iter()
        .filter(|outcome| summary.matrix.keys().any(|key| key.ends_with(&format!("/{outcome}"))))
        .collect();
    let rows: Vec<Value> = ["safe", "unproven", "dangerous", "error"]
        .into_iter()
        .filter(|verdict| summary.verdicts.contains_key(*verdict))
        .map(|verdict| {
            let cells: Vec<u64> = seen
                .iter()
                .map(|outcome| {
                    summary.matrix.get(&format!("{verdict}/{outcome}")).copied().unwrap_or(0)
                })
                .collect();
            json!({ "verdict": verdict, "cells": cells, "total": summary.verdicts[verdict] })
        })
        .collect();
    json!({ "outcomes": seen, "rows": rows })
}

/// Transitions in the table beside the heat map.
const OFTEN: usize = 15;

/// The commonest transitions, for those who do not see the heat map.
fn often(merged: &Merged) -> Vec<Value> {
    let coverage = merged.coverage();
    let mut all: Vec<(u64, &str, &str)> = Opcode::ALL
        .into_iter()
        .flat_map(|a| Opcode::ALL.map(|b| (coverage.transition(a, b), a.name(), b.name())))
        .filter(|(count, ..)| *count > 0)
        .collect();
    all.sort_by(|a, b| b.cmp(a));
    all.truncate(OFTEN);
    all.into_iter().map(|(n, a, b)| json!({ "count": n, "before": a, "after": b })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::{PartId, Sighting};
    use crate::report;
    use crate::testing::finding;

    #[test]
    fn what_attackers_write_stays_text() {
        let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'";
        let mut found = finding();
        found.bucket = format!("b{hostile}");
        found.summary = hostile.into();
        found.analyzer = hostile.into();
        found.pythons = vec![hostile.into()];
        found.explanation.happened = vec![hostile.into()];
        found.explanation.believed = hostile.into();
        found.explanation.listing[0].code = hostile.into();
        found.explanation.listing[0].note = Some(hostile.into());
        let mut merged = Merged::default();
        let part = PartId { id: "a".into(), shard: 1 };
        merged.add_cause(Cause::new(found, part, Sighting { count: 1, first_seen_seconds: 0.5 }));
        let mut summary = report::summary(&merged);
        summary.analyzers = vec![hostile.into()];
        let page = page(&merged, &summary).unwrap();
        assert!(!page.contains("<img") && !page.contains("<script>alert"), "{page}");
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(page.contains("&lt;script&gt;alert"));
        assert!(
            page.contains(&format!("script-src '{}'", hash(SCRIPT)).replace('\'', "&#x27;"))
                || page.contains(&format!("script-src '{}'", hash(SCRIPT)))
        );
    }

    #[test]
    fn backticks_make_code_and_nothing_else() {
        let shown = |text| code(text).to_string();
        assert_eq!(
            shown("calls `os.system` and `a<b`"),
            "calls <code>os.system</code> and <code>a&lt;b</code>"
        );
        assert_eq!(shown("one ` alone"), "one ` alone");
        assert_eq!(shown("``<"), "<code></code>&lt;");
        assert_eq!(shown(""), "");
    }

    #[test]
    fn nothing_found_is_a_page_too() {
        let merged = Merged::default();
        let page = page(&merged, &report::summary(&merged)).unwrap();
        assert!(page.contains("No unsound verdict found"), "{page}");
    }

    #[test]
    fn probabilities_for_people() {
        let told: Vec<String> = [0.0, 1e-6, 0.034, 0.5, 1.0].map(percent).into();
        assert_eq!(told, ["0 %", "less than 0.1 %", "3.4 %", "50 %", "more than 99.9 %"]);
    }
}
