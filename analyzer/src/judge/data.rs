//! What is data, and what may be hashed.
//!
//! Whatever is done with data runs code of built-in types only. An object may compare, print, or fetch
//! what it holds, and compiled code of libraries trusts what nobody checked; so who looks into what it is
//! given is given data, and what holds objects is not hashed, since what is hashed may be compared.

use super::Judge;
use crate::domain::{Alive, Traits, Value};

impl Judge<'_, '_> {
    /// Whether the value is data: `None`, numbers, text, bytes and other scalars, and tuples, lists,
    /// dicts and sets of data.
    pub(crate) fn is_data(&self, value: Value) -> bool {
        match value {
            Value::Instance(_) => self.class_of(value).is_some_and(|class| {
                class.scalar || class.holds_data && self.heap.holds_data(value)
            }),
            Value::ByteArray(_) => true,
            value => value.is_atom() || self.heap.holds_data(value),
        }
    }

    pub(crate) fn are_data(&self, values: &[Value]) -> bool {
        values.iter().all(|value| value.is_atom() || self.is_data(*value))
    }

    /// Whether one of the values is, or holds, an instance that must not be hashed.
    pub(crate) fn holds_unhashed(&self, values: &[Value]) -> bool {
        let unhashed = |value: &Value| match value {
            // Of what can't be hashed, nobody hashes what it holds.
            Value::Instance(id) => self.class_of(*value).is_some_and(|class| {
                let holds = self.heap.holds_unhashed(*id) || self.heap.holds_foreign(*id);
                class.hash && (class.unhashed || holds && !class.scalar)
            }),
            Value::Tuple(id) => self.heap.is_unhashed(*id),
            Value::List(id) => !self.heap.list(*id).has(Traits::HASHED),
            Value::Dict(id) => !self.heap.dict(*id).has(Traits::HASHED),
            _ => false,
        };
        values.iter().any(unhashed)
    }

    /// What holds something else than data is no data, and what holds what must not be hashed must not
    /// be hashed itself. What holds that one by then is not told of it.
    #[inline]
    pub(crate) fn pass_on(&mut self, container: Value, values: &[Value]) {
        if !self.are_data(values) {
            self.pass_on_objects(container, values);
        }
    }

    fn pass_on_objects(&mut self, container: Value, values: &[Value]) {
        if self.holds_unhashed(values) {
            self.heap.add_unhashed(container);
        }
        if self.heap.add_foreign(container) {
            let message = "puts an object into what may have been taken for data before";
            self.record.doubt("data", message, Alive::NONE);
        }
    }

    /// Whether a contract may be given the value that asks for no kind of object: data, unless it does
    /// but store what it is given.
    pub(super) fn may_be_given(&self, value: Value) -> bool {
        if value.is_atom() || self.stored.get() {
            return true;
        }
        let is_data = self.is_data(value);
        self.took_data.set(true);
        self.met_objects.set(self.met_objects.get() || !is_data);
        is_data
    }

    /// Says, if so, that objects were refused where data was asked for.
    pub(super) fn hint_at_objects(&self) -> &'static str {
        match self.met_objects.take() {
            true => " (it holds objects, where only data will do)",
            false => "",
        }
    }

    /// Whether it is known of all that is hashed with the value what that holds.
    pub(super) fn is_known_within(&self, value: Value) -> bool {
        if value.is_atom() {
            return true;
        }
        self.took_data.set(true);
        !self.heap.got_foreign_late()
    }

    pub(super) fn judge_hash(&mut self, value: Value) {
        let harmless = match value {
            // Where instances can't be hashed (`hash = false`), every engine raises.
            Value::Instance(_) => self.class_of(value).is_some() && !self.holds_unhashed(&[value]),
            Value::Allowed(_) => true,
            _ => false,
        };
        self.record.may_stop(Alive::NONE);
        if !harmless {
            let message = format!("hashes {}", self.describe(value));
            self.warn("hash", None, &message);
        } else if !self.class_of(value).is_some_and(|class| class.scalar) {
            self.heap.take_for_data();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, Verdict, analyze};

    /// The rule that keeps the pickle from being safe.
    fn rule(pickle: &str) -> Option<&'static str> {
        let analysis = analyze(pickle.as_bytes(), &Policy::load(&["stdlib"]).unwrap());
        analysis.reasons().map(|reason| reason.rule).next()
    }

    /// What is hashed may be compared, and who holds an object may compare that; the hash of some of pandas'
    /// types is that of their text.
    #[test]
    fn who_holds_objects_is_not_hashed() {
        let pandas = Policy::load(&["pandas"]).unwrap();
        let key = |class: &str, holder: &str| {
            let made = format!("c{class}\n)\u{81}");
            let pickle = format!("}}{}Ns.", holder.replace("MADE", &made));
            let pickle: Vec<u8> = pickle.chars().map(|c| c as u8).collect();
            analyze(&pickle, &pandas).verdict
        };
        let holders = [
            "cbuiltins\nslice\n(MADEtR",
            "cbuiltins\nslice\n((MADEttR",
            "cbuiltins\nslice\n((cbuiltins\nslice\n(MADEtRttR",
            "cbuiltins\nValueError\n(tR}Vx\nMADEsb",
        ];
        for holder in holders {
            assert_eq!(key("uuid\nUUID", holder), Verdict::Safe, "{holder}");
            assert_eq!(key("pandas\nInt16Dtype", holder), Verdict::Unproven, "{holder}");
            assert_eq!(key("pandas\nDatetimeTZDtype", holder), Verdict::Unproven, "{holder}");
        }
        assert_eq!(key("pandas\nInt16Dtype", "MADE"), Verdict::Safe);
        assert_eq!(key("pandas\nDatetimeTZDtype", "MADE"), Verdict::Unproven);
    }

    /// Who looks into what it is given is given data; who stores it is given anything, and is no data then.
    #[test]
    fn what_is_looked_into_is_data() {
        let queue = "ccollections\ndeque\n)R";
        let random = |part: &str| format!("crandom\nRandom\n)R(I3\n({part}tNtb.");
        assert_eq!(rule(&random("I1\n")), None);
        assert_eq!(rule(&random("(I1\nVx\nlp0\n")), None);
        assert_eq!(rule(&random(queue)), Some("state"));
        assert_eq!(rule(&random(&format!("({queue}l"))), Some("state"));
        assert_eq!(rule(&random(&format!("}}Vx\n{queue}s"))), Some("state"));
        assert_eq!(rule(&random(&format!("(Vx\n{queue}d"))), Some("state"));
        assert_eq!(rule(&format!("ctypes\nSimpleNamespace\n)R}}Vx\n{queue}sb.")), None);
    }

    /// What was taken for data stays so, and what got an object late is in no data.
    #[test]
    fn data_stays_data() {
        let queue = "ccollections\ndeque\n)R";
        let random = "crandom\nRandom\n)R(I3\n(g1\ntNtb";
        // `[[]]`, whose inner list is the memo's 0.
        let nested = "(]p0\nlp1\n";
        assert_eq!(rule(&format!("{nested}0{random}.")), None);
        assert_eq!(rule(&format!("{nested}0g0\n{queue}a.")), None);
        assert_eq!(rule(&format!("{nested}0{random}g0\n{queue}a.")), Some("data"));
        assert_eq!(rule(&format!("{nested}0g0\n{queue}a0{random}.")), Some("state"));
        // What was hashed may be compared again by the next key.
        assert_eq!(rule(&format!("}}cbuiltins\nslice\n({nested}tRNs.")), None);
        let late = format!("}}cbuiltins\nslice\n({nested}tRNsg0\n{queue}a.");
        assert_eq!(rule(&late), Some("data"));
    }

    #[test]
    fn reasons_say_that_objects_were_the_trouble() {
        let state = |part: &str| format!("crandom\nRandom\n)R(I3\n({part}tNtb.");
        let policy = Policy::load(&["stdlib"]).unwrap();
        let says = |pickle: &str| {
            let analysis = analyze(pickle.as_bytes(), &policy);
            analysis.reasons().any(|reason| reason.message.contains("it holds objects"))
        };
        assert!(says(&state("ccollections\ndeque\n)R")));
        assert!(!says("crandom\nRandom\n)R(I2\n(tNtb."));
    }
}
