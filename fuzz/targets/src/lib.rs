//! The bodies of the fuzz targets.
//!
//! A *target* takes any bytes and determines whether something is wrong with Assay, or between
//! Assay and the CPythons that it speaks of. Targets return what they find; `fuzz/fuzz_targets`
//! has libFuzzer call them, and a test of this crate replays the corpus through them, on stable
//! Rust. A target must not load a pickle in its own process: only the oracle loads.

mod analyze;
mod containers;
mod decode;
mod dictionary;
mod divergence;
mod feedback;
mod mutate;
mod roundtrip;
mod soundness;
mod witness;

pub use analyze::Analyze;
pub use containers::{Containers, files, files_read_differently, variants};
pub use decode::Decode;
pub use dictionary::dictionary;
pub use divergence::Divergence;
pub use feedback::fuzz;
pub use mutate::{crossover, mutate};
pub use roundtrip::Roundtrip;
pub use soundness::Soundness;

use arbitrary::Unstructured;

/// One question asked of any input.
pub trait Target: Sized {
    /// Its name, as `cargo fuzz list` has it.
    const NAME: &'static str;

    /// Of sixteen mutations of an input, how many are on programs; the others are on bytes, and
    /// cost a tenth. Few where one run costs less than a mutation.
    const PROGRAMS: u32;

    /// Sets up what it needs.
    ///
    /// # Panics
    /// If this machine lacks something; the message says what.
    fn new() -> Self;

    /// Tries one input. The same input must find the same, whatever was tried before; only how
    /// much is tried may depend on what is known already.
    ///
    /// # Errors
    /// What is wrong, for people.
    fn run(&mut self, input: &[u8]) -> Result<Features, String>;

    /// Mutates an input; by programs, unless it is more than a pickle.
    fn mutant(input: &[u8], u: &mut Unstructured<'_>) -> Vec<u8> {
        assay_generator::mutate::mutate(input, None, u)
    }
}

/// What was made of an input, as numbers: a new one is as good as new coverage. One of them stands
/// for the tuple of verdict, outcomes and so on; names touched have a number each, for with
/// every set of names in the tuple nearly every input would be new.
pub type Features = Vec<u64>;

/// A number for whatever choice an input is to make of itself.
fn choice(input: &[u8], salt: u64) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (input, salt).hash(&mut hasher);
    hasher.finish()
}
