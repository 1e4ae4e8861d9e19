//! Whatever a pickle does to its process, the oracle says so and goes on.

mod common;

use std::time::Duration;

use assay_oracle::{Encoding, Engine, Mode, Outcome, Run};
use common::{
    call, eval, exec, full, g, oracle, oracle_for, oracle_within, pickle, pythons, s, shown,
};

#[test]
fn values_and_exceptions_are_described_with_their_types() {
    let mut oracle = oracle();
    for (bytes, expected) in [
        (b"I00\n.".as_slice(), "False"),
        (b"I0\n.", "0"),
        (b"F0\n.", "0.0"),
        (b"\x80\x03C\x01ab0C\x01a.", ""),
        (b"\x80\x04\x8c\x01a.", "'a'"),
        (b"\x80\x03C\x01a.", "b'a'"),
        (b"\x80\x05\x96\x01\0\0\0\0\0\0\0a.", "bytearray b'a'"),
        (b"\x80\x04]\x94h\x00a.", "[<cycle 0>]"),
        (b"\x80\x04\x8f(K\x03K\x01K\x02\x90.", "set{1, 2, 3}"),
        (b"\x80\x04(K\x02K\x01\x91.", "frozenset{1, 2}"),
        (b"\x80\x04}K\x01]s.", "{1: []}"),
        (b"\x80\x04K\x01\x85.", "(1,)"),
        (b"\x80\x04cbuiltins\nlen\n.", "<builtins.builtin_function_or_method builtins.len>"),
        (b"\x80\x04ccollections\ndeque\n.", "<class collections.deque>"),
        (b"\x80\x04ctm\nPlain\n)\x81}X\x01\0\0\0qK\x01sb.", "<tm.Plain {'q': 1}>"),
        (b"\x80\x04ccollections\nOrderedDict\n)R(K\x01K\x02u.", "<collections.OrderedDict>{1: 2}"),
    ] {
        for engine in [Engine::CLoads, Engine::CFile, Engine::Py] {
            let seen = full(&mut oracle, engine, bytes);
            if expected.is_empty() {
                assert_eq!(seen.outcome, Outcome::Raised);
            } else {
                assert_eq!(seen.result.as_deref(), Some(expected), "{engine:?} {seen:?}");
                assert_eq!(seen.outcome, Outcome::Loaded);
            }
        }
    }
    let seen = full(&mut oracle, Engine::CLoads, b"");
    assert_eq!(seen.exception.as_deref(), Some("EOFError: Ran out of input"));
    let seen = full(&mut oracle, Engine::CLoads, &pickle(&[&g("nowhere", "x")]));
    assert_eq!(seen.exception.as_deref(), Some("ModuleNotFoundError: No module named 'nowhere'"));
}

/// CPython compares the `tp_new` of both: one that has a hook and one that has none would not do.
#[test]
fn the_new_of_a_base_makes_what_was_asked_for_before_it() {
    for (i, python) in pythons().iter().enumerate() {
        let mut oracle = oracle_for(vec![pythons().remove(i)]);
        let new = [s("_ctypes"), s("_SimpleCData.__new__"), b"\x93".to_vec()].concat();
        let class = [s("ctypes"), s("c_int"), b"\x93".to_vec()].concat();
        for before in [class.clone(), new.clone()] {
            let bytes = [&b"\x80\x04"[..], &before, b"0", &new, &class, b"\x85R."].concat();
            let seen = full(&mut oracle, Engine::CLoads, &bytes);
            assert_eq!(seen.outcome, Outcome::Loaded, "{}: {:?}", python.version, seen.exception);
        }
    }
}

#[test]
fn an_endless_load_is_ended() {
    let mut oracle = oracle_within(Duration::from_secs(1), vec![pythons().remove(0)]);
    let seen = full(&mut oracle, Engine::CLoads, &exec("while True: pass"));
    assert_eq!(seen.outcome, Outcome::Timeout);
    assert!(shown(&seen).contains(&"call builtins.exec".to_owned()), "{seen:?}");
}

#[test]
fn a_crash_is_a_signal_and_loses_nothing() {
    let mut oracle = oracle();
    let mut bytes = call("posix", "getppid", b"");
    bytes.splice(0..0, *b"\x80\x04");
    bytes.extend(b"0})");
    bytes.extend(b"\x85".repeat(300_000));
    bytes.extend(b"Ns.");
    let seen = full(&mut oracle, Engine::CLoads, &bytes);
    assert_eq!(seen.outcome, Outcome::Signaled);
    assert_eq!(seen.exception.as_deref(), Some("SIGSEGV"));
    assert_eq!(shown(&seen), ["resolve posix.getppid", "call posix.getppid"]);
}

/// The place on the stack from which nothing was taken holds what was there before, if anything.
#[test]
fn an_opcode_that_raises_before_it_takes_anything_is_no_crash() {
    for (i, _) in pythons().iter().enumerate() {
        let mut oracle = oracle_for(vec![pythons().remove(i)]);
        for bytes in [b"NNo".as_slice(), b"NNNo", b"NN}o", b"NN(R", b"NNN(\x81", b"NNN(\x92"] {
            for engine in [Engine::CLoads, Engine::CFile, Engine::CStream, Engine::CReuse] {
                let seen = full(&mut oracle, engine, bytes);
                assert_eq!(seen.outcome, Outcome::Raised, "{engine:?} {bytes:?} {seen:?}");
            }
        }
    }
}

#[test]
fn a_process_that_ends_itself_is_no_success() {
    let mut oracle = oracle();
    let seen = full(&mut oracle, Engine::CLoads, &pickle(&[&call("os", "_exit", b"K\0")]));
    assert_eq!(seen.outcome, Outcome::Raised);
    assert!(seen.exception.as_deref().unwrap().contains("exit status 0"), "{seen:?}");
    assert!(shown(&seen).contains(&"call posix._exit".to_owned()));
}

#[test]
fn memory_runs_out_without_harm() {
    let mut oracle = oracle();
    for bytes in [
        b"\x80\x04Nr\xff\xff\xff\x3f.".to_vec(),
        eval("b'x' * (1 << 34)"),
        exec("x = []\nwhile True: x.append(bytes(1 << 24))"),
    ] {
        let seen = full(&mut oracle, Engine::CLoads, &bytes);
        assert_eq!(seen.outcome, Outcome::Oom, "{seen:?}");
    }
}

#[test]
fn what_it_prints_is_kept_up_to_a_limit() {
    let mut oracle = oracle();
    let seen = full(&mut oracle, Engine::CLoads, &pickle(&[&call("builtins", "print", &s("hi"))]));
    assert_eq!(seen.stderr, "hi\n");
    let flood = exec("import sys\nfor _ in range(2000): sys.stderr.write('x' * 1000)");
    let seen = full(&mut oracle, Engine::CLoads, &flood);
    assert_eq!((seen.outcome, seen.stderr.len()), (Outcome::Loaded, 4 << 10));
    // And the next one starts with nothing.
    assert_eq!(full(&mut oracle, Engine::CLoads, b"N.").stderr, "");
}

#[test]
fn deep_recursion_is_pythons_own_error() {
    let mut oracle = oracle();
    let seen = full(&mut oracle, Engine::CLoads, &exec("def f(): f()\nf()"));
    assert_eq!(seen.outcome, Outcome::Raised);
    assert!(seen.exception.as_deref().unwrap().starts_with("RecursionError"), "{seen:?}");
}

#[test]
fn a_trace_that_overflows_says_so() {
    let mut oracle = oracle();
    let many = exec("for i in range(40000): exec('def f%d(): pass\\nf%d()' % (i, i))");
    let seen = full(&mut oracle, Engine::CLoads, &many);
    assert!(!seen.complete, "{:?}, {} touches", seen.outcome, seen.touched.len());
    let seen = full(&mut oracle, Engine::CLoads, &exec("import sys\nsys.setprofile(None)"));
    assert!(!seen.complete);
}

#[test]
fn an_answer_does_not_depend_on_those_before() {
    let mut oracle = oracle();
    let victim = exec("import posix\nposix.getppid()\nx = {1, 2}");
    let spoilers = [
        exec("import builtins\nbuiltins.exec = None\nimport posix\nposix.getppid = None"),
        exec("import sys\nsys.modules.clear()"),
        exec("import gc, pickle\npickle._Unpickler.load = None"),
        b"\x80\x04cos\n_exit\n(K\x07tR.".to_vec(),
        exec("import sys\nsys.setrecursionlimit(60)"),
        b"garbage".to_vec(),
    ];
    let clean = |oracle: &mut assay_oracle::Oracle| {
        let mut seen = full(oracle, Engine::CLoads, &victim);
        seen.time_us = 0;
        seen
    };
    let alone = clean(&mut oracle);
    assert_eq!(alone.outcome, Outcome::Loaded, "{alone:?}");
    for spoiler in &spoilers {
        full(&mut oracle, Engine::CLoads, spoiler);
        assert_eq!(clean(&mut oracle), alone);
        let both = oracle.full_batch(0, Engine::CLoads.into(), &[spoiler, &victim]).unwrap();
        assert_eq!(both[1].touched, alone.touched);
    }
    // Another worker says the same.
    assert_eq!(clean(&mut common::oracle()), alone);
}

#[test]
fn modes_and_engines_reach_the_unpickler() {
    let mut oracle = oracle_for(pythons());
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
            let with = |mode| Run { engine, mode };
            let mut outcome = |run: Run, bytes: &[u8]| oracle.full(python, run, bytes).unwrap();
            let persistent = with(Mode { persistent_load: true, ..Mode::default() });
            let seen = outcome(persistent, b"X\x03\0\0\0keyQ.");
            assert_eq!(seen.outcome, Outcome::Loaded, "{seen:?}");
            assert_eq!(shown(&seen), ["persistent 'key'"]);
            let latin = with(Mode { encoding: Encoding::Latin1, ..Mode::default() });
            assert_eq!(outcome(latin, b"U\x01\xe9.").outcome, Outcome::Loaded);
            assert_eq!(outcome(engine.into(), b"U\x01\xe9.").outcome, Outcome::Raised);
            let buffers = with(Mode { buffers: true, ..Mode::default() });
            let seen = outcome(buffers, b"\x80\x05\x97.");
            assert_eq!((seen.outcome, seen.touched.len()), (Outcome::Loaded, 0), "{seen:?}");
        }
    }
    let two = b"\x80\x04K\x01\x94.\x80\x04h\x00.";
    assert_eq!(full(&mut oracle, Engine::CLoads, two).result.as_deref(), Some("1"));
    assert_eq!(full(&mut oracle, Engine::CFile, two).result.as_deref(), Some("1"));
    assert_eq!(full(&mut oracle, Engine::CReuse, two).result.as_deref(), Some("[1, 1]"));
    assert_eq!(full(&mut oracle, Engine::CStream, two).outcome, Outcome::Raised);
    assert_eq!(full(&mut oracle, Engine::Dis, b"\x80\x04K\x01.").outcome, Outcome::Loaded);
    assert_eq!(full(&mut oracle, Engine::Dis, b"\x80\x04K\x01").outcome, Outcome::Raised);
}

#[test]
fn a_large_pickle_fits_and_a_larger_one_does_not() {
    let mut oracle = oracle();
    let len = (100u32 << 20).to_le_bytes();
    let mut bytes = [b"\x80\x03B".as_slice(), &len].concat();
    bytes.resize(bytes.len() + (100 << 20), b'x');
    bytes.push(b'.');
    for engine in [Engine::CLoads, Engine::CFile, Engine::Py] {
        let seen = full(&mut oracle, engine, &bytes);
        assert_eq!(seen.outcome, Outcome::Loaded, "{engine:?} {:?}", seen.exception);
    }
    let seen = full(&mut oracle, Engine::CLoads, &vec![b'N'; (128 << 20) + 1]);
    assert_eq!(seen.outcome, Outcome::Sandbox);
    assert!(seen.exception.unwrap().contains("takes at most 134217728"));
    assert_eq!(full(&mut oracle, Engine::CLoads, b"N.").outcome, Outcome::Loaded);
}
