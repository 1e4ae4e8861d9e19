//! Judges pickles without running them.
//!
//! The analyser runs the pickle machine on *abstract values* (abstract interpretation) and holds
//! every fact it meets, such as "resolves `os.system`" or "calls `datetime.date` with bytes",
//! against a [`Policy`] of contracts. A pickle is [`Verdict::Safe`] only if every fact is allowed
//! on every supported CPython, by every unpickler and in every load mode; what is malformed, or
//! read differently by some unpickler, is never safe.
//!
//! This crate must not know the generator, the gadgets or the oracle: what attacks look like
//! must not teach the judge.
//!
//! ```
//! use assay_analyzer::{Policy, Verdict, analyze};
//!
//! let policy = Policy::load(&["stdlib"]).unwrap();
//! let analysis = analyze(b"cos\nsystem\n(S'id'\ntR.", &policy);
//! assert_eq!(analysis.verdict, Verdict::Dangerous);
//! let reason = analysis.reasons().next().unwrap();
//! assert_eq!(reason.global.as_deref(), Some("os.system"));
//! ```

mod annotate;
mod container;
mod domain;
mod drive;
mod explain;
mod fact;
mod file;
mod judge;
mod limits;
mod loader;
mod machine;
mod plain;
mod policy;
mod probe;
mod rules;
mod sarif;
mod stream;
mod verdict;

pub use annotate::{Annotated, annotate};
pub use explain::{Explanation, Needed, explain};
pub use file::{FileAnalysis, FileItem, analyze_file, analyze_file_with};
pub use limits::Limits;
pub use policy::{
    Append, Attributes, Because, Condition, Contents, Contract, Denied, Entries, Form, Item, Kind,
    Part, Pattern, Policy, PolicyError, Renames, Returns, Signature, State, Unfound, Way, unfound,
};
pub use rules::{RULES, Rule, rule};
pub use sarif::sarif;
pub use stream::{analyze, analyze_with};
pub use verdict::{Analysis, Held, Malformed, PickleAnalysis, Reason, Severity, Verdict};
