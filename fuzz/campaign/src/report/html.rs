//! The page: one file, no network, readable on a phone.

use assay_pickle::Opcode;
use minijinja::{AutoEscape, Environment};
use serde_json::{Value, json};

use crate::Result;
use crate::render::{headline, ordered, thousands, view};
use crate::store::{Sample, State};
use crate::summary::Summary;

/// The page of a state.
pub fn page(state: &State, summary: &Summary) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("thousands", |number: u64| thousands(number));
    environment.add_template("page", include_str!("../../templates/report.html"))?;
    let findings: Vec<Value> = ordered(&state.findings).map(view).collect();
    let kind = match summary.buckets.get("unsound") {
        _ if !summary.trustworthy => "doubt",
        Some(0) | None => "good",
        Some(_) => "bad",
    };
    let missing: Vec<&str> = state.coverage.missing().iter().map(|opcode| opcode.name()).collect();
    let context = json!({
        "summary": summary,
        "findings": findings,
        "headline": headline(summary),
        "kind": kind,
        "matrix": matrix(summary),
        "plots": plots(&state.timeline),
        "heat": heat(state),
        "missing": missing,
        "meta": state.meta,
    });
    let page = environment.get_template("page")?;
    Ok(page.render(minijinja::value::Serde(context))?)
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

/// Width and height of a plot's drawing area, in units of its view box.
const PLOT: (f64, f64) = (300.0, 80.0);

/// What grows over time, as points of SVG polylines.
fn plots(timeline: &[Sample]) -> Vec<Value> {
    if timeline.len() < 2 {
        return Vec::new();
    }
    let last = timeline.iter().map(|sample| sample.seconds).fold(f64::MIN, f64::max).max(1e-9);
    let plot = |title: &str, value: fn(&Sample) -> f64| {
        let most = timeline.iter().map(value).fold(0.0, f64::max);
        let points: Vec<String> = std::iter::once((0.0, 0.0))
            .chain(timeline.iter().map(|sample| (sample.seconds, value(sample))))
            .map(|(x, y)| {
                let height = if most > 0.0 { y / most } else { 0.0 };
                format!("{:.1},{:.1}", x / last * PLOT.0, PLOT.1 - height * PLOT.1)
            })
            .collect();
        json!({
            "title": title, "points": points.join(" "), "most": most as u64,
            "seconds": last.round() as u64,
        })
    };
    vec![
        plot("pickles generated", |sample| sample.generated as f64),
        plot("loads, deny tier", |sample| sample.deny as f64),
        plot("loads, full tier", |sample| sample.full as f64),
        plot("opcode transitions seen", |sample| sample.transitions as f64),
        plot("root causes", |sample| sample.buckets as f64),
    ]
}

/// One row per opcode before, one cell per opcode after; shades by the logarithm of the count.
fn heat(state: &State) -> Vec<Value> {
    let most = Opcode::ALL
        .into_iter()
        .flat_map(|a| Opcode::ALL.map(|b| state.coverage.transition(a, b)))
        .max()
        .unwrap_or(0);
    let scale = (most as f64 + 1.0).ln().max(1e-9);
    Opcode::ALL
        .into_iter()
        .enumerate()
        .map(|(y, before)| {
            let cells: Vec<Value> = Opcode::ALL
                .into_iter()
                .enumerate()
                .filter_map(|(x, after)| {
                    let count = state.coverage.transition(before, after);
                    let shade = ((count as f64 + 1.0).ln() / scale * 9.0).round() as u32;
                    (count > 0).then(|| json!({ "x": x, "shade": shade }))
                })
                .collect();
            json!({ "y": y, "name": before.name(), "cells": cells })
        })
        .collect()
}
