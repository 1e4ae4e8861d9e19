//! *Plots* as numbers for SVG: what grew over time, when causes were first found, and which
//! opcode came after which. Templates draw them.

use assay_pickle::Opcode;
use serde_json::{Value, json};

use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::merge::Part;
use crate::render::thousands;
use crate::store::Sample;

/// Width and height of a plot's drawing area, in units of its view box.
const PLOT: (f64, f64) = (300.0, 100.0);

/// Points of a line: more than there are pixels show nothing.
const POINTS: usize = 240;

/// Lines of one plot: more cannot be told apart.
const LINES: usize = 12;

/// Causes in the plot of first finds.
const CAUSES: usize = 40;

/// What grows over time: one line per part.
pub fn growth(parts: &[&Part]) -> Vec<Value> {
    let parts: Vec<&Part> = parts.iter().copied().filter(|p| p.timeline.len() > 1).collect();
    let parts = &parts[parts.len().saturating_sub(LINES)..];
    if parts.is_empty() {
        return Vec::new();
    }
    let samples = || parts.iter().flat_map(|part| &part.timeline);
    let last = samples().map(|sample| sample.seconds).fold(1e-9, f64::max);
    let plot = |title: &str, value: fn(&Sample) -> f64| {
        let most = samples().map(value).fold(0.0, f64::max);
        let lines: Vec<String> =
            parts.iter().map(|part| line(&part.timeline, value, last, most)).collect();
        json!({
            "title": title, "lines": lines, "most": thousands(most as u64),
            "half": thousands(most as u64 / 2), "last": duration(last),
            "middle": duration(last / 2.0),
        })
    };
    vec![
        plot("Pickles generated and judged", |sample| sample.generated as f64),
        plot("Loads with everything else refused", |sample| sample.deny as f64),
        plot("Loads for real, watched", |sample| sample.full as f64),
        plot("Root causes", |sample| sample.buckets as f64),
        plot("Opcode transitions", |sample| sample.transitions as f64),
    ]
}

fn line(timeline: &[Sample], value: fn(&Sample) -> f64, last: f64, most: f64) -> String {
    let step = timeline.len().div_ceil(POINTS);
    let ends = timeline.last().into_iter();
    let samples = timeline.iter().step_by(step).chain(ends);
    let points = samples.map(|sample| {
        let height = if most > 0.0 { value(sample) / most } else { 0.0 };
        (sample.seconds / last * PLOT.0, PLOT.1 - height * PLOT.1)
    });
    let points: Vec<String> = std::iter::once((0.0, PLOT.1))
        .chain(points)
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    points.join(" ")
}

/// When each cause was first found, earliest first, on a scale of orders of magnitude: most come
/// early.
pub fn first_finds(findings: &[&Finding], seconds: f64) -> Value {
    let mut all: Vec<&Finding> = findings.to_vec();
    all.sort_by(|a, b| {
        a.first_seen_seconds.total_cmp(&b.first_seen_seconds).then(a.bucket.cmp(&b.bucket))
    });
    let left_out = all.len().saturating_sub(CAUSES);
    all.truncate(CAUSES);
    // From a tenth of a second on.
    let place = |seconds: f64| (seconds.max(0.1) * 10.0).log10();
    let full = place(seconds).max(1e-9);
    let rows: Vec<Value> = all
        .iter()
        .enumerate()
        .map(|(i, finding)| {
            json!({
                "y": i * 14, "bucket": finding.bucket, "class": finding.class,
                "x": format!("{:.1}", (place(finding.first_seen_seconds) / full * 300.0).min(300.0)),
                "after": duration(finding.first_seen_seconds),
            })
        })
        .collect();
    let ticks: Vec<Value> = [1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0]
        .into_iter()
        .filter(|tick| *tick < seconds * 0.8)
        .map(|tick| {
            json!({ "x": format!("{:.1}", place(tick) / full * 300.0), "label": duration(tick) })
        })
        .collect();
    json!({ "rows": rows, "ticks": ticks, "height": all.len() * 14, "left_out": left_out })
}

/// One row per opcode before, one cell per opcode after; shades by the logarithm of the count.
pub fn transitions(coverage: &Coverage) -> Vec<Value> {
    let most = Opcode::ALL
        .into_iter()
        .flat_map(|a| Opcode::ALL.map(|b| coverage.transition(a, b)))
        .max()
        .unwrap_or(0);
    let scale = (most as f64 + 1.0).ln().max(1e-9);
    let cell = |before: Opcode, x: usize, after: Opcode| {
        let count = coverage.transition(before, after);
        let shade = ((count as f64 + 1.0).ln() / scale * 8.0).ceil() as u32;
        (count > 0).then(
            || json!({ "x": x, "shade": shade, "after": after.name(), "count": thousands(count) }),
        )
    };
    let rows = Opcode::ALL.into_iter().enumerate().map(|(y, before)| {
        let all = Opcode::ALL.into_iter().enumerate();
        let cells: Vec<Value> = all.filter_map(|(x, after)| cell(before, x, after)).collect();
        json!({ "y": y, "name": before.name(), "cells": cells })
    });
    rows.collect()
}

/// A time for people.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_long_as_they_need_be_and_end_where_it_ended() {
        let timeline: Vec<Sample> = (0..5000)
            .map(|i| Sample { seconds: f64::from(i), generated: i as u64, ..Sample::default() })
            .collect();
        let line = line(&timeline, |sample| sample.generated as f64, 4999.0, 4999.0);
        assert!(line.split(' ').count() <= POINTS + 3);
        assert!(line.starts_with("0.0,100.0 ") && line.ends_with(" 300.0,0.0"), "{line}");
    }

    #[test]
    fn times_for_people() {
        let told: Vec<String> = [0.4, 61.0, 600.0, 9000.0].map(duration).into();
        assert_eq!(told, ["0.4 s", "61 s", "10 min", "2.5 h"]);
    }
}
