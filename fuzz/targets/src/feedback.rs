//! Feedback: tells libFuzzer of behaviour that coverage cannot see.
//!
//! libFuzzer takes the bytes of one section for further counters, clears them before each input
//! and keeps an input that sets one as none did before. Without libFuzzer they are just bytes.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::Target;

/// Counters. libFuzzer clears and reads them all for each input, so their number is paid for
/// each time; at this many it does not show, and some ten thousand behaviours find room.
const COUNTERS: usize = 1 << 14;

#[cfg_attr(target_os = "linux", unsafe(link_section = "__libfuzzer_extra_counters"))]
#[expect(unsafe_code, reason = "only the name of a section; libFuzzer looks for it there")]
static EXTRA: [AtomicU8; COUNTERS] = [const { AtomicU8::new(0) }; COUNTERS];

/// What a fuzz target does with an input.
///
/// # Panics
/// If the target finds something wrong: that is how libFuzzer learns of it.
pub fn fuzz<T: Target>(target: &RefCell<T>, input: &[u8]) {
    match target.borrow_mut().run(input) {
        Ok(behaviour) => EXTRA[behaviour as usize % COUNTERS].store(1, Ordering::Relaxed),
        Err(wrong) => panic!("{}: {wrong}", T::NAME),
    }
}
