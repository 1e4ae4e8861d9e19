//! What was done in one unit. Saved with it in one transaction, so that counts are exact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Rule;

/// Contradictions that are kept of a unit, as examples; all are counted.
const EXAMPLES: usize = 4;

/// What was done in a unit, or in several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Programs, all judged by every analyser.
    pub programs: u64,
    /// Of these, those of which something is claimed: judged safe, or all if divergence is hunted.
    pub claims: u64,
    /// Cases of those programs: times interpreters, engines and modes.
    pub cases: u64,
    /// Cases that were loaded in the deny tier.
    pub loaded: u64,
    /// Of these, those that were loaded for real and watched as well: they ask for something and
    /// may act on it, or an analyser saw a call.
    pub watched: u64,
    /// Of these, those whose load did not end, or was not seen to its end.
    pub inconclusive: u64,
    /// Programs judged safe that a watched load refuted.
    pub refuted: u64,
    /// Programs on which engines or versions parted in the deny tier, if that is hunted.
    pub parted: u64,
    /// Cases that were pruned, and what came of trying some, by rule.
    pub rules: BTreeMap<Rule, Pruned>,
    /// The first cases that were not as their rule foretold.
    pub contradictions: Vec<Contradiction>,
    /// Microseconds of a worker.
    pub spent_us: u64,
}

/// What a rule pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pruned {
    /// Cases that were not loaded.
    pub cases: u64,
    /// Such cases that were loaded after all, to try the rule.
    pub tried: u64,
    /// Of these, those that were not as the rule foretold.
    pub contradicted: u64,
}

/// A case that was not as its rule foretold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    /// The rule.
    pub rule: Rule,
    /// The program, in hexadecimal.
    pub pickle: String,
    /// The interpreter's version.
    pub python: String,
    /// The engine, and the mode if it is not the default.
    pub run: String,
    /// What was foretold.
    pub foretold: String,
    /// What came.
    pub came: String,
}

impl Counts {
    /// Counts of a rule.
    pub fn rule(&mut self, rule: Rule) -> &mut Pruned {
        self.rules.entry(rule).or_default()
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in [
            (&mut self.programs, other.programs),
            (&mut self.claims, other.claims),
            (&mut self.cases, other.cases),
            (&mut self.loaded, other.loaded),
            (&mut self.watched, other.watched),
            (&mut self.inconclusive, other.inconclusive),
            (&mut self.refuted, other.refuted),
            (&mut self.parted, other.parted),
            (&mut self.spent_us, other.spent_us),
        ] {
            *ours += theirs;
        }
        for (&rule, theirs) in &other.rules {
            let ours = self.rule(rule);
            ours.cases += theirs.cases;
            ours.tried += theirs.tried;
            ours.contradicted += theirs.contradicted;
        }
        for contradiction in &other.contradictions {
            self.keep(contradiction.clone());
        }
    }

    /// Keeps an example.
    pub fn keep(&mut self, contradiction: Contradiction) {
        if self.contradictions.len() < EXAMPLES {
            self.contradictions.push(contradiction);
        }
    }

    /// Whether every case was loaded or pruned.
    pub fn add_up(&self) -> bool {
        let loads = self.rules.iter().filter(|(rule, _)| rule.spares_the_load());
        let pruned: u64 = loads.map(|(_, pruned)| pruned.cases).sum();
        self.cases == self.loaded + pruned
    }

    /// Cases tried that were not as foretold.
    pub fn contradicted(&self) -> u64 {
        self.rules.values().map(|pruned| pruned.contradicted).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let mut a = Counts { programs: 3, cases: 10, loaded: 4, ..Counts::default() };
        a.rule(Rule::EndedPrefix).cases = 6;
        assert!(a.add_up());
        let mut b = a.clone();
        b.rule(Rule::EndedPrefix).contradicted = 1;
        b.add(&a);
        assert_eq!((b.programs, b.rules[&Rule::EndedPrefix].cases), (6, 12));
        assert_eq!((b.contradicted(), b.add_up()), (1, true));
        b.loaded -= 1;
        assert!(!b.add_up());
        let text = serde_json::to_string(&b).unwrap();
        assert_eq!(serde_json::from_str::<Counts>(&text).unwrap(), b);
    }
}
