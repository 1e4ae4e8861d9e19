//! What the judge keeps while a pickle is run: reasons, names and who is still alive.

use assay_pickle::Opcode;

use crate::domain::{Alive, GlobalId};
use crate::verdict::{Held, Reason, Severity, Storage, Verdict};

/// Reasons kept a pickle: enough to see what is wrong, few enough to read.
const MAX_REASONS: usize = 50;

/// Pickles within a pickle that are noted.
const MAX_HELD: usize = 50;

/// The record of one pickle.
#[derive(Debug)]
pub(crate) struct Record {
    offset: usize,
    opcode: Option<Opcode>,
    previous: Option<Opcode>,
    alive: Alive,
    verdict: Verdict,
    reasons: Vec<Reason>,
    /// Every rule that fired, each once.
    rules: Vec<&'static str>,
    globals: Vec<String>,
    calls: Vec<String>,
    /// In which pickle of the stream each global was last resolved, called and proved denied.
    seen: Vec<[u32; 3]>,
    pickle: u32,
    facts: Option<Vec<String>>,
    holds: Vec<Held>,
    storages: Vec<Storage>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            offset: 0,
            opcode: None,
            previous: None,
            alive: Alive::BOTH,
            verdict: Verdict::Safe,
            reasons: Vec::new(),
            rules: Vec::new(),
            globals: Vec::new(),
            calls: Vec::new(),
            seen: Vec::new(),
            pickle: 1,
            facts: None,
            holds: Vec::new(),
            storages: Vec::new(),
        }
    }
}

/// What is taken out at the end of a pickle.
pub(crate) struct Findings {
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
    pub rules: Vec<&'static str>,
    pub globals: Vec<String>,
    pub calls: Vec<String>,
    pub holds: Vec<Held>,
    pub storages: Vec<Storage>,
}

impl Record {
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
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
        let graver = verdict > self.verdict;
        self.verdict = self.verdict.max(verdict);
        if self.is_full() && !graver {
            return;
        }
        let opcode = self.opcode.map_or("", Opcode::name);
        let reason = Reason { rule, severity, offset: self.offset, opcode, global, message };
        self.reasons.push(reason);
    }

    /// Notes that bytes of the input are a pickle within the pickle.
    pub(crate) fn held(&mut self, offset: usize, length: usize) {
        if self.holds.len() < MAX_HELD {
            self.holds.push(Held { offset, length, verdict: None });
        }
    }

    /// Whether further reasons are only counted, not kept.
    pub(crate) fn is_full(&self) -> bool {
        self.reasons.len() >= MAX_REASONS
    }

    pub(crate) fn resolved(&mut self, id: GlobalId, name: &str) {
        if !self.note(id, 0) {
            self.globals.push(name.to_owned());
        }
    }

    pub(crate) fn called(&mut self, id: GlobalId, name: &str) {
        if !self.note(id, 1) {
            self.calls.push(name.to_owned());
        }
    }

    /// Notes that asking for the global is proof of danger.
    pub(crate) fn proved(&mut self, id: GlobalId) {
        self.note(id, 2);
    }

    pub(crate) fn is_proved(&self, id: GlobalId) -> bool {
        self.seen.get(id.0 as usize).is_some_and(|seen| seen[2] == self.pickle)
    }

    /// Notes something of a global; whether that was noted in this pickle before.
    fn note(&mut self, id: GlobalId, what: usize) -> bool {
        let index = id.0 as usize;
        if index >= self.seen.len() {
            self.seen.resize(index + 1, [0; 3]);
        }
        std::mem::replace(&mut self.seen[index][what], self.pickle) == self.pickle
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

    /// Notes a storage that is asked for here.
    pub(crate) fn storage(&mut self, storage: Storage) {
        self.storages.push(Storage { offset: self.offset, ..storage });
    }

    /// The reasons so far.
    pub(crate) fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Takes what was found out, and goes on with an empty record; who is alive stays.
    pub(crate) fn take(&mut self) -> Findings {
        self.pickle = self.pickle.wrapping_add(1).max(1);
        Findings {
            verdict: std::mem::take(&mut self.verdict),
            reasons: std::mem::take(&mut self.reasons),
            rules: std::mem::take(&mut self.rules),
            globals: std::mem::take(&mut self.globals),
            calls: std::mem::take(&mut self.calls),
            holds: std::mem::take(&mut self.holds),
            storages: std::mem::take(&mut self.storages),
        }
    }
}
