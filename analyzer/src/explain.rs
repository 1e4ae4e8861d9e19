//! Explains which entries of which profiles files need, and proposes a policy for what none has.
//!
//! A proposal is found by trying: the files are judged under the profiles that know most of their
//! globals, every use that is not allowed is noted in the words of policies and allowed, and so on
//! until nothing new comes up. What the deny list names, or a contract refuses, is never proposed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::file::analyze_file;
use crate::policy::{How, Policy, PolicyError, Usage};
use crate::verdict::{Reason, Verdict};

/// Rounds until nothing new comes up: each goes one object deeper.
const MAX_ROUNDS: usize = 64;

/// Reasons that are kept of what stands in the way.
const MAX_REASONS: usize = 50;

/// An entry of a profile that the files need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The global, `module.name`.
    pub global: String,
    /// The profile that allows it; `None` for an entry that is proposed.
    pub profile: Option<String>,
    /// Where it is written that this is safe.
    pub source: Option<String>,
}

/// What files need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The gravest verdict under the built-in profiles alone.
    pub verdict: Verdict,
    /// The profiles that know most of the files' globals.
    pub includes: Vec<String>,
    /// Every global that the files ask for.
    pub entries: Vec<Needed>,
    /// A policy under which the files are safe if `proved`; its own entries are to be reviewed.
    pub proposal: String,
    /// Whether all files are safe under the proposal.
    pub proved: bool,
    /// What stands in the way, if not.
    pub reasons: Vec<Reason>,
}

/// Explains what `files` need. `given` are profiles to start from; none: those that fit best.
///
/// ```
/// use assay_analyzer::{Policy, Verdict, analyze_file, explain};
///
/// let file = b"\x80\x02cshop\nOrder\n)\x81}X\x02\0\0\0idK\x05sb.";
/// let explanation = explain(&[file], &[]).unwrap();
/// assert!(explanation.proved);
/// // To be reviewed, then saved and given to `--policy`.
/// let own = Policy::from_text("own", &explanation.proposal).unwrap();
/// assert_eq!(analyze_file(file, &own).verdict, Verdict::Safe);
/// ```
///
/// # Errors
/// If one of `given` is unknown, unreadable or not a policy.
pub fn explain(files: &[&[u8]], given: &[String]) -> Result<Explanation, PolicyError> {
    let globals = asked_for(files, &Policy::load(&["data"])?);
    let includes = match given {
        [] => best_fit(files, &globals)?,
        given => given.to_vec(),
    };
    let base = Policy::load(&includes)?;
    let (verdict, _) = judge(files, &base);
    let mut own: BTreeMap<String, BTreeSet<How>> = BTreeMap::new();
    let mut proposal = render(&includes, None, &own);
    for _ in 0..MAX_ROUNDS {
        let mut policy = Policy::from_text("proposal", &proposal)?;
        let usages = policy.watch();
        judge(files, &policy);
        let noted =
            std::mem::take(&mut *usages.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mut new = false;
        for Usage { global, how } in noted {
            // What a built-in contract refuses is not for a proposal to allow.
            if !knows(&base, &global) {
                new |= own.entry(global).or_default().insert(how);
            }
        }
        if !new {
            break;
        }
        proposal = render(&includes, None, &own);
    }
    // Some are asked for only once what comes before is allowed.
    let globals = asked_for(files, &Policy::from_text("proposal", &proposal)?);
    let only: BTreeSet<_> = globals.iter().filter_map(|global| base.key_of(global)).collect();
    let proposal = render(&includes, Some(&only), &own);
    let policy = Policy::from_text("proposal", &proposal)?;
    let (after, reasons) = judge(files, &policy);
    let entries = globals.iter().map(|global| needed(global, &base)).collect();
    let proved = after == Verdict::Safe;
    Ok(Explanation { verdict, includes, entries, proposal, proved, reasons })
}

fn judge(files: &[&[u8]], policy: &Policy) -> (Verdict, Vec<Reason>) {
    let mut verdict = Verdict::Safe;
    let mut reasons = Vec::new();
    for bytes in files {
        let analysis = analyze_file(bytes, policy);
        verdict = verdict.max(analysis.verdict);
        for item in analysis.items {
            let room = MAX_REASONS - reasons.len();
            reasons.extend(item.pickle.reasons.into_iter().take(room));
        }
    }
    (verdict, reasons)
}

/// Every global that the files ask for, in order.
fn asked_for(files: &[&[u8]], policy: &Policy) -> BTreeSet<String> {
    let mut globals = BTreeSet::new();
    for bytes in files {
        for item in analyze_file(bytes, policy).items {
            globals.extend(item.pickle.globals);
        }
    }
    globals
}

/// The profiles to include: the smallest under which the files are safe, else, one after the
/// other, whichever knows most of the globals that are still unknown.
fn best_fit(files: &[&[u8]], globals: &BTreeSet<String>) -> Result<Vec<String>, PolicyError> {
    let mut profiles = Vec::new();
    for (name, _) in Policy::builtin() {
        let policy = Policy::load(&[name])?;
        profiles.push((policy.contracts().count(), *name, policy));
    }
    profiles.sort_by_key(|(size, name, _)| (*size, *name));
    if let Some((_, name, _)) =
        profiles.iter().find(|(_, _, policy)| judge(files, policy).0 == Verdict::Safe)
    {
        return Ok(vec![(*name).to_owned()]);
    }
    let mut includes: Vec<String> = Vec::new();
    let mut unknown: Vec<&String> = globals.iter().collect();
    loop {
        let count = |policy: &Policy| unknown.iter().filter(|name| policy.knows(name)).count();
        // Of those that know as many, the smallest: the last maximum of the reversed order.
        let best = profiles.iter().rev().max_by_key(|(_, _, policy)| count(policy));
        let Some((_, name, policy)) = best.filter(|(_, _, policy)| count(policy) > 0) else {
            break;
        };
        includes.push((*name).to_owned());
        unknown.retain(|global| !policy.knows(global));
    }
    if includes.is_empty() {
        includes.push("data".to_owned());
    }
    Ok(includes)
}

fn knows(policy: &Policy, key: &str) -> bool {
    key.split_once(':').is_some_and(|(module, name)| policy.contract(module, name).is_some())
}

fn needed(global: &str, base: &Policy) -> Needed {
    let contract = base.find(global);
    Needed {
        global: global.to_owned(),
        profile: contract.map(|contract| contract.profile.clone()),
        source: contract.map(|contract| contract.source.clone()),
    }
}

/// The proposal as TOML; of what is included, `only` these globals.
fn render(
    includes: &[String],
    only: Option<&BTreeSet<String>>,
    own: &BTreeMap<String, BTreeSet<How>>,
) -> String {
    let mut out = String::from("summary = \"proposed by `assay policy explain`\"\n");
    let list = |items: &[String]| {
        let quoted: Vec<_> = items.iter().map(|item| quote(item)).collect();
        format!("[{}]", quoted.join(", "))
    };
    let _ = writeln!(out, "includes = {}", list(includes));
    if let Some(only) = only {
        let lines: String = only.iter().map(|key| format!("    {},\n", quote(key))).collect();
        let lines = if lines.is_empty() { lines } else { format!("\n{lines}") };
        let _ = writeln!(out, "only = [{lines}]");
    }
    for (global, uses) in own {
        let pick = |of: fn(&How) -> Option<&String>| -> Vec<String> {
            uses.iter().filter_map(of).cloned().collect()
        };
        out.push_str("\n# TO BE REVIEWED: read what this global does with what is said below before you trust it.\n");
        out.push_str("[[contract]]\n");
        let _ = writeln!(out, "globals = {}", list(std::slice::from_ref(global)));
        for (key, forms) in [
            ("call", pick(|how| if let How::Called(form) = how { Some(form) } else { None })),
            ("new", pick(|how| if let How::Made(form) = how { Some(form) } else { None })),
            ("build", pick(|how| if let How::Built(form) = how { Some(form) } else { None })),
        ] {
            if !forms.is_empty() {
                let _ = writeln!(out, "{key} = {}", list(&forms));
            }
        }
        if uses.contains(&How::Stored) {
            out.push_str("# It is given objects: make sure that it looks into none of them.\nstores = true\n");
        }
        if uses.contains(&How::Appended) {
            out.push_str("append = \"any\"\n");
        }
        if uses.contains(&How::ItemsSet) {
            out.push_str("setitem = true\n");
        }
        if uses.contains(&How::Added) {
            out.push_str("add = true\n");
        }
        out.push_str("source = \"to be reviewed: file and function that make this safe\"\n");
    }
    out
}

/// A string of TOML, in ASCII: names are a pickle's, and the proposal is shown on terminals.
fn quote(text: &str) -> String {
    let spelled = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08X}", u32::from(c)),
    });
    format!("\"{}\"", spelled.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(pickle: &[u8]) -> Explanation {
        explain(&[pickle], &[]).expect("built-in profiles load")
    }

    #[test]
    fn names_are_quoted_so_that_no_terminal_obeys_them() {
        let name = "a\u{9b}31m\u{202e}\"\\\u{e9}\n";
        let quoted = quote(name);
        assert!(quoted.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{quoted}");
        let read: toml::Table = format!("x = {quoted}").parse().unwrap();
        assert_eq!(read["x"].as_str(), Some(name));
    }

    #[test]
    fn the_smallest_profile_that_will_do() {
        let data = proposal(b"\x80\x04]K\x01a.");
        assert_eq!((data.includes, data.proved), (vec!["data".to_owned()], true));
        let ordered = proposal(b"ccollections\nOrderedDict\n(tR.");
        assert_eq!((ordered.includes, ordered.proved), (vec!["stdlib".to_owned()], true));
        assert_eq!(ordered.entries[0].profile.as_deref(), Some("stdlib"));
    }

    #[test]
    fn own_classes_are_proposed_with_the_kinds_seen() {
        let pickle = b"\x80\x02cshop\nOrder\n)\x81}(X\x02\0\0\0idK\x05X\x05\0\0\0linescshop\nLines\nK\x02\x85Rub.";
        let own = proposal(pickle);
        assert!(own.proved, "{:?}", own.reasons);
        assert_eq!(own.verdict, Verdict::Unproven);
        assert!(own.proposal.contains("globals = [\"shop:Lines\"]\ncall = [\"int\"]\n"));
        assert!(
            own.proposal.contains("new = [\"\"]\nbuild = [\"attributes\"]\n# It is given objects")
        );
        assert!(own.proposal.contains("TO BE REVIEWED"));
        let policy = Policy::from_text("own", &own.proposal).unwrap();
        assert_eq!(analyze_file(pickle, &policy).verdict, Verdict::Safe);
        let other = b"\x80\x02cshop\nLines\nX\x01\0\0\0a\x85R.";
        assert_ne!(analyze_file(other, &policy).verdict, Verdict::Safe);
    }

    #[test]
    fn a_proposal_allows_no_more_than_the_files_ask_for() {
        let explained = proposal(b"ccollections\nOrderedDict\n(tR.");
        assert!(explained.proposal.contains("only = [\n    \"collections:OrderedDict\",\n]\n"));
        let policy = Policy::from_text("own", &explained.proposal).unwrap();
        let counter = b"ccollections\nCounter\n.";
        assert_eq!(
            analyze_file(counter, &Policy::load(&["stdlib"]).unwrap()).verdict,
            Verdict::Safe
        );
        assert_ne!(analyze_file(counter, &policy).verdict, Verdict::Safe);
    }

    /// To be reviewed with more care than others.
    #[test]
    fn attributes_that_can_be_called_are_proposed_as_such() {
        let pickle = b"\x80\x02cshop\nOrder\n)\x81}X\x02\0\0\0idcshop\nprice\nsb.";
        let own = proposal(pickle);
        assert!(own.proved && own.proposal.contains("build = [\"attributes#callables\"]"));
    }

    #[test]
    fn what_is_denied_or_refused_is_never_proposed() {
        let denied = proposal(b"cos\nsystem\n(S'true'\ntR.");
        assert!(!denied.proved && !denied.proposal.contains("[[contract]]"));
        let refused = proposal(b"c_codecs\nencode\n(Vx\nVrot13\ntR.");
        assert!(!refused.proved && !refused.proposal.contains("[[contract]]"));
        let within = proposal(b"cshop\nOrder\n(cos\nsystem\ntR.");
        assert!(!within.proved, "{}", within.proposal);
    }

    #[test]
    fn classes_of_the_old_protocols_are_proposed() {
        let pickle =
            b"ccopy_reg\n_reconstructor\n(cshop\nOrder\nc__builtin__\nobject\nNtR(dVid\nI5\nsb.";
        let own = proposal(pickle);
        assert!(own.proved, "{:?} {}", own.reasons, own.proposal);
    }
}
