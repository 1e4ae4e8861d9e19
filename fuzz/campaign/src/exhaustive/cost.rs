//! What a whole exhaustive campaign would *cost*, from a slice of its units.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Counts, Plan};
use crate::render::thousands;
use crate::tally::Tally;
use crate::{Error, Result};

/// Standard errors on each side of a mean between which the true one lies in 95 of 100 cases.
const NORMAL_95: f64 = 1.96;

/// Microseconds of an hour.
const HOUR: f64 = 3.6e9;

/// The estimated cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// The most opcodes of a program.
    pub length: u32,
    /// How many programs there are.
    pub programs: u64,
    /// How many units.
    pub units: u64,
    /// How many units were measured, chosen at random.
    pub units_measured: u64,
    /// What was done in them.
    pub measured: Counts,
    /// Hours of one worker on one core for all units.
    pub core_hours: f64,
    /// Half the width of its 95 % confidence interval.
    pub plus_minus: f64,
    /// Share of the time by stage.
    pub time_share: BTreeMap<String, f64>,
}

impl Cost {
    /// From the units that were measured.
    ///
    /// # Errors
    /// If there are too few to say anything.
    pub fn new(plan: &Plan, units: &BTreeMap<u64, Counts>, tally: &Tally) -> Result<Self> {
        let space = plan.try_space()?;
        let spent: Vec<f64> = units.values().map(|unit| unit.spent_us as f64).collect();
        let n = spent.len() as f64;
        // The only unit of a short length is all of it, with no uncertainty.
        let all = spent.len() as u64 == space.units();
        if spent.is_empty() || spent.len() < 2 && !all {
            return Err(Error::Config(
                "too few units were done to estimate anything; give it more --time".into(),
            ));
        }
        let mean = spent.iter().sum::<f64>() / n;
        let variance = spent.iter().map(|us| (us - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        let total = space.units() as f64;
        // Units that were measured are not uncertain any more.
        let error = (variance / n * (1.0 - n / total).max(0.0)).sqrt();
        let mut measured = Counts::default();
        units.values().for_each(|unit| measured.add(unit));
        let all_stages: u64 = tally.spent_us.values().sum();
        let share = |us: &u64| (*us as f64 / all_stages.max(1) as f64 * 1000.0).round() / 1000.0;
        Ok(Self {
            length: plan.length,
            programs: space.programs(),
            units: space.units(),
            units_measured: spent.len() as u64,
            core_hours: mean * total / HOUR,
            plus_minus: NORMAL_95 * error * total / HOUR,
            time_share: tally.spent_us.iter().map(|(k, us)| (k.clone(), share(us))).collect(),
            measured,
        })
    }

    /// Lines for people.
    pub fn text(&self) -> String {
        let shares: Vec<String> = self
            .time_share
            .iter()
            .map(|(stage, share)| format!("{stage} {:.0} %", share * 100.0))
            .collect();
        format!(
            "{} programs of at most {} opcodes, in {} units\n\
             measured: {} units chosen at random, {} programs, {} cases loaded, {} of them watched\n\
             estimated: {:.2} core-hours, give or take {:.2} (95 % confidence)\n\
             time: {}\n",
            thousands(self.programs),
            self.length,
            thousands(self.units),
            thousands(self.units_measured),
            thousands(self.measured.programs),
            thousands(self.measured.loaded),
            thousands(self.measured.watched),
            self.core_hours,
            self.plus_minus,
            shares.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(spent: &[u64]) -> BTreeMap<u64, Counts> {
        let unit = |us: u64| Counts { spent_us: us, programs: 1, ..Counts::default() };
        spent.iter().enumerate().map(|(i, &us)| (i as u64, unit(us))).collect()
    }

    #[test]
    fn the_mean_of_the_measured_units_stands_for_all() {
        let plan = Plan::new(3, 1).unwrap();
        let cost = |spent: &[u64]| Cost::new(&plan, &units(spent), &Tally::default());
        let even = cost(&[3_600_000; 10]).unwrap();
        // 160 units of 3.6 seconds.
        assert!((even.core_hours - 0.16).abs() < 1e-9);
        assert!(even.plus_minus < 1e-9);
        let uneven = cost(&[1_000_000, 6_200_000, 3_600_000]).unwrap();
        assert!((uneven.core_hours - 0.16).abs() < 1e-9);
        assert!(uneven.plus_minus > 0.01);
        assert!(cost(&[5]).is_err() && cost(&[]).is_err());
        let whole = Cost::new(&Plan::new(1, 1).unwrap(), &units(&[5]), &Tally::default());
        assert_eq!(whole.unwrap().plus_minus, 0.0);
        assert!(even.text().contains("4\u{202f}045\u{202f}120 programs"));
    }
}
