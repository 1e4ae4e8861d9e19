//! Markdown, for an issue or a job summary.

use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::{Value, json};

use super::{headline, ordered};
use crate::Result;
use crate::merge::Merged;
use crate::render::{thousands, view};
use crate::summary::Summary;

/// The report of everything.
pub fn campaign(merged: &Merged, summary: &Summary) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_template("campaign", include_str!("../../templates/campaign.md"))?;
    environment.add_template("certificate", include_str!("../../templates/certificate.md"))?;
    environment.add_filter("thousands", |number: u64| thousands(number));
    let template = environment.get_template("campaign")?;
    let findings: Vec<Value> =
        ordered(merged).into_iter().map(|cause| view(cause.finding())).collect();
    Ok(template.render(Serde(json!({
        "summary": summary,
        "findings": findings,
        "headline": headline::headline(summary),
        "worth": headline::worth(summary),
    })))?)
}
