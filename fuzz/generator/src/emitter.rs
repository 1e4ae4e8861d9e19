//! The emitter: writes opcodes and keeps the abstract machine, budget, memo and frame in step.
//!
//! Everything that writes a pickle goes through it, one opcode at a time. It decides nothing
//! about what to write.

use assay_pickle::Opcode;
use smallvec::SmallVec;

use crate::choices::Choices;
use crate::features::Features;
use crate::grammar::Grammar;
use crate::machine::{Kind, Machine};

/// Highest memo index that is stored at. `_pickle.c` allocates up to the index, so a larger one
/// would only measure memory.
pub(crate) const MAX_MEMO: usize = 600;

/// Writes one pickle after another.
pub(crate) struct Emitter<'a, 'b> {
    pub(crate) choices: Choices<'a, 'b>,
    pub(crate) grammar: &'a Grammar,
    pub(crate) machine: Machine,
    pub(crate) protocol: u8,
    pub(crate) features: Features,
    out: &'a mut Vec<u8>,
    opcodes: usize,
    limit: usize,
    /// Where the length of the open frame stands.
    frame: Option<usize>,
    /// Memo indices that were stored at.
    stored: SmallVec<[u16; 32]>,
    /// The machine met a fault: nothing after it is run.
    faulted: bool,
}

impl<'a, 'b> Emitter<'a, 'b> {
    pub(crate) fn new(
        choices: Choices<'a, 'b>,
        grammar: &'a Grammar,
        limit: usize,
        out: &'a mut Vec<u8>,
    ) -> Self {
        Self {
            choices,
            grammar,
            machine: Machine::new(),
            protocol: 0,
            features: Features::MEMO,
            out,
            opcodes: 0,
            limit,
            frame: None,
            stored: SmallVec::new(),
            faulted: false,
        }
    }

    /// Opcodes that can still be written if the program is to be closed within its limit.
    pub(crate) fn room(&self) -> usize {
        // Each mark takes an opcode to close and each object at the bottom one to drop; STOP.
        let bottom = self.machine.bottom();
        self.limit.saturating_sub(self.opcodes + self.machine.marks() + bottom + 2)
    }

    /// The most steps of a walk: as many as fit, for one can take several opcodes.
    pub(crate) fn most_steps(&self) -> usize {
        (self.limit * 3 / 4).max(48)
    }

    /// Whether an opcode is of the protocol that is being written.
    pub(crate) fn speaks(&self, opcode: Opcode) -> bool {
        opcode.info().protocol <= self.protocol || self.features.has(Features::NEW)
    }

    /// Whether a feature is on, and one throw in `times` agrees.
    pub(crate) fn sometimes(&mut self, feature: Features, times: usize) -> bool {
        self.features.has(feature) && self.choices.one_in(times)
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    #[inline]
    fn step(&mut self, opcode: Opcode, index: u64) {
        self.opcodes += 1;
        if !self.faulted && self.machine.step(opcode, index).is_err() {
            self.faulted = true;
        }
    }

    /// Writes an opcode without argument.
    #[inline]
    pub(crate) fn op(&mut self, opcode: Opcode) {
        self.out.push(opcode.byte());
        self.step(opcode, 0);
    }

    /// Writes an opcode and its argument as it is.
    #[inline]
    pub(crate) fn op_with(&mut self, opcode: Opcode, argument: &[u8]) {
        self.out.push(opcode.byte());
        self.out.extend_from_slice(argument);
        self.step(opcode, 0);
    }

    /// Writes an opcode whose result the caller of the unpickler supplies, taking it that it does.
    pub(crate) fn op_supplied(&mut self, opcode: Opcode, argument: &[u8]) {
        self.out.push(opcode.byte());
        self.out.extend_from_slice(argument);
        self.opcodes += 1;
        self.machine.push_supplied();
    }

    /// Writes an opcode and data counted in `width` bytes.
    pub(crate) fn op_counted(&mut self, opcode: Opcode, width: usize, data: &[u8]) {
        self.out.push(opcode.byte());
        let count = (data.len() as u64).to_le_bytes();
        match width {
            1 => self.out.push(count[0]),
            4 => self.out.extend_from_slice(&count[..4]),
            _ => self.out.extend_from_slice(&count[..width]),
        }
        self.out.extend_from_slice(data);
        self.step(opcode, 0);
    }

    /// Writes an opcode and a line of text.
    pub(crate) fn op_line(&mut self, opcode: Opcode, text: &[u8]) {
        self.op_with(opcode, text);
        self.out.push(b'\n');
    }

    /// Writes an opcode and two lines: module and name.
    pub(crate) fn op_name(&mut self, opcode: Opcode, module: &str, name: &str) {
        self.out.push(opcode.byte());
        for line in [module, name] {
            self.out.extend_from_slice(line.as_bytes());
            self.out.push(b'\n');
        }
        self.step(opcode, 0);
    }

    /// Writes an opcode of the memo; `index` must be below [`MAX_MEMO`] for those that store.
    pub(crate) fn op_memo(&mut self, opcode: Opcode, index: usize) {
        self.out.push(opcode.byte());
        match opcode {
            Opcode::BinGet | Opcode::BinPut => self.out.push(index as u8),
            Opcode::LongBinGet | Opcode::LongBinPut => {
                self.out.extend_from_slice(&(index as u32).to_le_bytes());
            }
            _ => {
                self.decimal(index as u64);
                self.out.push(b'\n');
            }
        }
        let stores = matches!(opcode, Opcode::BinPut | Opcode::LongBinPut | Opcode::Put);
        if stores && self.stored.len() < 64 && !self.faulted {
            self.stored.push(index as u16);
        }
        self.step(opcode, index as u64);
    }

    /// Appends a number in decimal.
    fn decimal(&mut self, mut value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// Writes an opcode and an integer in decimal on a line, with `suffix`.
    pub(crate) fn op_decimal(&mut self, opcode: Opcode, value: i64, suffix: &[u8]) {
        self.out.push(opcode.byte());
        if value < 0 {
            self.out.push(b'-');
        }
        self.decimal(value.unsigned_abs());
        self.out.extend_from_slice(suffix);
        self.out.push(b'\n');
        self.step(opcode, 0);
    }

    /// Appends bytes that are no opcode.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Cuts the pickle to `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
        self.faulted = true;
    }

    /// Stores the top in the memo, as a pickler of this protocol would.
    pub(crate) fn memoise(&mut self) {
        let next = self.machine.memoised() as usize;
        let scatter = self.sometimes(Features::SCATTER, 2);
        if self.protocol >= 4 && !scatter && !self.sometimes(Features::OLD, 4) {
            if self.stored.len() < 64 && !self.faulted {
                self.stored.push(next as u16);
            }
            self.op(Opcode::Memoize);
            return;
        }
        let index = if scatter || next >= MAX_MEMO { self.choices.below(MAX_MEMO) } else { next };
        let opcode = if self.protocol == 0 || self.sometimes(Features::OLD, 4) {
            Opcode::Put
        } else if index > 255 || self.sometimes(Features::WIDE, 4) {
            Opcode::LongBinPut
        } else {
            Opcode::BinPut
        };
        self.op_memo(opcode, index);
    }

    /// Takes the top off and leaves it in the memo, out of the way of what is memoised; gives its
    /// index.
    pub(crate) fn set_aside(&mut self) -> usize {
        let index = self.machine.memoised() as usize + 300;
        self.op_memo(if self.protocol == 0 { Opcode::Put } else { Opcode::LongBinPut }, index);
        self.op(Opcode::Pop);
        index
    }

    /// Memoises the top if the program memoises.
    #[inline]
    pub(crate) fn memo(&mut self) {
        if self.features.has(Features::MEMO) && self.room() > 0 {
            self.memoise();
        }
    }

    /// A memo index that holds something, if there is one.
    pub(crate) fn stored(&mut self) -> Option<usize> {
        if self.stored.is_empty() {
            return None;
        }
        let index = *self.choices.pick(&self.stored);
        self.machine.recall(u64::from(index)).map(|_| usize::from(index))
    }

    /// The memo index stored at last.
    pub(crate) fn last_stored(&self) -> Option<usize> {
        self.stored.last().map(|&index| usize::from(index))
    }

    /// Pushes what the memo holds at `index`.
    pub(crate) fn recall(&mut self, index: usize) {
        let opcode = if self.protocol == 0 || self.sometimes(Features::OLD, 4) {
            Opcode::Get
        } else if index > 255 || self.sometimes(Features::WIDE, 4) {
            Opcode::LongBinGet
        } else {
            Opcode::BinGet
        };
        self.op_memo(opcode, index);
    }

    /// Pushes an object from the memo that satisfies `fits`, if a few tries find one.
    pub(crate) fn recall_where(&mut self, fits: impl Fn(Kind, bool) -> bool) -> bool {
        for _ in 0..2 {
            let Some(index) = self.stored() else { return false };
            let slot = self.machine.recall(index as u64);
            if slot.is_some_and(|slot| fits(slot.kind, slot.hashable)) {
                self.recall(index);
                return true;
            }
        }
        false
    }

    /// Begins a pickle: PROTO if the protocol has one, and a frame if it has those.
    pub(crate) fn start(&mut self) {
        self.machine.reset();
        self.stored.clear();
        self.faulted = false;
        let odd = self.features.has(Features::ODD_PROTO);
        if (self.protocol >= 2) != odd {
            self.op_with(Opcode::Proto, &[self.protocol]);
        }
        if self.protocol >= 4 && self.features.has(Features::FRAMES) {
            self.begin_frame();
        }
    }

    /// Begins a frame, ending the one that is open.
    pub(crate) fn begin_frame(&mut self) {
        self.end_frame();
        self.op_with(Opcode::Frame, &[0; 8]);
        self.frame = Some(self.out.len());
    }

    /// Ends the open frame here.
    pub(crate) fn end_frame(&mut self) {
        if let Some(start) = self.frame.take() {
            let len = (self.out.len() - start) as u64;
            self.out[start - 8..start].copy_from_slice(&len.to_le_bytes());
        }
    }

    /// Ends the open frame here but for `missing` bytes, or as many too many if negative.
    pub(crate) fn end_frame_wrongly(&mut self, missing: i64) {
        if let Some(start) = self.frame.take() {
            let len = ((self.out.len() - start) as u64).wrapping_sub(missing as u64);
            self.out[start - 8..start].copy_from_slice(&len.to_le_bytes());
        }
    }

    /// Closes marks, reduces the stack to one object and ends the pickle.
    pub(crate) fn finish(&mut self) {
        self.close();
        self.op(Opcode::Stop);
        self.end_frame();
    }

    /// Closes marks and reduces the stack to one object.
    pub(crate) fn close(&mut self) {
        while !self.faulted && self.machine.marks() > 0 {
            let closer =
                *self.choices.pick(&[Opcode::Tuple, Opcode::List, Opcode::Tuple, Opcode::PopMark]);
            self.op(if self.speaks(closer) { closer } else { Opcode::Tuple });
        }
        if self.machine.depth() == 0 {
            self.op(Opcode::None);
        }
        while !self.faulted && self.machine.depth() > 1 {
            let depth = self.machine.depth();
            let tuples = self.speaks(Opcode::Tuple2) && self.choices.one_in(2);
            self.op(match depth {
                _ if !tuples => Opcode::Pop,
                2 => Opcode::Tuple2,
                _ => Opcode::Tuple3,
            });
        }
    }
}
