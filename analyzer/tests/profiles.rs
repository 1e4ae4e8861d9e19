//! The built-in profiles are whole: what their contracts name has a contract, and cites its source.

use assay_analyzer::{Form, Pattern, Policy, Returns, Signature};

/// The globals that a pattern names.
fn named(pattern: &Pattern, out: &mut Vec<String>) {
    match pattern {
        Pattern::InstanceOf(key) | Pattern::InstanceLike(key) | Pattern::GlobalIs(key) => {
            out.push(key.clone());
        }
        Pattern::AnyOf(patterns) => patterns.iter().for_each(|pattern| named(pattern, out)),
        Pattern::TupleOf(signature) => named_by(signature, out),
        _ => {}
    }
}

fn named_by(signature: &Signature, out: &mut Vec<String>) {
    signature.patterns.iter().for_each(|pattern| named(pattern, out));
}

fn returned(returns: &Returns, out: &mut Vec<String>) {
    if let Returns::InstanceOf(key) | Returns::Global(key) = returns {
        out.push(key.clone());
    }
}

#[test]
fn what_contracts_name_has_a_contract() {
    for (profile, summary) in Policy::builtin() {
        assert!(!summary.is_empty());
        let policy = Policy::load(&[profile]).expect("a built-in profile");
        for contract in policy.contracts() {
            let mut keys = Vec::new();
            let forms = contract.call.iter().chain(&contract.new).chain(&contract.apply);
            for Form { args, returns } in forms {
                named_by(args, &mut keys);
                if let Some(returns) = returns {
                    self::returned(returns, &mut keys);
                }
            }
            contract.build.iter().for_each(|pattern| named(pattern, &mut keys));
            returned(&contract.returns, &mut keys);
            for key in keys {
                let (module, name) = key.split_once(':').expect("module:name");
                let known = policy.contract(module, name).is_some();
                assert!(known, "{profile}: {:?} names {key}", contract.globals);
            }
            assert!(contract.source.len() > 20, "{profile}: {:?} cites little", contract.globals);
        }
    }
}

#[test]
fn former_spellings_are_the_same_entry() {
    let policy = Policy::load(&["sklearn", "pandas"]).expect("built-in profiles");
    for (old, new) in [
        (("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
        (("pandas.core.frame", "DataFrame"), ("pandas", "DataFrame")),
        (("scipy.sparse.csr", "csr_matrix"), ("scipy.sparse._csr", "csr_matrix")),
        (
            ("sklearn.linear_model.logistic", "LogisticRegression"),
            ("sklearn.linear_model._logistic", "LogisticRegression"),
        ),
    ] {
        let entry = |(module, name)| policy.contract(module, name).map(|contract| &contract.source);
        assert!(entry(old).is_some(), "{old:?}");
        assert_eq!(entry(old), entry(new));
    }
}

#[test]
fn distributions_of_scipy_stay_out() {
    let policy = Policy::load(&["scipy", "sklearn", "pandas"]).expect("built-in profiles");
    for name in ["rv_frozen", "rv_continuous_frozen", "rv_discrete_frozen", "rv_continuous"] {
        assert!(policy.contract("scipy.stats._distn_infrastructure", name).is_none());
    }
    assert!(policy.contract("sklearn.metrics._dist_metrics", "PyFuncDistance64").is_none());
}
