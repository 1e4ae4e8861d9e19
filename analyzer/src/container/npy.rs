//! NumPy's `.npy`: a header, then raw data, or a pickle if the type of the elements is object.

use std::borrow::Cow;

use super::{Payload, Unpacker};

/// Where the data begin, and the header's text.
fn header(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, start) = match bytes.get(6)? {
        1 => (usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?)), 10),
        2 | 3 => (usize::try_from(u32::from_le_bytes(*bytes.get(8..)?.first_chunk()?)).ok()?, 12),
        _ => return None,
    };
    let end = start + length;
    Some((end, bytes.get(start..end)?))
}

pub(super) fn unpack<'a>(
    unpacker: &mut Unpacker<'_, 'a>,
    member: Option<&str>,
    bytes: Cow<'a, [u8]>,
) {
    let mut begin = 0;
    // `numpy.load` of an open file reads one array, and the next time what follows it.
    let start = loop {
        let rest = &bytes[begin..];
        if rest.is_empty() {
            return;
        }
        if !rest.starts_with(MAGIC) {
            break begin;
        }
        let Some((start, text)) = header(rest) else {
            unpacker.damage(member, "the npy header can't be read");
            return;
        };
        let length = match elements(text) {
            Some(Elements::Objects) => break begin + start,
            Some(Elements::Bytes(length)) => length,
            None => {
                unpacker.damage(member, "the npy header is not as NumPy writes it");
                break begin + start;
            }
        };
        let data = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        match data.filter(|end| *end <= rest.len()) {
            Some(end) => begin += end,
            None => {
                unpacker.damage(member, "the array is cut short");
                return;
            }
        }
    };
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..]),
        Cow::Owned(mut bytes) => Cow::Owned(bytes.split_off(start)),
    };
    unpacker.contents.payloads.push(Payload {
        member: member.map(str::to_owned),
        loader: Some("numpy.load"),
        container: None,
        offset: start,
        bytes,
    });
}

/// What follows a header.
#[derive(Debug, PartialEq, Eq)]
enum Elements {
    /// A pickle.
    Objects,
    /// So many bytes.
    Bytes(u64),
}

/// Bytes of a header beyond which NumPy reads none (`numpy/lib/format.py` _MAX_HEADER_SIZE): the
/// parser of a literal may be made to overflow the stack.
const LONGEST: usize = 10_000;

/// Fields within fields that are followed.
const DEEPEST: usize = 8;

/// What follows a header, if it is spelled as NumPy spells it (`numpy/lib/format.py`
/// _write_array_header): it is read as any literal of Python, in which there are other ways to say
/// the same, and to say something else to who looks for words.
fn elements(header: &[u8]) -> Option<Elements> {
    let header = str::from_utf8(header).ok().filter(|header| header.len() <= LONGEST)?;
    let rest = header.trim_end_matches(['\n', ' ', '\x00']).strip_prefix("{'descr': ")?;
    let (size, rest) = match rest.strip_prefix("'|O'") {
        Some(rest) => (None, rest),
        None => kind(rest, DEEPEST).map(|(size, rest)| (Some(size), rest))?,
    };
    let rest = rest.strip_prefix(", 'fortran_order': ")?;
    let rest = rest.strip_prefix("False").or_else(|| rest.strip_prefix("True"))?;
    let (count, rest) = shape(rest.strip_prefix(", 'shape': ")?)?;
    if !matches!(rest, ", }" | "}") {
        return None;
    }
    match size {
        None => Some(Elements::Objects),
        // NumPy before 2 counts sizes in 32 bits.
        Some(size) => {
            i32::try_from(size).ok()?;
            count.checked_mul(size).map(Elements::Bytes)
        }
    }
}

/// The size of an element of a type without objects, and what follows the type.
fn kind(text: &str, depth: usize) -> Option<(u64, &str)> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (name, rest) = rest.split_once('\'')?;
        return Some((named(name)?, rest));
    }
    let mut rest = text.strip_prefix('[')?;
    let mut sum = 0_u64;
    loop {
        let (size, next) = field(rest, depth.checked_sub(1)?)?;
        sum = sum.checked_add(size)?;
        match next.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return Some((sum, next.strip_prefix(']')?)),
        }
    }
}

/// The size of a field, `('name', TYPE)` or `('name', TYPE, SHAPE)`, and what follows it. Instead of
/// a name there may be a title and a name.
fn field(text: &str, depth: usize) -> Option<(u64, &str)> {
    let rest = text.strip_prefix('(')?;
    let rest = match rest.strip_prefix('(') {
        Some(rest) => quoted(quoted(rest)?.strip_prefix(", ")?)?.strip_prefix(')')?,
        None => quoted(rest)?,
    };
    let (size, rest) = kind(rest.strip_prefix(", ")?, depth)?;
    if let Some(rest) = rest.strip_prefix(')') {
        return Some((size, rest));
    }
    let (count, rest) = shape(rest.strip_prefix(", ")?)?;
    Some((size.checked_mul(count)?, rest.strip_prefix(')')?))
}

/// What follows a name in single quotes.
fn quoted(text: &str) -> Option<&str> {
    let (name, rest) = text.strip_prefix('\'')?.split_once('\'')?;
    (!name.contains('\\')).then_some(rest)
}

/// The size of an element of a type without objects: `<f8`, `<U3`, `<M8[ns]`.
fn named(name: &str) -> Option<u64> {
    let mut letters = name.strip_prefix(['<', '>', '|'])?.chars();
    let kind = letters.next()?;
    let (size, unit) = match letters.as_str().split_once('[') {
        Some((size, unit)) => (size, Some(unit.strip_suffix(']')?)),
        None => (letters.as_str(), None),
    };
    let width = match (kind, unit) {
        ('U', None) => 4,
        ('b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'V', None) => 1,
        ('m' | 'M', None) => 1,
        ('m' | 'M', Some(unit)) if unit.bytes().all(|byte| byte.is_ascii_alphanumeric()) => 1,
        _ => return None,
    };
    natural(size)?.checked_mul(width)
}

/// How many elements an array of the shape has, `(3, 4)` or `(3,)`, and what follows the shape.
fn shape(text: &str) -> Option<(u64, &str)> {
    let (inner, rest) = text.strip_prefix('(')?.split_once(')')?;
    if inner.is_empty() {
        return Some((1, rest));
    }
    // Of one length without a comma the literal is a number, which means another type as a field's.
    let inner = match inner.split_once(',') {
        None => return None,
        Some((one, "")) => one,
        Some(_) => inner,
    };
    let count = inner.split(", ").try_fold(1_u64, |count, length| {
        // As long integers of Python 2 were written.
        count.checked_mul(natural(length.strip_suffix('L').unwrap_or(length))?)
    });
    Some((count?, rest))
}

/// A number in decimal, without sign.
fn natural(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// With what the file begins.
const MAGIC: &[u8] = b"\x93NUMPY";

/// Bytes of the array that begins so, if it is one of plain data, in which there is nothing to judge.
pub(super) fn extent(head: &[u8]) -> Option<u64> {
    let (start, text) = header(head).filter(|_| head.starts_with(MAGIC))?;
    match elements(text)? {
        Elements::Bytes(length) => length.checked_add(start as u64),
        Elements::Objects => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Elements, elements};

    fn of(kind: &str, shape: &str) -> Option<u64> {
        let text =
            format!("{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}       \n");
        match elements(text.as_bytes())? {
            Elements::Bytes(length) => Some(length),
            Elements::Objects => Some(u64::MAX),
        }
    }

    #[test]
    fn how_long_an_array_is() {
        assert_eq!(of("'<f8'", "(3, 4)"), Some(96));
        assert_eq!(of("'<U5'", "(2,)"), Some(40));
        assert_eq!(of("'|S0'", "(2,)"), Some(0));
        assert_eq!(of("'<M8[25ns]'", "()"), Some(8));
        assert_eq!(of("'<f8'", "(3L, 4L)"), Some(96));
        assert_eq!(of("[('a', '<f8'), ('b', '|S3', (2, 2)), ('', '|V4', (1,))]", "(2,)"), Some(48));
        assert_eq!(of("[(('title', 'a'), '<f8'), ('b', [('c', '|u1')])]", "()"), Some(9));
        assert_eq!(of("'|O'", "(2,)"), Some(u64::MAX));
    }

    /// What else a literal of Python may say, or say so.
    #[test]
    fn what_numpy_does_not_write_is_not_followed() {
        for kind in [
            "f8,i4",
            "'f8,i4'",
            "'|S1' '51'",
            "'|S4294967304'",
            "'<f+8'",
            "'=f8'",
            "'O'",
            "'|O8'",
            "'<M8[ns]x'",
            "b'<f8'",
            "[]",
            "[('a', '|O')]",
            "[('a\\'', '<f8')]",
            "[('a', '<f8'),]",
        ] {
            assert_eq!(of(kind, "(2,)"), None, "{kind}");
        }
        assert_eq!(of("[('a', '|S0', (128))]", "(2,)"), None);
        for shape in [
            "(1)",
            "(1, 2,)",
            "(1,) + (2,)",
            "(-1,)",
            "(1, 2",
            "2",
            "(18446744073709551615, 2)",
            "(+1,)",
        ] {
            assert_eq!(of("'<f8'", shape), None, "{shape}");
        }
        let nested = format!("{}'<f8'{}", "[('a', ".repeat(9), ")]".repeat(9));
        assert_eq!(of(&nested, "()"), None);
        for header in [
            "{'descr': '<f8', 'fortran_order': 1+1, 'shape': (1,), }",
            "{'descr': '<f8', 'fortran_order': True, 'shape': (1,), 'shape': (2,), }",
            "{'descr': '<f8', 'fortran_order': True, 'shape': (1,), \"shape\": (2,)}",
            "{'shape': (1,), 'descr': '<f8', 'fortran_order': True}",
        ] {
            assert_eq!(elements(header.as_bytes()), None, "{header}");
        }
        let long =
            format!("{{'descr': '<f8', 'fortran_order': True, 'shape': (1,), }}{:20000}", "");
        assert_eq!(elements(long.as_bytes()), None);
    }
}
