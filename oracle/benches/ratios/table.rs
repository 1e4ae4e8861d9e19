//! The table of results.

use std::fmt::Write;

use assay_oracle::Python;
use serde::Serialize;

use crate::clock::Taken;

/// Against which item, and what is aimed at.
pub type Target = (usize, f64);

/// One thing measured.
#[derive(Serialize)]
pub struct Row {
    name: String,
    /// Per second by the wall's clock: the median of the rounds.
    per_second: f64,
    /// Per second of processor time, over all rounds.
    per_cpu_second: f64,
    ratios: Vec<Ratio>,
}

/// A ratio of rates.
#[derive(Serialize)]
struct Ratio {
    to: String,
    target: f64,
    /// By the wall's clock: the median of the rounds' own ratios.
    wall: f64,
    /// By processor time.
    cpu: f64,
    met: bool,
}

impl Row {
    /// The row of `item`, held against others.
    pub fn new(
        name: &str,
        item: usize,
        taken: &[Vec<Taken>],
        targets: &[Target],
        names: &[&str],
    ) -> Self {
        let rate = |one: &Taken| one.count / one.wall;
        let of_cpu = |item: usize| {
            let sum = |of: fn(&Taken) -> f64| taken[item].iter().map(of).sum::<f64>();
            sum(|one| one.count) / sum(|one| one.cpu)
        };
        let ratios = targets.iter().map(|&(to, target)| {
            let rounds = taken[item].iter().zip(&taken[to]);
            let wall = median(rounds.map(|(ours, theirs)| rate(ours) / rate(theirs)));
            let cpu = of_cpu(item) / of_cpu(to);
            Ratio { to: names[to].to_owned(), target, wall, cpu, met: wall >= target }
        });
        Self {
            name: name.to_owned(),
            per_second: median(taken[item].iter().map(rate)),
            per_cpu_second: of_cpu(item),
            ratios: ratios.collect(),
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// For people.
pub fn text(python: &Python, rounds: usize, rows: &[Row]) -> String {
    let mut out = format!("CPython {}, median of {rounds} rounds, on one core\n", python.version);
    let _ = writeln!(out, "{:42} {:>10} {:>10}", "", "per s", "per CPU s");
    for row in rows {
        let (name, wall, cpu) = (&row.name, row.per_second, row.per_cpu_second);
        let _ = writeln!(out, "{name:42} {wall:>10.0} {cpu:>10.0}");
        for ratio in &row.ratios {
            let Ratio { to, target, wall, cpu, met } = ratio;
            let verdict = if *met { "met" } else { "missed" };
            let _ =
                writeln!(out, "    {wall:.2} (CPU {cpu:.2}) of {to}; target {target}: {verdict}");
        }
    }
    out
}

/// For programs: one line.
pub fn json(python: &Python, rounds: usize, rows: &[Row]) -> String {
    serde_json::json!({ "python": python.version, "rounds": rounds, "rows": rows }).to_string()
}
