//! *Estimating* what was not seen: how likely the next million pickles show a new cause.
//!
//! Testing is sampling: each pickle is a trial, each cause a species, and what a campaign has
//! found by now says how much it has not found. The estimators are those that Böhme applies to
//! fuzzing (STADS: Software Testing as Species Discovery, TOSEM 2018): Good and Turing's for the
//! probability that the next trial discovers, Chao's for the species that are left and for how
//! many of them a longer campaign would see. They must not be told without what they leave out:
//! a fuzzer that learns and causes that it cannot reach.

use serde::{Deserialize, Serialize};

/// Trials below which nothing can be said.
const FEW_TRIALS: u64 = 10_000;

/// Share of the species seen only once above which discovery has hardly begun.
const MOSTLY_SINGLETONS: f64 = 0.5;

/// Beyond this many times what was seen, extrapolated numbers mean little.
const FAR: f64 = 2.0;

/// 95 % of a normal distribution lie below this many standard deviations.
const Z95: f64 = 1.645;

/// How often species were seen, as far as the estimators ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abundance {
    /// Trials: pickles.
    pub trials: u64,
    /// Species: causes.
    pub species: u64,
    /// Species seen once.
    pub singletons: u64,
    /// Species seen twice.
    pub doubletons: u64,
}

impl Abundance {
    /// Of species seen so often each, in so many trials.
    pub fn of(trials: u64, counts: impl IntoIterator<Item = u64>) -> Self {
        let mut out = Self { trials, ..Self::default() };
        for count in counts {
            out.species += u64::from(count > 0);
            out.singletons += u64::from(count == 1);
            out.doubletons += u64::from(count == 2);
        }
        out
    }

    /// The probability that the next trial discovers a species, by Good and Turing.
    pub fn discovery(&self) -> f64 {
        self.singletons as f64 / self.trials.max(1) as f64
    }

    /// What that probability does not exceed with 95 % confidence.
    ///
    /// The number of singletons scatters as a Poisson variable does, about which its upper bound
    /// (in Wilson and Hilferty's form) tells all while it is small; how much the unseen mass
    /// itself scatters adds twice the doubletons (Esty 1983).
    pub fn discovery_bound(&self) -> f64 {
        let (once, twice) = (self.singletons as f64, self.doubletons as f64);
        let next = once + 1.0;
        let poisson = next * (1.0 - 1.0 / (9.0 * next) + Z95 / (3.0 * next.sqrt())).powi(3);
        let normal = once + Z95 * (once + 2.0 * twice).sqrt();
        (poisson.max(normal) / self.trials.max(1) as f64).min(1.0)
    }

    /// Species not seen so far: Chao's lower bound.
    pub fn unseen(&self) -> f64 {
        let (n, once, twice) =
            (self.trials.max(1) as f64, self.singletons as f64, self.doubletons as f64);
        let share = (n - 1.0) / n;
        if self.doubletons > 0 {
            share * once * once / (2.0 * twice)
        } else {
            share * once * (once - 1.0) / 2.0
        }
    }

    /// How many species `more` trials are expected to discover.
    pub fn expected(&self, more: f64) -> f64 {
        let (n, once) = (self.trials.max(1) as f64, self.singletons as f64);
        let unseen = self.unseen();
        if unseen <= 0.0 {
            // One singleton and no doubleton: nothing is known of the rest but its mass.
            return certain(self.discovery(), more) * f64::from(u8::from(once > 0.0));
        }
        unseen * (1.0 - (1.0 - once / (n * unseen + once)).powf(more))
    }

    /// What that number does not exceed with 95 % confidence: as many as if the next trial's chance
    /// were at its bound and never fell, and a Poisson variable's scatter beyond.
    pub fn expected_bound(&self, more: f64) -> f64 {
        let mean = self.discovery_bound() * more;
        mean + Z95 * mean.sqrt()
    }

    /// The probability that `more` trials discover anything, and what it does not exceed with
    /// 95 % confidence.
    pub fn discovers(&self, more: f64) -> (f64, f64) {
        (certain(self.discovery(), more), certain(self.discovery_bound(), more))
    }
}

/// The probability that what happens with `chance` in each trial happens in any of so many.
fn certain(chance: f64, trials: f64) -> f64 {
    -(trials * (-chance.min(1.0)).ln_1p()).exp_m1()
}

/// What is told of the unseen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Estimate {
    /// What it was estimated from.
    #[serde(flatten)]
    pub abundance: Abundance,
    /// The probability that the next pickle shows a new cause.
    pub next: f64,
    /// The probability that any of the next million does.
    pub next_million: f64,
    /// What that does not exceed, with 95 % confidence.
    pub next_million_at_most: f64,
    /// How many new causes the next million are expected to show.
    pub next_million_expected: f64,
    /// Whether it says anything at all.
    pub says_something: bool,
    /// What is to be known before it is believed.
    pub caveats: Vec<String>,
}

impl Estimate {
    /// The estimate from how often causes were seen.
    pub fn new(abundance: Abundance) -> Self {
        let million = 1e6;
        let (likely, at_most) = abundance.discovers(million);
        Self {
            abundance,
            next: abundance.discovery(),
            next_million: likely,
            next_million_at_most: at_most,
            next_million_expected: abundance.expected(million),
            says_something: abundance.trials >= FEW_TRIALS,
            caveats: caveats(&abundance, million),
        }
    }
}

fn caveats(seen: &Abundance, more: f64) -> Vec<String> {
    let mut out = Vec::new();
    if seen.trials < FEW_TRIALS {
        out.push(format!("it says nothing yet: fewer than {FEW_TRIALS} pickles"));
    }
    if seen.singletons == 0 {
        out.push(
            "no cause was seen exactly once, so that the estimate is nought; only the bound \
             means something"
                .into(),
        );
    } else if seen.singletons as f64 > MOSTLY_SINGLETONS * seen.species as f64 {
        out.push("most causes were seen only once: discovery has hardly begun".into());
    }
    if more > FAR * seen.trials as f64 {
        out.push("a million is much more than was seen: the expected number means little".into());
    }
    out.push(
        "it holds for this generator, which learns as it goes, and for what it can reach; some \
         pickles are not put down to any cause, which makes causes look rarer and the estimate \
         too high rather than too low"
            .into(),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Weights of species: uniform, falling by half, and as words do (Zipf).
    fn distributions() -> Vec<Vec<f64>> {
        vec![
            vec![1.0; 200],
            (0..40).map(|i| 0.5f64.powi(i)).collect(),
            (1..=500).map(|i| 1.0 / f64::from(i)).collect(),
        ]
    }

    /// A world in which only some trials show any species, and how often each was seen.
    struct World {
        chances: Vec<f64>,
        counts: Vec<u64>,
        trials: u64,
        random: Random,
    }

    impl World {
        fn new(weights: &[f64], share: f64, seed: u64) -> Self {
            let sum: f64 = weights.iter().sum();
            let chances: Vec<f64> = weights.iter().map(|weight| weight / sum * share).collect();
            let counts = vec![0; weights.len()];
            Self { chances, counts, trials: 0, random: Random::at(seed, &[]) }
        }

        fn sample(&mut self, trials: u64) {
            self.trials += trials;
            for _ in 0..trials {
                let mut at = (self.random.next() >> 11) as f64 / (1u64 << 53) as f64;
                for (chance, count) in self.chances.iter().zip(&mut self.counts) {
                    at -= chance;
                    if at < 0.0 {
                        *count += 1;
                        break;
                    }
                }
            }
        }

        fn abundance(&self) -> Abundance {
            Abundance::of(self.trials, self.counts.iter().copied())
        }

        fn unseen_mass(&self) -> f64 {
            let all = self.chances.iter().zip(&self.counts);
            all.filter(|(_, count)| **count == 0).map(|(chance, _)| chance).sum()
        }
    }

    #[test]
    fn known_distributions_are_estimated_well() {
        for (which, weights) in distributions().iter().enumerate() {
            let (mut estimated, mut true_mass, mut bounded) = (0.0, 0.0, 0);
            let runs = 300;
            for run in 0..runs {
                let mut world = World::new(weights, 0.2, run);
                world.sample(1000);
                let seen = world.abundance();
                estimated += seen.discovery();
                true_mass += world.unseen_mass();
                bounded += u32::from(world.unseen_mass() <= seen.discovery_bound());
            }
            let ratio = estimated / true_mass;
            assert!((0.95..1.05).contains(&ratio), "distribution {which}: {ratio}");
            let covered = f64::from(bounded) / runs as f64;
            assert!(covered >= 0.93, "distribution {which}: bound holds in {covered}");
        }
    }

    #[test]
    fn what_a_longer_campaign_discovers_is_foretold() {
        for (which, weights) in distributions().iter().enumerate() {
            let (mut foretold, mut happened, mut chance, mut any) = (0.0, 0.0, 0.0, 0.0);
            let runs = 300;
            for run in 0..runs {
                let mut world = World::new(weights, 0.2, 1000 + run);
                world.sample(1500);
                let seen = world.abundance();
                foretold += seen.expected(1000.0);
                chance += seen.discovers(20.0).0;
                world.sample(20);
                any += f64::from(u8::from(world.abundance().species > seen.species));
                world.sample(980);
                happened += (world.abundance().species - seen.species) as f64;
            }
            let ratio = foretold / happened;
            assert!((0.75..1.25).contains(&ratio), "distribution {which}: expected {ratio}");
            let gap = (chance - any) / runs as f64;
            assert!(gap.abs() < 0.07, "distribution {which}: chance off by {gap}");
        }
    }

    #[test]
    fn says_when_it_says_too_little() {
        let none = Estimate::new(Abundance::of(1_000_000, []));
        assert_eq!(none.next_million, 0.0);
        // The rule of three: nothing in n trials leaves about 3/n.
        assert!((0.94..0.96).contains(&none.next_million_at_most), "{none:?}");
        assert!(none.caveats.iter().any(|caveat| caveat.contains("only the bound")));
        let few = Estimate::new(Abundance::of(500, [1, 1]));
        assert!(!few.says_something && few.caveats[0].contains("says nothing yet"));
        let seen = Estimate::new(Abundance::of(5_000_000, [1, 2, 900, 1, 4, 7]));
        assert!(seen.says_something && (0.3..0.35).contains(&seen.next_million), "{seen:?}");
        assert!(seen.next_million_at_most > seen.next_million);
        assert!((0.3..0.5).contains(&seen.next_million_expected), "{seen:?}");
    }
}
