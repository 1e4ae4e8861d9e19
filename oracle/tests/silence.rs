//! Pickles that would blind the tracer, or end before it could tell: what they did before is
//! kept, what they do afterwards is still seen by what they cannot reach, and `complete` says
//! that something may be missing.

mod common;

use assay_oracle::{EffectKind, Engine, Observation, Outcome};
use common::{call, exec, g, oracle_for, pickle, pythons, s, shown};

fn each(bytes: &[u8], mut check: impl FnMut(&str, &Observation)) {
    let mut oracle = oracle_for(pythons());
    for python in 0..oracle.pythons().len() {
        for engine in [Engine::CLoads, Engine::CFile, Engine::Py] {
            let seen = oracle.full(python, engine.into(), bytes).unwrap();
            let context =
                format!("{} {}: {seen:#?}", oracle.pythons()[python].version, engine.name());
            check(&context, &seen);
        }
    }
}

fn kernel_saw(seen: &Observation, kind: EffectKind) -> bool {
    seen.effects.iter().any(|e| e.kind == kind && e.detail.starts_with("syscall "))
}

#[test]
fn without_the_profile_function() {
    let bytes = exec("import sys, os\nsys.setprofile(None)\nos.fork()");
    each(&bytes, |context, seen| {
        assert!(!seen.complete, "{context}");
        assert!(kernel_saw(seen, EffectKind::Process), "{context}");
    });
    // By a pickle that calls it itself, before another call.
    let bytes = pickle(&[&call("sys", "setprofile", b"N"), b"0", &call("os", "fork", b"")]);
    each(&bytes, |context, seen| {
        assert!(!seen.complete, "{context}");
        assert!(shown(seen).contains(&"call posix.fork".to_owned()), "{context}");
        assert!(kernel_saw(seen, EffectKind::Process), "{context}");
    });
}

#[test]
fn without_modules() {
    let bytes = exec(
        "import sys, os\nfork = os.fork\nsys.modules.clear()\nsys.meta_path.clear()\n\
         __builtins__.clear() if isinstance(__builtins__, dict) else None\nfork()",
    );
    each(&bytes, |context, seen| {
        assert!(kernel_saw(seen, EffectKind::Process), "{context}");
        assert!(shown(seen).contains(&"call posix.fork".to_owned()), "{context}");
    });
}

#[test]
fn in_a_trace_function_of_its_own() {
    let bytes = exec("import sys, os\nsys.settrace(lambda *a: None)\nos.fork()");
    each(&bytes, |context, seen| {
        assert!(!seen.complete, "{context}");
        assert!(kernel_saw(seen, EffectKind::Process), "{context}");
    });
}

/// Another interpreter has no profile function.
#[test]
fn in_another_interpreter() {
    let bytes = exec(
        "try:\n import _interpreters as i\nexcept ImportError:\n import _xxsubinterpreters as i\n\
         i.run_string(i.create(), 'import os; os.listdir()')",
    );
    each(&bytes, |context, seen| {
        assert!(!seen.complete, "{context}");
        assert!(
            shown(seen).iter().any(|touch| touch.ends_with("interpreters.create")),
            "{context}"
        );
    });
}

#[test]
fn what_was_recorded_survives_the_end_of_the_process() {
    let wipe = "import sys\nfor m in list(sys.modules.values()): vars(m).clear()";
    let wiped = call("builtins", "exec", &[s(wipe), b"}".to_vec()].concat());
    let ends: [(&[u8], Option<Outcome>); 4] = [
        (&call("posix", "_exit", b"K\0"), Some(Outcome::Raised)),
        (&call("posix", "abort", b""), Some(Outcome::Signaled)),
        (&call("faulthandler", "_read_null", b""), Some(Outcome::Signaled)),
        // Modules are torn out from under the interpreter.
        (&wiped, None),
    ];
    for (end, outcome) in ends {
        let bytes = pickle(&[&g("tm", "pyf"), b")R0", &call("posix", "getppid", b""), b"0", end]);
        each(&bytes, |context, seen| {
            let touches = shown(seen);
            for touch in ["resolve tm.pyf", "import tm", "call tm.pyf", "call posix.getppid"] {
                assert!(touches.contains(&touch.to_owned()), "{touch} in {context}");
            }
            if let Some(outcome) = outcome {
                assert_eq!(seen.outcome, outcome, "{context}");
            }
        });
    }
}

/// A touch is recorded before it happens: the last call is the one that ended the process.
#[test]
fn the_call_that_ends_the_process_is_recorded() {
    each(&pickle(&[&call("posix", "_exit", b"K\0")]), |context, seen| {
        assert_eq!(shown(seen).last().map(String::as_str), Some("call posix._exit"), "{context}");
    });
    each(&pickle(&[&call("faulthandler", "_read_null", b"")]), |context, seen| {
        let last = shown(seen);
        assert!(last.iter().any(|touch| touch == "call faulthandler._read_null"), "{context}");
    });
}
