//! What an observation says once noise is set aside.
//!
//! *Noise* is whatever differs between two loads of the same bytes without any of the two being
//! wrong: an environment that lacks a module, a limit reached under load, a warning printed, an
//! address in a text. All of it is named here and nowhere else; comparing sees only what this
//! module lets through. It must not look at judgements.

use assay_oracle::{Effect, EffectKind, Observation, Outcome, TouchKind, Touched};

/// How a load ended, as far as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// An object was returned.
    Accepted,
    /// Refused, for what the bytes are.
    Rejected,
    /// It ran out of memory, time or recursion depth.
    Exhausted,
    /// The environment lacks a module or an attribute: another one may have it.
    Lacking,
    /// The interpreter died.
    Crashed,
    /// The trace was lost to the sandbox: nothing follows from it.
    Lost,
}

/// Exceptions by which an environment says that it lacks something: the last one is Django's, for
/// settings.
const LACKING: [&str; 4] =
    ["ModuleNotFoundError", "ImportError", "AttributeError", "ImproperlyConfigured"];

/// The class of an exception, without its module and message.
pub fn exception_class(text: &str) -> &str {
    let class = text.split_once(':').map_or(text, |(class, _)| class).trim();
    class.rsplit_once('.').map_or(class, |(_, name)| name)
}

/// What an exception says but for what it quotes: its class, and its message up to the first
/// quote, number or list. Two refusals that read alike come from one place in an unpickler.
pub fn wording(exception: &str) -> String {
    let class = exception_class(exception);
    let message = exception.split_once(':').map_or("", |(_, message)| message).trim();
    let end = message.find(|c: char| c.is_ascii_digit() || "'\"`(,:".contains(c));
    let said = &message[..end.unwrap_or(message.len())];
    // What stands before a bracket is the name of something called.
    let called = message[said.len()..].starts_with('(');
    let said = if called { said.trim_end_matches(|c: char| !c.is_whitespace()) } else { said };
    format!("{class}: {}", said.trim())
}

/// How the load ended.
pub fn ending(observation: &Observation) -> Ending {
    match observation.outcome {
        Outcome::Loaded => Ending::Accepted,
        Outcome::Signaled => Ending::Crashed,
        Outcome::Timeout | Outcome::Oom => Ending::Exhausted,
        Outcome::Sandbox => Ending::Lost,
        Outcome::Raised => {
            let class = observation.exception.as_deref().map_or("", exception_class);
            match class {
                // How deep is too deep hangs on the stack in use, not on the pickle.
                "RecursionError" | "MemoryError" => Ending::Exhausted,
                _ if LACKING.contains(&class) => Ending::Lacking,
                _ => Ending::Rejected,
            }
        }
    }
}

/// Whether the exception is one of depth: C and Python count it differently, as do versions, so
/// it never tells two of them apart.
pub fn too_deep(observation: &Observation) -> bool {
    observation.exception.as_deref().is_some_and(|text| exception_class(text) == "RecursionError")
}

/// Whether an effect is the pickle's own. What the import system does is not, nor is the reading
/// of Python's own sources: a warning makes CPython look up the line it concerns.
pub fn counts(effect: &Effect) -> bool {
    match effect.kind {
        EffectKind::Import => false,
        EffectKind::FileRead => !effect.detail.contains(".py"),
        _ => true,
    }
}

/// Whether an effect is one that no allowed touch may have: reading a file and looking at the
/// environment are left to the policy's names.
pub fn harms(effect: &Effect) -> bool {
    counts(effect) && !matches!(effect.kind, EffectKind::FileRead | EffectKind::Env)
}

/// Whether the touch is the unpickler refusing a persistent id for want of a loader: since 3.13
/// the C unpickler does so by a method of its own, which runs nothing of anybody's.
pub fn refuses_persistent_id(touched: &Touched) -> bool {
    touched.kind == TouchKind::Call
        && touched.by.is_none()
        && matches!(
            touched.name.as_str(),
            "_pickle.Unpickler.persistent_load" | "pickle._Unpickler.persistent_load"
        )
}

/// Whether the touch is the interpreter showing a warning. Which are shown goes by the module that
/// called: the program's own where that is C, else `pickle`.
pub fn shows_a_warning(touched: &Touched) -> bool {
    touched.kind == TouchKind::Call
        && touched.by.is_none()
        && matches!(touched.name.as_str(), "warnings.WarningMessage" | "warnings._showwarnmsg")
}

/// A value's description without addresses (`at 0x7f…`). `dis` makes no value, whatever is
/// recorded as its result.
pub fn value(observation: &Observation) -> Option<String> {
    if !observation.engine.loads() {
        return None;
    }
    let text = observation.result.as_deref()?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let digits = rest[at + 2..].bytes().take_while(u8::is_ascii_hexdigit).count();
        out.push_str(&rest[..at + 2]);
        // An address has at least eight digits; shorter ones are somebody's data.
        if digits < 8 {
            out.push_str(&rest[at + 2..at + 2 + digits]);
        }
        rest = &rest[at + 2 + digits..];
    }
    out.push_str(rest);
    Some(out)
}

/// As [`value`], but for the modules of classes: where a class lives is its version's affair.
pub fn value_anywhere(observation: &Observation) -> Option<String> {
    let text = value(observation)?;
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('<');
    out.extend(parts.next());
    for part in parts {
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let name = part.split(|c| !part_of_name(c)).next().unwrap_or_default();
        out.push('<');
        out.push_str(&part[name.rfind('.').map_or(0, |dot| dot + 1)..]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use assay_oracle::Engine;

    use super::*;
    use crate::testing::observation;

    #[test]
    fn endings() {
        let raised = |text: &str| {
            let mut seen = observation("3.11.7", Engine::CLoads, Outcome::Raised);
            seen.exception = Some(text.into());
            ending(&seen)
        };
        assert_eq!(raised("_pickle.UnpicklingError: invalid load key, '\\xff'."), Ending::Rejected);
        assert_eq!(raised("EOFError"), Ending::Rejected);
        assert_eq!(raised("RecursionError: maximum recursion depth exceeded"), Ending::Exhausted);
        assert_eq!(raised("AttributeError: module 'os' has no attribute 'x'"), Ending::Lacking);
    }

    #[test]
    fn effects_of_the_import_system_do_not_count() {
        let effect = |kind, detail: &str| Effect { kind, detail: detail.into() };
        assert!(!counts(&effect(EffectKind::Import, "open /usr/lib/python3/x.so")));
        assert!(!counts(&effect(EffectKind::FileRead, "open /usr/lib/python3.11/codecs.py")));
        assert!(counts(&effect(EffectKind::FileRead, "open /etc/passwd")));
        assert!(!harms(&effect(EffectKind::FileRead, "open /etc/passwd")));
        assert!(harms(&effect(EffectKind::Exec, "os.system id")));
    }

    #[test]
    fn addresses_are_left_out_of_values() {
        let mut seen = observation("3.11.7", Engine::CLoads, Outcome::Loaded);
        seen.result = Some("object:<f at 0x7f12ab34cd56>, int:0x1f".into());
        assert_eq!(value(&seen).unwrap(), "object:<f at 0x>, int:0x1f");
        seen.engine = Engine::Dis;
        assert_eq!(value(&seen), None);
    }

    #[test]
    fn a_class_that_moved_is_the_same() {
        let of = |result: &str| {
            let mut seen = observation("3.13.0", Engine::CLoads, Outcome::Loaded);
            seen.result = Some(result.into());
            value_anywhere(&seen).unwrap()
        };
        let moved = "[<pathlib._local.PurePosixPath {'a': 1.5}>, 'x']";
        assert_eq!(of(moved), of("[<pathlib.PurePosixPath {'a': 1.5}>, 'x']"));
        assert_ne!(of(moved), of("[<pathlib.PosixPath {'a': 1.5}>, 'x']"));
        assert_ne!(of("<a.B 1.5>"), of("<a.B 2.5>"));
    }

    #[test]
    fn wordings_leave_out_what_is_quoted() {
        let same = [
            ("TypeError: set() argument after * must be an iterable", "TypeError: f() argument"),
            (
                "UnpicklingError: x must be a tuple, not list",
                "_pickle.UnpicklingError: x must be a tuple",
            ),
            ("ValueError: memo key 0 already defined", "ValueError: memo key 17 already defined"),
        ];
        for (one, other) in same {
            assert_eq!(wording(one), wording(other));
        }
        let one = wording("UnpicklingError: state is not a dictionary");
        assert_ne!(one, wording("UnpicklingError: slot state is not a dictionary"));
        assert_eq!(wording("EOFError"), "EOFError: ");
    }
}
