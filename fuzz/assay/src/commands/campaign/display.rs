//! The live status of a campaign: on a terminal only, and on standard error.

use std::time::Duration;

use assay_campaign::Status;
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The status lines.
pub struct Display(ProgressBar);

impl Display {
    /// Shows nothing if it is to be quiet or nobody is there to look.
    pub fn new(quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows the status.
    pub fn show(&self, status: &Status) {
        if !self.0.is_hidden() {
            self.0.set_message(lines(status));
            self.0.tick();
        }
    }

    /// Takes the lines away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn lines(status: &Status) -> String {
    let tally = &status.tally;
    let buckets: Vec<String> = status
        .buckets
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(class, count)| format!("{count} {class}"))
        .collect();
    let buckets = if buckets.is_empty() { "nothing yet".to_owned() } else { buckets.join(", ") };
    let last = status
        .last_new
        .as_ref()
        .map(|(bucket, seconds)| format!("; last {bucket} at {seconds:.0} s"))
        .unwrap_or_default();
    let control = match status.control_found {
        Some(seconds) => format!("found at {seconds:.1} s"),
        None => "not found yet".to_owned(),
    };
    format!(
        "{}: {} pickles judged ({:.0}/s), {} loads refusing ({:.0}/s), {} for real ({:.0}/s)\n\
         coverage: {} opcodes, {} transitions, {} kept; planted hole {control}\n\
         found: {buckets}{last}",
        HumanDuration(Duration::from_secs_f64(status.seconds)),
        HumanCount(tally.generated),
        status.generated_per_second,
        HumanCount(tally.executed_deny),
        status.deny_per_second,
        HumanCount(tally.executed_full),
        status.full_per_second,
        status.opcodes_seen,
        status.transitions_seen,
        status.interesting,
    )
}
