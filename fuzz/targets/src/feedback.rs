//! Feedback: tells libFuzzer of behaviour that coverage cannot see.
//!
//! libFuzzer takes the bytes of one section for further counters, clears them before each input
//! and keeps an input that sets one as none did before. Without libFuzzer they are just bytes.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::Target;

/// Counters: behaviours beyond so many share one. Each new one adds an input to the corpus, and
/// what libFuzzer does for every new input grows with the corpus: at four times as many it spent
/// most of its time there.
const COUNTERS: usize = 1 << 12;

#[cfg_attr(target_os = "linux", unsafe(link_section = "__libfuzzer_extra_counters"))]
#[expect(unsafe_code, reason = "only the name of a section; libFuzzer looks for it there")]
static EXTRA: [AtomicU8; COUNTERS] = [const { AtomicU8::new(0) }; COUNTERS];

/// What a fuzz target does with an input.
///
/// # Panics
/// If the target finds something wrong: that is how libFuzzer learns of it.
pub fn fuzz<T: Target>(target: &RefCell<T>, input: &[u8]) {
    match target.borrow_mut().run(input) {
        Ok(features) => {
            for feature in features {
                EXTRA[feature as usize % COUNTERS].store(1, Ordering::Relaxed);
            }
        }
        Err(wrong) => panic!("{}: {wrong}", T::NAME),
    }
}
