//! `decode`: any bytes are read by the reader and run by the abstract machine, without a panic and
//! within bounds that follow from their length.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use assay_generator::check::{Outcome, check};
use assay_pickle::Reader;

use crate::{Features, Target};

/// See the module.
pub struct Decode;

impl Target for Decode {
    const NAME: &'static str = "decode";
    const PROGRAMS: u32 = 1;

    fn new() -> Self {
        Self
    }

    fn run(&mut self, input: &[u8]) -> Result<Features, String> {
        let mut behaviour = DefaultHasher::new();
        let mut reader = Reader::new(input);
        let mut end = 0;
        loop {
            match reader.read() {
                Ok(read) if read.offset != end || read.len == 0 || read.end() > input.len() => {
                    return Err(format!("read {} to {} after {end}", read.offset, read.end()));
                }
                Ok(read) => end = read.end(),
                // The fault is that of the opcode that was to be read next.
                Err(error) if error.offset != end => {
                    return Err(format!("after {end} bytes: {error}"));
                }
                Err(error) => {
                    discriminant(&error.kind).hash(&mut behaviour);
                    break;
                }
            }
        }
        match check(input) {
            Outcome::Stopped { balanced } => balanced.hash(&mut behaviour),
            Outcome::Fault { fault, .. } => (fault as u8).hash(&mut behaviour),
            Outcome::Malformed { offset, .. } if offset != end => {
                return Err(format!("the machine stops at {offset}, the reader at {end}"));
            }
            Outcome::Malformed { .. } => {}
        }
        Ok(vec![behaviour.finish()])
    }
}
