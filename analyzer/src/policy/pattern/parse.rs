//! Reads patterns.
//!
//! A signature is a comma-separated list of patterns: `str, 'latin1'|'latin-1'`. `?` after a pattern
//! makes it and what follows optional; `*` after the last lets it repeat, `*9` up to nine times.
//!
//! A pattern is a list of alternatives separated by `|`, each
//! - a kind (`int`, `list`, `class`…), `hashed` for what may be hashed, or `class#called` for a class that
//!   may be called without arguments;
//! - a string literal, with `#` behind it and digits after it (`'f'#`), such bytes (`b'b'`), or a range of
//!   integers (`0..255`);
//! - `ratio`, `regex` or `zone` of certain texts, `nodes`, `lightgbm` and `xgboost` of certain bytes or text;
//! - a tuple of patterns in parentheses;
//! - `[int]`, a short list of such, or a list that is as long as the shape that is item 1 says, of anything
//!   (`list#1`) or of scalars (`scalars#1`);
//! - `{data: list, name: hashed?}`, a small dict with no other keys, or with others if `...` or `...atoms`
//!   ends it; `{*: list}`, one of whatever keys;
//! - `shape`, a tuple of dimensions of an array that a pickle may hold;
//! - a list, tuple or dict of which is said what it holds: `list#atoms`, `list#pairs`, `list#hashed`,
//!   `tuple#hashed`, `attributes#atoms`, `attribute:_left/_right` (no keys but these; `#atoms` behind the
//!   last), `fields#5` and `parts#5` (within the bytes of item 5);
//! - an instance (`<datetime:timezone>`, or `<like builtins:BaseException>` of any class that shares its
//!   contract, `<flat …>` if it holds nothing either) or global (`=builtins:object`).

use super::{Attributes, Contents, Entries, Item, Pattern, Signature};

pub(super) struct Parser<'t> {
    text: &'t str,
    rest: &'t str,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, rest: text }
    }

    pub(super) fn signature(&mut self) -> Result<Signature, String> {
        let mut signature = Signature::default();
        let mut optional = false;
        self.skip_spaces();
        while !self.rest.is_empty() && !self.rest.starts_with(')') {
            if signature.rest {
                return Err(self.expected("nothing after `*`"));
            }
            signature.patterns.push(self.pattern()?);
            if self.take("?") {
                optional = true;
            } else if self.take("*") {
                self.repeat(&mut signature)?;
                optional = true;
            }
            if !optional {
                signature.required = signature.patterns.len();
            }
            self.skip_spaces();
            if !self.take(",") {
                break;
            }
            self.skip_spaces();
        }
        Ok(signature)
    }

    /// The last pattern again and again, at most as often as says a number behind the `*`.
    fn repeat(&mut self, signature: &mut Signature) -> Result<(), String> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (most, rest) = self.rest.split_at(end);
        if most.is_empty() {
            signature.rest = true;
            return Ok(());
        }
        let most: usize = most.parse().map_err(|_| self.expected("a small number"))?;
        let last = signature.patterns.last().cloned();
        let more = last.into_iter().cycle().take(most.saturating_sub(1));
        signature.patterns.extend(more);
        self.rest = rest;
        Ok(())
    }

    pub(super) fn pattern(&mut self) -> Result<Pattern, String> {
        let mut alternatives = vec![self.single()?];
        while self.take("|") {
            alternatives.push(self.single()?);
        }
        Ok(match alternatives.len() {
            1 => alternatives.remove(0),
            _ => Pattern::AnyOf(alternatives),
        })
    }

    fn single(&mut self) -> Result<Pattern, String> {
        self.skip_spaces();
        if self.take("b'") {
            return Ok(Pattern::BytesIs(self.until("'")?.as_bytes().to_vec()));
        }
        if self.take("'") {
            let text = self.until("'")?.to_owned();
            return Ok(match self.take("#") {
                true => Pattern::StrNumbered(text),
                false => Pattern::StrIs(text),
            });
        }
        if self.take("(") {
            let signature = self.signature()?;
            self.skip_spaces();
            return if self.take(")") {
                Ok(Pattern::TupleOf(signature))
            } else {
                Err(self.expected("`)`"))
            };
        }
        if self.take("<") {
            let name = self.until(">")?;
            return Ok(match name.split_once(' ') {
                Some(("like", name)) => Pattern::InstanceLike(name.to_owned()),
                Some(("flat", name)) => Pattern::InstanceFlat(name.to_owned()),
                _ => Pattern::InstanceOf(name.to_owned()),
            });
        }
        if self.take("[") {
            let each = self.pattern()?;
            return match self.take("]") {
                true => Ok(Pattern::ListEach(Box::new(each))),
                false => Err(self.expected("`]`")),
            };
        }
        if self.take("{*:") {
            let each = self.pattern()?;
            return match self.take("}") {
                true => Ok(Pattern::DictEach(Box::new(each))),
                false => Err(self.expected("`}`")),
            };
        }
        if self.take("{") {
            return self.entries();
        }
        if self.take("=") {
            return Ok(Pattern::GlobalIs(self.word().to_owned()));
        }
        let word = self.word();
        if let Some((low, high)) = word.split_once("..") {
            let bound = |text: &str| text.parse().map_err(|_| self.expected("a range of integers"));
            return Ok(Pattern::IntIn(bound(low)?, bound(high)?));
        }
        if let Ok(number) = word.parse() {
            return Ok(Pattern::IntIn(number, number));
        }
        if let Some(name) = word.strip_prefix("attribute:") {
            let mut names = vec![name.to_owned()];
            while self.take("/") {
                names.push(self.word().to_owned());
            }
            let last = names.last_mut().expect("there is one");
            let holds = match last.strip_suffix("#atoms") {
                Some(name) => {
                    *last = name.to_owned();
                    Contents::Atoms
                }
                None => Contents::WithValues,
            };
            return Ok(Pattern::Attributes(Attributes { names, ..Attributes::of(holds) }));
        }
        if let Some(Ok(shape)) = word.strip_prefix("list#").map(str::parse) {
            return Ok(Pattern::ListOver(shape));
        }
        if let Some(Ok(shape)) = word.strip_prefix("scalars#").map(str::parse) {
            return Ok(Pattern::ScalarsOver(shape));
        }
        if let Some(Ok(size)) = word.strip_prefix("fields#").map(str::parse) {
            return Ok(Pattern::FieldsWithin(size));
        }
        if let Some(Ok(size)) = word.strip_prefix("parts#").map(str::parse) {
            return Ok(Pattern::PartsWithin(size));
        }
        if let Some(length) = word.strip_prefix("bytes#") {
            let length = length.parse().map_err(|_| self.expected("a length after `bytes#`"))?;
            return Ok(Pattern::BytesOfLength(length));
        }
        Ok(match word {
            "any" => Pattern::Any,
            "none" => Pattern::None,
            "bool" => Pattern::Bool,
            "int" => Pattern::Int,
            "float" => Pattern::Float,
            "str" => Pattern::Str,
            "regex" => Pattern::Regex,
            "zone" => Pattern::Zone,
            "ratio" => Pattern::Ratio,
            "str8" => Pattern::Str8,
            "bytes" => Pattern::Bytes,
            "nodes" => Pattern::Nodes,
            "lightgbm" => Pattern::LightgbmModel,
            "xgboost" => Pattern::XgboostModel,
            "bytearray" => Pattern::ByteArray,
            "buffer" => Pattern::Buffer,
            "list" => Pattern::List,
            "list#atoms" => Pattern::ListOf(Contents::Atoms),
            "list#pairs" => Pattern::ListOf(Contents::Pairs),
            "list#hashed" => Pattern::ListOf(Contents::Hashed),
            "dict" => Pattern::Dict,
            "dict#uncalled" => Pattern::DictUncalled,
            "attributes" => Pattern::Attributes(Attributes::of(Contents::Any)),
            "attributes#atoms" => Pattern::Attributes(Attributes::of(Contents::Atoms)),
            "attributes#values" => Pattern::Attributes(Attributes::of(Contents::WithValues)),
            "attributes#callables" => {
                Pattern::Attributes(Attributes { callables: true, ..Attributes::of(Contents::Any) })
            }
            "attributes#noargs" => Pattern::Attributes(Attributes::of(Contents::NoArgs)),
            "shape" => Pattern::Shape,
            "set" => Pattern::Set,
            "frozenset" => Pattern::FrozenSet,
            "tuple" => Pattern::Tuple,
            "tuple#hashed" => Pattern::TupleHashed,
            "hashed" => Pattern::Hashed,
            "class" => Pattern::Class,
            "class#called" => Pattern::ClassCalled,
            "instance" => Pattern::Instance,
            _ => return Err(self.expected("a kind of value, a literal, a range or a tuple")),
        })
    }

    /// What stands between braces: `key: PATTERN`, with `?` where the key need not be there.
    fn entries(&mut self) -> Result<Pattern, String> {
        let mut entries = Entries { of: Vec::new(), others: None };
        loop {
            self.skip_spaces();
            if self.take("...atoms") {
                entries.others = Some(Attributes::of(Contents::Atoms));
            } else if self.take("...") {
                entries.others = Some(Attributes::of(Contents::Any));
            }
            if self.take("}") {
                return Ok(Pattern::DictOf(entries));
            }
            let key = match self.take("'") {
                true => self.until("'")?.to_owned(),
                false => self.word().trim_end_matches(':').to_owned(),
            };
            self.take(":");
            self.skip_spaces();
            let value = self.pattern()?;
            let optional = self.take("?");
            entries.of.push(Item { key, value, optional });
            self.skip_spaces();
            if !self.take(",") && !self.rest.starts_with('}') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn word(&mut self) -> &'t str {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '#' | '-');
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn until(&mut self, close: &str) -> Result<&'t str, String> {
        let end = self.rest.find(close).ok_or_else(|| self.expected(&format!("`{close}`")))?;
        let inner = &self.rest[..end];
        self.rest = &self.rest[end + close.len()..];
        Ok(inner)
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn end(&mut self) -> Result<(), String> {
        self.skip_spaces();
        if self.rest.is_empty() { Ok(()) } else { Err(self.expected("the end")) }
    }

    fn expected(&self, what: &str) -> String {
        format!("expected {what} at `{}` of `{}`", self.rest, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;

    #[test]
    fn reads_the_language() {
        let signature =
            Signature::parse("str|bytes, 'latin1'|'latin-1', 0..9?, (int, any*)?").unwrap();
        assert_eq!(signature.required, 2);
        assert_eq!(signature.patterns.len(), 4);
        assert_eq!(signature.patterns[2], Pattern::IntIn(0, 9));
        assert!(signature.takes(2) && signature.takes(4) && !signature.takes(5));
        assert!(Signature::parse("").unwrap().takes(0));
        assert!(!Signature::parse("").unwrap().takes(1));
        assert_eq!(Signature::parse("any*").unwrap(), Signature::anything());
        let literals = Signature::parse("'f'#, b'b', 7, -112..-1").unwrap();
        assert_eq!(
            literals.patterns,
            [
                Pattern::StrNumbered("f".into()),
                Pattern::BytesIs(b"b".to_vec()),
                Pattern::IntIn(7, 7),
                Pattern::IntIn(-112, -1)
            ]
        );
        let instances = Signature::parse("<a:B>|<like a:C>").unwrap();
        let (of, like) = (Pattern::InstanceOf("a:B".into()), Pattern::InstanceLike("a:C".into()));
        assert_eq!(instances.patterns, [Pattern::AnyOf(vec![of, like])]);
    }

    #[test]
    fn says_where_it_does_not_understand() {
        let error = Signature::parse("str, wat").unwrap_err();
        assert!(error.contains("a kind of value"), "{error}");
        assert!(Signature::parse("int* , int").is_err());
        assert!(Pattern::parse("(int").is_err());
    }
}
