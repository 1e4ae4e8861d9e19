//! Hand-made observations and policies for the tests of this crate.

use assay_oracle::{Effect, EffectKind, Engine, Mode, Observation, Outcome, TouchKind, Touched};

use crate::Permissions;

/// A load that touched nothing.
pub fn observation(python: &str, engine: Engine, outcome: Outcome) -> Observation {
    Observation {
        python: python.into(),
        engine,
        mode: Mode::default(),
        outcome,
        exception: None,
        touched: Vec::new(),
        effects: Vec::new(),
        result: None,
        stderr: String::new(),
        time_us: 1,
        complete: true,
    }
}

/// A touch; `by` as in [`Touched`].
pub fn touch(kind: TouchKind, name: &str, by: Option<u32>) -> Touched {
    Touched { kind, name: name.into(), opcode_offset: None, args: None, by }
}

/// A load that asked for `os.system` and called it.
pub fn system(python: &str, engine: Engine) -> Observation {
    let mut seen = observation(python, engine, Outcome::Loaded);
    seen.touched = vec![
        touch(TouchKind::Resolve, "os.system", None),
        touch(TouchKind::Call, "posix.system", None),
    ];
    seen.effects = vec![Effect { kind: EffectKind::Exec, detail: "os.system x".into() }];
    seen
}

/// Allows `good.*` in every way, and `good.f` to call `helper.*` and to load pickles; denies `os.*` and `posix.*`.
pub struct Good;

impl Permissions for Good {
    fn allows_resolve(&self, name: &str) -> bool {
        name.starts_with("good.")
    }
    fn allows_call(&self, name: &str) -> bool {
        name.starts_with("good.")
    }
    fn allows_import(&self, module: &str) -> bool {
        module == "good"
    }
    fn allows_persistent(&self, id: &str) -> bool {
        id == "good"
    }
    fn allows_method(&self, name: &str) -> bool {
        name.starts_with("good.")
    }
    fn trusts_in_turn(&self, root: &str, callee: &str) -> bool {
        let others = ["ctypes.F", "_pickle.loads"];
        root == "good.f" && (callee.starts_with("helper.") || others.contains(&callee))
    }
    fn denied(&self, name: &str) -> bool {
        name.starts_with("os.") || name.starts_with("posix.")
    }
}
