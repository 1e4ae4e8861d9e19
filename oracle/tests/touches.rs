//! What is recorded of a touch: names, arguments, offsets, and on whose account; and nothing of
//! what the unpicklers do themselves. And effects.

mod common;

use assay_oracle::{EffectKind, Engine, Mode, Outcome, Run, TouchKind, Touched};
use common::{call, effects, eval, exec, full, g, oracle, oracle_for, pickle, pythons, s, shown};

/// Plain data in every protocol's spelling touches nothing, on any interpreter.
#[test]
fn data_touches_nothing() {
    let mut oracle = oracle_for(pythons());
    let data: [&[u8]; 6] = [
        b"(lp0\nI1\naS'a'\np1\naF1.5\naL5L\naI01\na(dp2\nVk\np3\ng0\ns.",
        b"\x80\x02]q\x00(K\x01X\x01\0\0\0aG?\xf8\0\0\0\0\0\0\x8a\x01\x05\x88}q\x01U\x01kh\0se.",
        b"\x80\x04\x95\x0b\0\0\0\0\0\0\0]\x94(K\x01\x8c\x01a\x94e.",
        b"\x80\x04\x8f\x94(K\x01K\x02\x90.",
        b"\x80\x04(K\x01K\x02\x91K\x01K\x02K\x03\x87\x86.",
        b"\x80\x05\x96\x03\0\0\0\0\0\0\0abc\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00\x86.",
    ];
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL {
            for bytes in data {
                let seen = oracle.full(python, engine.into(), bytes).unwrap();
                let version = &oracle.pythons()[python].version;
                assert_eq!(shown(&seen), [""; 0], "{version} {} {seen:?}", engine.name());
                assert_eq!(effects(&seen), [] as [&assay_oracle::Effect; 0]);
                assert!(seen.complete);
            }
        }
    }
}

/// A metaclass may have a `__call__` of its own and hand on to that of `type`, as six's and
/// dateutil's do: `type.__call__` is `type`'s, whatever the class at hand has in its place.
#[test]
fn what_is_called_by_the_name_of_its_type_is_of_that_type() {
    const CODE: &str = "
class M(type):
    def __call__(cls, *args):
        return super().__call__(*args)
class K(metaclass=M):
    def __init__(self):
        import os
        os.getppid()
K()
type.__call__(K)
class Late(M):
    pass
class L(metaclass=Late):
    pass
L()
type('F', (), {'__call__': lambda self: 1})()()
";
    let mut oracle = oracle_for(pythons());
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
            let seen = oracle.full(python, engine.into(), &exec(CODE)).unwrap();
            let version = &oracle.pythons()[python].version;
            assert_eq!(seen.outcome, Outcome::Loaded, "{version} {}: {seen:?}", engine.name());
            let asked = shown(&seen).iter().filter(|touch| *touch == "call posix.getppid").count();
            assert_eq!(asked, 2, "{version} {}: {:?}", engine.name(), shown(&seen));
        }
    }
}

fn touch(kind: TouchKind, name: &str, at: u64, args: Option<&str>) -> Touched {
    Touched {
        kind,
        name: name.into(),
        opcode_offset: Some(at),
        args: args.map(Into::into),
        by: None,
    }
}

/// A reduction of what is there already is two touches and no more.
#[test]
fn a_reduction_is_a_resolve_and_a_call() {
    let mut oracle = oracle_for(pythons());
    let bytes = pickle(&[&call("builtins", "divmod", b"K\x07K\x02")]);
    for python in 0..oracle.pythons().len() {
        for engine in [Engine::CLoads, Engine::Py] {
            let seen = oracle.full(python, engine.into(), &bytes).unwrap();
            let reduce = bytes.len() as u64 - 2;
            let mut expected = [
                touch(TouchKind::Resolve, "builtins.divmod", 2, None),
                touch(TouchKind::Call, "builtins.divmod", reduce, Some("(7, 2)")),
            ];
            // A C function called from bytecode is announced without its arguments.
            if seen.touched.last().is_some_and(|touch| touch.args.is_none()) {
                expected[1].args = None;
            }
            let version = &oracle.pythons()[python].version;
            assert_eq!(seen.touched, expected, "{version} {}", engine.name());
        }
    }
}

/// Offsets of the opcodes that ask for globals, in every form.
#[test]
fn offsets_are_those_of_the_opcodes() {
    let mut oracle = oracle();
    let bytes = pickle(&[
        b"K\x010",
        &g("builtins", "len"),
        b"0",
        &s("builtins"),
        &s("abs"),
        b"\x930(ibuiltins\ncomplex\n",
    ]);
    let expected = [5, 5 + 14 + 1 + 13 + 8, 5 + 14 + 1 + 13 + 8 + 3];
    for engine in [Engine::CLoads, Engine::Py] {
        let seen = full(&mut oracle, engine, &bytes);
        let offsets: Vec<_> = seen
            .touched
            .iter()
            .filter(|touch| touch.kind == TouchKind::Resolve)
            .map(|touch| touch.opcode_offset.unwrap())
            .collect();
        assert_eq!(offsets, expected, "{} {seen:?}", engine.name());
        let last = seen.touched.last().unwrap();
        assert_eq!((last.kind, last.opcode_offset), (TouchKind::Call, Some(expected[2])));
        assert_eq!(last.name, "builtins.complex");
    }
    // Within a frame, too.
    let framed = [b"\x80\x04\x95\x11\0\0\0\0\0\0\0".as_slice(), b"N0cbuiltins\nlen\n."].concat();
    for engine in [Engine::CLoads, Engine::Py] {
        let seen = full(&mut oracle, engine, &framed);
        assert_eq!(seen.touched[0].opcode_offset, Some(13), "{} {seen:?}", engine.name());
    }
}

#[test]
fn names_of_python_2_are_recorded_as_they_are_looked_up() {
    let mut oracle = oracle();
    let bytes = b"c__builtin__\nxrange\n.";
    for engine in [Engine::CLoads, Engine::CFile, Engine::Py] {
        let seen = full(&mut oracle, engine, bytes);
        assert_eq!(shown(&seen), ["resolve builtins.range"], "{engine:?}");
        assert_eq!(seen.touched[0].args.as_deref(), Some("__builtin__.xrange"));
        let mode = Mode { fix_imports: false, ..Mode::default() };
        let seen = full(&mut oracle, Run { engine, mode }, bytes);
        assert_eq!(shown(&seen)[0], "resolve __builtin__.xrange");
    }
}

#[test]
fn what_comes_about_in_turn_is_charged_to_its_cause() {
    let mut oracle = oracle();
    for engine in [Engine::CLoads, Engine::Py] {
        let seen = full(&mut oracle, engine, &pickle(&[&call("tm", "outer", b"")]));
        let index = |name: &str| {
            let at = seen
                .touched
                .iter()
                .position(|touch| touch.kind == TouchKind::Call && touch.name == name);
            at.unwrap_or_else(|| panic!("{name} in {seen:?}"))
        };
        let by = |name: &str| seen.touched[index(name)].by.map(|by| by as usize);
        assert_eq!(by("tm.outer"), None);
        assert_eq!(by("tm.inner"), Some(index("tm.outer")));
        assert_eq!(by("posix.getppid"), Some(index("tm.inner")));
    }
}

#[test]
fn effects_are_told_apart() {
    use EffectKind::{Code, Env, Exec, FileRead, FileWrite, Native, Network, Process, Signal};
    let mut oracle = oracle_for(pythons());
    let cases = [
        (pickle(&[&call("os", "system", &s("true"))]), Exec),
        (exec("import subprocess\nsubprocess.Popen(['true'])"), Exec),
        (exec("import os\nos.execv('/bin/true', ['true'])"), Exec),
        (eval("1 + 1"), Code),
        (pickle(&[&call("marshal", "loads", b"C\x01N")]), Code),
        (exec("import os\nos.fork()"), Process),
        (exec("import _thread\n_thread.start_new_thread(print, ())"), Process),
        (exec("import os, signal\nos.kill(os.getpid(), 0)"), Signal),
        (exec("import signal\nsignal.signal(10, signal.SIG_IGN)"), Signal),
        (pickle(&[&call("builtins", "open", &s("/etc/passwd"))]), FileRead),
        (exec("import os\nos.listdir('/')"), FileRead),
        (exec("open('/tmp/assay-canary', 'w')"), FileWrite),
        (exec("import os\nos.remove('/tmp/assay-canary')"), FileWrite),
        (exec("import os\nos.mkdir('/tmp/assay-canary')"), FileWrite),
        (exec("import socket\nsocket.socket()"), Network),
        (exec("import ctypes\nctypes.CDLL(None)"), Native),
        (exec("import os\nos.putenv('A', 'b')"), Env),
        (exec("import os\nos.chdir('/')"), Env),
    ];
    for python in 0..oracle.pythons().len() {
        let version = oracle.pythons()[python].version.clone();
        for (bytes, expected) in &cases {
            for engine in [Engine::CLoads, Engine::Py] {
                let seen = oracle.full(python, engine.into(), bytes).unwrap();
                let kinds: Vec<_> = effects(&seen).iter().map(|effect| effect.kind).collect();
                assert!(
                    kinds.contains(expected),
                    "{version} {}: expected {expected:?} from {:?}, found {:?}; {:?} {:?}",
                    engine.name(),
                    bytes.escape_ascii().to_string(),
                    effects(&seen),
                    seen.outcome,
                    seen.exception,
                );
            }
        }
        assert!(!std::path::Path::new("/tmp/assay-canary").exists());
    }
}

#[test]
fn importing_ctypes_loads_nothing() {
    let mut oracle = oracle_for(pythons());
    for python in 0..oracle.pythons().len() {
        let bytes = pickle(&[&g("ctypes", "c_int")]);
        let seen = oracle.full(python, Engine::CLoads.into(), &bytes).unwrap();
        assert_eq!(seen.outcome, Outcome::Loaded, "{seen:?}");
        assert!(effects(&seen).is_empty(), "{seen:?}");
    }
}

/// A module from anywhere but the interpreter's own directories is code of the pickle's choice;
/// what its import does besides is the import system's doing.
#[test]
fn a_module_from_elsewhere_is_code() {
    let mut oracle = oracle_for(pythons());
    let loader = [
        g("importlib.machinery", "SourceFileLoader"),
        b"(".to_vec(),
        s("assay_canary"),
        s("/dev/null"),
        b"tR".to_vec(),
    ]
    .concat();
    let by_loader =
        pickle(&[&g("operator", "methodcaller"), &s("load_module"), b"\x85R", &loader, b"\x85R"]);
    let by_path = pickle(&[&g("tmside", "side")]);
    for python in 0..oracle.pythons().len() {
        for engine in [Engine::CLoads, Engine::Py] {
            for (bytes, detail) in [(&by_loader, "/dev/null"), (&by_path, "tmside.py")] {
                let seen = oracle.full(python, engine.into(), bytes).unwrap();
                let version = &oracle.pythons()[python].version;
                let code = effects(&seen).iter().any(|effect| {
                    effect.kind == EffectKind::Code
                        && effect.detail.starts_with("module ")
                        && effect.detail.ends_with(detail)
                });
                assert!(code, "{version} {}: {seen:#?}", engine.name());
            }
        }
    }
}

#[test]
fn importing_a_module_of_the_interpreter_is_no_effect() {
    let mut oracle = oracle_for(pythons());
    for python in 0..oracle.pythons().len() {
        for module in ["uuid", "decimal", "datetime", "fractions", "json.decoder", "email.message"]
        {
            let bytes = pickle(&[&g(module, "__name__")]);
            let seen = oracle.full(python, Engine::CLoads.into(), &bytes).unwrap();
            let version = &oracle.pythons()[python].version;
            assert_eq!(effects(&seen), [] as [&assay_oracle::Effect; 0], "{version} {module}");
            let strange: Vec<_> = seen
                .touched
                .iter()
                .filter(|t| !matches!(t.kind, TouchKind::Resolve | TouchKind::Import))
                .collect();
            assert_eq!(strange, [] as [&Touched; 0], "{version} {module}");
            // It is in the record all the same, apart from what the pickle does.
            assert!(
                seen.effects.iter().any(|e| e.kind == EffectKind::Import && e.detail == module)
            );
            let import = format!("import {module}");
            assert!(shown(&seen).contains(&import), "{version} {module} {seen:?}");
        }
    }
}

#[test]
fn what_is_freed_with_the_unpickler_is_seen() {
    // The file stays on the stack beneath the value, and is closed when the stack goes.
    let bytes = b"cio\nopen\nK\0\x8c\x01w\x86RN.";
    let mut oracle = oracle_for(pythons());
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
            let seen = oracle.full(python, engine.into(), bytes).unwrap();
            let version = &oracle.pythons()[python].version;
            // A stream ends with what is left to read.
            assert!(
                matches!(seen.outcome, Outcome::Loaded | Outcome::Raised),
                "{version} {}: {seen:?}",
                engine.name()
            );
            let set = seen.touched.iter().any(|touched| touched.kind == TouchKind::Setattr);
            assert!(!set, "{version} {}: nothing is built: {seen:?}", engine.name());
        }
    }
}
