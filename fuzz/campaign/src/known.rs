//! What is known already: most discrepant pickles show a cause that was found long ago.
//!
//! A discrepancy has a *rough key*, cheap to compute. The first few pickles of a key are followed
//! down to their cause, later ones ever more rarely; the others are only counted. So a hundred
//! thousand discrepant pickles cost hardly more than a hundred, and a rare cause behind a common
//! key still gets its turn.

use std::collections::HashMap;

use assay_differential::is_about_a_name;

/// Pickles of a key that are followed at once: a second, lest the first was a chance.
const FIRST: u64 = 2;

/// From here on, each time their number has doubled, one more is followed.
const AGAIN: u64 = 16;

/// What is known, by rough key.
#[derive(Debug, Default)]
pub struct Known {
    keys: HashMap<String, Key>,
}

#[derive(Debug, Default)]
struct Key {
    seen: u64,
    bucket: Option<String>,
}

/// What to do with a discrepant pickle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Follow it down to its cause.
    Follow,
    /// Count it for this bucket.
    Count(String),
    /// Nothing: pickles like it came to nothing.
    Drop,
}

impl Known {
    /// The key to go by for a pickle that asks for `name`: where pickles of the rough key led to a
    /// cause that is about one name, each name is a key of its own.
    pub fn refine(&self, key: String, name: Option<&str>) -> String {
        let named = self.bucket(&key).is_some_and(|bucket| is_about_a_name(&bucket));
        match name.filter(|_| named) {
            Some(name) => format!("{key}|{name}"),
            None => key,
        }
    }

    /// Counts a pickle of the key and says what to do with it; if `busy`, only the very first of
    /// a key is followed.
    pub fn advise(&mut self, key: &str, busy: bool) -> Advice {
        let known = self.keys.entry(key.to_owned()).or_default();
        known.seen += 1;
        if busy && known.seen > 1 {
            return known.bucket.clone().map_or(Advice::Drop, Advice::Count);
        }
        if known.seen <= FIRST || known.seen >= AGAIN && known.seen.is_power_of_two() {
            return Advice::Follow;
        }
        match &known.bucket {
            Some(bucket) => Advice::Count(bucket.clone()),
            // Nothing yet: try harder than for what is explained.
            None if known.seen.is_multiple_of(32) => Advice::Follow,
            None => Advice::Drop,
        }
    }

    /// How many pickles of the key there were.
    pub fn seen(&self, key: &str) -> u64 {
        self.keys.get(key).map_or(0, |known| known.seen)
    }

    /// The cause to which pickles of the key led.
    pub fn bucket(&self, key: &str) -> Option<String> {
        self.keys.get(key)?.bucket.clone()
    }

    /// Remembers to which cause a pickle of the key led.
    pub fn learn(&mut self, key: &str, bucket: &str) {
        self.keys.entry(key.to_owned()).or_default().bucket = Some(bucket.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_keys_apart_where_causes_are_about_names() {
        let mut known = Known::default();
        let refine = |known: &Known, name| known.refine("k".into(), name);
        assert_eq!(refine(&known, Some("os.system")), "k");
        known.learn("k", "unsound-named-os.system-0123abcd");
        assert_eq!(refine(&known, Some("os.popen")), "k|os.popen");
        assert_eq!(refine(&known, None), "k");
        known.learn("k", "unsound-plain-global-0123abcd");
        assert_eq!(refine(&known, Some("os.popen")), "k");
    }

    #[test]
    fn follows_few_and_counts_the_rest() {
        let mut known = Known::default();
        let mut followed = 0;
        for i in 0..100_000 {
            match known.advise("key", false) {
                Advice::Follow => {
                    followed += 1;
                    known.learn("key", "bucket");
                }
                Advice::Count(bucket) => assert_eq!(bucket, "bucket"),
                Advice::Drop => panic!("dropped at {i}"),
            }
        }
        assert!(followed < 25, "{followed}");
        assert_eq!(known.advise("another", true), Advice::Follow);
    }

    #[test]
    fn gives_up_slowly_on_what_comes_to_nothing() {
        let mut known = Known::default();
        let advice: Vec<Advice> = (0..100).map(|_| known.advise("key", false)).collect();
        assert_eq!(advice[4], Advice::Drop);
        assert_eq!(advice[95], Advice::Follow);
    }
}
