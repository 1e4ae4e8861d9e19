//! Every gadget of the corpus has, when it is loaded for real, the effect that its entry says.

use std::collections::BTreeMap;

use assay_corpus::{Gadget, gadgets};
use assay_generator::gadget_pickle;
use assay_oracle::{EffectKind, Engine, Oracle, OracleConfig};

fn kind(name: &str) -> EffectKind {
    serde_json::from_value(serde_json::Value::String(name.into())).unwrap()
}

#[test]
fn gadgets_have_the_effects_they_say() {
    let mut oracle = Oracle::new(OracleConfig::default()).unwrap();
    let mut wrong = BTreeMap::new();
    let minors: Vec<u32> = oracle.pythons().iter().map(|python| python.number.1).collect();
    for gadget in gadgets() {
        let expected = kind(&gadget.effect);
        let on = |python: usize| runs_on(gadget, minors[python]);
        let places: Vec<usize> = (0..minors.len()).filter(|&python| on(python)).collect();
        let mut accounts = Vec::new();
        let found = places.iter().any(|&python| {
            [4, 2].into_iter().any(|protocol| {
                let bytes = gadget_pickle(gadget, protocol);
                [Engine::CLoads, Engine::Py].into_iter().any(|engine| {
                    let seen = oracle.full(python, engine.into(), &bytes).unwrap();
                    accounts.push(format!("{:?} {:?}", seen.exception, seen.effects));
                    seen.effects.iter().any(|effect| effect.kind == expected)
                })
            })
        });
        // An interpreter that lacks what the gadget needs shows nothing either way.
        if !found && !accounts.iter().all(|account| lacks(account)) {
            let shown = accounts.into_iter().next().unwrap_or_default();
            wrong.insert(gadget.id.as_str(), format!("{expected:?}: {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
}

fn lacks(account: &str) -> bool {
    account.contains("ModuleNotFoundError")
}

fn runs_on(gadget: &Gadget, minor: u32) -> bool {
    gadget.platform.as_deref().is_none_or(|platform| platform == "linux")
        && gadget.min_python.is_none_or(|min| u32::from(min.0) <= minor)
        && gadget.max_python.is_none_or(|max| minor <= u32::from(max.0))
}
