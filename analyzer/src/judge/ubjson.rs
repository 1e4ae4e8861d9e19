//! UBJSON, in the dialect XGBoost writes (`src/common/json.cc` UBJWriter). Its reader
//! (`include/xgboost/json_io.h` UBJReader) trusts every length and recurses as deep as a document
//! goes: what is read here whole, it reads within its memory. What only it takes (unsized arrays,
//! `C`, bytes behind the document) is refused.

/// How deep a document may be: XGBoost's models go about ten deep.
const DEEPEST: u8 = 32;

/// A value of a document, whose contents stay bytes and are read when asked for.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Object(&'a [u8]),
    Array(Array<'a>),
    Text(&'a [u8]),
    Integer(i64),
    /// Null, a boolean or a float.
    Other,
}

impl<'a> Value<'a> {
    /// The document the bytes are, if each entry of its objects, however deep, passes the check.
    pub(super) fn read(bytes: &'a [u8], check: fn(&[u8], Value) -> bool) -> Option<Self> {
        let mut reader = Reader { rest: bytes, check };
        reader.value(DEEPEST).filter(|_| reader.rest.is_empty())
    }

    pub(super) fn fields(self) -> Option<Fields<'a>> {
        let Value::Object(bytes) = self else { return None };
        Reader::checked(bytes).fields(DEEPEST)
    }

    pub(super) fn array(self) -> Option<Array<'a>> {
        if let Value::Array(array) = self { Some(array) } else { None }
    }

    pub(super) fn text(self) -> Option<&'a [u8]> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn integer(self) -> Option<i64> {
        if let Value::Integer(integer) = self { Some(integer) } else { None }
    }
}

/// The entries of an object, by their keys.
pub(super) struct Fields<'a>(Vec<(&'a [u8], Value<'a>)>);

impl<'a> Fields<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        let at = self.0.binary_search_by_key(&key.as_bytes(), |(key, _)| key).ok()?;
        self.0.get(at).map(|(_, value)| *value)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Array<'a> {
    /// The marker of all values; without one, each has its own.
    pub(super) kind: Option<u8>,
    pub(super) count: i64,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    pub(super) fn values(self) -> impl Iterator<Item = Value<'a>> {
        let mut reader = Reader::checked(self.bytes);
        (0..self.count).map_while(move |_| match self.kind {
            Some(kind) => reader.marked(kind, DEEPEST),
            None => reader.value(DEEPEST),
        })
    }

    /// Its integers, where it has that type or none; nothing in the place of another value.
    pub(super) fn integers(self, kind: u8) -> Option<impl Iterator<Item = Option<i64>>> {
        let may_be = self.kind.is_none_or(|own| own == kind);
        may_be.then(|| self.values().map(Value::integer))
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    check: fn(&[u8], Value) -> bool,
}

impl<'a> Reader<'a> {
    /// Reads again what was read and checked before.
    fn checked(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, check: |_, _| true }
    }

    fn value(&mut self, depth: u8) -> Option<Value<'a>> {
        let marker = *self.rest.split_off_first()?;
        self.marked(marker, depth)
    }

    fn marked(&mut self, marker: u8, depth: u8) -> Option<Value<'a>> {
        let depth = depth.checked_sub(1)?;
        Some(match marker {
            b'{' => {
                let from = self.rest;
                self.fields(depth)?;
                Value::Object(from.get(..from.len() - self.rest.len())?)
            }
            b'[' => Value::Array(self.array(depth)?),
            b'S' => Value::Text(self.text()?),
            b'Z' | b'T' | b'F' => Value::Other,
            b'd' | b'D' => {
                self.take(width(marker)?)?;
                Value::Other
            }
            b'i' => Value::Integer(i8::from_be_bytes(self.bytes()?).into()),
            b'U' => Value::Integer(u8::from_be_bytes(self.bytes()?).into()),
            b'I' => Value::Integer(i16::from_be_bytes(self.bytes()?).into()),
            b'l' => Value::Integer(i32::from_be_bytes(self.bytes()?).into()),
            b'L' => Value::Integer(i64::from_be_bytes(self.bytes()?)),
            _ => return None,
        })
    }

    fn fields(&mut self, depth: u8) -> Option<Fields<'a>> {
        let mut fields = Vec::new();
        while *self.rest.first()? != b'}' {
            let (key, value) = (self.text()?, self.value(depth)?);
            if !(self.check)(key, value) {
                return None;
            }
            fields.push((key, value));
        }
        self.rest.split_off_first()?;
        fields.sort_unstable_by_key(|(key, _)| *key);
        // XGBoost keeps the first of a key, other readers the last.
        fields.is_sorted_by(|(one, _), (next, _)| one < next).then_some(Fields(fields))
    }

    fn array(&mut self, depth: u8) -> Option<Array<'a>> {
        let typed = self.rest.strip_prefix(b"$").and_then(|rest| rest.split_first());
        if let Some((&kind, rest)) = typed {
            self.rest = rest.strip_prefix(b"#")?;
            let count = self.length()?;
            let bytes = self.take(count * width(kind)?)?;
            return Some(Array { kind: Some(kind), count, bytes });
        }
        self.rest = self.rest.strip_prefix(b"#")?;
        let count = self.length()?;
        let from = self.rest;
        for _ in 0..count {
            self.value(depth)?;
        }
        Some(Array { kind: None, count, bytes: from.get(..from.len() - self.rest.len())? })
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    /// A length: XGBoost takes but this marker, and moves on by 32 bits (`json_io.h` Forward).
    fn length(&mut self) -> Option<i64> {
        self.rest = self.rest.strip_prefix(b"L")?;
        let length = i64::from_be_bytes(self.bytes()?);
        (0..=i32::MAX.into()).contains(&length).then_some(length)
    }

    fn take(&mut self, count: i64) -> Option<&'a [u8]> {
        self.rest.split_off(..usize::try_from(count).ok()?)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.rest.split_off(..N)?.try_into().ok()
    }
}

/// Bytes of a number with this marker.
fn width(marker: u8) -> Option<i64> {
    Some(match marker {
        b'i' | b'U' => 1,
        b'I' => 2,
        b'd' | b'l' => 4,
        b'D' | b'L' => 8,
        _ => return None,
    })
}

/// A document of words: `.key`, `'text`, `=integer`, `#count` of values, `$lcount` of the numbers that
/// follow, and characters that stand for themselves.
#[cfg(test)]
pub(super) fn written(words: &str) -> Vec<u8> {
    let number = |word: &str| word.parse::<i64>().expect("a number").to_be_bytes();
    let text = |text: &str| [b"L", &text.len().to_be_bytes()[..], text.as_bytes()].concat();
    let mut kind = b'L';
    let mut word = |word: &str| match word.split_at(1) {
        (".", key) => text(key),
        ("'", content) => [b"S", &text(content)[..]].concat(),
        ("=", integer) => [b"L", &number(integer)[..]].concat(),
        ("#", count) => [b"[#L", &number(count)[..]].concat(),
        ("$", typed) => {
            kind = typed.as_bytes()[0];
            [b"[$", &[kind][..], b"#L", &number(&typed[1..])].concat()
        }
        (itself, "") if !itself.starts_with(|first: char| first.is_ascii_digit()) => itself.into(),
        _ => match kind {
            b'U' => number(word)[7..].to_vec(),
            b'd' | b'l' => number(word)[4..].to_vec(),
            _ => number(word).to_vec(),
        },
    };
    words.split_whitespace().flat_map(&mut word).collect()
}
