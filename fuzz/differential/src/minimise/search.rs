//! The state of one search: the best program so far, and what was tried.

use std::collections::HashSet;
use std::rc::Rc;

use assay_pickle::{Argument, Code, Opcode, Program, Writer};

use super::Predicate;

/// Bytes that the candidates of one question may have together, beyond one: making long ones
/// takes longer than asking about them.
const TOGETHER: usize = 1 << 16;

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

fn size_of(bytes: &[u8]) -> Size {
    size(&Program::parse(bytes))
}

/// The state of a search.
pub(super) struct Search<'p> {
    interesting: &'p mut dyn Predicate,
    /// About how many candidates to ask next: twice as many as before, as long as none is
    /// interesting.
    width: usize,
    best: Rc<Program>,
    size: Size,
    /// Digests of what was asked about and is not interesting: the candidates of a large pickle are
    /// large themselves.
    failed: HashSet<blake3::Hash>,
    budget: Budget,
    tests: usize,
    accepted: usize,
}

impl<'p> Search<'p> {
    pub fn new(bytes: &[u8], interesting: &'p mut dyn Predicate, budget: Budget) -> Self {
        let best = Rc::new(Program::parse(bytes));
        let size = size(&best);
        let failed = HashSet::new();
        Self { interesting, width: 1, best, size, failed, budget, tests: 0, accepted: 0 }
    }

    /// The smallest interesting program so far.
    pub fn best(&self) -> Rc<Program> {
        Rc::clone(&self.best)
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
        self.offer_first([((), candidate)]).is_some()
    }

    /// As [`offer`](Self::offer), for the first of the candidates that will do; gives what came
    /// with it. They are made when they are needed, each from the best program there was at the
    /// time of the call.
    pub fn offer_first<T>(
        &mut self,
        candidates: impl IntoIterator<Item = (T, Program)>,
    ) -> Option<T> {
        self.first(candidates.into_iter().map(|(tag, candidate)| {
            let mended = with_frames_mended(&candidate).map(|mended| mended.to_bytes());
            let size = size(&candidate);
            (
                tag,
                [Some((size, candidate.to_bytes())), mended.map(|bytes| (size_of(&bytes), bytes))],
            )
        }))
    }

    /// As [`offer_first`](Self::offer_first), for bytes not yet read.
    pub fn offer_first_bytes<T>(
        &mut self,
        candidates: impl IntoIterator<Item = (T, Vec<u8>)>,
    ) -> Option<T> {
        self.first(
            candidates
                .into_iter()
                .map(|(tag, bytes)| (tag, [Some((size_of(&bytes), bytes)), None])),
        )
    }

    /// Asks about as many candidates at once as there is reason to, each in its forms.
    fn first<T>(
        &mut self,
        mut candidates: impl Iterator<Item = (T, [Option<(Size, Vec<u8>)>; 2])>,
    ) -> Option<T> {
        loop {
            let mut tags: Vec<T> = Vec::new();
            let mut asked: Vec<(usize, Vec<u8>)> = Vec::new();
            let most = self.width.min(self.interesting.width()).max(1);
            let (mut bytes, mut end) = (0, false);
            while asked.len() < most && bytes < TOGETHER && !end {
                let Some((tag, forms)) = candidates.next() else {
                    end = true;
                    break;
                };
                for (size, form) in forms.into_iter().flatten() {
                    let known = self.failed.contains(&blake3::hash(&form))
                        || asked.iter().any(|(_, earlier)| *earlier == form);
                    end |= self.tests + asked.len() >= self.budget.tests;
                    if size < self.size && !known && !end {
                        bytes += form.len();
                        asked.push((tags.len(), form));
                    }
                }
                tags.push(tag);
            }
            let refs: Vec<&[u8]> = asked.iter().map(|(_, form)| form.as_slice()).collect();
            let first = if refs.is_empty() { None } else { self.interesting.first(&refs) };
            self.tests += first.map_or(asked.len(), |first| first + 1);
            if let Some(first) = first {
                let (tag, best) = asked.swap_remove(first);
                // Those behind it were not asked about, or a search would hang on the width.
                self.fail(asked.iter().take(first));
                // Codes cut out of one program may read differently side by side with a tail.
                self.best = Rc::new(Program::parse(&best));
                self.size = size(&self.best);
                self.accepted += 1;
                self.width = 1;
                return Some(tags.swap_remove(tag));
            }
            self.fail(asked.iter());
            self.width = self.width.saturating_mul(2);
            if end {
                return None;
            }
        }
    }

    fn fail<'f>(&mut self, forms: impl Iterator<Item = &'f (usize, Vec<u8>)>) {
        self.failed.extend(forms.map(|(_, form)| blake3::hash(form)));
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
