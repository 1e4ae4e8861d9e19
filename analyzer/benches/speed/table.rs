//! Medians, and how they compare.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::Taken;

/// Above so many seconds one measurement is enough.
const SLOW: f64 = 20.0;

/// All that was measured; `None` where a tool failed or was given up.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<(String, String), Vec<Option<Taken>>>,
    sizes: BTreeMap<String, u64>,
}

impl Table {
    /// Adds what one process took.
    pub fn add(&mut self, input: &str, tool: &str, taken: Option<Taken>) {
        self.rows.entry((input.to_owned(), tool.to_owned())).or_default().push(taken);
    }

    /// Notes the size of an input, in bytes.
    pub fn size(&mut self, input: &str, bytes: u64) {
        self.sizes.insert(input.to_owned(), bytes);
    }

    /// Whether the tool took so long for the input that once is enough.
    pub fn is_slow(&self, input: &str, tool: &str) -> bool {
        let rows = self.rows.get(&(input.to_owned(), tool.to_owned()));
        rows.is_some_and(|rows| {
            rows.iter().any(|taken| taken.is_none_or(|taken| taken.seconds > SLOW))
        })
    }

    fn median(&self, input: &str, tool: &str) -> Option<Taken> {
        let rows = self.rows.get(&(input.to_owned(), tool.to_owned()))?;
        let mut rows: Vec<Taken> = rows.iter().copied().collect::<Option<_>>()?;
        rows.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let peak = rows.iter().map(|taken| taken.peak).max()?;
        Some(Taken { peak, ..*rows.get(rows.len() / 2)? })
    }

    /// The table: a row an input, seconds and, for others, how many times longer they took.
    pub fn markdown(&self, inputs: &[&str], tools: &[&str]) -> String {
        let mut out = String::from("| input | MB | assay | MB/s | peak / size | twice the input |");
        out.extend(tools.iter().map(|tool| format!(" {tool} |")));
        out += "\n|---|---|---|---|---|---|";
        out += &"---|".repeat(tools.len());
        out.push('\n');
        for input in inputs {
            let size = self.sizes.get(*input).copied().unwrap_or_default() as f64;
            let Some(own) = self.median(input, "assay") else {
                let _ = writeln!(out, "| {input} | {:.1} | failed |", size / 1e6);
                continue;
            };
            let twice = self.median(input, "twice").map_or(f64::NAN, |taken| taken.seconds);
            let _ = write!(
                out,
                "| {input} | {:.1} | {:.3} s | {:.0} | {:.2} | {:.2} |",
                size / 1e6,
                own.seconds,
                size / 1e6 / own.seconds,
                own.peak as f64 / size,
                twice / own.seconds,
            );
            for tool in tools {
                let _ = match self.median(input, tool) {
                    Some(taken) => write!(
                        out,
                        " {:.2} s, {:.1} x; {:.1} |",
                        taken.seconds,
                        taken.seconds / own.seconds,
                        taken.peak as f64 / size
                    ),
                    None => write!(out, " failed or given up |"),
                };
            }
            out.push('\n');
        }
        out
    }
}
