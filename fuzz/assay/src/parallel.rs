//! Work on many inputs at once, with results in the order of the inputs. The threads are a `rayon`
//! pool's: those that have no input left help with the members of another's.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::{Context as _, Result};
use rayon::ThreadPoolBuilder;

use crate::crash;

/// Stack of a worker. Generous, so that deep inputs end in an error and not in a crash.
const STACK: usize = 64 << 20;

/// Runs `work` on each item on up to `jobs` threads, each with a `state` of its own, and hands
/// the results to `sink` in the order of the items. A panic in `work` is that item's error.
pub fn ordered<T: Sync, S, R: Send>(
    jobs: usize,
    items: &[T],
    state: impl Fn() -> Result<S> + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
    mut sink: impl FnMut(&T, Result<R, String>) -> Result<()>,
) -> Result<()> {
    let jobs = jobs.max(1);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let (sender, receiver) = sync_channel(jobs * 4);
    let pool = ThreadPoolBuilder::new().num_threads(jobs).stack_size(STACK).build();
    let pool = pool.context("cannot start threads")?;
    let worker = |sender: &SyncSender<Result<_>>| {
        let mut state = match state() {
            Ok(state) => state,
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        };
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = crash::contain(|| work(&mut state, item));
            if sender.send(Ok((index, result))).is_err() {
                return;
            }
        }
    };
    pool.in_place_scope(|scope| {
        // The sender goes when the last of them is done, which ends the deliveries.
        scope.spawn_broadcast(move |_, thread| {
            // What a state costs is not spent on threads that only help.
            if thread.index() < items.len() {
                worker(&sender);
            }
        });
        let mut early = BTreeMap::new();
        let mut due = 0;
        let deliver = || -> Result<()> {
            for message in receiver {
                let (index, result) = message?;
                early.insert(index, result);
                while let Some(result) = early.remove(&due) {
                    sink(&items[due], result)?;
                    due += 1;
                }
            }
            Ok(())
        };
        let delivered = deliver();
        stop.store(true, Ordering::Relaxed);
        delivered
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_a_panic_is_one_items_error() {
        let items: Vec<usize> = (0..100).collect();
        let mut seen = Vec::new();
        ordered(
            4,
            &items,
            || Ok(()),
            |(), &item| {
                assert!(item != 50, "fifty");
                item
            },
            |&item, result| {
                assert_eq!(result.is_err(), item == 50);
                seen.push(item);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(seen, items);
    }

    #[test]
    fn the_first_failure_ends_it() {
        let items: Vec<usize> = (0..1000).collect();
        let result = ordered(2, &items, || Ok(()), |(), &i| i, |_, _| anyhow::bail!("enough"));
        assert_eq!(result.unwrap_err().to_string(), "enough");
        let result = ordered(2, &items, || anyhow::bail!("no"), |(), &i| i, |_, _| Ok(()));
        assert_eq!(result.unwrap_err().to_string(), "no");
    }
}
