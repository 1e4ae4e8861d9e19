//! Which load modes a program can tell apart.

use assay_oracle::{Encoding, Mode};
use assay_pickle::Opcode as O;

/// Opcodes whose handlers decode by `encoding`.
const DECODE: [O; 3] = [O::String, O::BinString, O::ShortBinString];

/// Opcodes whose handlers look up a global, and so map names by `fix_imports`.
const LOOK_UP: [O; 6] = [O::Global, O::Inst, O::StackGlobal, O::Ext1, O::Ext2, O::Ext4];

/// The opcode whose handler takes a buffer.
const TAKE_BUFFER: [O; 1] = [O::NextBuffer];

/// Opcodes whose handlers ask for a persistent object.
const PERSISTENT: [O; 2] = [O::PersId, O::BinPersId];

/// The options that may matter to a pickle: a byte of an opcode that consults them occurs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    encoding: bool,
    fix_imports: bool,
    buffers: bool,
    persistent_load: bool,
}

impl Options {
    /// Those that may matter to these bytes, however they are read.
    pub fn of(pickle: &[u8]) -> Self {
        let any = |opcodes: &[O]| opcodes.iter().any(|opcode| pickle.contains(&opcode.byte()));
        Self {
            encoding: any(&DECODE),
            fix_imports: any(&LOOK_UP),
            buffers: any(&TAKE_BUFFER),
            persistent_load: any(&PERSISTENT),
        }
    }

    /// The mode that differs from the default only in options that may matter: the same to the
    /// pickle.
    pub fn plain(self, mode: Mode) -> Mode {
        let default = Mode::default();
        Mode {
            encoding: if self.encoding { mode.encoding } else { default.encoding },
            fix_imports: if self.fix_imports { mode.fix_imports } else { default.fix_imports },
            buffers: self.buffers && mode.buffers,
            persistent_load: self.persistent_load && mode.persistent_load,
        }
    }

    /// Whether no plainer mode is the same to the pickle.
    pub fn needs(self, mode: Mode) -> bool {
        self.plain(mode) == mode
    }
}

/// Every mode, the default one first.
pub fn all() -> Vec<Mode> {
    let mut out = Vec::new();
    for persistent_load in [false, true] {
        for buffers in [false, true] {
            for fix_imports in [true, false] {
                for encoding in [Encoding::Ascii, Encoding::Latin1, Encoding::Bytes] {
                    out.push(Mode { encoding, fix_imports, buffers, persistent_load });
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(pickle: &[u8]) -> usize {
        let options = Options::of(pickle);
        all().into_iter().filter(|&mode| options.needs(mode)).count()
    }

    #[test]
    fn modes_are_needed_where_an_opcode_consults_an_option() {
        assert_eq!(all().len(), 24);
        assert_eq!(all()[0], Mode::default());
        assert_eq!(needed(b"N."), 1);
        assert_eq!(needed(b"U\x01a."), 3);
        assert_eq!(needed(b"\x82\x01."), 2);
        assert_eq!(needed(b"\x97."), 2);
        assert_eq!(needed(b"NQ."), 2);
        // Within an argument as well: a reader might begin there.
        assert_eq!(needed(b"\x8c\x01P."), 2);
        assert_eq!(needed(b"U\x01ac\n\n\x97P1\n."), 24);
    }

    #[test]
    fn each_mode_is_one_that_is_needed_to_the_pickle() {
        for pickle in [&b"N."[..], b"U\x01a.", b"cx\ny\n.", b"NQ\x97.", b"Uc\x97Q."] {
            let options = Options::of(pickle);
            for mode in all() {
                assert!(options.needs(options.plain(mode)), "{pickle:?} {mode:?}");
            }
        }
    }
}
