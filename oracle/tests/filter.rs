//! Several pickles to a process: quick, and nothing that counts depends on the company.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use assay_oracle::{Engine, Observation, Oracle, OracleConfig, Outcome, TouchKind, Touched};
use common::{call, exec, g, pickle, pythons, s};

const ALLOWED: [(&str, &str); 6] = [
    ("tm", "pyf"),
    ("tm", "PyCls"),
    ("tm", "Plain"),
    ("builtins", "complex"),
    ("builtins", "len"),
    ("collections", "OrderedDict"),
];

fn config() -> OracleConfig {
    let mut config = OracleConfig::new(pythons());
    config.extra_path = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/modules")];
    config.allow = ALLOWED.map(|(module, name)| (module.into(), name.into())).to_vec();
    config.preload = vec!["tm".into(), "collections".into()];
    config.limits.timeout = Duration::from_secs(20);
    config
}

fn oracle() -> Oracle {
    let mut config = config();
    config.pythons.truncate(1);
    Oracle::new(config).unwrap()
}

fn state(attribute: &str, value: &[u8]) -> Vec<u8> {
    [b"N}", s(attribute).as_slice(), value, b"s\x86b"].concat()
}

/// Pickles whose process is not what it was, and what they do it to.
fn mixed() -> Vec<Vec<u8>> {
    let instance = pickle(&[&call("tm", "PyCls", b"K\x01")]);
    let function = pickle(&[&call("tm", "pyf", b"K\x01")]);
    let length = pickle(&[&call("builtins", "len", b"]")]);
    let mut out = vec![
        instance.clone(),
        pickle(&[&g("tm", "pyf"), &state("__defaults__", b"K\x01\x85")]),
        function.clone(),
        // Without a call, `tm.PyCls` is no more what it was.
        pickle(&[&g("tm", "PyCls"), &state("__init__", &g("builtins", "len"))]),
        instance.clone(),
        pickle(&[&s("tm"), &s("pyf.__code__"), b"\x93"]),
        pickle(&[
            &g("tm", "pyf"),
            &state("__code__", &[s("tm"), s("Key.__hash__.__code__"), b"\x93".to_vec()].concat()),
        ]),
        function.clone(),
        exec("import builtins; builtins.len = lambda *a: 'spoilt'"),
        length.clone(),
        exec("import tm; tm.PyCls.__init__ = None"),
        instance.clone(),
        exec("import sys; sys.setprofile(None)"),
        function.clone(),
        exec("import os; os._exit(0)"),
        length.clone(),
        exec("import os; os.abort()"),
        instance.clone(),
        pickle(&[&call("nowhere", "x", b"")]),
        b"\x80\x04not a pickle".to_vec(),
        pickle(&[&g("tm", "Plain"), b")\x81}", &s("a"), b"K\x01sb"]),
        exec("print('to the pipe')"),
    ];
    out.extend((0..20).map(|n| pickle(&[&call("builtins", "complex", &[b'K', n])])));
    out
}

/// All that may not depend on the company.
fn essence(seen: &Observation) -> (Outcome, Option<&str>, &[Touched], Option<&str>, bool, String) {
    (
        seen.outcome,
        seen.exception.as_deref(),
        &seen.touched,
        seen.result.as_deref(),
        seen.complete,
        format!("{:?}", seen.effects),
    )
}

fn is_hit(seen: &Observation) -> bool {
    let allowed: Vec<String> = ALLOWED.map(|(module, name)| format!("{module}.{name}")).to_vec();
    seen.touched
        .iter()
        .any(|touched| touched.kind == TouchKind::Resolve && !allowed.contains(&touched.name))
}

#[test]
fn company_changes_no_answer() {
    let mut oracle = Oracle::new(config()).unwrap();
    let pickles = mixed();
    let refs: Vec<&[u8]> = pickles.iter().map(Vec::as_slice).collect();
    for python in 0..oracle.pythons().len() {
        for engine in [Engine::CLoads, Engine::CStream, Engine::Py] {
            let alone = oracle.full_batch(python, engine.into(), &refs).unwrap();
            let sifted = oracle.sift(python, engine.into(), &refs, |_, seen| is_hit(seen)).unwrap();
            assert_eq!(sifted.len(), alone.len());
            for (index, (sifted, alone)) in sifted.iter().zip(&alone).enumerate() {
                let context = format!("{} {} pickle {index}", alone.python, engine.name());
                assert_eq!(essence(&sifted.observation), essence(alone), "{context}");
                assert!(sifted.alone || !is_hit(alone), "{context}");
            }
            assert!(sifted.iter().filter(|seen| !seen.alone).count() >= 20);
        }
    }
}

#[test]
fn one_that_hangs_costs_the_others_nothing() {
    let mut config = config();
    config.pythons.truncate(1);
    config.limits.timeout = Duration::from_secs(1);
    let mut oracle = Oracle::new(config).unwrap();
    let fine = pickle(&[&call("builtins", "complex", b"K\x01")]);
    let hangs = exec("while True: pass");
    let batch: Vec<&[u8]> = vec![&fine, &fine, &hangs, &fine, &hangs, &hangs, &fine];
    let seen = oracle.filter(0, Engine::CLoads.into(), &batch).unwrap();
    let outcomes: Vec<Outcome> = seen.iter().map(|seen| seen.observation.outcome).collect();
    use Outcome::{Loaded, Timeout};
    assert_eq!(outcomes, [Loaded, Loaded, Timeout, Loaded, Timeout, Timeout, Loaded]);
    assert!(seen.iter().all(|seen| seen.alone == (seen.observation.outcome == Timeout)
        || seen.observation.outcome == Loaded));
}

/// A batch larger than the memory shared with the worker, and traces larger than their room.
#[test]
fn nothing_is_lost_where_room_runs_out() {
    let mut config = config();
    config.pythons.truncate(1);
    config.limits.trace = 4 << 10;
    let mut oracle = Oracle::new(config).unwrap();
    let large: Vec<Vec<u8>> = (0..12u8)
        .map(|n| {
            let text = vec![b'a' + n; 8 << 20];
            let len = (text.len() as u32).to_le_bytes();
            pickle(&[b"B", &len, &text, b"0K", &[n]])
        })
        .collect();
    let refs: Vec<&[u8]> = large.iter().map(Vec::as_slice).collect();
    let run = Engine::CLoads.into();
    for (n, seen) in oracle.filter(0, run, &refs).unwrap().iter().enumerate() {
        assert_eq!(seen.observation.result, Some(n.to_string()), "{:?}", seen.observation);
    }
    assert_eq!(oracle.deny(0, run, &refs).unwrap().len(), refs.len());

    // Each touch is told apart by its arguments.
    let calls: Vec<u8> = (0..200u8)
        .flat_map(|n| [call("builtins", "complex", &[b'K', n]), b"0".to_vec()].concat())
        .collect();
    let chatty = pickle(&[&calls, b"N"]);
    let terse = pickle(&[&call("builtins", "complex", b"K\x01")]);
    let batch: Vec<&[u8]> = (0..64).map(|n| if n % 3 == 0 { &*chatty } else { &*terse }).collect();
    for (n, seen) in oracle.filter(0, run, &batch).unwrap().iter().enumerate() {
        assert_eq!(seen.observation.complete, n % 3 != 0, "{n}");
        assert_eq!(seen.observation.outcome, Outcome::Loaded);
    }
}

#[test]
fn pickles_that_do_nothing_unusual_share_a_process() {
    let mut oracle = oracle();
    let terse = pickle(&[&call("collections", "OrderedDict", b"")]);
    let batch = vec![terse.as_slice(); 33];
    let seen = oracle.filter(0, Engine::CLoads.into(), &batch).unwrap();
    // Two processes with sixteen each, and one with the last.
    let alone: Vec<usize> =
        seen.iter().enumerate().filter(|(_, seen)| seen.alone).map(|(index, _)| index).collect();
    assert_eq!(alone, [32]);
}
