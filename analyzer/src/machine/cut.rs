//! Names that the end of the input cuts short: C raises, while `pickle.py` asks for what is there.

use assay_pickle::{Error, ErrorKind, Opcode};

use super::{Machine, NO_FRAME};
use crate::domain::{Alive, Value};
use crate::fact::Fact;

impl Machine<'_, '_> {
    /// Asks for what a cut line names, if the reader ended at one.
    ///
    /// `pickle.py` takes off the last byte of each line without looking whether it is the newline
    /// (`load_global`, `load_inst`, `load_persid`).
    pub(crate) fn ask_cut_short(&mut self, error: &Error) {
        if error.kind != ErrorKind::MissingNewline {
            return;
        }
        let Some((byte, rest)) = self.input[error.offset..].split_first() else { return };
        let Some(opcode) = Opcode::from_byte(*byte) else { return };
        let is_text = |line: &[u8]| match opcode {
            Opcode::Global => str::from_utf8(line).is_ok(),
            _ => line.is_ascii(),
        };
        self.judge.record.at(error.offset, opcode);
        // Within a frame the line is missed as C misses it.
        self.judge.record.may_stop(if self.frame_end == NO_FRAME {
            Alive::PY
        } else {
            Alive::NONE
        });
        match opcode {
            Opcode::Global | Opcode::Inst => {
                let (module, name) = match rest.iter().position(|byte| *byte == b'\n') {
                    Some(end) => (&rest[..end], but_last(&rest[end + 1..])),
                    None => (but_last(rest), &[][..]),
                };
                if is_text(module) && is_text(name) {
                    let policy = self.judge.policy;
                    let id = self.judge.globals.resolve(policy, module, name, self.protocol);
                    self.judge.fact(Fact::Resolve(id));
                }
            }
            Opcode::PersId if is_text(but_last(rest)) => {
                self.judge.fact(Fact::Persistent(Value::Unknown));
            }
            _ => {}
        }
    }
}

fn but_last(line: &[u8]) -> &[u8] {
    line.split_last().map_or(line, |(_, line)| line)
}
