//! Loads files with every engine and prints where engines or versions see different things:
//! `compare FILE…`.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::collections::BTreeSet;

use assay_oracle::{Engine, Observation, Oracle, OracleConfig, TouchKind, discover};

/// What the load itself touched, but for the attributes that only one engine shows.
fn top(seen: &Observation) -> BTreeSet<String> {
    let own =
        seen.touched.iter().filter(|touch| touch.by.is_none() && touch.kind != TouchKind::Setattr);
    own.map(|touch| format!("{:?} {}", touch.kind, touch.name)).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut oracle = Oracle::new(OracleConfig::new(discover()))?;
    let mut kinds = BTreeSet::new();
    let engines = [Engine::CLoads, Engine::CFile, Engine::Py];
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let mut reference = None;
        for python in 0..oracle.pythons().len() {
            for engine in engines {
                let seen = oracle.full(python, engine.into(), &bytes)?;
                let context = format!("{path} {} {}", seen.python, engine.name());
                let touched = top(&seen);
                for effect in &seen.effects {
                    let detail = effect.detail.split(['(', ' ']).next().unwrap_or_default();
                    kinds.insert(format!("{:?} {detail}", effect.kind));
                }
                let summary = (seen.outcome, seen.exception, seen.result);
                let reference = reference.get_or_insert((summary.clone(), touched.clone()));
                if reference.0 != summary {
                    println!("{context}: {:?}\n    but first {:?}", summary, reference.0);
                }
                if touched != reference.1 {
                    let more: Vec<_> = touched.difference(&reference.1).collect();
                    let less: Vec<_> = reference.1.difference(&touched).collect();
                    println!("{context}: more {more:?}, less {less:?}");
                }
                if !seen.complete {
                    println!("{context}: incomplete");
                }
            }
        }
    }
    println!("{kinds:#?}");
    Ok(())
}
