//! The live status of a campaign, on standard error: a few lines that stay in place on a
//! terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use assay_campaign::{Exhausted, Status};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::escape::escape;
use crate::output;

/// Between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// The status lines.
pub struct Display(Kind);

enum Kind {
    Quiet,
    Terminal(ProgressBar),
    Lines(Mutex<Instant>),
}

impl Display {
    /// Shows nothing if it is to be quiet.
    pub fn new(quiet: bool) -> Self {
        if quiet {
            return Self(Kind::Quiet);
        }
        if !std::io::stderr().is_terminal() {
            return Self(Kind::Lines(Mutex::new(Instant::now())));
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self(Kind::Terminal(bar))
    }

    /// Shows the status.
    pub fn show(&self, status: &Status) {
        match &self.0 {
            Kind::Quiet => {}
            Kind::Terminal(bar) => {
                bar.set_message(dashboard(status));
                bar.tick();
            }
            Kind::Lines(last) => {
                let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let now = Instant::now();
                if is_due(*last, now) {
                    *last = now;
                    output::note(false, line(status));
                }
            }
        }
    }

    /// Takes the lines away.
    pub fn clear(&self) {
        if let Kind::Terminal(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Whether it is time for another line.
fn is_due(last: Instant, now: Instant) -> bool {
    now.saturating_duration_since(last) >= LINE_EVERY
}

/// Width of the names on the left.
const NAMES: usize = 9;

fn dashboard(status: &Status) -> String {
    let tally = &status.tally;
    let time = match status.left {
        Some(left) => format!("{}, {} left", clock(status.seconds), clock(left)),
        None => format!("{}, until Ctrl-C", clock(status.seconds)),
    };
    let rate = |count: u64, speed: f64| format!("{} ({}/s)", thousands(count), short(speed));
    let time = match (status.left, &status.exhausted) {
        (None, Some(_)) => clock(status.seconds),
        _ => time,
    };
    let mut rows = vec![("time", time)];
    if let Some(exhausted) = &status.exhausted {
        rows.push(("programs", share(exhausted)));
    }
    rows.extend([
        ("judged", rate(tally.generated, status.generated_per_second)),
        (
            "loaded",
            format!(
                "{} refusing, {} for real",
                rate(tally.executed_deny, status.deny_per_second),
                rate(tally.executed_full, status.full_per_second)
            ),
        ),
        (
            "coverage",
            format!(
                "{} of 68 opcodes, {} of {} transitions, {} behaviours kept",
                status.opcodes_seen,
                thousands(status.transitions_seen as u64),
                thousands(68 * 68),
                thousands(status.interesting as u64)
            ),
        ),
        ("verdicts", verdicts(status)),
        ("found", found(status)),
        ("control", format!("the planted hole is {}", control(status))),
    ]);
    if let Some(trouble) = &status.trouble {
        rows.push(("WAITING", format!("nothing can be saved: {}", escape(trouble))));
    }
    let width = usize::from(console::Term::stderr().size().1).saturating_sub(1);
    let rows: Vec<String> = rows
        .into_iter()
        // A row that wraps could not be taken away again.
        .map(|(name, text)| format!("{name:NAMES$} {text}").chars().take(width).collect())
        .collect();
    rows.join("\n")
}

/// One line that says it all.
fn line(status: &Status) -> String {
    let left = status.left.map(|left| format!(", {} left", clock(left))).unwrap_or_default();
    let trouble = status.trouble.as_ref().map(|why| format!("; WAITING: {}", escape(why)));
    let share = status.exhausted.as_ref().map(|done| format!(" {};", share(done)));
    format!(
        "{}{left}:{} {} judged, {} loads ({}/s), {} for real ({}/s); {} transitions; {}; control {}{}",
        clock(status.seconds),
        share.unwrap_or_default(),
        thousands(status.tally.generated),
        thousands(status.tally.executed_deny),
        short(status.deny_per_second),
        thousands(status.tally.executed_full),
        short(status.full_per_second),
        thousands(status.transitions_seen as u64),
        found(status),
        control(status),
        trouble.unwrap_or_default(),
    )
}

/// How far an exhaustive campaign is.
fn share(exhausted: &Exhausted) -> String {
    let Exhausted { length, programs, done } = *exhausted;
    let percent = (done as f64 / programs.max(1) as f64 * 1000.0).floor() / 10.0;
    format!("{percent:.1} % of {} programs of at most {length} opcodes", thousands(programs))
}

fn verdicts(status: &Status) -> String {
    let all = status.tally.verdicts.iter();
    let all: Vec<String> =
        all.map(|(name, count)| format!("{} {name}", thousands(*count))).collect();
    if all.is_empty() { "none yet".to_owned() } else { all.join(", ") }
}

fn found(status: &Status) -> String {
    let all = status.buckets.iter().filter(|(_, count)| **count > 0);
    let all: Vec<String> = all.map(|(class, count)| format!("{count} {class}")).collect();
    let Some((bucket, when)) = &status.last_new else {
        return if all.is_empty() { "nothing yet".to_owned() } else { all.join(", ") };
    };
    format!("{}; last new at {}: {}", all.join(", "), clock(*when), escape(bucket))
}

fn control(status: &Status) -> String {
    match status.control_found {
        Some(seconds) => format!("found at {}", clock(seconds)),
        None => "not found yet".to_owned(),
    }
}

/// Hours, minutes and seconds, as far as there are any.
fn clock(seconds: f64) -> String {
    let all = seconds.round() as u64;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn thousands(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

fn short(speed: f64) -> String {
    thousands(speed.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        let mut status = Status { seconds: 3723.4, left: Some(59.6), ..Status::default() };
        status.tally.generated = 5_000_000;
        status.tally.verdicts.insert("safe".into(), 1234);
        status.buckets.insert("unsound".into(), 2);
        status.last_new = Some(("unsound-inst-1".into(), 61.0));
        status
    }

    #[test]
    fn tells_what_one_wants_to_know() {
        let rows = dashboard(&status());
        for part in ["1:02:03, 1:00 left", "5,000,000", "1,234 safe", "2 unsound", "not found yet"]
        {
            assert!(rows.contains(part), "{part}: {rows}");
        }
        let line = line(&status());
        assert!(!line.contains('\n') && line.contains("last new at 1:01"), "{line}");
    }

    #[test]
    fn tells_how_far_an_exhaustive_campaign_is() {
        let exhausted = Exhausted { length: 3, programs: 4_045_120, done: 1_699_999 };
        let status = Status { exhausted: Some(exhausted), left: None, ..status() };
        let told = "42.0 % of 4,045,120 programs of at most 3 opcodes";
        let rows = dashboard(&status);
        assert!(rows.contains(&format!("programs  {told}")), "{rows}");
        assert!(!rows.contains("until Ctrl-C"), "{rows}");
        assert!(line(&status).contains(told), "{}", line(&status));
    }

    #[test]
    fn a_line_comes_every_thirty_seconds() {
        let last = Instant::now();
        let after = |milliseconds| last + Duration::from_millis(milliseconds);
        assert!(!is_due(last, last) && !is_due(last, after(29_999)));
        assert!(is_due(last, after(30_000)) && is_due(last, after(90_000)));
        // A clock that was set back is no reason for a line.
        assert!(!is_due(after(1), last));
    }

    #[test]
    fn says_when_nothing_can_be_saved() {
        let status = Status { trouble: Some("disk is full".into()), ..status() };
        assert!(dashboard(&status).contains("WAITING"));
        assert!(line(&status).contains("WAITING: disk is full"));
    }
}
