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
