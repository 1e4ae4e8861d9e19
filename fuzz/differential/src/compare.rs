//! Compares a judgement with what was observed.
//!
//! A *discrepancy* is a claim refuted by an observation, or two observations that refute each
//! other. Comparing takes both as they are: it runs nothing, and it must not know how the
//! analyser came to its verdict.

use std::collections::BTreeSet;

use assay_oracle::{Effect, Engine, Observation, Outcome, TouchKind, Touched};
use assay_subjects::{JudgeBy, Judged, Judgement};
use serde::{Deserialize, Serialize};

use crate::divergence::{self, Axis, Divergence};
use crate::offence::{self, Offence};
use crate::{Class, Permissions, classify, versions};

/// Where a discrepancy was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sighting {
    /// The interpreter's version.
    pub python: String,
    /// The engine.
    pub engine: Engine,
}

/// One discrepancy. At most one of each class comes of one pickle: what else is wrong with it
/// shows once that is minimised away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discrepancy {
    /// Of what class.
    pub class: Class,
    /// Whether the analyser called the pickle safe.
    pub safe: bool,
    /// One sentence for people.
    pub summary: String,
    /// Everywhere it was seen, in the order of the observations; empty for a crash of the
    /// analyser.
    pub sightings: Vec<Sighting>,
    /// The touches at fault, in the first observation that has any.
    pub touched: Vec<Touched>,
    /// The effects at fault, in the same one.
    pub effects: Vec<Effect>,
    /// The allowed callable in whose course the first touch at fault came about, if it was not the
    /// unpickler itself.
    pub root: Option<String>,
    /// The parties, if it is a divergence.
    pub divergence: Option<Divergence>,
    /// Index of the first observation that shows it.
    pub observation: Option<usize>,
}

impl Discrepancy {
    /// The version of the first sighting.
    pub fn python(&self) -> Option<&str> {
        self.sightings.first().map(|sighting| sighting.python.as_str())
    }

    /// The engine of the first sighting.
    pub fn engine(&self) -> Option<Engine> {
        self.sightings.first().map(|sighting| sighting.engine)
    }

    /// Every version that shows it, each once.
    pub fn pythons(&self) -> Vec<String> {
        let pythons: Vec<String> = self.sightings.iter().map(|s| s.python.clone()).collect();
        versions::united(&pythons, &[])
    }

    /// Every engine that shows it, each once.
    pub fn engines(&self) -> Vec<Engine> {
        let engines: BTreeSet<Engine> = self.sightings.iter().map(|s| s.engine).collect();
        engines.into_iter().collect()
    }
}

/// Engines that must all have loaded the pickle before "no engine touched it" means anything.
const EVERY_LOADING: [Engine; 5] =
    [Engine::CLoads, Engine::CFile, Engine::CStream, Engine::CReuse, Engine::Py];

/// Every discrepancy between the judgement and the observations, gravest first.
///
/// `by` says what refutes `safe`. That no engine touched anything denied is only concluded if
/// every loading engine is among the observations.
pub fn compare(
    judgement: &Judgement,
    by: JudgeBy,
    allowed: &dyn Permissions,
    seen: &[Observation],
) -> Vec<Discrepancy> {
    let mut out = Vec::new();
    if judgement.verdict == Judged::Safe {
        out.extend(unsound(by, allowed, seen));
    }
    if judgement.crashed {
        let detail = judgement.detail.as_deref().unwrap_or("no message");
        out.push(of(Class::AnalyzerCrash, format!("the analyser failed: {detail}")));
    }
    out.extend(crash(judgement.verdict, seen));
    if judgement.verdict == Judged::Dangerous && by == JudgeBy::Policy {
        out.extend(no_witness(allowed, seen));
    }
    out.extend(divergence(seen));
    out
}

impl Discrepancy {
    /// A suspicion: nothing was seen yet.
    pub fn suspected(class: Class, touched: Vec<Touched>) -> Self {
        Self { touched, ..of(class, String::new()) }
    }
}

fn of(class: Class, summary: String) -> Discrepancy {
    Discrepancy {
        class,
        safe: class == Class::Unsound,
        summary,
        sightings: Vec::new(),
        touched: Vec::new(),
        effects: Vec::new(),
        root: None,
        divergence: None,
        observation: None,
    }
}

fn sighting(seen: &Observation) -> Sighting {
    Sighting { python: seen.python.clone(), engine: seen.engine }
}

/// The offences of one observation, as `by` counts them.
pub fn offences(by: JudgeBy, allowed: &dyn Permissions, seen: &Observation) -> Vec<Offence> {
    if !seen.engine.loads() {
        return Vec::new();
    }
    match by {
        JudgeBy::Policy => offence::against_policy(seen, allowed),
        JudgeBy::Effects => offence::by_effects(seen, allowed),
    }
}

fn unsound(by: JudgeBy, allowed: &dyn Permissions, seen: &[Observation]) -> Option<Discrepancy> {
    let mut found: Option<Discrepancy> = None;
    for (i, observation) in seen.iter().enumerate() {
        let offences = offences(by, allowed, observation);
        if offences.is_empty() {
            continue;
        }
        let discrepancy = found.get_or_insert_with(|| {
            let mut new = of(Class::Unsound, String::new());
            new.observation = Some(i);
            for offence in &offences {
                match offence {
                    Offence::Touch(_, touched) => new.touched.push(touched.clone()),
                    Offence::Effect(effect) => new.effects.push(effect.clone()),
                }
            }
            new.root = match offences.first() {
                Some(Offence::Touch(i, _)) => offence::root(observation, *i),
                _ => None,
            };
            new.summary = format!("judged safe, yet the load {}", tell(&offences));
            new
        });
        discrepancy.sightings.push(sighting(observation));
    }
    found
}

/// The first offence in words, and how many more there are.
fn tell(offences: &[Offence]) -> String {
    // With an effect the reader wants the effect; it comes last.
    let told = match offences.last() {
        Some(Offence::Effect(effect)) => format!(
            "had an effect on the outside world ({})",
            serde_json::to_value(effect.kind)
                .ok()
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or_default()
        ),
        _ => match &offences[0] {
            Offence::Touch(_, touched) => {
                use assay_oracle::TouchKind as K;
                let verb = match touched.kind {
                    K::Resolve => "asked for",
                    K::Call => "called",
                    K::Import => "imported",
                    K::Method => "called the method",
                    K::Setattr => "set",
                    K::Persistent => return "asked for a persistent object".into(),
                };
                format!("{verb} {}", touched.name)
            }
            Offence::Effect(_) => String::new(),
        },
    };
    match offences.iter().find_map(|offence| match offence {
        Offence::Touch(_, touched) => Some(&touched.name),
        Offence::Effect(_) => None,
    }) {
        Some(name) if !told.contains(name.as_str()) => format!("{told} through {name}"),
        _ => told,
    }
}

fn crash(verdict: Judged, seen: &[Observation]) -> Option<Discrepancy> {
    let crashed: Vec<usize> =
        (0..seen.len()).filter(|&i| seen[i].outcome == Outcome::Signaled).collect();
    let &first = crashed.first()?;
    let how = seen[first].exception.as_deref().unwrap_or("a signal");
    let safe = verdict == Judged::Safe;
    let although = if safe { "judged safe, yet " } else { "" };
    let mut out = of(Class::InterpreterCrash, format!("{although}the interpreter died of {how}"));
    out.safe = safe;
    out.sightings = crashed.iter().map(|&i| sighting(&seen[i])).collect();
    out.observation = Some(first);
    Some(out)
}

fn no_witness(allowed: &dyn Permissions, seen: &[Observation]) -> Option<Discrepancy> {
    let conclusive = |observation: &&Observation| {
        observation.complete
            && matches!(observation.outcome, Outcome::Loaded | Outcome::Raised)
            && !classify::too_deep(observation)
    };
    let loaded: Vec<&Observation> = seen.iter().filter(|o| o.engine.loads()).collect();
    if !loaded.iter().all(conclusive)
        || EVERY_LOADING.iter().any(|&engine| loaded.iter().all(|o| o.engine != engine))
    {
        return None;
    }
    let touched = loaded.iter().flat_map(|o| &o.touched);
    if touched.into_iter().any(|touched| allowed.denied(&touched.name)) {
        return None;
    }
    if loaded.iter().all(|o| lacks_allowed(allowed, o)) {
        return None;
    }
    let mut out = of(
        Class::NoWitness,
        "judged dangerous, yet no engine touched anything on the deny list".into(),
    );
    out.sightings = loaded.iter().map(|o| sighting(o)).collect();
    Some(out)
}

/// Whether the load got no further than an allowed global that this environment lacks: what
/// follows it shows where the library, or a later CPython, has it.
fn lacks_allowed(allowed: &dyn Permissions, observation: &Observation) -> bool {
    let last = observation.touched.iter().rev().find(|touched| touched.by.is_none());
    classify::ending(observation) == classify::Ending::Lacking
        && last.is_some_and(|touched| {
            touched.kind == TouchKind::Resolve && allowed.allows_resolve(&touched.name)
        })
}

fn divergence(seen: &[Observation]) -> Option<Discrepancy> {
    let found = divergence::find(seen)?;
    let parties: Vec<String> = found
        .sides
        .iter()
        .map(|side| {
            let who: Vec<&str> = match found.axis {
                Axis::Engines => side.engines.iter().map(|engine| engine.name()).collect(),
                Axis::Versions => side.pythons.iter().map(String::as_str).collect(),
            };
            sentence(&who, &side.says)
        })
        .collect();
    let mut out = of(Class::Divergence, parties.join(", "));
    let mut who: Vec<usize> =
        found.sides.iter().flat_map(|side| side.observations.iter().copied()).collect();
    who.sort_unstable();
    out.sightings = who.iter().map(|&i| sighting(&seen[i])).collect();
    out.observation =
        found.sides.iter().filter_map(|side| side.observations.first()).min().copied();
    out.divergence = Some(found);
    Some(out)
}

/// Who does what: `c-loads, c-file and py accept`.
fn sentence(who: &[&str], says: &str) -> String {
    let [others @ .., last] = who else { return says.to_owned() };
    if others.is_empty() {
        return format!("{last} {says}");
    }
    let (verb, rest) = says
        .split_once(' ')
        .map_or((says, String::new()), |(verb, rest)| (verb, format!(" {rest}")));
    let verb = match verb {
        "touches" => "touch",
        verb => verb.strip_suffix('s').unwrap_or(verb),
    };
    format!("{} and {last} {verb}{rest}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use assay_oracle::Outcome::{Loaded, Raised};

    use super::*;
    use crate::testing::{Good, observation, system, touch};

    fn classes(judged: Judged, by: JudgeBy, seen: &[Observation]) -> Vec<Class> {
        compare(&Judgement::new(judged), by, &Good, seen).iter().map(|d| d.class).collect()
    }

    #[test]
    fn several_do_what_one_does() {
        assert_eq!(sentence(&["py"], "touches nothing"), "py touches nothing");
        assert_eq!(sentence(&["py", "dis"], "accepts"), "py and dis accept");
        assert_eq!(sentence(&["a", "b", "c"], "touches x y"), "a, b and c touch x y");
        assert_eq!(sentence(&["a", "b"], "exhausted"), "a and b exhausted");
    }

    #[test]
    fn safe_is_refuted_by_a_touch_or_by_an_effect() {
        let seen = [system("3.11.7", Engine::CLoads), system("3.12.1", Engine::Py)];
        for by in [JudgeBy::Policy, JudgeBy::Effects] {
            let found = compare(&Judgement::new(Judged::Safe), by, &Good, &seen);
            assert_eq!(found[0].class, Class::Unsound);
            assert_eq!(found[0].pythons(), ["3.11.7", "3.12.1"]);
            assert_eq!(found[0].touched[0].name, "os.system");
            assert_eq!(classes(Judged::Unproven, by, &seen), []);
        }
        let mut quiet = seen[0].clone();
        quiet.effects.clear();
        assert_eq!(classes(Judged::Safe, JudgeBy::Policy, &[quiet.clone()]), [Class::Unsound]);
        assert_eq!(classes(Judged::Safe, JudgeBy::Effects, &[quiet]), []);
    }

    #[test]
    fn dangerous_needs_a_witness_on_some_engine() {
        let mut seen: Vec<Observation> =
            EVERY_LOADING.map(|engine| observation("3.11.7", engine, Loaded)).to_vec();
        assert_eq!(classes(Judged::Dangerous, JudgeBy::Policy, &seen), [Class::NoWitness]);
        assert_eq!(classes(Judged::Dangerous, JudgeBy::Effects, &seen), []);
        let fewer = &seen[..4];
        assert_eq!(classes(Judged::Dangerous, JudgeBy::Policy, fewer), []);
        seen.push(system("3.12.1", Engine::Py));
        assert_eq!(classes(Judged::Dangerous, JudgeBy::Policy, &seen), []);
    }

    #[test]
    fn who_lacks_an_allowed_global_is_no_witness_of_what_follows_it() {
        let lacking = |name: &str| {
            EVERY_LOADING.map(|engine| {
                let mut seen = observation("3.9.18", engine, Outcome::Raised);
                seen.exception = Some("ModuleNotFoundError: No module named 'x'".into());
                seen.touched = vec![touch(TouchKind::Resolve, name, None)];
                seen
            })
        };
        let judged = |seen: &[Observation]| classes(Judged::Dangerous, JudgeBy::Policy, seen);
        assert_eq!(judged(&lacking("good.f")), []);
        assert_eq!(judged(&lacking("other.f")), [Class::NoWitness]);
    }

    #[test]
    fn crashes_are_found_whoever_judges() {
        let crashed = Judgement::crash("hung");
        let found = compare(&crashed, JudgeBy::Effects, &Good, &[]);
        assert_eq!(found[0].class, Class::AnalyzerCrash);
        let segfault = observation("3.11.7", Engine::CLoads, Outcome::Signaled);
        let by = JudgeBy::Policy;
        assert_eq!(
            classes(Judged::Unproven, by, std::slice::from_ref(&segfault)),
            [Class::InterpreterCrash]
        );
        let found = compare(&Judgement::new(Judged::Safe), by, &Good, &[segfault]).remove(0);
        assert!(found.safe && found.summary.starts_with("judged safe, yet the interpreter died"));
    }

    #[test]
    fn engines_apart_are_a_divergence() {
        let seen = [
            observation("3.11.7", Engine::CLoads, Loaded),
            observation("3.11.7", Engine::Py, Raised),
        ];
        let found = compare(&Judgement::new(Judged::Unproven), JudgeBy::Policy, &Good, &seen);
        assert_eq!(found[0].class, Class::Divergence);
        assert_eq!(found[0].summary, "c-loads accepts, py rejects");
    }
}
