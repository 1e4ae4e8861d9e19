//! The *V-measure*: how well one grouping agrees with another (Rosenberg and Hirschberg, 2007).
//!
//! *Homogeneity*: no bucket holds two causes. *Completeness*: no cause is spread over two
//! buckets. The V-measure is their harmonic mean; each is 1 at best and 0 at worst.

use std::collections::BTreeMap;

use serde::Serialize;

/// How well buckets agree with labels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct VMeasure {
    /// 1 if no bucket holds two causes.
    pub homogeneity: f64,
    /// 1 if no cause is in two buckets.
    pub completeness: f64,
    /// The harmonic mean of the two.
    pub v: f64,
}

/// Measures pairs of (label, bucket).
pub fn v_measure<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> VMeasure {
    let mut labels: BTreeMap<&str, f64> = BTreeMap::new();
    let mut buckets: BTreeMap<&str, f64> = BTreeMap::new();
    let mut both: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    let mut all = 0.0;
    for (label, bucket) in pairs {
        *labels.entry(label).or_default() += 1.0;
        *buckets.entry(bucket).or_default() += 1.0;
        *both.entry((label, bucket)).or_default() += 1.0;
        all += 1.0;
    }
    let entropy = |counts: &BTreeMap<&str, f64>| -> f64 {
        -counts.values().map(|count| count / all * (count / all).ln()).sum::<f64>()
    };
    let given = |of: &dyn Fn(&(&str, &str)) -> f64| -> f64 {
        -both.iter().map(|(pair, count)| count / all * (count / of(pair)).ln()).sum::<f64>()
    };
    let share = |conditional: f64, whole: f64| {
        if whole == 0.0 { 1.0 } else { 1.0 - conditional / whole }
    };
    let homogeneity = share(given(&|(_, bucket)| buckets[bucket]), entropy(&labels));
    let completeness = share(given(&|(label, _)| labels[label]), entropy(&buckets));
    let sum = homogeneity + completeness;
    let v = if sum == 0.0 { 0.0 } else { 2.0 * homogeneity * completeness / sum };
    VMeasure { homogeneity, completeness, v }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < 1e-9, "{value} is not {wanted}");
    }

    #[test]
    fn perfect_and_worthless_groupings() {
        let same = v_measure([("a", "1"), ("a", "1"), ("b", "2")]);
        near(same.v, 1.0);
        let merged = v_measure([("a", "1"), ("b", "1")]);
        near(merged.homogeneity, 0.0);
        near(merged.completeness, 1.0);
        near(merged.v, 0.0);
        let split = v_measure([("a", "1"), ("a", "2"), ("b", "3"), ("b", "4")]);
        near(split.homogeneity, 1.0);
        near(split.completeness, 0.5);
        near(split.v, 2.0 / 3.0);
    }

    #[test]
    fn swapping_labels_and_buckets_swaps_the_two() {
        let pairs = [("a", "1"), ("a", "2"), ("b", "2"), ("c", "2"), ("c", "3")];
        let there = v_measure(pairs);
        let back = v_measure(pairs.map(|(label, bucket)| (bucket, label)));
        near(there.homogeneity, back.completeness);
        near(there.completeness, back.homogeneity);
    }
}
