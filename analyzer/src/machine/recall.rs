//! GET, PUT and MEMOIZE: what the memo of this pickle gives, and that of an `Unpickler` used again.

use assay_pickle::{Argument, Opcode};

use super::{Fault, Machine};
use crate::domain::{Alive, Value};

impl Machine<'_, '_> {
    fn memo_index(&mut self, argument: Argument<'_>) -> Result<Option<u64>, Fault> {
        Ok(match argument {
            Argument::UInt(index) => Some(index),
            Argument::Numeral(numeral) if numeral.is_negative() => {
                return Err("a negative memo index".into());
            }
            Argument::Numeral(numeral) => numeral.value.and_then(|index| u64::try_from(index).ok()),
            _ => None,
        })
    }

    /// GET, in its three widths.
    #[inline(always)]
    pub(super) fn get(&mut self, argument: Argument<'_>) -> Result<(), Fault> {
        // As picklers write it, which is an opcode in five of a table.
        if let (Argument::UInt(index), None, false) = (argument, &self.kept, self.memo.is_lost())
            && let Some(value) = self.memo.get(index)
        {
            self.stack.push(value);
            return Ok(());
        }
        self.get_doubtful(argument)
    }

    #[inline(never)]
    fn get_doubtful(&mut self, argument: Argument<'_>) -> Result<(), Fault> {
        let index = self.memo_index(argument)?.filter(|_| !self.memo.is_lost());
        let Some(index) = index else {
            let message = "which memo entry is fetched is not known";
            self.judge.record.doubt("memo-lost", message, Alive::NONE);
            self.stack.push(Value::Unknown);
            return Ok(());
        };
        let fresh = self.memo.get(index);
        let kept = self.kept.as_ref().map_or(fresh, |kept| kept.get(index));
        if fresh != kept {
            self.judge.record.doubt(
                "stream-memo",
                "one Unpickler used again still holds the memo of the pickles before, and fetches another object here",
                Alive::BOTH,
            );
        }
        match (fresh, kept) {
            (Some(value), Some(other)) if value == other => self.stack.push(value),
            (None, None) => return Err(format!("memo entry {index} was never stored").into()),
            (None, Some(_)) => {
                self.judge.record.may_stop(Alive::NONE);
                self.stack.push(Value::Unknown);
            }
            (Some(value), _) => self.stack.push(value),
        }
        Ok(())
    }

    pub(super) fn put(&mut self, argument: Argument<'_>) -> Result<(), Fault> {
        let value = self.top()?;
        let Some(index) = self.memo_index(argument)? else {
            // Only Python stores that far, and MEMOIZE then counts one more.
            self.memo.lose();
            let message = "a memo index out of proportion, or not read alike by all";
            self.judge.record.doubt("memo-index", message, Alive::PY);
            return Ok(());
        };
        // Memory up to the index is cleared: eight entries a step.
        self.judge.spend(self.memo.gap(index) / 8);
        let fits = self.memo.put(index, value);
        if let Some(kept) = &mut self.kept {
            kept.put(index, value);
        }
        if !fits {
            self.memo.lose();
            let message = format!("memo index {index} is out of proportion: C allocates up to it");
            self.judge.record.doubt("memo-index", message, Alive::PY);
        }
        Ok(())
    }

    /// Runs MEMOIZE at an offset if it does nothing but store what is on top; whether so.
    #[inline(always)]
    pub(crate) fn memoize_plainly(&mut self, offset: usize) -> bool {
        let Some(&value) = self.stack.get(self.fence()..).and_then(<[Value]>::last) else {
            return false;
        };
        let plain = self.kept.is_none() && offset < self.frame_end.min(u32::MAX as usize);
        let done = plain && self.judge.has_steps() && self.memo.add(value);
        if done {
            self.judge.step();
            self.judge.record.at(offset, Opcode::Memoize);
        }
        done
    }

    #[inline(always)]
    pub(super) fn memoize(&mut self) -> Result<(), Fault> {
        let value = self.top()?;
        if self.kept.is_none() && self.memo.add(value) {
            return Ok(());
        }
        if self.memo.is_lost() {
            self.judge.record.may_stop(Alive::NONE);
        }
        self.memo.memoize(value);
        if let Some(kept) = &mut self.kept {
            kept.memoize(value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Limits, Policy, Verdict, analyze_with};

    /// What keeps the pickle from being safe, and where that is.
    fn trouble(pickle: &[u8], limits: &Limits) -> Vec<(&'static str, usize)> {
        let policy = Policy::load(&["stdlib"]).unwrap();
        let analysis = analyze_with(pickle, &policy, limits);
        assert_eq!(analysis.verdict == Verdict::Safe, analysis.reasons().next().is_none());
        analysis.reasons().map(|reason| (reason.rule, reason.offset)).collect()
    }

    /// MEMOIZE behind what it stores is run with that; all else that it may meet is met all the same.
    #[test]
    fn a_memoize_behind_an_object_meets_what_any_other_does() {
        let trouble = |pickle: &[u8]| trouble(pickle, &Limits::default());
        assert_eq!(trouble(b"\x80\x04]\x940h\x00."), []);
        assert_eq!(trouble(b"\x80\x04]\x940h\x01."), [("malformed", 5)]);
        // A mark is no object, and nothing below it may be taken.
        assert_eq!(trouble(b"\x80\x04](\x94."), [("malformed", 4)]);
        assert_eq!(trouble(b"\x80\x04](0\x94."), []);
        // At the end of a frame, and behind it.
        assert_eq!(trouble(b"\x80\x04\x95\x03\0\0\0\0\0\0\0]\x94."), []);
        assert_eq!(trouble(b"\x80\x04\x95\x01\0\0\0\0\0\0\0]\x94."), []);
        assert_eq!(trouble(b"\x80\x04\x95\x02\0\0\0\0\0\0\0]\x94\x8c\0."), []);
        assert_eq!(trouble(b"\x80\x04\x95\x03\0\0\0\0\0\0\0]\x94\x8c\0."), [("frame", 13)]);
        // Behind an entry far up, one Python counts it otherwise than the other.
        assert_eq!(trouble(b"\x80\x04Nr\0\0\0\x7f]\x94."), [("memo-index", 3)]);
        // An unpickler used again counts on from the pickle before.
        assert_eq!(trouble(b"]\x94.N\x94h\x00."), [("stream-memo", 5)]);
    }

    #[test]
    fn a_memoize_behind_an_object_takes_a_step() {
        let within = |steps| {
            let limits = Limits { steps: Some(steps), ..Limits::default() };
            trouble(b"\x80\x04]\x94]\x94.", &limits)
        };
        assert_eq!(within(6), []);
        for steps in 1..6 {
            let places = [2, 3, 4, 5, 6];
            assert_eq!(within(steps), [("budget", places[steps as usize - 1])]);
        }
    }
}
