//! The state of one search: the best program so far, and what was tried.

use std::collections::HashSet;

use assay_pickle::{Argument, Code, Opcode, Program, Writer};

/// How long to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How often the predicate may be asked.
    pub tests: usize,
}

impl Default for Budget {
    /// Enough for a pickle of a few hundred opcodes; at a thousand loads a second, two seconds.
    fn default() -> Self {
        Self { tests: 2_000 }
    }
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimised {
    /// The smallest interesting bytes found.
    pub bytes: Vec<u8>,
    /// How often the predicate was asked.
    pub tests: usize,
    /// Whether the search ended of itself: only then is the result 1-minimal.
    pub complete: bool,
}

/// Number of opcodes, number of bytes, and the bytes themselves with NONE as the smallest of
/// opcodes. Every accepted candidate is smaller, so that a search ends.
type Size = (usize, usize, Vec<u8>);

fn size(program: &Program) -> Size {
    let mut key = Vec::new();
    for code in &program.codes {
        match code.opcode() {
            Opcode::None => key.push(0),
            _ => key.extend_from_slice(code.bytes()),
        }
    }
    key.extend_from_slice(&program.tail);
    (program.codes.len(), key.len(), key)
}

pub(super) struct Search<'p> {
    interesting: &'p mut dyn FnMut(&[u8]) -> bool,
    best: Program,
    size: Size,
    failed: HashSet<Vec<u8>>,
    budget: Budget,
    tests: usize,
    accepted: usize,
}

impl<'p> Search<'p> {
    pub fn new(
        bytes: &[u8],
        interesting: &'p mut dyn FnMut(&[u8]) -> bool,
        budget: Budget,
    ) -> Self {
        let best = Program::parse(bytes);
        let size = size(&best);
        Self { interesting, best, size, failed: HashSet::new(), budget, tests: 0, accepted: 0 }
    }

    /// The smallest interesting program so far.
    pub fn best(&self) -> &Program {
        &self.best
    }

    /// How many candidates were accepted.
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// Whether the budget is spent.
    pub fn spent(&self) -> bool {
        self.tests >= self.budget.tests
    }

    /// Takes the candidate for the best if it is smaller and interesting, as it is or with the
    /// lengths of its frames set right.
    pub fn offer(&mut self, candidate: Program) -> bool {
        let mended = with_frames_mended(&candidate);
        let bytes = candidate.to_bytes();
        self.offer_as(candidate, bytes)
            || mended.is_some_and(|mended| {
                let bytes = mended.to_bytes();
                self.offer_as(mended, bytes)
            })
    }

    /// As [`offer`](Self::offer), for bytes not yet read.
    pub fn offer_bytes(&mut self, bytes: Vec<u8>) -> bool {
        self.offer_as(Program::parse(&bytes), bytes)
    }

    fn offer_as(&mut self, candidate: Program, bytes: Vec<u8>) -> bool {
        let size = size(&candidate);
        if size >= self.size || self.spent() || self.failed.contains(&bytes) {
            return false;
        }
        self.tests += 1;
        if !(self.interesting)(&bytes) {
            self.failed.insert(bytes);
            return false;
        }
        // Codes cut out of one program may read differently side by side with a tail.
        self.best = Program::parse(&bytes);
        self.size = self::size(&self.best);
        self.accepted += 1;
        true
    }

    pub fn finish(self) -> Minimised {
        let complete = !self.spent();
        Minimised { bytes: self.best.to_bytes(), tests: self.tests, complete }
    }
}

/// The program with every frame ending where picklers end it: at the next one, or at STOP.
/// `None` if that changes nothing.
pub fn with_frames_mended(program: &Program) -> Option<Program> {
    let mut out = program.clone();
    let mut length = 0;
    for code in out.codes.iter_mut().rev() {
        match code.opcode() {
            Opcode::Frame => {
                let mut writer = Writer::new();
                writer.instruction(Opcode::Frame, &Argument::UInt(length));
                *code = Code::from_bytes(writer.take())?;
                length = 0;
            }
            Opcode::Stop => length = 1,
            _ => length += code.bytes().len() as u64,
        }
    }
    (out != *program).then_some(out)
}
