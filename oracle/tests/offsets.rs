//! Offsets are those of the opcodes, in every engine that can tell: of one pickle, of one larger
//! than what is read ahead, and of streams.

mod common;

use assay_oracle::{Engine, Mode, Run, TouchKind};
use common::{g, oracle_for, pythons, s};

const ENGINES: [Engine; 5] =
    [Engine::CLoads, Engine::CFile, Engine::CStream, Engine::CReuse, Engine::Py];

/// A pickle being written, and where the opcodes are that touch.
#[derive(Default)]
struct Program {
    bytes: Vec<u8>,
    touches: Vec<(TouchKind, &'static str, u64)>,
}

impl Program {
    fn push(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The opcode at the beginning of these bytes touches.
    fn touching(&mut self, kind: TouchKind, name: &'static str, bytes: &[u8]) -> &mut Self {
        self.touches.push((kind, name, self.bytes.len() as u64));
        self.push(bytes)
    }

    /// Every form in which names are asked for and called; `pad` bytes lie between them.
    fn body(&mut self, pad: usize) -> &mut Self {
        use TouchKind::{Call, Method, Resolve, Setattr};
        let padding = b"N0".repeat(pad / 2);
        self.touching(Resolve, "posix.getppid", &g("posix", "getppid"))
            .push(b")")
            .touching(Call, "posix.getppid", b"R")
            .push(b"0")
            .push(&padding)
            .push(&s("posix"))
            .push(&s("getuid"))
            .touching(Resolve, "posix.getuid", b"\x93")
            .push(b"(t")
            .touching(Call, "posix.getuid", b"R")
            .push(b"0(")
            .push(&padding);
        // INST asks and calls at once.
        let at = self.bytes.len() as u64;
        self.touches.push((Resolve, "builtins.complex", at));
        self.touches.push((Call, "builtins.complex", at));
        self.push(b"ibuiltins\ncomplex\n0(")
            .touching(Resolve, "builtins.float", &g("builtins", "float"))
            .touching(Call, "builtins.float", b"o")
            .push(b"0")
            .push(&padding)
            .touching(Resolve, "collections.OrderedDict", &g("collections", "OrderedDict"))
            .push(b")")
            .touching(Call, "collections.OrderedDict", b"\x81")
            .push(b"(K\x01K\x02")
            .touching(Method, "collections.OrderedDict.__setitem__", b"u")
            .push(b"0")
            .touching(Resolve, "tm.Plain", &g("tm", "Plain"))
            .push(b")")
            .touching(Call, "tm.Plain", b"\x81")
            .push(b"}X\x01\0\0\0qK\x01s")
            .touching(Setattr, "tm.Plain.q", b"b")
            .push(&padding)
            .push(b".")
    }
}

fn check(program: &Program, engines: &[Engine]) {
    let mut oracle = oracle_for(pythons());
    for python in 0..oracle.pythons().len() {
        for &engine in engines {
            let seen = oracle.full(python, engine.into(), &program.bytes).unwrap();
            let own: Vec<(TouchKind, &str, Option<u64>)> = seen
                .touched
                .iter()
                .filter(|touch| touch.by.is_none() && touch.kind != TouchKind::Import)
                .map(|touch| (touch.kind, touch.name.as_str(), touch.opcode_offset))
                .collect();
            let expected: Vec<(TouchKind, &str, Option<u64>)> =
                program.touches.iter().map(|&(kind, name, at)| (kind, name, Some(at))).collect();
            let version = &oracle.pythons()[python].version;
            assert_eq!(own, expected, "{version} {} {:?}", engine.name(), seen.exception);
        }
    }
}

#[test]
fn of_a_small_pickle() {
    let mut program = Program::default();
    program.push(b"\x80\x04").body(0);
    check(&program, &ENGINES);
}

/// Larger than a file's buffer, and than what the unpickler looks at ahead.
#[test]
fn of_a_pickle_larger_than_what_is_read_ahead() {
    for pad in [4_096, 8_190, 70_000] {
        let mut program = Program::default();
        program.push(b"\x80\x04").body(pad);
        check(&program, &ENGINES);
    }
}

#[test]
fn of_frames() {
    let mut body = Program::default();
    body.push(b"\x80\x04\x95\0\0\0\0\0\0\0\0").body(600);
    let len = (body.bytes.len() as u64 - 11).to_le_bytes();
    body.bytes[3..11].copy_from_slice(&len);
    check(&body, &ENGINES);
}

/// Relative to the whole file, whichever pickle of it they are in.
#[test]
fn of_streams() {
    let mut program = Program::default();
    program.push(b"\x80\x04").body(0).push(b"\x80\x02N.").push(b"\x80\x04").body(9_000);
    check(&program, &[Engine::CStream, Engine::CReuse]);
}

#[test]
fn with_a_persistent_load() {
    let mut oracle = oracle_for(pythons());
    let bytes = b"\x80\x04K\x01Q0cposix\ngetppid\n)R0K\x02Q.";
    let mode = Mode { persistent_load: true, ..Mode::default() };
    for python in 0..oracle.pythons().len() {
        for engine in ENGINES {
            let seen = oracle.full(python, Run { engine, mode }, bytes).unwrap();
            let found: Vec<Option<u64>> =
                seen.touched.iter().map(|touch| touch.opcode_offset).collect();
            let version = &oracle.pythons()[python].version;
            let context = format!("{version} {} {seen:?}", engine.name());
            assert_eq!(found, [Some(4), Some(6), Some(22), Some(26)], "{context}");
        }
    }
}
