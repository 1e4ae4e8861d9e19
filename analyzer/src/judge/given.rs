//! What becomes of lists and dicts that were given to a contract.

use super::Judge;
use crate::domain::{Alive, Value};
use crate::policy::Contract;

/// Levels of dicts within dicts that a contract may change.
const LEVELS: u32 = 3;

impl Judge<'_, '_> {
    /// What was relied upon must not change any more, neither by opcodes nor by a contract that changes
    /// what it is given. Of what that one was given nothing is known afterwards.
    pub(super) fn give_what_was_checked(&mut self, to: Option<&Contract>, given: &[Value]) {
        let mut changed = Vec::new();
        if to.is_some_and(|contract| contract.consumes) {
            for value in given {
                self.dicts_within(*value, LEVELS, &mut changed);
            }
        }
        if changed.iter().any(|dict| self.heap.is_given(Value::Dict(*dict))) {
            let message = "lets a dict be changed that was checked before, and may be in use";
            self.record.doubt("state", message, Alive::NONE);
        }
        self.met_objects.set(false);
        if self.took_data.get() {
            self.heap.take_for_data();
        }
        for value in self.relied.get_mut().drain(..) {
            self.heap.give(value);
        }
        for dict in changed {
            self.heap.forget_dict(dict);
        }
    }

    /// The value, and what it directly holds, as far as these are dicts and the budget lasts: what is
    /// shared is met each time.
    fn dicts_within(&self, value: Value, levels: u32, out: &mut Vec<u32>) {
        let Some(levels) = levels.checked_sub(1).filter(|_| self.has_steps()) else { return };
        let elements = match value {
            Value::Dict(id) => {
                out.push(id);
                for (_, value) in self.heap.entries(id).unwrap_or_default() {
                    self.spend(1);
                    self.dicts_within(*value, levels, out);
                }
                return;
            }
            Value::Tuple(id) => self.heap.tuple(id),
            Value::List(id) => self.heap.elements(id).unwrap_or_default(),
            _ => return,
        };
        for value in elements {
            self.spend(1);
            self.dicts_within(*value, levels, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, Verdict, analyze};

    /// Who was given a dict for what it holds may hold it still when another changes it.
    #[test]
    fn what_a_contract_changes_nobody_relies_on() {
        let text = r#"
            summary = "a function that empties what it is given"
            includes = ["stdlib"]
            [[contract]]
            globals = ["shop:clear"]
            kind = "function"
            call = ["{lines: dict}"]
            returns = "none"
            consumes = true
            source = "made up"
        "#;
        let policy = Policy::from_text("own", text).unwrap();
        let judged = |pickle: &str| analyze(pickle.as_bytes(), &policy).verdict;
        let clear = "cshop\nclear\n(}Vlines\ng0\nstR0";
        let keep = "ctypes\nSimpleNamespace\n)Rg0\nb0";
        let dict = "}Vx\nI1\nsp0\n0";
        assert_eq!(judged(&format!("{dict}{clear}N.")), Verdict::Safe);
        assert_eq!(judged(&format!("{dict}{keep}N.")), Verdict::Safe);
        assert_eq!(judged(&format!("{dict}{keep}{clear}N.")), Verdict::Unproven);
        assert_eq!(judged(&format!("{dict}{clear}{keep}N.")), Verdict::Unproven);
    }

    /// What is shared is met each time, so that levels of it multiply: the budget ends that.
    #[test]
    fn what_is_shared_without_bound_takes_no_longer_than_the_budget() {
        let policy = format!(
            "summary = 'x'\nincludes = ['data']\n[[contract]]\nglobals = ['shop:clear']\n{}",
            "kind = 'function'\ncall = ['tuple']\nconsumes = true\nsource = 'made up'\n"
        );
        let policy = Policy::from_text("own", &policy).unwrap();
        let many = "g0\n".repeat(20_000);
        let pickle = format!(
            "({}tp0\n0({many}tp1\n0cshop\nclear\n(({}ttR.",
            "N".repeat(20_000),
            "g1\n".repeat(20_000)
        );
        let analysis = analyze(pickle.as_bytes(), &policy);
        assert_eq!(analysis.verdict, Verdict::Unproven);
    }
}
