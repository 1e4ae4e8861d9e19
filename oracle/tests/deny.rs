//! The deny tier: what is refused, what is let through, and what a bad pickle costs.

use std::time::{Duration, Instant};

use assay_oracle::{
    DenyObservation, Encoding, Engine, Loader, Mode, Oracle, OracleConfig, Outcome, Python,
    Refused, Resolved, Run, discover,
};

fn pythons() -> Vec<Python> {
    let found = discover();
    assert!(!found.is_empty(), "these tests need a CPython >= 3.9; none was found");
    found
}

fn allow(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names.iter().map(|(module, name)| ((*module).into(), (*name).into())).collect()
}

/// An oracle for the default interpreter.
fn oracle(names: &[(&str, &str)], refused: Refused) -> Oracle {
    let mut config = OracleConfig::new(vec![pythons().remove(0)]);
    config.allow = allow(names);
    config.refused = refused;
    config.limits.timeout = Duration::from_secs(5);
    Oracle::new(config).unwrap()
}

fn one(oracle: &mut Oracle, run: impl Into<Run>, pickle: &[u8]) -> DenyObservation {
    oracle.deny(0, run.into(), &[pickle]).unwrap().remove(0)
}

fn resolved(module: &str, name: &str, allowed: bool) -> Resolved {
    Resolved { module: module.into(), name: name.into(), allowed }
}

const SYSTEM: &[u8] = b"\x80\x04cos\nsystem\n(X\x04\x00\x00\x00truetR.";

#[test]
fn a_refused_global_ends_the_load_on_every_python() {
    let mut config = OracleConfig::new(pythons());
    config.allow = allow(&[("builtins", "complex")]);
    let mut oracle = Oracle::new(config).unwrap();
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
            let version = oracle.pythons()[python].version.clone();
            let batch: [&[u8]; 3] = [SYSTEM, b"\x80\x04]K\x01a.", b"cbuiltins\ncomplex\n(K\x01tR."];
            let seen = oracle.deny(python, engine.into(), &batch).unwrap();
            let context = format!("{version} {}: {seen:?}", engine.name());
            assert_eq!(seen[0].outcome, Outcome::Raised, "{context}");
            assert_eq!(seen[0].exception.as_deref(), Some("UnpicklingError"), "{context}");
            assert_eq!(seen[0].resolved, [resolved("os", "system", false)], "{context}");
            assert_eq!(seen[1].outcome, Outcome::Loaded, "{context}");
            assert_eq!(seen[2].outcome, Outcome::Loaded, "{context}");
            assert_eq!(seen[2].resolved, [resolved("builtins", "complex", true)], "{context}");
        }
    }
}

#[test]
fn a_stand_in_lets_the_load_go_on() {
    let mut oracle = oracle(&[], Refused::StandIn);
    // Call, BUILD, APPEND, SETITEM and NEWOBJ on stand-ins, then one more global.
    let pickle = b"\x80\x04(cos\nsystem\n(X\x04\x00\x00\x00truetR}bK\x01a\
                   K\x02K\x03scos\nx\n)\x81cos\ny\n0t.";
    for engine in [Engine::CLoads, Engine::CFile, Engine::Py] {
        let seen = one(&mut oracle, engine, pickle);
        assert_eq!(seen.outcome, Outcome::Loaded, "{seen:?}");
        let names: Vec<_> = seen.resolved.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["system", "x", "y"]);
    }
}

#[test]
fn names_of_python_2_are_seen_as_they_are_looked_up() {
    let mut oracle = oracle(&[("builtins", "range")], Refused::Raise);
    let pickle = b"c__builtin__\nxrange\n(K\x02tR.";
    for engine in [Engine::CLoads, Engine::Py] {
        let seen = one(&mut oracle, engine, pickle);
        assert_eq!(seen.outcome, Outcome::Loaded, "{seen:?}");
        assert_eq!(seen.resolved, [resolved("builtins", "range", true)]);

        let mode = Mode { fix_imports: false, ..Mode::default() };
        let seen = one(&mut oracle, Run { engine, mode }, pickle);
        assert_eq!(seen.resolved, [resolved("__builtin__", "xrange", false)]);

        // From protocol 3 on nothing is renamed.
        let new = [b"\x80\x03".as_slice(), pickle].concat();
        let seen = one(&mut oracle, engine, &new);
        assert_eq!(seen.resolved, [resolved("__builtin__", "xrange", false)]);
    }
}

#[test]
fn modes_reach_the_unpickler() {
    let mut oracle = oracle(&[], Refused::Raise);
    for engine in [Engine::CLoads, Engine::CFile, Engine::CStream, Engine::CReuse, Engine::Py] {
        let with = |mode| Run { engine, mode };
        let persistent = with(Mode { persistent_load: true, ..Mode::default() });
        let seen = one(&mut oracle, persistent, b"K\x01QK\x02Q.");
        assert_eq!((seen.outcome, seen.persistent), (Outcome::Loaded, 2), "{engine:?} {seen:?}");
        assert_eq!(one(&mut oracle, engine, b"K\x01Q.").outcome, Outcome::Raised);

        let latin = with(Mode { encoding: Encoding::Latin1, ..Mode::default() });
        assert_eq!(one(&mut oracle, latin, b"U\x01\xe9.").outcome, Outcome::Loaded);
        let ascii = one(&mut oracle, engine, b"U\x01\xe9.");
        assert_eq!(ascii.exception.as_deref(), Some("UnicodeDecodeError"));

        let buffers = with(Mode { buffers: true, ..Mode::default() });
        assert_eq!(one(&mut oracle, buffers, b"\x80\x05\x97.").outcome, Outcome::Loaded);
        assert_eq!(one(&mut oracle, engine, b"\x80\x05\x97.").outcome, Outcome::Raised);
    }
}

#[test]
fn the_disassembler_accepts_or_rejects() {
    let mut oracle = oracle(&[], Refused::Raise);
    assert_eq!(one(&mut oracle, Engine::Dis, SYSTEM).outcome, Outcome::Loaded);
    let seen = one(&mut oracle, Engine::Dis, b"\x80\x04K\x01K\x02.");
    assert_eq!((seen.outcome, seen.exception.as_deref()), (Outcome::Raised, Some("ValueError")));
}

#[test]
fn engines_differ_where_the_world_does() {
    let mut oracle = oracle(&[], Refused::Raise);
    // A second pickle that uses the first one's memo.
    let two = b"\x80\x04K\x01\x94.\x80\x04h\x00.";
    assert_eq!(one(&mut oracle, Engine::CLoads, two).outcome, Outcome::Loaded);
    assert_eq!(one(&mut oracle, Engine::CFile, two).outcome, Outcome::Loaded);
    assert_eq!(one(&mut oracle, Engine::CStream, two).outcome, Outcome::Raised);
    assert_eq!(one(&mut oracle, Engine::CReuse, two).outcome, Outcome::Loaded);
}

#[test]
fn one_pickle_that_crashes_or_hangs_costs_only_itself() {
    let mut oracle = oracle(
        &[("builtins", "list"), ("builtins", "sum"), ("itertools", "count"), ("time", "sleep")],
        Refused::Raise,
    );
    // A tuple nested deep as a dictionary's key: hashing it overflows the C stack.
    let crash = [b"\x80\x04})".as_slice(), &b"\x85".repeat(300_000), b"Ns."].concat();
    // sum(itertools.count()) never ends.
    let hang = b"\x80\x04cbuiltins\nsum\n(citertools\ncount\n(tRtR.";
    // list(itertools.count()) asks for all memory there is.
    let bomb = b"\x80\x04cbuiltins\nlist\n(citertools\ncount\n(tRtR.";
    // A memo index that asks for 16 GiB at once.
    let memo = b"\x80\x04Nr\xff\xff\xff\x3f.";
    let good = b"\x80\x04K\x01.";
    let batch: [&[u8]; 9] = [good, &crash, good, hang, good, bomb, good, memo, good];
    let seen = oracle.deny(0, Engine::CLoads.into(), &batch).unwrap();
    let outcomes: Vec<_> = seen.iter().map(|o| o.outcome).collect();
    use Outcome::{Loaded, Oom, Signaled, Timeout};
    assert_eq!(
        outcomes,
        [Loaded, Signaled, Loaded, Timeout, Loaded, Oom, Loaded, Oom, Loaded],
        "{seen:?}"
    );
}

#[test]
fn what_the_sandbox_denies_is_denied_here_too() {
    let mut oracle = oracle(&[("os", "system"), ("builtins", "open")], Refused::Raise);
    let canary = std::env::temp_dir().join(format!("assay-deny-{}", std::process::id()));
    let command = format!("touch {}", canary.display());
    let mut pickle = b"\x80\x04cos\nsystem\n(X".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"tR.");
    let seen = one(&mut oracle, Engine::CLoads, &pickle);
    assert_eq!(seen.resolved, [resolved("os", "system", true)]);
    assert!(!canary.exists(), "the sandbox let os.system through");
}

/// BUILD can change a class or function without a call. Whoever is loaded next must not meet it.
#[test]
fn what_one_pickle_changes_is_not_there_for_the_next() {
    let mut config = OracleConfig::new(pythons());
    config.allow = allow(&[
        ("fractions", "Fraction"),
        ("fractions", "Fraction.marker"),
        ("colorsys", "rgb_to_hsv"),
    ]);
    let mut oracle = Oracle::new(config).unwrap();
    let asks = b"\x80\x04\x8c\x09fractions\x8c\x0fFraction.marker\x93.".as_slice();
    let marks = b"\x80\x04cfractions\nFraction\nN}\x8c\x06markerK\x01s\x86b.".as_slice();
    let calls = b"\x80\x04ccolorsys\nrgb_to_hsv\n)R.".as_slice();
    let fills = b"\x80\x04ccolorsys\nrgb_to_hsv\nN}\x8c\x0c__defaults__K\x01K\x02K\x03\x87s\x86b.";
    let batch: [&[u8]; 8] = [asks, marks, asks, calls, fills, calls, marks, asks];
    use Outcome::{Loaded, Raised};
    let expected = [Raised, Loaded, Raised, Raised, Loaded, Raised, Loaded, Raised];
    for python in 0..oracle.pythons().len() {
        for engine in [Engine::CLoads, Engine::CFile, Engine::Py] {
            let seen = oracle.deny(python, engine.into(), &batch).unwrap();
            let outcomes: Vec<_> = seen.iter().map(|o| o.outcome).collect();
            let version = &oracle.pythons()[python].version;
            assert_eq!(outcomes, expected, "{version} {}: {seen:?}", engine.name());
        }
    }
}

#[test]
fn too_many_globals_are_said_to_be_too_many() {
    let mut oracle = oracle(&[], Refused::StandIn);
    let mut pickle = b"\x80\x04".to_vec();
    for i in 0..10_000 {
        pickle.extend(format!("cmodule\nname{i}\n0").bytes());
    }
    pickle.extend(b"N.");
    let seen = one(&mut oracle, Engine::CLoads, &pickle);
    assert_eq!(seen.outcome, Outcome::Loaded);
    assert!(!seen.complete);
}

#[test]
fn a_pickle_larger_than_the_shared_memory_is_an_outcome() {
    let mut oracle = oracle(&[], Refused::Raise);
    let large = vec![b'N'; (128 << 20) + 1];
    let seen = oracle.deny(0, Engine::CLoads.into(), &[&large, b"N."]).unwrap();
    assert_eq!(seen[0].outcome, Outcome::Sandbox);
    assert_eq!(seen[1].outcome, Outcome::Loaded);
}

/// Not a benchmark: catches the loss of an order of magnitude, on a busy machine too.
#[test]
fn small_pickles_go_by_the_thousand() {
    let mut oracle = oracle(&[], Refused::Raise);
    let batch: Vec<&[u8]> = std::iter::repeat_n(SYSTEM, 256).collect();
    oracle.deny(0, Engine::CLoads.into(), &batch).unwrap();
    let begin = Instant::now();
    for _ in 0..40 {
        oracle.deny(0, Engine::CLoads.into(), &batch).unwrap();
    }
    let rate = 40.0 * 256.0 / begin.elapsed().as_secs_f64();
    assert!(rate > 5_000.0, "{rate} pickles per second");
}

/// `gzip.compress(b"N.cos\nsystem\n.")`, by CPython 3.11.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xf3\xd3K\xce/\xe6*\xae,.I\xcd\xe5\xd2\x03\x00\x1ct\xb4\xb6\x0e\x00\x00\x00";

/// `b"cuuid\nUUID\n."` in a window of 512 bytes, by which no head that is usual is written.
const ZLIB: &[u8] = b"\x18\xd3K.-\xcdL\xe1\n\r\xf5t\xe1\xd2\x03\x00\x1b9\x03\x94";

/// Every interpreter has the decompressors that were built into it; other loaders it must have
/// imported.
#[test]
fn files_are_read_by_loaders_of_containers() {
    let mut oracle = Oracle::new(OracleConfig::new(pythons())).unwrap();
    for python in 0..oracle.pythons().len() {
        let version = oracle.pythons()[python].version.clone();
        assert_eq!(oracle.loaders(python).unwrap(), [Loader::Compressed], "{version}");
        let missing = oracle.deny_files(python, Loader::Joblib, &[b"N."]).unwrap().remove(0);
        assert_eq!(missing.exception.as_deref(), Some("ModuleNotFoundError"), "{version}");
        let seen = oracle.deny_files(python, Loader::Compressed, &[GZIP]).unwrap().remove(0);
        assert_eq!(seen.exception.as_deref(), Some("UnpicklingError"), "{version}: {seen:?}");
        assert_eq!(seen.resolved, [resolved("os", "system", false)], "{version}");
        let seen = oracle.deny_files(python, Loader::Compressed, &[ZLIB]).unwrap().remove(0);
        assert_eq!(seen.resolved, [resolved("uuid", "UUID", false)], "{version}: {seen:?}");
        // Nothing is left over for the next load.
        let after = oracle.deny(python, Engine::CLoads.into(), &[b"N."]).unwrap().remove(0);
        assert_eq!((after.outcome, after.resolved), (Outcome::Loaded, vec![]), "{version}");
    }
}
