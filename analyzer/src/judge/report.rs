//! What the judge keeps while a pickle is run: reasons, names and who is still alive.

use assay_pickle::Opcode;

use crate::machine::{Alive, GlobalId};
use crate::verdict::{Reason, Severity, Verdict};

/// Reasons kept a pickle: enough to see what is wrong, few enough to read.
const MAX_REASONS: usize = 50;

/// The record of one pickle.
#[derive(Debug)]
pub(crate) struct Judge {
    offset: usize,
    opcode: Option<Opcode>,
    previous: Option<Opcode>,
    alive: Alive,
    verdict: Verdict,
    reasons: Vec<Reason>,
    globals: Vec<String>,
    calls: Vec<String>,
    seen: Vec<(GlobalId, bool)>,
    facts: Option<Vec<String>>,
}

impl Default for Judge {
    fn default() -> Self {
        Self {
            offset: 0,
            opcode: None,
            previous: None,
            alive: Alive::BOTH,
            verdict: Verdict::Safe,
            reasons: Vec::new(),
            globals: Vec::new(),
            calls: Vec::new(),
            seen: Vec::new(),
            facts: None,
        }
    }
}

/// What is taken out at the end of a pickle.
pub(crate) struct Findings {
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
    pub globals: Vec<String>,
    pub calls: Vec<String>,
}

impl Judge {
    /// Notes where the machine is.
    pub(crate) fn at(&mut self, offset: usize, opcode: Opcode) {
        self.previous = self.opcode;
        self.offset = offset;
        self.opcode = Some(opcode);
    }

    /// The opcode before the present one.
    pub(crate) fn previous(&self) -> Option<Opcode> {
        self.previous
    }

    pub(crate) fn alive(&self) -> Alive {
        self.alive
    }

    /// Notes that the opcode may raise in all but these unpicklers.
    pub(crate) fn may_stop(&mut self, alive: Alive) {
        self.alive = self.alive.and(alive);
    }

    /// Notes something on which unpicklers disagree; `alive` surely go on.
    pub(crate) fn doubt(&mut self, rule: &'static str, message: impl Into<String>, alive: Alive) {
        self.reason(rule, Severity::Warning, None, message.into());
        self.may_stop(alive);
    }

    /// Notes a reason against `safe`.
    pub(crate) fn reason(
        &mut self,
        rule: &'static str,
        severity: Severity,
        global: Option<String>,
        message: String,
    ) {
        debug_assert!(crate::rules::rule(rule).is_some(), "the rule {rule} is not listed");
        let verdict = match severity {
            Severity::Warning => Verdict::Unproven,
            Severity::Error => Verdict::Dangerous,
        };
        let graver = verdict > self.verdict;
        self.verdict = self.verdict.max(verdict);
        if self.reasons.len() >= MAX_REASONS && !graver {
            return;
        }
        let opcode = self.opcode.map_or("", Opcode::name);
        let reason = Reason { rule, severity, offset: self.offset, opcode, global, message };
        self.reasons.push(reason);
    }

    pub(crate) fn resolved(&mut self, id: GlobalId, name: &str) {
        Self::note(&mut self.seen, (id, false), &mut self.globals, name);
    }

    pub(crate) fn called(&mut self, id: GlobalId, name: &str) {
        Self::note(&mut self.seen, (id, true), &mut self.calls, name);
    }

    fn note(
        seen: &mut Vec<(GlobalId, bool)>,
        key: (GlobalId, bool),
        names: &mut Vec<String>,
        name: &str,
    ) {
        if let Err(place) = seen.binary_search(&key) {
            seen.insert(place, key);
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }

    /// Keeps facts from now on, for annotation.
    pub(crate) fn record_facts(&mut self) {
        self.facts = Some(Vec::new());
    }

    pub(crate) fn keeps_facts(&self) -> bool {
        self.facts.is_some()
    }

    pub(crate) fn keep_fact(&mut self, text: String) {
        if let Some(facts) = &mut self.facts {
            facts.push(text);
        }
    }

    pub(crate) fn take_facts(&mut self) -> Vec<String> {
        self.facts.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The reasons so far.
    pub(crate) fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Takes what was found out, and goes on with an empty record; who is alive stays.
    pub(crate) fn take(&mut self) -> Findings {
        self.seen.clear();
        Findings {
            verdict: std::mem::take(&mut self.verdict),
            reasons: std::mem::take(&mut self.reasons),
            globals: std::mem::take(&mut self.globals),
            calls: std::mem::take(&mut self.calls),
        }
    }
}
