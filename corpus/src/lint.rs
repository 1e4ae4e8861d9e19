//! The lint: what every entry of the corpus must be, beyond being readable.

use std::collections::BTreeSet;

use crate::records::{CLASSES, FrontMatter, Record, STATUSES};
use crate::{EFFECTS, Gadget, GlobalName, How, Regression, embedded};

/// The verdicts that an entry can expect.
const VERDICTS: [&str; 3] = ["safe", "dangerous", "unproven"];

/// How a reference begins: an advisory's id, or an address.
const REFERENCES: [&str; 4] = ["GHSA-", "CVE-", "PYSEC-", "https://"];

/// Checks everything embedded in this build. Each fault is one line that says what to change.
pub fn lint() -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in embedded::gadget_files() {
        match crate::parse_gadgets(file, text) {
            Ok(gadgets) => gadgets.iter().for_each(|gadget| lint_gadget(gadget, &mut faults)),
            Err(error) => faults.push(error.to_string()),
        }
    }
    if faults.is_empty() {
        unique("gadget", crate::gadgets().iter().map(|gadget| gadget.id.as_str()), &mut faults);
    }
    lint_seeds(&mut faults);
    match crate::records::read_records() {
        Ok(records) => {
            records.iter().for_each(|record| lint_record(record, &mut faults));
            let ids = records.iter().map(|record| record.front.id.as_str());
            unique("record", ids, &mut faults);
        }
        Err(error) => faults.push(error.to_string()),
    }
    match crate::regression::read_regressions() {
        Ok(found) => found.iter().for_each(|entry| lint_regression(entry, &mut faults)),
        Err(error) => faults.push(error.to_string()),
    }
    faults
}

fn unique<'a>(what: &str, ids: impl Iterator<Item = &'a str>, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    faults
        .extend(ids.filter(|id| !seen.insert(*id)).map(|id| format!("two {what}s called `{id}`")));
}

fn is_name(global: &GlobalName) -> bool {
    let identifier = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    global.module.split('.').all(identifier) && global.name.split('.').all(identifier)
}

/// Checks one gadget.
pub fn lint_gadget(gadget: &Gadget, faults: &mut Vec<String>) {
    let mut fault = |message: String| faults.push(format!("gadget `{}`: {message}", gadget.id));
    if !EFFECTS.contains(&gadget.effect.as_str()) {
        fault(format!("effect `{}` is none of {EFFECTS:?}", gadget.effect));
    }
    if !REFERENCES.iter().any(|start| gadget.reference.starts_with(start)) {
        fault(format!("reference `{}` is neither an id nor an address", gadget.reference));
    }
    for global in gadget.globals() {
        if !is_name(global) {
            fault(format!("`{}:{}` can't be a name", global.module, global.name));
        }
    }
    if gadget.global.name.contains('.') && gadget.min_protocol < 4 {
        fault("a dotted name resolves from protocol 4 on: set min_protocol = 4".to_owned());
    }
    if gadget.min_protocol > gadget.max_protocol || gadget.max_protocol > 5 {
        fault("no protocol is left between min_protocol and max_protocol".to_owned());
    }
    if let (Some(min), Some(max)) = (gadget.min_python, gadget.max_python)
        && min > max
    {
        fault("min_python is above max_python".to_owned());
    }
    let operands = match &gadget.how {
        How::Call if gadget.args.is_none() => {
            fault("a call needs `args`".to_owned());
            0
        }
        How::Call | How::Resolve | How::Import => 0,
        How::Method(method) => match method.as_str() {
            "append" | "extend" | "add" | "setstate" => 1,
            "setitem" => 2,
            other => {
                fault(format!("the unpickler never calls a method `{other}`"));
                return;
            }
        },
    };
    if gadget.operands.len() != operands {
        fault(format!("{operands} operands expected, {} found", gadget.operands.len()));
    }
}

fn lint_seeds(faults: &mut Vec<String>) {
    let mut listed = BTreeSet::new();
    for (file, text) in embedded::seed_manifests() {
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                faults.push(format!("{file}: {error}"));
                continue;
            }
        };
        let entries = table.get("seed").and_then(toml::Value::as_array);
        for entry in entries.into_iter().flatten() {
            match entry.get("file").and_then(toml::Value::as_str) {
                Some(name) if embedded::find(embedded::seed_files(), name).is_none() => {
                    faults.push(format!("{file}: there is no {name}"));
                }
                Some(name) => {
                    listed.insert(name.to_owned());
                }
                None => faults.push(format!("{file}: an entry without `file`")),
            }
            let policy = entry.get("policy").and_then(toml::Value::as_str);
            if !matches!(policy, Some("stdlib" | "python2" | "other")) {
                faults.push(format!("{file}: policy {policy:?} of {entry}"));
            }
        }
    }
    for (name, _) in embedded::seed_files() {
        if !listed.contains(*name) {
            faults.push(format!("seeds/{name} is not in the manifest"));
        }
    }
}

/// Checks one record, once it is read.
pub fn lint_record(record: &Record, faults: &mut Vec<String>) {
    let FrontMatter { id, title, class, status, references, expects, .. } = &record.front;
    let mut fault = |message: String| faults.push(format!("record `{id}`: {message}"));
    if title.is_empty() || title.contains('\n') {
        fault("the title must be one line".to_owned());
    }
    if let Some(class) = class
        && !CLASSES.contains(&class.as_str())
    {
        fault(format!("class `{class}` is none of {CLASSES:?}"));
    }
    if !STATUSES.contains(&status.as_str()) {
        fault(format!("status `{status}` is none of {STATUSES:?}"));
    }
    if !VERDICTS.contains(&expects.verdict.as_str()) {
        fault(format!("verdict `{}` is none of {VERDICTS:?}", expects.verdict));
    }
    for effect in &expects.effects {
        if !EFFECTS.contains(&effect.as_str()) {
            fault(format!("effect `{effect}` is none of {EFFECTS:?}"));
        }
    }
    for reference in references {
        if !REFERENCES.iter().any(|start| reference.starts_with(start)) {
            fault(format!("reference `{reference}` is neither an id nor an address"));
        }
    }
    if record.pickle.is_empty() {
        fault("the pickle is empty".to_owned());
    }
    if record.body.is_empty() {
        fault("say what happens and why, below the front matter".to_owned());
    }
}

fn lint_regression(entry: &Regression, faults: &mut Vec<String>) {
    if entry.cause.trim().is_empty() {
        faults.push(format!("regression `{}`: name the root cause", entry.name));
    }
    if entry.expect != "any" && !VERDICTS.contains(&entry.expect.as_str()) {
        let expect = &entry.expect;
        faults.push(format!("regression `{}`: verdict `{expect}` is unknown", entry.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_is_clean() {
        assert_eq!(lint(), Vec::<String>::new());
    }

    #[test]
    fn there_is_enough_of_it() {
        assert!(crate::gadgets().len() >= 80, "{}", crate::gadgets().len());
        assert!(crate::seeds().len() >= 500, "{}", crate::seeds().len());
        assert!(crate::records::records().len() >= 3);
        let effects: BTreeSet<&str> =
            crate::gadgets().iter().map(|gadget| gadget.effect.as_str()).collect();
        assert_eq!(effects.len(), EFFECTS.len(), "{effects:?}");
    }

    #[test]
    fn finds_faults() {
        let mut gadget = crate::gadgets()[0].clone();
        gadget.effect = "mischief".to_owned();
        gadget.reference = "hearsay".to_owned();
        gadget.global.name = "a.b".to_owned();
        gadget.min_protocol = 0;
        gadget.args = None;
        let mut faults = Vec::new();
        lint_gadget(&gadget, &mut faults);
        assert_eq!(faults.len(), 4, "{faults:?}");
    }
}
