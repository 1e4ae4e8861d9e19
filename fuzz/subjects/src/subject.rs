//! The trait of every analyser under test.

use crate::Judgement;

/// An analyser that can be asked about pickles, one at a time, by one worker.
///
/// An implementor must answer for every pickle, whatever becomes of the analyser behind it, and
/// within a bounded time; the answer must not depend on what was asked before. It must not load
/// the pickle in this process. Callers start one subject per worker thread and treat `safe` as a
/// claim to be tested.
pub trait Subject: Send {
    /// Asks about one pickle (or stream of pickles).
    fn judge(&mut self, pickle: &[u8]) -> Judgement;

    /// Asks about each pickle; the answers are those of [`judge`](Self::judge), had sooner.
    fn judge_batch(&mut self, pickles: &[&[u8]]) -> Vec<Judgement> {
        pickles.iter().map(|pickle| self.judge(pickle)).collect()
    }
}
