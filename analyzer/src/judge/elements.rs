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
