//! The summary of a campaign, and whether the campaign failed.

use std::collections::BTreeMap;

use assay_differential::Class;
use serde::{Deserialize, Serialize};

use crate::config::FailOn;
use crate::estimate::Estimate;
use crate::exhaustive::Certificate;

/// Seconds after which a campaign that did not find the planted hole is not to be trusted.
/// Shorter ones may simply have had no time.
const CONTROL_DUE: f64 = 20.0;

/// The positive control.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// The hole that was made in our own analyser.
    pub planted: String,
    /// When it was found.
    pub found_seconds: Option<f64>,
}

/// What `summary.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// What everything random derived from.
    pub seed: u64,
    /// How long the campaign ran, all sessions together.
    pub seconds: f64,
    /// Pickles generated.
    pub generated: u64,
    /// Judgements made.
    pub analyzed: u64,
    /// Loads of both tiers.
    pub executed: u64,
    /// Loads in the deny tier.
    pub executed_deny: u64,
    /// Loads in the full tier.
    pub executed_full: u64,
    /// Of these, in a process that loaded nothing else; the others shared one, as a filter whose
    /// hits are loaded again alone.
    #[serde(default)]
    pub executed_full_alone: u64,
    /// Loads per second.
    pub execs_per_second: f64,
    /// Loads that returned an object.
    pub loaded: u64,
    /// Loads that asked for something on the deny list.
    pub touched_denied: u64,
    /// Opcodes generated, of 68.
    pub opcodes_seen: usize,
    /// Transitions generated.
    pub transitions_seen: usize,
    /// Judgements by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Judgements `safe` of pickles that call something.
    pub safe_with_call: u64,
    /// Loads in the full tier of such pickles: only these test soundness.
    pub safe_with_call_executed_full: u64,
    /// The positive control.
    pub control: Control,
    /// Number of findings by class.
    pub buckets: BTreeMap<String, u64>,
    /// Findings in which an interpreter crashed on what is called safe. For `--fail-on` they count
    /// as unsound: memory that is read or written wrongly may lead anywhere.
    #[serde(default)]
    pub safe_crashes: u64,
    /// Discrepant pickles whose cause is not known yet, by class: the campaign ended while they
    /// were followed.
    #[serde(default)]
    pub pending: BTreeMap<String, u64>,
    /// The analysers under test.
    pub analyzers: Vec<String>,
    /// The interpreters.
    pub pythons: Vec<String>,
    /// When each bucket was found.
    pub first_find_seconds: BTreeMap<String, f64>,
    /// Judgements by verdict and outcome, `safe/loaded`.
    pub matrix: BTreeMap<String, u64>,
    /// Share of the workers' time by stage.
    pub time_share: BTreeMap<String, f64>,
    /// Whether the planted hole was found, or there was no time to.
    pub trustworthy: bool,
    /// How likely more pickles show new causes.
    #[serde(default)]
    pub estimate: Estimate,
    /// What exhaustive campaigns have shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Certificate>,
}

impl Summary {
    /// Whether the campaign may be believed.
    pub(crate) fn trusted(control: &Control, seconds: f64) -> bool {
        control.found_seconds.is_some() || seconds < CONTROL_DUE
    }

    /// The exit code: 2 if the campaign is not trustworthy, 1 if it found what it must not, 0.
    pub fn exit_code(&self, fail_on: &FailOn) -> u8 {
        if !self.trustworthy {
            return 2;
        }
        let found = |class: &Class| {
            let some = |of: &BTreeMap<String, u64>| of.get(class.name()).is_some_and(|&n| n > 0);
            fail_on.includes(*class) && (some(&self.buckets) || some(&self.pending))
        };
        let crashed = self.safe_crashes > 0 && fail_on.includes(Class::Unsound);
        u8::from(crashed || Class::ALL.iter().any(found))
    }

    /// Why the campaign is not to be believed, if so.
    pub fn doubt(&self) -> Option<&str> {
        if self.trustworthy {
            return None;
        }
        let void = self.certificates.iter().find_map(|certificate| certificate.void.as_deref());
        Some(void.unwrap_or("the planted hole was not found"))
    }

    /// Lines for people.
    pub fn text(&self) -> String {
        let found: Vec<String> = self
            .buckets
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(class, count)| format!("{count} {class}"))
            .collect();
        let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
        let control = match self.control.found_seconds {
            Some(seconds) => format!("found after {seconds:.1} s"),
            None if self.trustworthy => format!("not found yet, in less than {CONTROL_DUE:.0} s"),
            None => "NOT found".to_owned(),
        };
        let mut out = format!(
            "{} pickles generated and judged, {} loads ({} deny, {} full of which {} alone) in {:.0} s: {:.0}/s\n\
             found: {found}\n\
             planted hole ({}): {control}\n\
             coverage: {} opcodes of 68, {} transitions; seed {}\n",
            self.generated,
            self.executed,
            self.executed_deny,
            self.executed_full,
            self.executed_full_alone,
            self.seconds,
            self.execs_per_second,
            self.control.planted,
            self.opcodes_seen,
            self.transitions_seen,
            self.seed
        );
        let pending: u64 = self.pending.values().sum();
        if pending > 0 {
            out.push_str(&format!(
                "not followed to the cause yet: {pending} discrepant pickles; go on with --resume\n"
            ));
        }
        for certificate in &self.certificates {
            out.push_str(&certificate.text());
        }
        if let Some(why) = self.doubt() {
            out.push_str(&format!("not trustworthy: {why}\n"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_what_was_found() {
        let mut summary = Summary { trustworthy: true, ..Summary::default() };
        let default = FailOn::default();
        assert_eq!(summary.exit_code(&default), 0);
        summary.buckets.insert("divergence".into(), 3);
        assert_eq!(summary.exit_code(&default), 0);
        assert_eq!(summary.exit_code(&"any".parse().unwrap()), 1);
        summary.pending.insert("unsound".into(), 1);
        assert_eq!(summary.exit_code(&default), 1);
        summary.pending.clear();
        summary.buckets.insert("unsound".into(), 1);
        assert_eq!(summary.exit_code(&default), 1);
        assert_eq!(summary.exit_code(&"none".parse().unwrap()), 0);
        summary.buckets.clear();
        summary.safe_crashes = 1;
        assert_eq!(summary.exit_code(&default), 1);
        assert_eq!(summary.exit_code(&"analyzer-crash".parse().unwrap()), 0);
        summary.trustworthy = false;
        assert_eq!(summary.exit_code(&default), 2);
    }

    #[test]
    fn a_hole_not_found_is_held_against_long_campaigns_only() {
        let control = Control::default();
        assert!(Summary::trusted(&control, 5.0));
        assert!(!Summary::trusted(&control, 60.0));
        assert!(Summary::trusted(&Control { found_seconds: Some(1.0), ..control }, 60.0));
    }
}
