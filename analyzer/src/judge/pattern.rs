//! Holds abstract values against the patterns of contracts.

use super::{Judge, expression, lightgbm, nodes, xgboost};
use crate::domain::{Traits, Value};
use crate::policy::{Attributes, Contents, Contract, Entries, Kind, Pattern, Signature};

/// Where in the state of a type the names of its fields are (`descriptor.c` arraydescr_reduce).
const NAMES: usize = 3;

/// Dimensions of an array, up to NumPy 1 (`NPY_MAXDIMS`).
const MOST_DIMENSIONS: usize = 32;

impl Judge<'_, '_> {
    /// Whether the arguments conform to the signature.
    pub(super) fn takes(&self, signature: &Signature, args: &[Value]) -> bool {
        signature.takes(args.len())
            && args.iter().enumerate().all(|(i, arg)| self.fits(signature.pattern(i), *arg, args))
    }

    /// Whether the value, among the others, conforms to the pattern.
    fn fits(&self, pattern: &Pattern, value: Value, among: &[Value]) -> bool {
        let number = |at: usize| match among.get(at) {
            Some(Value::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        };
        match pattern {
            Pattern::ListOver(shape) => {
                self.is_list_over(among.get(*shape), value) && self.may_be_given(value)
            }
            Pattern::ScalarsOver(shape) => {
                self.is_list_over(among.get(*shape), value) && self.relies(value, Traits::SCALARS)
            }
            Pattern::FieldsWithin(size) => {
                let Value::Dict(id) = value else { return false };
                self.relies(value, Traits::FIELDS)
                    && number(*size).is_some_and(|size| self.heap.fields_end(id) <= size)
                    && among.get(NAMES).is_some_and(|names| self.are_keys(*names, id))
            }
            Pattern::PartsWithin(size) => number(*size)
                .is_some_and(|size| self.parts_size(value).is_some_and(|of| of <= size)),
            Pattern::AnyOf(patterns) => patterns.iter().any(|one| self.fits(one, value, among)),
            pattern => self.matches(pattern, value),
        }
    }

    /// Whether the value is a tuple of different keys of the dict.
    fn are_keys(&self, names: Value, dict: u32) -> bool {
        let Value::Tuple(names) = names else { return false };
        let Some(entries) = self.heap.entries(dict) else { return false };
        // An 8-bit text is another key where it is read as `bytes`.
        let text = |value: Value| Some((matches!(value, Value::Str8(_)), self.text_of(value)?));
        let mut keys: Vec<_> = entries.iter().filter_map(|(key, _)| text(*key)).collect();
        keys.sort_unstable();
        keys.dedup();
        self.heap.tuple(names).iter().all(|name| {
            let name = text(*name);
            let found = keys.iter().position(|key| name.as_ref() == Some(key));
            found.map(|found| keys.swap_remove(found)).is_some()
        })
    }

    /// Bytes of a tuple of a plain type and how many of it there are, or their shape.
    fn parts_size(&self, value: Value) -> Option<u64> {
        let Value::Tuple(id) = value else { return None };
        let [of, count] = *self.heap.tuple(id) else { return None };
        let size = self.heap.element_size(of).filter(|_| self.is_plain(of))?;
        let count = match count {
            Value::Int(count) => u64::try_from(count).ok()?,
            shape => self.elements_of(shape)?,
        };
        // Where there are none, or of no bytes, NumPy goes by what it never set as it converts them
        // (numpy/_core/src/multiarray/dtype_transfer.c get_subarray_transfer_function).
        size.checked_mul(count).filter(|bytes| *bytes > 0)
    }

    /// Whether these are dimensions of an array, with no more elements than a pickle has bytes for.
    /// NumPy 1 multiplies them without looking (methods.c array_setstate). One that is 0 counts as 1.
    fn is_shape(&self, dimensions: &[Value]) -> bool {
        self.spend(dimensions.len() as u64);
        let elements = dimensions.iter().try_fold(1_u32, |count, length| match length {
            Value::Int(length @ 0..) => count.checked_mul((*length).max(1) as u32),
            _ => None,
        });
        dimensions.len() <= MOST_DIMENSIONS && elements.is_some()
    }

    /// How many elements an array of the shape has.
    fn elements_of(&self, shape: Value) -> Option<u64> {
        let Value::Tuple(shape) = shape else { return None };
        let shape = self.heap.tuple(shape);
        self.spend(shape.len() as u64);
        shape.iter().try_fold(1_u64, |count, length| match length {
            Value::Int(length) => count.checked_mul(u64::try_from(*length).ok()?),
            _ => None,
        })
    }

    /// Whether a list has exactly as many elements as an array of the shape.
    fn is_list_over(&self, shape: Option<&Value>, list: Value) -> bool {
        let Value::List(list) = list else { return false };
        shape.and_then(|shape| self.elements_of(*shape)) == Some(self.heap.len(list))
    }

    /// Whether the arguments conform, and on the contents of what that relies.
    pub(super) fn accepts(&self, of: &Contract, signature: &Signature, args: &[Value]) -> bool {
        self.start_match(Some(of));
        self.takes(signature, args)
    }

    /// Whether the state conforms, and on the contents of what that relies.
    pub(super) fn accepts_state(&self, of: &Contract, pattern: &Pattern, state: Value) -> bool {
        self.start_match(Some(of));
        self.matches(pattern, state)
    }

    /// Forgets what the last match relied upon.
    pub(super) fn start_match(&self, of: Option<&Contract>) {
        self.relied.borrow_mut().clear();
        self.took_data.set(false);
        self.stored.set(of.is_some_and(|contract| contract.stores));
    }

    /// Whether the list or dict has these traits, on which is relied from now on.
    fn relies(&self, value: Value, wanted: Traits) -> bool {
        let has = match value {
            Value::List(id) => self.heap.list(id).has(wanted),
            Value::Dict(id) => self.heap.dict(id).has(wanted),
            _ => false,
        };
        if has {
            self.relied.borrow_mut().push(value);
        }
        has
    }

    /// Whether the value conforms to the pattern.
    pub(super) fn matches(&self, pattern: &Pattern, value: Value) -> bool {
        self.conforms(pattern, value) && (!pattern.is_general() || self.may_be_given(value))
    }

    fn conforms(&self, pattern: &Pattern, value: Value) -> bool {
        match pattern {
            Pattern::Any | Pattern::Free => value != Value::Buffer && !self.holds_unknown(value),
            Pattern::None => value == Value::None,
            Pattern::Bool => matches!(value, Value::Bool(_)),
            Pattern::Int => matches!(value, Value::Int(_) | Value::BigInt | Value::Bool(_)),
            Pattern::IntIn(low, high) => match value {
                Value::Int(value) => (*low..=*high).contains(&i64::from(value)),
                Value::Bool(value) => (*low..=*high).contains(&i64::from(value)),
                _ => false,
            },
            Pattern::Float => value == Value::Float,
            Pattern::Str => matches!(value, Value::Str(_)),
            // An 8-bit string is that `str`, or `bytes`, which takers of a `str` refuse.
            Pattern::StrIs(text) => {
                self.text_of(value).is_some_and(|constant| *constant == *text.as_bytes())
            }
            Pattern::StrNumbered(prefix) => self.text_of(value).is_some_and(|text| {
                let number = text.strip_prefix(prefix.as_bytes()).unwrap_or_default();
                matches!(number.len(), 1..=8) && number.iter().all(u8::is_ascii_digit)
            }),
            Pattern::Zone => {
                matches!(value, Value::Str(_))
                    && self.text_of(value).is_some_and(|text| is_zone(&text))
            }
            Pattern::Ratio => self.text_of(value).is_some_and(|text| {
                self.spend_on(&text);
                is_ratio(&text)
            }),
            Pattern::Regex => {
                let constant = match value {
                    Value::Str(_) => self.text_of(value),
                    _ => self.bytes_of(value),
                };
                constant.is_some_and(|text| {
                    self.spend_on(&text);
                    expression::compiles_quietly(&text)
                })
            }
            Pattern::Str8 => matches!(value, Value::Str8(_)),
            Pattern::Bytes => {
                matches!(value, Value::Bytes(_) | Value::SomeBytes | Value::Encoded(_))
            }
            Pattern::BytesIs(bytes) => {
                self.bytes_of(value).is_some_and(|constant| *constant == **bytes)
            }
            Pattern::BytesOfLength(length) => {
                self.bytes_of(value).is_some_and(|bytes| bytes.len() == *length)
            }
            Pattern::Nodes => self.bytes_of(value).is_some_and(|bytes| {
                self.spend_on(&bytes);
                nodes::form_a_tree(&bytes)
            }),
            Pattern::LightgbmModel => {
                matches!(value, Value::Str(_))
                    && self.text_of(value).is_some_and(|text| {
                        self.spend_on(&text);
                        lightgbm::is_well_formed(&text)
                    })
            }
            Pattern::XgboostModel => {
                matches!(value, Value::ByteArray(_))
                    && self.bytes_of(value).is_some_and(|bytes| {
                        self.spend_on(&bytes);
                        xgboost::is_well_formed(&bytes)
                    })
            }
            Pattern::ByteArray => matches!(value, Value::ByteArray(_)),
            Pattern::Buffer => value == Value::Buffer,
            Pattern::List => matches!(value, Value::List(_)),
            // Only beside what they go by.
            Pattern::ListOver(_)
            | Pattern::ScalarsOver(_)
            | Pattern::FieldsWithin(_)
            | Pattern::PartsWithin(_) => false,
            Pattern::ListOf(contents) => {
                // The first of each pair is hashed, be it in a tuple or in a list.
                let keyed = *contents == Contents::Pairs && self.heap.has_unhashed();
                let hashed = matches!(contents, Contents::Pairs | Contents::Hashed);
                matches!(value, Value::List(_))
                    && !keyed
                    && (!hashed || self.is_known_within(value))
                    && self.relies(value, traits(*contents))
            }
            Pattern::ListEach(of) => {
                let Value::List(id) = value else { return false };
                let elements = self.heap.elements(id);
                elements.is_some_and(|elements| elements.iter().all(|one| self.matches(of, *one)))
                    && self.relies(value, Traits::NONE)
            }
            Pattern::Dict => matches!(value, Value::Dict(_)),
            Pattern::DictOf(entries) => self.has_entries(entries, value),
            Pattern::DictEach(of) => {
                let Value::Dict(id) = value else { return false };
                let entries = self.heap.entries(id);
                let conforms =
                    |(key, one): &(Value, Value)| self.may_be_given(*key) && self.matches(of, *one);
                entries.is_some_and(|entries| entries.iter().all(conforms))
                    && self.relies(value, Traits::NONE)
            }
            Pattern::Shape => match value {
                Value::Tuple(id) => self.is_shape(self.heap.tuple(id)),
                _ => false,
            },
            Pattern::DictUncalled => {
                matches!(value, Value::Dict(_))
                    && self.relies(value, Traits::UNCALLED.and(Traits::NO_HOOKS))
            }
            Pattern::Attributes(attributes) => {
                let wanted = asked_of(attributes).and(traits(attributes.holds));
                self.has_no_keys_but(&attributes.names, value) && self.relies(value, wanted)
            }
            Pattern::Set => matches!(value, Value::Set(_)),
            Pattern::FrozenSet => matches!(value, Value::FrozenSet(_)),
            Pattern::Hashed => match value {
                Value::List(_) | Value::Dict(_) | Value::Set(_) => false,
                _ => {
                    !self.holds_unhashed(&[value])
                        && self.is_known_within(value)
                        && !self.holds_unknown(value)
                }
            },
            Pattern::TupleHashed => {
                matches!(value, Value::Tuple(id) if !self.heap.is_unhashed(id))
                    && self.is_known_within(value)
                    && !self.holds_unknown(value)
            }
            Pattern::Tuple => matches!(value, Value::Tuple(_)) && !self.holds_unknown(value),
            Pattern::TupleOf(signature) => match value {
                Value::Tuple(id) => {
                    let elements = self.heap.tuple(id);
                    self.spend(elements.len() as u64);
                    self.takes(signature, elements)
                }
                _ => false,
            },
            Pattern::Class => match value {
                Value::Global(id) => self
                    .globals
                    .get(id)
                    .contract
                    .is_some_and(|contract| contract.kind == Kind::Class),
                _ => false,
            },
            Pattern::ClassCalled => match value {
                Value::Global(id) => self.globals.get(id).contract.is_some_and(|contract| {
                    contract.kind == Kind::Class
                        && contract.call.iter().any(|form| form.args.takes(0))
                }),
                _ => false,
            },
            Pattern::Instance => matches!(value, Value::Instance(_)),
            Pattern::InstanceOf(key) => {
                matches!(value, Value::Instance(id)
                    if self.globals.get(self.heap.class(id)).key == *key)
            }
            Pattern::InstanceLike(key) => self.is_like(key, value),
            Pattern::InstanceFlat(key) => {
                // A global has no depth, and may have a metaclass of its own.
                self.is_like(key, value)
                    && self.heap.depth(value) <= 1
                    && self.heap.holds_data(value)
            }
            Pattern::GlobalIs(key) => {
                matches!(value, Value::Global(id) if self.globals.get(id).key == *key)
            }
            Pattern::AnyOf(patterns) => patterns.iter().any(|pattern| self.matches(pattern, value)),
        }
    }

    /// Whether the value is an instance of a class that has the contract of that one.
    fn is_like(&self, key: &str, value: Value) -> bool {
        self.class_of(value).is_some_and(|contract| contract.is_of(key))
    }

    /// Whether the value is a dict with such entries.
    fn has_entries(&self, Entries { of, others }: &Entries, value: Value) -> bool {
        let Value::Dict(id) = value else { return false };
        let Some(entries) = self.heap.entries(id) else { return false };
        self.spend(entries.len() as u64);
        let mut met = vec![false; of.len()];
        let conforms = |(key, value): &(Value, Value)| {
            let Some(key) = self.text_of(*key) else { return false };
            let at = of.iter().position(|entry| *entry.key.as_bytes() == *key);
            match at {
                Some(at) => {
                    met[at] = true;
                    self.matches(&of[at].value, *value)
                }
                None => others.as_ref().is_some_and(|attributes| match attributes.holds {
                    Contents::Atoms => value.is_atom(),
                    _ => self.may_be_given(*value),
                }),
            }
        };
        let wanted = others.as_ref().map_or(Traits::ATTRIBUTES, asked_of);
        entries.iter().all(conforms)
            && of.iter().zip(met).all(|(entry, met)| met || entry.optional)
            && self.relies(value, wanted)
    }

    /// Whether the value is a dict with no keys but the names, if there are any.
    fn has_no_keys_but(&self, names: &[String], value: Value) -> bool {
        let Value::Dict(id) = value else { return false };
        let named = |key: &_| {
            let text = self.text_of(Value::Str(*key));
            text.is_some_and(|key| names.iter().any(|name| *key == *name.as_bytes()))
        };
        names.is_empty() || self.heap.keys(id).is_some_and(|keys| keys.iter().all(named))
    }

    /// Whether the value is, or as a tuple directly holds, something not allowed. What else
    /// holds such a thing was reported when that thing was made.
    fn holds_unknown(&self, value: Value) -> bool {
        match value {
            Value::Unknown => true,
            Value::Tuple(id) => {
                let elements = self.heap.tuple(id);
                self.spend((elements.len() / 8) as u64);
                elements.contains(&Value::Unknown)
            }
            _ => false,
        }
    }
}

/// What is asked of all that a dict of attributes holds, but for what `traits` says.
fn asked_of(Attributes { holds, callables, .. }: &Attributes) -> Traits {
    let mut wanted = Traits::ATTRIBUTES;
    if *holds != Contents::WithValues {
        wanted = wanted.and(Traits::NO_VALUES);
    }
    if !callables {
        wanted = wanted.and(Traits::UNCALLED);
    }
    wanted
}

fn traits(contents: Contents) -> Traits {
    match contents {
        Contents::Any | Contents::WithValues => Traits::ATTRIBUTES,
        Contents::Atoms => Traits::ATOMS,
        Contents::Pairs => Traits::PAIRS,
        Contents::Hashed => Traits::HASHED,
        Contents::NoArgs => Traits::NO_ARGS,
    }
}

/// Whether the text names a time zone as the tz database does: words between single slashes, none
/// of which leads out of a directory.
fn is_zone(name: &[u8]) -> bool {
    let word = |word: &[u8]| {
        word.first().is_some_and(u8::is_ascii_alphabetic)
            && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(byte))
    };
    name.len() < 64 && name.split(|byte| *byte == b'/').all(word)
}

/// Whether the text is what `fractions.Fraction` writes: digits, a sign, a denominator.
fn is_ratio(text: &[u8]) -> bool {
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = unsigned.splitn(2, |byte| *byte == b'/');
    parts.all(digits)
}
