//! Whatever becomes of a worker, every pickle gets an outcome with a reason, and the next one
//! its usual answer. Fake workers, which are programs of our own, break the protocol in every
//! way that a real one under attack might.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use assay_oracle::{Engine, Observation, Oracle, OracleConfig, Outcome, Python, Refused};
use common::{call, exec, g, pickle, pythons, s};
use rustix::process::{Pid, Signal, kill_process};

/// Workers are told apart by being the only ones: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn oracle(pythons: Vec<Python>, timeout: Duration) -> Oracle {
    let mut config = OracleConfig::new(pythons);
    config.limits.timeout = timeout;
    Oracle::new(config).unwrap()
}

fn load(oracle: &mut Oracle, python: usize, pickle: &[u8]) -> Observation {
    let mut seen = oracle.full(python, Engine::CLoads.into(), pickle).unwrap();
    seen.time_us = 0;
    seen
}

/// The workers of this process, which has no other children.
fn workers() -> Vec<Pid> {
    let parent = |entry: &std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        (fields.next()? != "Z").then_some(())?;
        fields.next()?.parse::<u32>().ok()
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if parent(&entry) == Some(std::process::id()) {
            let id = entry.file_name().to_string_lossy().parse().unwrap();
            found.push(Pid::from_raw(id).unwrap());
        }
    }
    found
}

#[test]
fn a_lost_zygote_is_replaced_and_its_pickle_loaded() {
    let _alone = alone();
    let mut oracle = oracle(pythons(), Duration::from_secs(20));
    let bytes = pickle(&[&call("os", "getpid", b"")]);
    let usual = load(&mut oracle, 0, b"N.");
    for signal in [Signal::KILL, Signal::SEGV, Signal::TERM] {
        let found = workers();
        assert_eq!(found.len(), 1);
        kill_process(found[0], signal).unwrap();
        let seen = load(&mut oracle, 0, &bytes);
        assert_eq!(seen.outcome, Outcome::Loaded, "{:?}", seen.exception);
        assert_eq!(load(&mut oracle, 0, b"N."), usual);
    }
}

#[test]
fn a_zygote_lost_during_a_load_is_tried_once_more() {
    let _alone = alone();
    let mut oracle = oracle(pythons(), Duration::from_secs(20));
    let usual = load(&mut oracle, 0, b"N.");
    let busy = exec("import time\ntime.sleep(1)");
    let first = workers()[0];
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        kill_process(first, Signal::KILL).unwrap();
    });
    let all = oracle.full_batch(0, Engine::CLoads.into(), &[b"N.", &busy, b"N."]).unwrap();
    killer.join().unwrap();
    let outcomes: Vec<_> = all.iter().map(|seen| seen.outcome).collect();
    assert_eq!(outcomes, [Outcome::Loaded; 3]);
    assert_ne!(workers()[0], first);
    assert_eq!(load(&mut oracle, 0, b"N."), usual);
}

#[test]
fn a_zygote_that_hangs_is_a_timeout_with_a_reason() {
    let _alone = alone();
    let mut oracle = oracle(pythons(), Duration::from_millis(200));
    let usual = load(&mut oracle, 0, b"N.");
    kill_process(workers()[0], Signal::STOP).unwrap();
    let seen = load(&mut oracle, 0, b"N.");
    assert_eq!(seen.outcome, Outcome::Timeout);
    assert!(seen.exception.unwrap().contains("did not answer within"));
    assert_eq!(load(&mut oracle, 0, b"N."), usual);
}

#[test]
fn a_lost_deny_worker_costs_one_pickle() {
    let _alone = alone();
    let mut oracle = oracle(pythons(), Duration::from_secs(5));
    let batch: [&[u8]; 3] = [b"N.", b"K\x01.", b"cos\nsystem\n."];
    let usual = oracle.deny(0, Engine::CLoads.into(), &batch).unwrap();
    kill_process(workers()[0], Signal::KILL).unwrap();
    assert_eq!(oracle.deny(0, Engine::CLoads.into(), &batch).unwrap(), usual);
    // The interpreter dies of this one.
    let mut crash = b"\x80\x04})".to_vec();
    crash.extend(b"\x85".repeat(300_000));
    crash.extend(b"Ns.");
    let seen = oracle.deny(0, Engine::CLoads.into(), &[batch[0], &crash, batch[2]]).unwrap();
    assert_eq!((&seen[0], &seen[2]), (&usual[0], &usual[2]));
    assert_eq!(seen[1].outcome, Outcome::Signaled);
    assert_eq!(seen[1].exception.as_deref(), Some("the worker was lost: SIGSEGV"));
}

/// What fake workers share: the shared memory, the control socket, and where things lie.
const FAKE: &str = "
import sys, os, mmap, struct, random, time
control, shared, module = map(int, sys.argv[-3:])
memory = mmap.mmap(shared, os.fstat(shared).st_size)
OUT = len(memory) - (32 << 20)
rng = random.Random(7)
def junk(n): return rng.randbytes(n)
def header(done, output): memory[8:16] = struct.pack('<II', done, output)
def say(text):
    try: os.write(control, text)
    except OSError: sys.exit()
def serve(answer):
    say(b'k')
    while os.read(control, 1): answer()
def hang():
    while True: time.sleep(1)
";

/// Fakes, and what they do.
const FAKES: &[(&str, &str)] = &[
    ("junk for an answer", "serve(lambda: say(b'\\xff'))"),
    ("no records", "serve(lambda: (header(0, 0), say(b'k')))"),
    ("counts beyond everything", "serve(lambda: (header(2**32 - 1, 2**32 - 1), say(b'k')))"),
    (
        "a record without end",
        "
def answer():
    memory[OUT:OUT + 4] = b'\\xff' * 4
    header(1, 32 << 20)
    say(b'k')
serve(answer)",
    ),
    (
        "a record too long",
        "
def answer():
    memory[OUT:OUT + 4] = struct.pack('<I', (32 << 20) - 4)
    memory[OUT + 4:] = bytes((32 << 20) - 4)
    header(1, 32 << 20)
    say(b'k')
serve(answer)",
    ),
    (
        "records of junk",
        "
def answer():
    memory[OUT:OUT + 65536] = junk(65536)
    memory[OUT:OUT + 4] = struct.pack('<I', 1000)
    header(1, 65536)
    say(b'k')
serve(answer)",
    ),
    (
        "junk in the header",
        "
def answer():
    memory[0:4096] = junk(4096)
    say(b'k')
serve(answer)",
    ),
    (
        "counts and never answers",
        "
def answer():
    n = 0
    while True:
        n += 1
        header(n & 0xffffffff, n & 0xffff)
serve(answer)",
    ),
    ("never answers", "serve(hang)"),
    ("hangs up and stays", "serve(lambda: (os.close(control), hang()))"),
    ("dies", "serve(lambda: os._exit(3))"),
    ("kills itself", "serve(lambda: os.kill(os.getpid(), 15))"),
    (
        "talks unasked",
        "
os.write(control, b'k' * 1000)
serve(lambda: say(b'k' * 1000))",
    ),
    (
        "cuts the shared memory",
        "
def answer():
    try: os.ftruncate(shared, 0)
    except OSError: say(b'?')
    else: say(b'k')
serve(answer)",
    ),
    ("floods its standard error", "serve(lambda: [os.write(2, b'x' * 65536) for _ in range(100)])"),
];

/// A program in the place of an interpreter.
fn fake(place: &Path, python: &Python, text: &str) -> Python {
    let exe = place.join("fake");
    let text = format!("#!{}\n{FAKE}\n{text}\n", python.exe.display());
    std::fs::write(&exe, text).unwrap();
    std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o755)).unwrap();
    Python { exe, ..python.clone() }
}

#[test]
fn a_worker_that_breaks_the_protocol_gives_no_wrong_answer() {
    let _alone = alone();
    let real = pythons().remove(0);
    for (name, text) in FAKES {
        let place = tempfile::tempdir().unwrap();
        let mut oracle =
            oracle(vec![fake(place.path(), &real, text), real.clone()], Duration::from_millis(50));
        let seen = load(&mut oracle, 0, b"N.");
        assert!(matches!(seen.outcome, Outcome::Sandbox | Outcome::Timeout), "{name}: {seen:?}");
        assert!(seen.exception.is_some_and(|reason| !reason.is_empty()), "{name}");
        let seen = oracle.deny(0, Engine::CLoads.into(), &[b"N.", b"K\x01."]).unwrap();
        assert_eq!(seen.len(), 2, "{name}");
        for seen in seen {
            assert_ne!(seen.outcome, Outcome::Loaded, "{name}");
            assert!(seen.exception.is_some_and(|reason| !reason.is_empty()), "{name}");
        }
        drop(oracle);
        assert!(workers().is_empty(), "{name}");
    }
}

#[test]
fn a_worker_that_does_not_start_is_an_error_with_a_reason() {
    let _alone = alone();
    let real = pythons().remove(0);
    for (text, reason) in [
        ("sys.exit('no such thing')", "no such thing"),
        ("say(b'x')\nhang()", "died without a word"),
        ("sys.stderr.write('x' * (1 << 12))", "x"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let mut oracle = oracle(vec![fake(place.path(), &real, text)], Duration::from_millis(50));
        let error = oracle.full(0, Engine::CLoads.into(), b"N.").unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(workers().is_empty());
    }
}

/// Real pickles, gadgets, and pickles that do their worst, from the corpus and by hand.
fn mixture() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut all = Vec::new();
    for (folder, most) in [("seeds", 30), ("regressions", 12)] {
        let mut paths: Vec<_> = std::fs::read_dir(corpus.join(folder))
            .unwrap()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "pkl"))
            // What ends by the clock proves nothing here, nor what takes all memory until then.
            .filter(|path| {
                let endless = ["for-ever", "default-factory-is-called"];
                !endless.iter().any(|name| path.to_string_lossy().contains(name))
            })
            .collect();
        paths.sort();
        let step = (paths.len() / most).max(1);
        all.extend(paths.iter().step_by(step).map(|path| std::fs::read(path).unwrap()));
    }
    let two = |a: &str, b: &str| [s(a), s(b)].concat();
    all.extend([
        pickle(&[&call("os", "system", &s("true"))]),
        pickle(&[&call("posix", "getppid", b"")]),
        pickle(&[&call("builtins", "open", &two("/tmp/canary", "w"))]),
        pickle(&[&call("builtins", "open", &s("/tmp/canary"))]),
        pickle(&[&call("os", "mkdir", &s("left"))]),
        pickle(&[&call("os", "listdir", &s("."))]),
        pickle(&[&call("os", "putenv", &two("A", "b"))]),
        pickle(&[&call("builtins", "print", &s("out"))]),
        pickle(&[&call("builtins", "setattr", b"cbuiltins\nint\nX\x01\0\0\0aN")]),
        pickle(&[&call("importlib", "import_module", &s("colorsys"))]),
        pickle(&[&call("sys", "setrecursionlimit", b"KZ")]),
        pickle(&[&call("os", "_exit", b"K\x05")]),
        pickle(&[&call(
            "copyreg",
            "add_extension",
            &[two("os", "system"), b"K\x07".to_vec()].concat(),
        )]),
        b"\x80\x04\x82\x07.".to_vec(),
        pickle(&[&g("colorsys", "rgb_to_hsv")]),
        exec("import sys\nsys.modules.clear()"),
        exec("import collections\ncollections.OrderedDict = dict"),
        exec("import builtins\nbuiltins.len = None"),
        b"garbage".to_vec(),
        b"".to_vec(),
    ]);
    all
}

/// The same numbers in another order, by a seed.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for at in (1..count).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
    order
}

#[test]
fn an_answer_does_not_depend_on_the_order() {
    let _alone = alone();
    let all = mixture();
    assert!(all.len() >= 60, "{}", all.len());
    let mut oracle = oracle(vec![pythons().remove(0)], Duration::from_secs(20));
    let run = Engine::CLoads.into();
    // The first ones run in a worker of their own each time the tier is set up anew.
    oracle.set_allow(Vec::new(), Refused::StandIn);
    let usual: Vec<_> = all.iter().map(|bytes| load(&mut oracle, 0, bytes)).collect();
    let refused: Vec<_> =
        all.iter().map(|bytes| oracle.deny(0, run, &[bytes]).unwrap().remove(0)).collect();
    for seed in 0..3 {
        let order = shuffled(all.len(), seed);
        let batch: Vec<&[u8]> = order.iter().map(|&at| all[at].as_slice()).collect();
        for (mut seen, &at) in oracle.full_batch(0, run, &batch).unwrap().into_iter().zip(&order) {
            seen.time_us = 0;
            assert_eq!(seen, usual[at], "seed {seed}, pickle {at}");
        }
        for (seen, &at) in oracle.deny(0, run, &batch).unwrap().into_iter().zip(&order) {
            assert_eq!(seen, refused[at], "seed {seed}, pickle {at}");
        }
    }
}
