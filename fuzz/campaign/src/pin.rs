//! Keeps a worker and the processes it starts on one core.
//!
//! A worker waits while its interpreter works, and the other way round: on one core they hand
//! over without waking another, and a fork finds its pages in that core's cache. What matters to
//! correctness must not depend on it.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Binds the calling thread, and what it starts from now on, to the core whose turn it is among
/// those this process may use. Where the kernel refuses, things are slower and no different.
pub fn to_a_core(worker: u64) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let Some(turn) = worker.checked_rem(cores.len() as u64) else { return };
    let mut one = CpuSet::new();
    one.set(cores[turn as usize]);
    let _ = sched_setaffinity(None, &one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gets_one_core() {
        let cores = std::thread::spawn(|| {
            to_a_core(5);
            sched_getaffinity(None).map(|set| set.count())
        });
        assert_eq!(cores.join().expect("it does not panic"), Ok(1));
    }
}
