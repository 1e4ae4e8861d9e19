//! Every way in which a pickle can cause a call, loaded for real by every engine of every CPython
//! found, and what the tracer saw of each. The matrix in `oracle/CONFORMANCE.md` is written from
//! the same run: `ASSAY_WRITE_CONFORMANCE=1 cargo test -p assay-oracle --test conformance`.

#[path = "../common/mod.rs"]
mod common;
mod kinds;
mod matrix;
mod reach;
mod singles;

use std::sync::OnceLock;

use assay_oracle::{Engine, Mode, Observation, Outcome, Python, Run, TouchKind};
use common::{oracle_preloaded, pythons, shown};

/// One way to cause a call.
pub struct Case {
    /// What the pickle does.
    pub mechanism: &'static str,
    /// The kind of callable it does it with; empty if that says nothing more.
    pub kind: &'static str,
    pickle: Vec<u8>,
    /// `kind name`, exactly; empty if nothing may be touched.
    touch: &'static str,
    mode: Mode,
}

/// A case in the usual mode.
pub fn case(
    mechanism: &'static str,
    kind: &'static str,
    pickle: Vec<u8>,
    touch: &'static str,
) -> Case {
    Case { mechanism, kind, pickle, touch, mode: Mode::default() }
}

impl Case {
    /// The same in another mode.
    pub fn in_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }
}

/// The engines that load.
pub const ENGINES: [Engine; 5] =
    [Engine::CLoads, Engine::CFile, Engine::CStream, Engine::CReuse, Engine::Py];

/// What was seen of every case.
pub struct Seen {
    /// In the order of the matrix.
    pub cases: Vec<Case>,
    /// `3.11.7`, ascending.
    pub versions: Vec<String>,
    /// By version, case and engine: whether the touch was seen, and what was.
    runs: Vec<Vec<[(bool, String); 5]>>,
}

impl Seen {
    /// Whether the case's touch was seen.
    pub fn seen(&self, version: usize, case: usize, engine: usize) -> bool {
        self.runs[version][case][engine].0
    }
}

/// Runs everything, once.
fn seen() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| {
        let cases: Vec<Case> = kinds::cases().into_iter().chain(singles::cases()).collect();
        let mut pythons = pythons();
        pythons.sort_by_key(|python| python.number);
        let cases_ref = &cases;
        let runs = std::thread::scope(|scope| {
            let threads: Vec<_> = pythons
                .iter()
                .map(|python| scope.spawn(move || run(python.clone(), cases_ref)))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let versions = pythons.into_iter().map(|python| python.version).collect();
        Seen { cases, versions, runs }
    })
}

fn run(python: Python, cases: &[Case]) -> Vec<[(bool, String); 5]> {
    // Most import the module of the test before they are loaded, which takes longer than they do.
    let modules = ["collections", "copy", "datetime", "functools", "types", "weakref"];
    let mut fresh = oracle_preloaded(vec![python.clone()], &modules);
    let mut warm = oracle_preloaded(vec![python], &["tm"]);
    let one = |case: &Case| {
        let oracle = if case.kind.is_empty() { &mut fresh } else { &mut warm };
        ENGINES.map(|engine| {
            let run = Run { engine, mode: case.mode };
            let observation = oracle.full(0, run, &case.pickle).unwrap();
            (is_seen(case, &observation), account(&observation))
        })
    };
    cases.iter().map(one).collect()
}

fn account(seen: &Observation) -> String {
    let touches = shown(seen).join("\n    ");
    format!("{:?} {:?}, complete: {}\n    {touches}", seen.outcome, seen.exception, seen.complete)
}

fn is_seen(case: &Case, seen: &Observation) -> bool {
    if !matches!(seen.outcome, Outcome::Loaded | Outcome::Raised) || !seen.complete {
        return false;
    }
    if case.touch.is_empty() {
        return seen.touched.is_empty() && seen.outcome == Outcome::Loaded;
    }
    // What the modules of the test do as they are imported does not count.
    let imported = |index: usize| {
        let mut at = seen.touched[index].by;
        while let Some(up) = at.map(|up| &seen.touched[up as usize]) {
            if up.kind == TouchKind::Import && up.name == "tm" {
                return true;
            }
            at = up.by;
        }
        false
    };
    shown(seen).iter().enumerate().any(|(index, touch)| fits(touch, case.touch) && !imported(index))
}

/// Methods and calls count as either: below 3.11 code does not know its qualified name, and a
/// special method can be called by name. `*` stands for any module.
fn fits(seen: &str, expected: &str) -> bool {
    let plain = |touch: &str| touch.replacen("method ", "call ", 1);
    let (seen, expected) = (plain(seen), plain(expected));
    match expected.split_once('*') {
        Some((before, after)) => seen.starts_with(before) && seen.ends_with(after),
        None => seen == expected,
    }
}

#[test]
fn every_way_to_cause_a_call_is_seen_or_known_to_be_out_of_reach() {
    let all = seen();
    let mut wrong = Vec::new();
    for (version, name) in all.versions.iter().enumerate() {
        for (index, case) in all.cases.iter().enumerate() {
            for (at, engine) in ENGINES.into_iter().enumerate() {
                let (found, account) = &all.runs[version][index][at];
                let reason = reach::out_of_reach(case, engine, name);
                if *found == reason.is_some() {
                    wrong.push(format!(
                        "{name} {}: {} {}: expected {:?} {}: {account}",
                        engine.name(),
                        case.mechanism,
                        case.kind,
                        case.touch,
                        reason.map_or("to be seen".into(), |why| format!("out of reach: {why}")),
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_matrix_in_the_documentation_is_what_was_seen() {
    matrix::check(seen());
}
