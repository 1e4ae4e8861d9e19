//! The *certificate*: what an exhaustive campaign has shown, of what, and by which reasoning.

use std::collections::BTreeMap;

use assay_generator::exhaustive::{Alphabet, Space, Symbol};
use assay_oracle::Engine;
use serde::{Deserialize, Serialize};

use super::{Counts, Rule, modes};
use crate::merge::{Merged, Part};
use crate::render::thousands;
use crate::report::by_class;
use crate::store::Meta;

/// What has been shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// In words: what holds of all programs, or does not.
    pub result: String,
    /// Why nothing follows from it, if so.
    pub void: Option<String>,
    /// Whether every program was done.
    pub complete: bool,
    /// The most opcodes of a program, STOP not counted.
    pub length: u32,
    /// Symbols of the alphabet, STOP not counted.
    pub symbols: usize,
    /// Different opcodes of the alphabet, STOP counted.
    pub opcodes: usize,
    /// The hash of the alphabet.
    pub alphabet: String,
    /// Its symbols: the opcode's name, and its bytes where it has an argument. Of another version's
    /// alphabet only the hash is known.
    #[serde(default)]
    pub alphabet_symbols: Vec<String>,
    /// How many programs there are.
    pub programs: u64,
    /// How many units they are divided into.
    pub units: u64,
    /// How many of these are done.
    pub units_done: u64,
    /// What was done in them.
    pub counts: Counts,
    /// The rules of pruning.
    pub rules: Vec<Applied>,
    /// Pruned programs that were to be tried for each rule.
    pub sample: u64,
    /// The analysers.
    pub analyzers: Vec<String>,
    /// The policy's profiles.
    pub policy: Vec<String>,
    /// What was hunted for.
    pub hunt: String,
    /// The interpreters' versions.
    pub pythons: Vec<String>,
    /// The engines that load.
    pub engines: Vec<String>,
    /// How many load modes there are: encoding, fix_imports, buffers, persistent_load.
    pub modes: usize,
    /// Whether the planted hole was found by everyone who took part.
    pub control_found: bool,
    /// Root causes by class.
    pub findings: BTreeMap<String, u64>,
    /// Discrepant programs whose cause is not known yet.
    pub pending: u64,
    /// Seconds, all who took part together.
    pub seconds: f64,
    /// The version of Assay.
    pub assay: String,
    /// What it does not say.
    pub scope: Vec<String>,
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The rule.
    pub rule: Rule,
    /// Cases that it pruned.
    pub pruned: u64,
    /// Such cases that were loaded all the same.
    pub tried: u64,
    /// Of these, those that were not as foretold.
    pub contradicted: u64,
    /// Why what it prunes cannot differ.
    pub justification: String,
}

/// The certificates of all exhaustive campaigns among these: one for each plan and what it was
/// carried out on, whoever did which part of it.
pub fn certificates(merged: &Merged) -> Vec<Certificate> {
    let mut groups: BTreeMap<String, Vec<&Part>> = BTreeMap::new();
    for part in merged.parts() {
        if part.meta.exhaustive.is_some() {
            groups.entry(same(&part.meta)).or_default().push(part);
        }
    }
    groups.values().filter_map(|parts| certificate(merged, parts)).collect()
}

/// What parts of one exhaustive campaign have in common, as text.
fn same(meta: &Meta) -> String {
    let common =
        (&meta.exhaustive, &meta.analyzers, &meta.policy, &meta.hunt, &meta.pythons, &meta.engines);
    serde_json::to_string(&common).expect("it has text keys only")
}

fn certificate(merged: &Merged, parts: &[&Part]) -> Option<Certificate> {
    let meta = &parts.first()?.meta;
    let plan = meta.exhaustive.as_ref()?;
    let space = Space::new(plan.symbols + 1, plan.length)?;
    // A unit that two did counts once.
    let mut units: BTreeMap<u64, &Counts> = BTreeMap::new();
    for part in parts {
        for (&unit, counts) in &part.units {
            units.entry(unit).or_insert(counts);
        }
    }
    let mut counts = Counts::default();
    units.values().for_each(|unit| counts.add(unit));
    let ids: Vec<_> = parts.iter().map(|part| part.id()).collect();
    let causes = merged
        .causes()
        .filter(|cause| cause.sightings().keys().any(|part| ids.contains(part)))
        .map(|cause| cause.finding());
    let mut out = Certificate {
        complete: units.len() as u64 == space.units(),
        length: plan.length,
        symbols: plan.symbols,
        opcodes: plan.opcodes,
        alphabet: plan.alphabet.clone(),
        alphabet_symbols: spelled(&plan.alphabet),
        programs: space.programs(),
        units: space.units(),
        units_done: units.len() as u64,
        rules: Rule::ALL.into_iter().map(|rule| applied(rule, &counts)).collect(),
        sample: plan.sample,
        analyzers: meta.analyzers.clone(),
        policy: meta.policy.clone(),
        hunt: meta.hunt.clone(),
        pythons: meta.pythons.clone(),
        engines: loading(&meta.engines),
        modes: modes::all().len(),
        control_found: parts.iter().all(|part| part.control.found_seconds.is_some()),
        findings: by_class(causes),
        pending: parts.iter().map(|part| part.pending.len() as u64).sum(),
        seconds: parts.iter().map(|part| part.seconds).sum(),
        assay: env!("CARGO_PKG_VERSION").to_owned(),
        counts,
        ..Certificate::default()
    };
    out.void = out.why_void();
    out.result = out.in_words();
    out.scope = out.what_it_does_not_say();
    Some(out)
}

/// The symbols of the alphabet with that hash, if it is today's.
fn spelled(hash: &str) -> Vec<String> {
    let alphabet = Alphabet::standard();
    if super::plan::digest(alphabet) != hash {
        return Vec::new();
    }
    let spelled = |symbol: &Symbol| match &symbol.bytes[1..] {
        [] => symbol.opcode.name().to_owned(),
        argument => format!("{} {}", symbol.opcode.name(), argument.escape_ascii()),
    };
    alphabet.symbols().iter().map(spelled).collect()
}

fn applied(rule: Rule, counts: &Counts) -> Applied {
    let pruned = counts.rules.get(&rule).copied().unwrap_or_default();
    Applied {
        rule,
        pruned: pruned.cases,
        tried: pruned.tried,
        contradicted: pruned.contradicted,
        justification: rule.justification().to_owned(),
    }
}

fn loading(engines: &[String]) -> Vec<String> {
    let loads = |name: &&String| Engine::from_name(name).is_some_and(Engine::loads);
    engines.iter().filter(loads).cloned().collect()
}

impl Certificate {
    /// Percent of the programs that are done. Never 100 before all are.
    pub fn percent(&self) -> f64 {
        if self.complete {
            return 100.0;
        }
        let share = self.counts.programs as f64 / self.programs.max(1) as f64;
        ((share * 1000.0).floor() / 10.0).min(99.9)
    }

    fn why_void(&self) -> Option<String> {
        let contradicted = self.counts.contradicted();
        if contradicted > 0 {
            return Some(format!(
                "{} of the pruned cases that were tried were not as their rule foretold",
                thousands(contradicted)
            ));
        }
        if !self.counts.add_up() {
            return Some("the cases that were loaded and pruned do not add up".into());
        }
        (self.units_done > 0 && !self.control_found)
            .then(|| "the hole planted in Assay's own analyser was not found".into())
    }

    fn unsound(&self) -> u64 {
        self.findings.get("unsound").copied().unwrap_or(0)
    }

    fn in_words(&self) -> String {
        let who = self.analyzers.join(", ");
        let of = if self.complete {
            format!("Of all {} programs", thousands(self.programs))
        } else {
            format!(
                "Not exhaustive: {:.1} % done. Of the {} programs so far, of {},",
                self.percent(),
                thousands(self.counts.programs),
                thousands(self.programs)
            )
        };
        let opcodes = if self.length == 1 { "opcode" } else { "opcodes" };
        let of = format!("{of} of at most {} {opcodes} over this alphabet", self.length);
        if self.hunt == "divergence" {
            return format!(
                "{of}, engines or versions part on {} in the deny tier, for {} root causes.",
                thousands(self.counts.parted),
                self.findings.get("divergence").copied().unwrap_or(0)
            );
        }
        let wrong = if self.analyzers.iter().all(|name| name.starts_with("assay")) {
            format!("touches anything that the policy {} does not allow", self.policy.join(", "))
        } else {
            "was seen to do what it must not".to_owned()
        };
        let called = if self.hunt == "soundness" {
            format!("{} are called safe by {who}", thousands(self.counts.claims))
        } else {
            format!("each judged by {who}, some are called safe")
        };
        let where_to = format!(
            "on CPython {}, by {}, in any of {} load modes",
            self.pythons.join(", "),
            self.engines.join(", "),
            self.modes
        );
        let parted = match self.hunt.as_str() {
            "all" => {
                format!(" Engines or versions part on {}.", thousands(self.counts.parted))
            }
            _ => String::new(),
        };
        let but = match self.counts.inconclusive {
            0 => String::new(),
            n => format!(
                " {} watched loads ran out of memory or time, or were not seen to their end.",
                thousands(n)
            ),
        };
        match (self.unsound(), self.counts.refuted) {
            (0, 0) => format!("{of}, {called}; none of these {wrong}, {where_to}.{parted}{but}"),
            (causes, programs) => format!(
                "{of}, {called}; {} of these are not: {causes} root cause{}.{parted}{but}",
                thousands(programs),
                if causes == 1 { "" } else { "s" }
            ),
        }
    }

    fn what_it_does_not_say(&self) -> Vec<String> {
        let mut out = vec![
            "Each case is a program, an interpreter, an engine and a load mode. Every case of a \
             program that something is claimed of was loaded with everything outside the policy \
             refused, or pruned by a rule. Each of these that asks for a global or a persistent \
             object and may act on it, or in which the analyser saw a call, was loaded for real \
             and watched, up to sixteen to a process, and alone once anything spoke against the \
             analyser; one that was refuted needs no further loads."
                .to_owned(),
            "What the tracer cannot see, oracle/README.md lists.".to_owned(),
        ];
        if self.hunt == "soundness" {
            out.push(
                "Programs that no analyser calls safe were judged and not loaded: nothing is \
                 claimed of them."
                    .into(),
            );
        } else {
            out.push(
                "Of programs on which engines part, the first of each kind was followed to its \
                 cause; the values that they come to were not compared in the others."
                    .into(),
            );
        }
        out
    }

    /// Lines for people.
    pub fn text(&self) -> String {
        let counts = &self.counts;
        let mut out = match &self.void {
            Some(why) => format!("certificate: VOID: {why}\n"),
            None if self.complete => "certificate: exhaustive\n".to_owned(),
            None => format!("certificate: not exhaustive, {:.1} % done\n", self.percent()),
        };
        out += &format!("  {}\n", self.result);
        out += &format!(
            "  alphabet: {} symbols and STOP, {} of 68 opcodes, {}\n",
            self.symbols, self.opcodes, self.alphabet
        );
        out += &format!(
            "  programs: {} of {} judged; {} loaded or pruned\n",
            thousands(counts.programs),
            thousands(self.programs),
            thousands(counts.claims)
        );
        out += &format!(
            "  cases: {}, of which {} loaded ({} watched as well)\n",
            thousands(counts.cases),
            thousands(counts.loaded),
            thousands(counts.watched)
        );
        for rule in &self.rules {
            out += &format!(
                "  pruned, {}: {}; {} of them tried, {} not as foretold\n",
                rule.rule.name(),
                thousands(rule.pruned),
                thousands(rule.tried),
                thousands(rule.contradicted)
            );
        }
        for example in &counts.contradictions {
            out += &format!(
                "  contradiction, {}: {} on CPython {} by {}: foretold {}, came {}\n",
                example.rule.name(),
                example.pickle,
                example.python,
                example.run,
                example.foretold,
                example.came
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exhaustive::Plan;
    use crate::summary::Control;
    use crate::tally::Tally;

    fn unit(programs: u64) -> Counts {
        let mut counts = Counts {
            programs,
            claims: programs / 2,
            cases: programs * 60,
            loaded: programs * 20,
            watched: 3,
            ..Counts::default()
        };
        counts.rule(Rule::UnusedOptions).cases = programs * 40;
        counts.rule(Rule::UnusedOptions).tried = 7;
        counts
    }

    fn part(id: &str, units: &[u64]) -> Part {
        let plan = Plan::new(3, 100).unwrap();
        let space = plan.try_space().unwrap();
        let done = |&n: &u64| (n, unit(space.programs_of(&space.unit(n))));
        Part {
            meta: Meta {
                id: id.into(),
                seed: 1,
                shards: 2,
                analyzers: vec!["assay".into()],
                policy: vec!["stdlib".into()],
                pythons: vec!["3.11.7".into(), "3.13.0".into()],
                engines: vec!["c-loads".into(), "py".into(), "dis".into()],
                hunt: "soundness".into(),
                began: 0,
                exhaustive: Some(plan),
            },
            shard: 1,
            seconds: 10.0,
            tally: Tally::default(),
            coverage: Default::default(),
            control: Control { planted: "x".into(), found_seconds: Some(0.1) },
            timeline: Vec::new(),
            pending: Vec::new(),
            units: units.iter().map(done).collect(),
        }
    }

    fn of(parts: Vec<Part>) -> Vec<Certificate> {
        let mut merged = Merged::default();
        parts.into_iter().for_each(|part| merged.add_part(part));
        certificates(&merged)
    }

    #[test]
    fn shards_in_any_order_are_one_certificate() {
        let all: Vec<u64> = (0..160).collect();
        let (even, odd): (Vec<u64>, Vec<u64>) = all.iter().partition(|n| *n % 2 == 0);
        let one = of(vec![part("a", &even), part("b", &odd)]);
        assert_eq!(one, of(vec![part("b", &odd), part("a", &even)]));
        assert_eq!(one.len(), 1);
        assert!(one[0].complete && one[0].void.is_none(), "{:?}", one[0]);
        assert_eq!(one[0].counts.programs, one[0].programs);
        // What two did counts once.
        let twice = of(vec![part("a", &all), part("b", &odd)]);
        assert_eq!(twice[0].counts, one[0].counts);
    }

    #[test]
    fn other_interpreters_make_another_certificate() {
        let mut other = part("b", &[1]);
        other.meta.pythons.pop();
        assert_eq!(of(vec![part("a", &[0]), other]).len(), 2);
    }

    #[test]
    fn what_is_cut_short_says_so() {
        let certificate = &of(vec![part("a", &(0..67).collect::<Vec<_>>())])[0];
        assert!(!certificate.complete);
        assert!(certificate.result.starts_with("Not exhaustive: 41."), "{}", certificate.result);
        let nearly = Certificate { programs: 1_000_000, ..Certificate::default() };
        let counts = Counts { programs: 999_999, ..Counts::default() };
        assert!(Certificate { counts, ..nearly }.percent() < 100.0);
    }

    #[test]
    fn a_contradiction_makes_it_void() {
        let mut contradicted = part("a", &[0, 1]);
        contradicted.units.get_mut(&1).unwrap().rule(Rule::EndedPrefix).contradicted = 1;
        assert!(of(vec![contradicted])[0].void.as_ref().unwrap().contains("foretold"));
        let mut lost = part("a", &[0, 1]);
        lost.units.get_mut(&1).unwrap().loaded -= 1;
        assert!(of(vec![lost])[0].void.as_ref().unwrap().contains("add up"));
        let mut blind = part("a", &[0, 1]);
        blind.control.found_seconds = None;
        assert!(of(vec![blind])[0].void.as_ref().unwrap().contains("planted"));
    }

    #[test]
    fn it_lists_its_alphabet() {
        let symbols = &of(vec![part("a", &[0])])[0].alphabet_symbols;
        assert_eq!(symbols.len(), Alphabet::standard().len());
        assert!(symbols.contains(&"NONE".to_owned()) && symbols.contains(&"INT 00\\n".to_owned()));
        assert_eq!(spelled("another"), Vec::<String>::new());
    }

    #[test]
    fn it_says_what_it_shows() {
        let all = of(vec![part("a", &(0..160).collect::<Vec<_>>())]);
        let text = all[0].text().replace('\u{202f}', " ");
        let text = text.replace(&all[0].alphabet, "<hash>");
        assert_eq!(
            text,
            "certificate: exhaustive\n  \
             Of all 4 045 120 programs of at most 3 opcodes over this alphabet, 2 022 560 are \
             called safe by assay; none of these touches anything that the policy stdlib does \
             not allow, on CPython 3.11.7, 3.13.0, by c-loads, py, in any of 24 load modes.\n  \
             alphabet: 158 symbols and STOP, 68 of 68 opcodes, <hash>\n  \
             programs: 4 045 120 of 4 045 120 judged; 2 022 560 loaded or pruned\n  \
             cases: 242 707 200, of which 80 902 400 loaded (480 watched as well)\n  \
             pruned, memo-renaming: 0; 0 of them tried, 0 not as foretold\n  \
             pruned, unused-options: 161 804 800; 1 120 of them tried, 0 not as foretold\n  \
             pruned, ended-prefix: 0; 0 of them tried, 0 not as foretold\n  \
             pruned, nothing-acts: 0; 0 of them tried, 0 not as foretold\n"
        );
    }
}
