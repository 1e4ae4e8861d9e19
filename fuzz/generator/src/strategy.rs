//! Pickles for property tests: `arbitrary` and `proptest` over the one grammar.
//!
//! A [`Pickle`] is what the generator writes. `arbitrary` makes one from a fuzzer's entropy;
//! [`pickles`] is a `proptest` strategy, which shrinks a pickle as a program: whole opcodes go,
//! long runs of them first, and what the property does not need is left out.

use std::fmt;
use std::ops::Deref;
use std::sync::LazyLock;

use arbitrary::{Arbitrary, Unstructured};

use crate::{Config, Generator, Profile};

/// A generated pickle. Its `Debug` is a Rust literal that can be pasted into a test.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pickle(pub Vec<u8>);

impl Deref for Pickle {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pickle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl<'a> Arbitrary<'a> for Pickle {
    fn arbitrary(entropy: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        static GENERATORS: LazyLock<[Generator; 4]> = LazyLock::new(|| {
            Profile::ALL.map(|profile| Generator::new(Config { profile, ..Config::default() }))
        });
        Ok(Self(entropy.choose(&*GENERATORS)?.generate(entropy)))
    }
}

#[cfg(feature = "proptest")]
pub use shrinking::{PickleTree, Pickles, any_pickle, pickles};

#[cfg(feature = "proptest")]
mod shrinking {
    use std::ops::Range;
    use std::sync::Arc;

    use assay_pickle::{Code, Opcode, Program};
    use proptest::prelude::{Rng, Strategy};
    use proptest::strategy::{NewTree, ValueTree};
    use proptest::test_runner::TestRunner;

    use super::Pickle;
    use crate::{Config, Generator, Profile, generate_seeded};

    /// Pickles of a configuration, shrunk as programs.
    #[derive(Clone, Debug)]
    pub struct Pickles(Arc<Generator>);

    /// Pickles of a profile, at one protocol or at any.
    pub fn pickles(profile: Profile, protocol: Option<u8>) -> Pickles {
        Pickles(Arc::new(Generator::new(Config { profile, protocol, ..Config::default() })))
    }

    /// Pickles of any profile and protocol.
    pub fn any_pickle() -> impl Strategy<Value = Pickle> {
        proptest::strategy::Union::new(Profile::ALL.map(|profile| pickles(profile, None)))
    }

    impl Strategy for Pickles {
        type Tree = PickleTree;
        type Value = Pickle;

        fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
            let mut out = Vec::new();
            generate_seeded(&self.0, runner.rng().next_u64(), 0, &mut out);
            Ok(PickleTree::new(&out))
        }
    }

    /// A pickle, and what of it could still go.
    ///
    /// Runs of opcodes are left out, half of the program at first, then ever shorter ones, as in
    /// Zeller's ddmin; a run that the property needs is put back. Frames go first: they would be
    /// wrong as soon as anything else did.
    #[derive(Clone, Debug)]
    pub struct PickleTree {
        codes: Vec<Code>,
        tail: Vec<u8>,
        /// What was left out last, and where.
        removed: Vec<(usize, Code)>,
        removed_tail: Vec<u8>,
        /// Opcodes to pass over if what was left out last is put back.
        skip: usize,
        step: Step,
    }

    /// What to leave out next.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Tail,
        Frames,
        Run { at: usize, len: usize },
        Done,
    }

    impl PickleTree {
        /// The pickle, with everything still there.
        pub fn new(bytes: &[u8]) -> Self {
            let Program { codes, tail } = Program::parse(bytes);
            Self {
                codes,
                tail,
                removed: Vec::new(),
                removed_tail: Vec::new(),
                skip: 0,
                step: Step::Tail,
            }
        }

        fn remove(&mut self, run: Range<usize>) {
            let start = run.start;
            let codes = self.codes.drain(run);
            self.removed = codes.enumerate().map(|(index, code)| (start + index, code)).collect();
        }

        /// Leaves out something more; says if there was anything.
        fn leave_out(&mut self) -> bool {
            loop {
                match self.step {
                    Step::Tail => {
                        self.step = Step::Frames;
                        if !self.tail.is_empty() {
                            self.removed_tail = std::mem::take(&mut self.tail);
                            return true;
                        }
                    }
                    Step::Frames => {
                        self.step = Step::Run { at: 0, len: self.codes.len().div_ceil(2) };
                        let (frames, rest) = std::mem::take(&mut self.codes)
                            .into_iter()
                            .enumerate()
                            .partition(|(_, code)| code.opcode() == Opcode::Frame);
                        let rest: Vec<(usize, Code)> = rest;
                        self.removed = frames;
                        self.codes = rest.into_iter().map(|(_, code)| code).collect();
                        if !self.removed.is_empty() {
                            return true;
                        }
                    }
                    Step::Run { len: 0, .. } => self.step = Step::Done,
                    Step::Run { at, len } if at >= self.codes.len() => {
                        let shorter = if len == 1 { 0 } else { len.div_ceil(2) };
                        self.step = Step::Run { at: 0, len: shorter };
                    }
                    Step::Run { at, len } => {
                        // What comes after moves to `at`, unless the run is put back.
                        self.skip = len;
                        self.remove(at..(at + len).min(self.codes.len()));
                        return true;
                    }
                    Step::Done => return false,
                }
            }
        }
    }

    impl ValueTree for PickleTree {
        type Value = Pickle;

        fn current(&self) -> Pickle {
            let program = Program { codes: self.codes.clone(), tail: self.tail.clone() };
            Pickle(program.to_bytes())
        }

        fn simplify(&mut self) -> bool {
            self.removed.clear();
            self.removed_tail.clear();
            self.skip = 0;
            self.leave_out()
        }

        fn complicate(&mut self) -> bool {
            self.tail.append(&mut self.removed_tail);
            for (index, code) in self.removed.drain(..) {
                self.codes.insert(index, code);
            }
            if let Step::Run { at, .. } = &mut self.step {
                *at += std::mem::take(&mut self.skip);
            }
            self.leave_out()
        }
    }

    #[cfg(test)]
    mod tests {
        use proptest::test_runner::{Config, TestCaseError, TestError};

        use super::*;

        #[test]
        fn shrinks_to_the_opcodes_that_matter() {
            let mut runner = TestRunner::new_with_rng(
                Config { failure_persistence: None, max_shrink_iters: 4096, ..Config::default() },
                proptest::test_runner::TestRng::deterministic_rng(
                    proptest::test_runner::RngAlgorithm::ChaCha,
                ),
            );
            let found = runner.run(&pickles(Profile::Attack, Some(4)), |pickle| {
                let has = |opcode| {
                    Program::parse(&pickle).codes.iter().any(|code| code.opcode() == opcode)
                };
                if has(Opcode::Reduce) && has(Opcode::Frame) {
                    return Err(TestCaseError::fail("both are there"));
                }
                Ok(())
            });
            match found {
                Err(TestError::Fail(_, pickle)) => {
                    let codes = Program::parse(&pickle).codes;
                    assert_eq!(codes.len(), 2, "{pickle:?}");
                }
                other => panic!("{other:?}"),
            }
        }

        #[test]
        fn what_is_needed_as_a_whole_is_left_whole() {
            let bytes = b"\x80\x02K\x01K\x02\x86.tail";
            let mut tree = PickleTree::new(bytes);
            let mut more = tree.simplify();
            while more {
                // Nothing may go.
                more = tree.complicate();
            }
            assert_eq!(tree.current().0, bytes);
        }
    }
}
