//! The built-in profiles are whole: what their contracts name has a contract, and cites its source.

use assay_analyzer::{Form, Pattern, Policy, Returns, Signature, Verdict, analyze};

/// The globals that a pattern names.
fn named(pattern: &Pattern, out: &mut Vec<String>) {
    match pattern {
        Pattern::InstanceOf(key)
        | Pattern::InstanceLike(key)
        | Pattern::InstanceFlat(key)
        | Pattern::GlobalIs(key) => {
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
            contract.build.iter().for_each(|state| named(&state.pattern, &mut keys));
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

/// Who includes a profile has the say before it, wherever each is named.
#[test]
fn the_order_of_built_in_profiles_means_nothing() {
    let names: Vec<&str> = Policy::builtin().iter().map(|(name, _)| *name).collect();
    for (at, one) in names.iter().enumerate() {
        for other in &names[..at] {
            let policy = Policy::load(&[one, other]).expect("built-in profiles");
            let turned = Policy::load(&[other, one]).expect("built-in profiles");
            for (module, name) in policy.globals() {
                let contracts = [&policy, &turned]
                    .map(|policy| policy.contract(&module, &name).map(|c| &c.profile));
                assert_eq!(contracts[0], contracts[1], "{one}, {other}: {module}:{name}");
            }
        }
    }
}

/// A policy of one's own.
fn policy_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("summary = 'own'\n{text}")).unwrap();
    file
}

/// A pattern that one profile defines is none of another's.
#[test]
fn a_profile_is_the_same_beside_others() {
    // celery.exceptions.Retry('m', fractions.Fraction('1')), whose repr runs Python code.
    let retry = b"ccelery.exceptions\nRetry\n(Vm\ncfractions\nFraction\n(V1\ntRtR.";
    // A type in the place of a plain one (numpy.toml).
    let array = b"cnumpy._core.numeric\n_frombuffer\n(C\x08\0\0\0\0\0\0\0\0cnumpy\ndtype\n(VO8\nK\0K\x01tRK\x01\x85VC\ntR.";
    let own = policy_file("includes = ['numpy']\n[define]\nplain = 'instance'\n");
    let own_name = own.path().to_string_lossy();
    for (pickle, profiles) in [
        (&retry[..], &["celery"][..]),
        (retry, &["celery", "multiprocessing"]),
        (retry, &["multiprocessing", "celery"]),
        (array, &["numpy"]),
        (array, &[&own_name]),
    ] {
        let policy = Policy::load(profiles).expect("profiles");
        assert_ne!(analyze(pickle, &policy).verdict, Verdict::Safe, "{profiles:?}");
    }
}

/// Of two that speak of one global, the one named later has the say: so a policy of one's own widens.
#[test]
fn a_later_policy_has_the_say() {
    let contract = "globals = ['fractions:Fraction']\ncall = ['any*']\nsource = 'a test'\n";
    let own = policy_file(&format!("[[contract]]\n{contract}"));
    let name = own.path().to_string_lossy();
    let has_the_say = |profiles: &[&str]| {
        let policy = Policy::load(profiles).expect("profiles");
        policy.contract("fractions", "Fraction").map(|contract| contract.profile == name)
    };
    assert_eq!(has_the_say(&["stdlib", &name]), Some(true));
    assert_eq!(has_the_say(&[&name, "stdlib"]), Some(false));
}

const COUNTER: &[u8] = b"ccollections\nCounter\n.";
const DEQUE: &[u8] = b"ccollections\ndeque\n.";

fn own(only: &str) -> String {
    format!("summary = 'x'\nincludes = ['stdlib']\nonly = {only}\n")
}

/// Of what a policy includes it can leave out all but some, which others may add again.
#[test]
fn only_some_of_what_is_included_may_be_asked_for() {
    let policy = Policy::from_text("own", &own("['collections:Counter']")).expect("a policy");
    assert_eq!(analyze(COUNTER, &policy).verdict, Verdict::Safe);
    assert_eq!(analyze(DEQUE, &policy).verdict, Verdict::Unproven);
    assert_eq!(policy.globals(), [("collections".to_owned(), "Counter".to_owned())]);
    assert!(policy.allows_resolve("collections.Counter"));
    assert!(!policy.allows_resolve("collections.deque"));
    let none = Policy::from_text("own", &own("[]")).expect("a policy");
    assert_eq!(analyze(COUNTER, &none).verdict, Verdict::Unproven);
    assert_eq!(analyze(b"].", &none).verdict, Verdict::Safe);
    let error = Policy::from_text("own", &own("['os:system']")).expect_err("not included");
    assert!(error.to_string().contains("`os:system`"), "{error}");
}

/// What an allowed call gives is known though no pickle may ask for its class.
#[test]
fn what_is_left_out_is_known_where_a_call_gives_it() {
    let text = "summary = 'x'\nincludes = ['stdlib']\nonly = ['builtins:iter']\n";
    let policy = Policy::from_text("own", text).expect("a policy");
    // The state of a list's iterator: an index.
    assert_eq!(analyze(b"cbuiltins\niter\n(]tRK\x00b.", &policy).verdict, Verdict::Safe);
    assert_eq!(analyze(b"cbuiltins\nrange\n.", &policy).verdict, Verdict::Unproven);
}

/// The spelling before a library moved something is as good as the present one.
#[test]
fn former_spellings_may_be_meant() {
    let text = "summary = 'x'\nincludes = ['numpy']\nonly = ['numpy.core.multiarray:scalar']\n";
    let policy = Policy::from_text("own", text).expect("a policy");
    for module in ["numpy.core.multiarray", "numpy._core.multiarray"] {
        let pickle = format!("c{module}\nscalar\n.");
        assert_eq!(analyze(pickle.as_bytes(), &policy).verdict, Verdict::Safe, "{module}");
    }
    assert_eq!(analyze(b"cnumpy\nndarray\n.", &policy).verdict, Verdict::Unproven);
}
