//! How many bytes an element has, of NumPy's types of elements.

use super::Judge;
use crate::domain::Value;

/// Where in the state of a type its size is (`descriptor.c` arraydescr_reduce).
const SIZE: usize = 5;

impl Judge<'_, '_> {
    /// Notes the size that a type's name gives: `f8`, or `U3`, whose characters have four bytes.
    pub(super) fn measure_named(&mut self, made: Value, args: &[Value]) {
        let (Value::Instance(id), Some(name)) = (made, args.first()) else { return };
        if !self.class_of(made).is_some_and(|class| class.elements) {
            return;
        }
        let Some(name) = self.text_of(*name) else { return };
        let Some((kind, digits)) = name.split_first() else { return };
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
        let unit = if *kind == b'U' { 4 } else { 1 };
        if let Some(size) = number.and_then(|number| number.checked_mul(unit)) {
            self.heap.set_size(id, size);
        }
    }

    /// Whether the size in a type's state is what its name says. One that is negative says nothing.
    pub(super) fn is_of_its_size(&self, of: Value, state: Value) -> bool {
        let Value::Tuple(tuple) = state else { return false };
        match (self.heap.tuple(tuple).get(SIZE), self.heap.element_size(of)) {
            (Some(Value::Int(size)), Some(known)) => {
                u64::try_from(*size).map_or(true, |size| size == known)
            }
            (Some(Value::Int(_)), None) => true,
            _ => false,
        }
    }

    /// Notes the size that a type's state gives. One that is negative leaves it.
    pub(super) fn measure_restored(&mut self, id: u32, state: Value) {
        let Value::Tuple(tuple) = state else { return };
        if let Some(Value::Int(size)) = self.heap.tuple(tuple).get(SIZE)
            && let Ok(size) = u32::try_from(*size)
        {
            self.heap.set_size(id, size);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Policy, Verdict, analyze};

    fn verdict(element: &str, parts: &str, fields: &str, size: u32) -> Verdict {
        let element = format!("cnumpy\ndtype\n(V{element}\nI0\nI1\ntR");
        let names = if fields == "N" { "N" } else { "(Va\nt" };
        let pickle = format!(
            "cnumpy\ndtype\n(VV{size}\nI0\nI1\ntR(I3\nV|\n{}{names}{}I{size}\nI1\nI0\ntb.",
            parts.replace("ELEMENT", &element),
            fields.replace("ELEMENT", &element),
        );
        analyze(pickle.as_bytes(), &Policy::load(&["numpy"]).unwrap()).verdict
    }

    #[test]
    fn parts_lie_within_their_structure() {
        let parts = |element, count, size| verdict(element, count, "N", size);
        assert_eq!(parts("f8", "(ELEMENTI2\nt", 16), Verdict::Safe);
        assert_eq!(parts("f8", "(ELEMENTI3\nt", 16), Verdict::Unproven);
        assert_eq!(parts("f8", "(ELEMENT(I2\nI2\ntt", 32), Verdict::Safe);
        assert_eq!(parts("f8", "(ELEMENT(I2\nI2\ntt", 31), Verdict::Unproven);
        assert_eq!(parts("U3", "(ELEMENTI1\nt", 12), Verdict::Safe);
        assert_eq!(parts("U3", "(ELEMENTI1\nt", 11), Verdict::Unproven);
    }

    /// What something holds, or was restored already, is what others go by.
    #[test]
    fn types_are_restored_once_and_before_they_are_held() {
        let policy = Policy::load(&["numpy"]).unwrap();
        let judged = |pickle: &str| analyze(pickle.as_bytes(), &policy).verdict;
        let (made, state) = ("cnumpy\ndtype\n(VS4\nI0\nI1\ntR", "(I3\nV|\nNNNI4\nI1\nI0\ntb");
        assert_eq!(judged(&format!("{made}{state}.")), Verdict::Safe);
        assert_eq!(judged(&format!("{made}{state}{state}.")), Verdict::Unproven);
        assert_eq!(judged(&format!("({made}p0\nlg0\n{state}.")), Verdict::Unproven);
        // Nor does a state say another size than the name, or by another kind of number.
        for size in ["I5\n", "I01\n"] {
            let other = state.replace("I4\n", size);
            assert_eq!(judged(&format!("{made}{other}.")), Verdict::Unproven, "{size}");
        }
    }

    #[test]
    fn fields_lie_within_their_structure() {
        let field = |offset| format!("}}Va\n(ELEMENTI{offset}\nts");
        assert_eq!(verdict("i4", "N", &field(4), 8), Verdict::Safe);
        assert_eq!(verdict("i4", "N", &field(5), 8), Verdict::Unproven);
    }
}
