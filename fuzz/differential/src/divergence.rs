//! Where CPythons disagree among themselves about the same bytes.
//!
//! Engines of one interpreter are compared first; versions, engine by engine, only if engines
//! agree. Engines that read one pickle and engines that read a whole stream do different work on
//! purpose and are never compared with each other.

use std::collections::BTreeSet;

use assay_oracle::{Engine, Observation, TouchKind};
use serde::{Deserialize, Serialize};

use crate::classify::{self, Ending};
use crate::versions;

/// Between what the disagreement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Engines of one interpreter.
    Engines,
    /// Versions, by the same engine.
    Versions,
}

/// About what the disagreement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Facet {
    /// One accepts, another rejects.
    Acceptance,
    /// One accepts, another runs out of memory or time.
    Limit,
    /// Both accept, with different values.
    Value,
    /// They ask for or call different things.
    Touched,
}

impl Facet {
    /// The name in slugs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Limit => "limit",
            Self::Value => "value",
            Self::Touched => "touched",
        }
    }
}

/// Those who agree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Side {
    /// Indices of the observations.
    pub observations: Vec<usize>,
    /// Their engines, each once, in order.
    pub engines: Vec<Engine>,
    /// Their versions, each once, in order.
    pub pythons: Vec<String>,
    /// What they say, for people.
    pub says: String,
    /// Whether they accept, if it is about that.
    pub accepts: Option<bool>,
}

/// One disagreement.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Divergence {
    /// Between what.
    pub axis: Axis,
    /// About what.
    pub facet: Facet,
    /// The parties, at least two; the one of the first engine first.
    pub sides: Vec<Side>,
}

/// Engines that do the same work.
const GROUPS: [&[Engine]; 2] =
    [&[Engine::CLoads, Engine::CFile, Engine::Py, Engine::Dis], &[Engine::CStream, Engine::CReuse]];

/// The gravest disagreement among the observations, if there is one.
pub fn find(seen: &[Observation]) -> Option<Divergence> {
    let mut found: Vec<Divergence> = Vec::new();
    for group in GROUPS {
        let members: Vec<usize> =
            (0..seen.len()).filter(|&i| group.contains(&seen[i].engine)).collect();
        let pythons: BTreeSet<&str> = members.iter().map(|&i| seen[i].python.as_str()).collect();
        for python in pythons {
            let here: Vec<usize> =
                members.iter().copied().filter(|&i| seen[i].python == python).collect();
            found.extend(of_one_interpreter(seen, &here));
        }
    }
    if found.is_empty() {
        for engine in Engine::ALL {
            let here: Vec<usize> = (0..seen.len()).filter(|&i| seen[i].engine == engine).collect();
            found.extend(between(seen, &here, Axis::Versions));
        }
    }
    // The first in the order of facets; among equals that of the fewest engines apart, so that
    // the choice does not hang on how many interpreters there are.
    let kind = |divergence: &Divergence| {
        let sides: Vec<Vec<Engine>> =
            divergence.sides.iter().map(|side| side.engines.clone()).collect();
        (divergence.facet, sides)
    };
    let first = (0..found.len()).min_by_key(|&i| kind(&found[i]))?;
    let mut chosen = found.remove(first);
    // Whoever parts in the same way on another interpreter shows it as well.
    let wanted = kind(&chosen);
    for same in found.into_iter().filter(|other| kind(other) == wanted) {
        for (side, other) in chosen.sides.iter_mut().zip(same.sides) {
            side.observations.extend(other.observations);
            side.pythons = versions::united(&side.pythons, &other.pythons);
        }
    }
    Some(chosen)
}

/// What those who load disagree about comes first: `dis` is asked only where they agree, or
/// disagree in the same way.
fn of_one_interpreter(seen: &[Observation], members: &[usize]) -> Option<Divergence> {
    let loading: Vec<usize> = members.iter().copied().filter(|&i| seen[i].engine.loads()).collect();
    let all = between(seen, members, Axis::Engines);
    let Some(among) = between(seen, &loading, Axis::Engines) else { return all };
    Some(all.filter(|all| all.facet == among.facet).unwrap_or(among))
}

fn between(seen: &[Observation], members: &[usize], axis: Axis) -> Option<Divergence> {
    let of = |i: usize| -> Option<Ending> {
        match classify::ending(&seen[i]) {
            Ending::Crashed | Ending::Lost => None,
            Ending::Exhausted if classify::too_deep(&seen[i]) => None,
            // Within one interpreter every engine finds the same modules.
            Ending::Lacking => (axis == Axis::Engines).then_some(Ending::Rejected),
            ending => Some(ending),
        }
    };
    let ended: Vec<(usize, Ending)> =
        members.iter().filter_map(|&i| of(i).map(|ending| (i, ending))).collect();
    let with = |wanted: Ending| -> Vec<usize> {
        ended.iter().filter(|(_, ending)| *ending == wanted).map(|(i, _)| *i).collect()
    };
    let accepted = with(Ending::Accepted);
    if !accepted.is_empty() {
        for (facet, other) in
            [(Facet::Acceptance, Ending::Rejected), (Facet::Limit, Ending::Exhausted)]
        {
            let others = with(other);
            if !others.is_empty() {
                let end = if facet == Facet::Limit { "exhausted" } else { "rejects" };
                let mut sides = vec![side(seen, accepted, "accepts"), side(seen, others, end)];
                (sides[0].accepts, sides[1].accepts) = (Some(true), Some(false));
                return Some(Divergence { axis, facet, sides: ordered(sides) });
            }
        }
    }
    let by_value = partition(&accepted, |i| match axis {
        Axis::Engines => classify::value(&seen[i]),
        Axis::Versions => classify::value_anywhere(&seen[i]),
    });
    if by_value.len() > 1 {
        let sides = by_value
            .into_iter()
            .map(|(value, who)| side(seen, who, &format!("gives {}", shorten(&value))))
            .collect();
        return Some(Divergence { axis, facet: Facet::Value, sides: ordered(sides) });
    }
    // Versions name the same callable differently, and import different modules.
    if axis == Axis::Engines {
        for ending in [Ending::Accepted, Ending::Rejected] {
            let by_touch = partition(&with(ending), |i| touches(&seen[i]));
            if by_touch.len() > 1 {
                let sides = by_touch
                    .into_iter()
                    .map(|(touched, who)| side(seen, who, &format!("touches {}", names(&touched))))
                    .collect();
                return Some(Divergence { axis, facet: Facet::Touched, sides: ordered(sides) });
            }
        }
    }
    None
}

/// What an engine asked for and called itself; `None` where that is not known.
fn touches(seen: &Observation) -> Option<BTreeSet<(u8, String)>> {
    if !seen.engine.loads() || !seen.complete {
        return None;
    }
    Some(
        seen.touched
            .iter()
            .filter(|touched| touched.by.is_none())
            .filter(|touched| !classify::refuses_persistent_id(touched))
            .filter(|touched| !classify::shows_a_warning(touched))
            .filter(|touched| {
                matches!(touched.kind, TouchKind::Resolve | TouchKind::Call | TouchKind::Persistent)
            })
            .map(|touched| (touched.kind as u8, touched.name.clone()))
            .collect(),
    )
}

/// Names that were touched, for people: those with an empty part in quotes.
fn names(touched: &BTreeSet<(u8, String)>) -> String {
    let told = |name: &String| match name.split('.').any(str::is_empty) {
        true => format!("`{name}`"),
        false => name.clone(),
    };
    let names: Vec<String> = touched.iter().map(|(_, name)| told(name)).collect();
    if names.is_empty() { "nothing".to_owned() } else { shorten(&names.join(", ")) }
}

/// Groups of indices by what `say` says of them, those with nothing to say left out.
fn partition<T: PartialEq>(
    who: &[usize],
    say: impl Fn(usize) -> Option<T>,
) -> Vec<(T, Vec<usize>)> {
    let mut out: Vec<(T, Vec<usize>)> = Vec::new();
    for &i in who {
        let Some(said) = say(i) else { continue };
        match out.iter_mut().find(|(other, _)| *other == said) {
            Some((_, members)) => members.push(i),
            None => out.push((said, vec![i])),
        }
    }
    out
}

fn side(seen: &[Observation], observations: Vec<usize>, says: &str) -> Side {
    let engines: BTreeSet<Engine> = observations.iter().map(|&i| seen[i].engine).collect();
    let pythons: Vec<String> = observations.iter().map(|&i| seen[i].python.clone()).collect();
    Side {
        observations,
        engines: engines.into_iter().collect(),
        pythons: versions::united(&pythons, &[]),
        says: says.to_owned(),
        accepts: None,
    }
}

fn ordered(mut sides: Vec<Side>) -> Vec<Side> {
    sides.sort_by(|a, b| (&a.engines, &a.pythons).cmp(&(&b.engines, &b.pythons)));
    sides
}

/// Longest part of a value that a summary shows, in characters: a line on a terminal.
const SHOWN: usize = 80;

fn shorten(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests {
    use assay_oracle::Outcome;

    use super::*;
    use crate::testing::{observation, touch};

    fn loaded(python: &str, engine: Engine, value: &str) -> Observation {
        let mut seen = observation(python, engine, Outcome::Loaded);
        seen.result = (engine != Engine::Dis).then(|| value.to_owned());
        seen
    }

    fn raised(python: &str, engine: Engine, exception: &str) -> Observation {
        let mut seen = observation(python, engine, Outcome::Raised);
        seen.exception = Some(exception.to_owned());
        seen
    }

    #[test]
    fn agreement_is_none() {
        let all: Vec<Observation> =
            Engine::ALL.map(|engine| loaded("3.11.7", engine, "int:1")).to_vec();
        assert_eq!(find(&all), None);
    }

    #[test]
    fn engines_that_accept_and_reject() {
        let found = find(&[
            loaded("3.11.7", Engine::CLoads, "int:8"),
            raised("3.11.7", Engine::Py, "ValueError: x"),
            raised("3.11.7", Engine::Dis, "ValueError: x"),
        ])
        .unwrap();
        assert_eq!((found.axis, found.facet), (Axis::Engines, Facet::Acceptance));
        assert_eq!(found.sides[0].engines, [Engine::CLoads]);
        assert_eq!(found.sides[1].engines, [Engine::Py, Engine::Dis]);
    }

    #[test]
    fn every_interpreter_that_shows_it_is_named() {
        let seen = ["3.9.18", "3.10.13", "3.13.0"].map(|python| {
            let py = match python {
                "3.13.0" => loaded(python, Engine::Py, "int:8"),
                _ => raised(python, Engine::Py, "ValueError: x"),
            };
            [loaded(python, Engine::CLoads, "int:8"), py]
        });
        let found = find(&seen.concat()).unwrap();
        for side in &found.sides {
            assert_eq!(side.pythons, ["3.9.18", "3.10.13"]);
            assert_eq!(side.observations.len(), 2);
        }
    }

    #[test]
    fn touches_are_told_even_if_there_are_none() {
        let touched = |names: &[&str]| names.iter().map(|name| (0, name.to_string())).collect();
        assert_eq!(names(&touched(&[])), "nothing");
        assert_eq!(names(&touched(&["a.b", "."])), "`.`, a.b");
    }

    #[test]
    fn values_are_compared_with_their_types() {
        let found = find(&[
            loaded("3.11.7", Engine::CLoads, "bool:False"),
            loaded("3.11.7", Engine::Py, "int:0"),
            loaded("3.11.7", Engine::Dis, ""),
        ]);
        assert_eq!(found.unwrap().facet, Facet::Value);
    }

    #[test]
    fn a_stream_is_not_its_first_pickle() {
        assert_eq!(
            find(&[
                loaded("3.11.7", Engine::CLoads, "int:8"),
                raised("3.11.7", Engine::CStream, "UnpicklingError: x"),
                raised("3.11.7", Engine::CReuse, "UnpicklingError: x"),
            ]),
            None
        );
    }

    #[test]
    fn a_missing_module_or_a_depth_is_no_disagreement_of_versions() {
        for noise in ["ModuleNotFoundError: x", "RecursionError: x"] {
            assert_eq!(
                find(&[
                    loaded("3.11.7", Engine::CLoads, "int:8"),
                    raised("3.12.1", Engine::CLoads, noise),
                ]),
                None
            );
        }
        let oom = observation("3.12.1", Engine::CLoads, Outcome::Oom);
        let found = find(&[loaded("3.11.7", Engine::CLoads, "int:8"), oom]).unwrap();
        assert_eq!((found.axis, found.facet), (Axis::Versions, Facet::Limit));
    }

    #[test]
    fn what_loaders_disagree_about_is_not_hidden_by_dis() {
        let mut a = raised("3.11.7", Engine::CLoads, "UnpicklingError: x");
        let b = raised("3.11.7", Engine::Py, "ValueError: x");
        let dis = loaded("3.11.7", Engine::Dis, "");
        let found = find(&[a.clone(), b.clone(), dis.clone()]).unwrap();
        assert_eq!(found.facet, Facet::Acceptance);
        a.touched = vec![touch(TouchKind::Resolve, "os.system", None)];
        let found = find(&[a, b, dis]).unwrap();
        assert_eq!((found.facet, found.sides.len()), (Facet::Touched, 2));
    }

    #[test]
    fn touches_of_engines_are_compared() {
        let mut a = raised("3.11.7", Engine::CLoads, "TypeError: x");
        let b = raised("3.11.7", Engine::Py, "TypeError: x");
        a.touched = vec![touch(TouchKind::Resolve, "os.system", None)];
        assert_eq!(find(&[a, b]).unwrap().facet, Facet::Touched);
    }
}
