//! Memory that one analysis leaves to the next on its thread: of a small pickle, allocating takes longer
//! than judging. Only room is kept; what was known is not.

use std::cell::Cell;

use super::{Machine, Memo};
use crate::domain::{Room, Value, emptied};

/// Room for a machine, with nothing in it.
#[derive(Default)]
pub(super) struct Spare {
    pub(super) stack: Vec<Value>,
    pub(super) marks: Vec<usize>,
    pub(super) memo: Memo,
    pub(super) heap: Room,
}

thread_local! {
    static SPARE: Cell<Option<Spare>> = const { Cell::new(None) };
}

impl Spare {
    /// What this thread has left, if anything.
    #[inline(always)]
    pub(super) fn take() -> Self {
        SPARE.take().unwrap_or_default()
    }
}

impl Machine<'_, '_> {
    /// Leaves its memory to the next machine of this thread.
    pub(crate) fn leave(&mut self) {
        SPARE.set(Some(Spare {
            stack: emptied(&mut self.stack),
            marks: emptied(&mut self.marks),
            memo: self.memo.emptied(),
            heap: self.judge.heap.room(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, analyze};

    /// Nothing that one analysis knew reaches the next on the same thread.
    #[test]
    fn an_analysis_does_not_depend_on_those_before() {
        let policy = Policy::load(&["pandas"]).unwrap();
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus/regressions");
        let mut pickles: Vec<_> = std::fs::read_dir(seeds)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "pkl"))
            .collect();
        pickles.sort();
        let pickles: Vec<_> = pickles.iter().map(|path| std::fs::read(path).unwrap()).collect();
        let judged = |pickle: &[u8]| format!("{:?}", analyze(pickle, &policy));
        let fresh: Vec<_> = std::thread::scope(|scope| {
            let each = pickles.iter().map(|pickle| scope.spawn(|| judged(pickle)).join().unwrap());
            each.collect()
        });
        for (pickle, fresh) in pickles.iter().zip(&fresh).rev() {
            assert_eq!(judged(pickle), *fresh);
        }
    }
}
