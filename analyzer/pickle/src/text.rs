//! Text arguments as CPython reads them.
//!
//! Numerals are the weak spot of the format: `_pickle.c` reads INT with C's `strtol` in base 0
//! and falls back to `PyLong_FromString`, `pickle.py` uses `int(text, 0)`, pickletools
//! `int(text)`. Only the spelling that picklers write is read alike by all.

use std::borrow::Cow;

use crate::{Ambiguity, ErrorKind, Numeral};

/// Digits that every CPython converts: `sys.int_info.default_max_str_digits` is 4300.
const MAX_DIGITS: usize = 4300;

/// Digits of an `i64`, beyond which a value is not computed.
const I64_DIGITS: usize = 18;

/// Whether `text` is `0` or `-?[1-9][0-9]*`, the only spelling all readers read alike.
fn is_canonical(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [b'0'] => text.len() == 1,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn value_of(canonical: &[u8]) -> Option<i64> {
    (canonical.len() <= I64_DIGITS).then(|| std::str::from_utf8(canonical).ok()?.parse().ok())?
}

fn trim_spaces(text: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_space(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

fn split_sign(text: &[u8]) -> &[u8] {
    match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    }
}

/// Digits of `base` with single underscores between them (PEP 515).
fn are_digits(text: &[u8], base: u32) -> bool {
    let mut underscore = true;
    for &byte in text {
        if byte == b'_' {
            if underscore {
                return false;
            }
            underscore = true;
        } else if char::from(byte).is_digit(base) {
            underscore = false;
        } else {
            return false;
        }
    }
    !underscore
}

/// Whether Python's `int(text, base)` takes it, for base 0 or 10 (`PyLong_FromString`).
fn python_reads(text: &[u8], base_zero: bool) -> bool {
    let digits = split_sign(trim_spaces(text));
    if !base_zero {
        return are_digits(digits, 10);
    }
    let prefixed =
        |digits: &[u8], base| are_digits(digits.strip_prefix(b"_").unwrap_or(digits), base);
    match digits {
        [b'0', b'x' | b'X', rest @ ..] => prefixed(rest, 16),
        [b'0', b'o' | b'O', rest @ ..] => prefixed(rest, 8),
        [b'0', b'b' | b'B', rest @ ..] => prefixed(rest, 2),
        [b'0', ..] => are_digits(digits, 10) && digits.iter().all(|b| matches!(b, b'0' | b'_')),
        _ => are_digits(digits, 10),
    }
}

/// Whether C's `PyLong_FromString` takes it, which ends at a NUL.
fn c_reads(text: &[u8], base_zero: bool) -> bool {
    python_reads(text.split(|&byte| byte == 0).next().unwrap_or_default(), base_zero)
}

/// Whether C's `strtol(text, &end, 0)` consumes all of it, up to a NUL.
fn strtol_reads(text: &[u8]) -> bool {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let start = text.iter().position(|b| !matches!(b, b' ' | b'\t'..=b'\r')).unwrap_or(text.len());
    let all = |digits: &[u8], base| {
        !digits.is_empty() && digits.iter().all(|&b| char::from(b).is_digit(base))
    };
    match split_sign(&text[start..]) {
        [b'0', b'x' | b'X', rest @ ..] => all(rest, 16),
        [] => text.is_empty(),
        digits @ [b'0', ..] => all(digits, 8),
        digits => all(digits, 10),
    }
}

/// What a numeral is read as: a value on which all agree, or the reason for doubt.
type Read<'a> = Result<(Numeral<'a>, Option<Ambiguity>), ErrorKind>;

fn canonical_or<'a>(text: &'a [u8], digits: &[u8], accepted: bool) -> Read<'a> {
    if is_canonical(digits) {
        let ambiguity = (digits.len() >= MAX_DIGITS).then_some(Ambiguity::Digits);
        return Ok((Numeral { text, value: value_of(digits) }, ambiguity));
    }
    if accepted {
        return Ok((Numeral { text, value: None }, Some(Ambiguity::Numeral)));
    }
    Err(ErrorKind::NotANumber)
}

/// The argument of INT. `00` and `01` are the bools, which have no numeric value here.
pub fn int_line(text: &[u8]) -> Read<'_> {
    match text {
        [] => Err(ErrorKind::EmptyLine),
        b"00" | b"01" => Ok((Numeral { text, value: None }, None)),
        _ => canonical_or(text, text, strtol_reads(text) || c_reads(text, true)),
    }
}

/// The argument of LONG, with or without the trailing `L` of Python 2.
pub fn long_line(text: &[u8]) -> Read<'_> {
    if text.is_empty() {
        return Err(ErrorKind::EmptyLine);
    }
    let digits = text.strip_suffix(b"L").unwrap_or(text);
    canonical_or(text, digits, c_reads(digits, true))
}

/// The argument of GET and PUT: a memo index.
pub fn memo_line(text: &[u8]) -> Read<'_> {
    if text.is_empty() {
        return Err(ErrorKind::EmptyLine);
    }
    canonical_or(text, text, c_reads(text, false))
}

/// The argument of FLOAT: whether all readers read it alike.
///
/// # Errors
/// If no reader takes it for a float.
pub fn float_line(text: &[u8]) -> Result<Option<Ambiguity>, ErrorKind> {
    if text.is_empty() {
        return Err(ErrorKind::EmptyLine);
    }
    if matches!(text, b"inf" | b"-inf" | b"nan" | b"-nan") {
        return Ok(None);
    }
    let plain = text.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let parse = |text: &[u8]| -> Option<f64> { std::str::from_utf8(text).ok()?.parse().ok() };
    if plain {
        return match parse(text) {
            Some(value) if value.is_finite() => Ok(None),
            Some(_) => Ok(Some(Ambiguity::Float)),
            None => Err(ErrorKind::NotANumber),
        };
    }
    // `float()` also takes spaces, underscores between digits and any case of `infinity`; C stops
    // at a NUL.
    let upto_nul = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let loose = trim_spaces(upto_nul);
    let between = |at: usize| {
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1).and_then(|at| loose.get(at))) && digit(loose.get(at + 1))
    };
    if (0..loose.len()).any(|at| loose[at] == b'_' && !between(at)) {
        return Err(ErrorKind::NotANumber);
    }
    let digits: Vec<u8> = loose.iter().copied().filter(|&b| b != b'_').collect();
    match parse(&digits) {
        Some(_) => Ok(Some(Ambiguity::Float)),
        None => Err(ErrorKind::NotANumber),
    }
}

/// The bytes that STRING's escaped text stands for (`PyBytes_DecodeEscape`), and whether an
/// unknown escape was kept as it stands.
///
/// # Errors
/// [`ErrorKind::InvalidEscape`] for a `\x` without two hex digits or a trailing backslash.
pub fn unescape(text: &[u8]) -> Result<(Cow<'_, [u8]>, bool), ErrorKind> {
    if !text.contains(&b'\\') {
        return Ok((Cow::Borrowed(text), false));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut unknown = false;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let [escape, tail @ ..] = rest else { return Err(ErrorKind::InvalidEscape) };
        rest = tail;
        match escape {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(*escape),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b't' => out.push(b'\t'),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b'v' => out.push(11),
            b'a' => out.push(7),
            b'0'..=b'7' => {
                let mut value = u32::from(escape - b'0');
                for _ in 0..2 {
                    let [digit @ b'0'..=b'7', tail @ ..] = rest else { break };
                    value = value * 8 + u32::from(digit - b'0');
                    rest = tail;
                }
                // Above 0o377 CPython keeps the low byte, and warns since 3.12.
                unknown |= value > 0o377;
                out.push((value & 0xff) as u8);
            }
            b'x' => {
                let value = hex(rest.get(..2).ok_or(ErrorKind::InvalidEscape)?)?;
                out.push((value & 0xff) as u8);
                rest = &rest[2..];
            }
            other => {
                unknown = true;
                out.extend([b'\\', *other]);
            }
        }
    }
    Ok((Cow::Owned(out), unknown))
}

fn hex(digits: &[u8]) -> Result<u32, ErrorKind> {
    digits.iter().try_fold(0_u32, |value, &digit| {
        let digit = char::from(digit).to_digit(16).ok_or(ErrorKind::InvalidEscape)?;
        Ok(value << 4 | digit)
    })
}

/// Appends a code point as UTF-8, a surrogate included (`surrogatepass`).
fn push_code_point(out: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend([
            0xe0 | (code >> 12) as u8,
            0x80 | (code >> 6 & 0x3f) as u8,
            0x80 | (code & 0x3f) as u8,
        ]),
    }
}

/// The text that UNICODE's line stands for, in UTF-8 with surrogates passed
/// (`PyUnicode_DecodeRawUnicodeEscape`): `\uXXXX` and `\UXXXXXXXX`, all else Latin-1.
///
/// # Errors
/// [`ErrorKind::InvalidEscape`] for an escape cut short or above U+10FFFF.
pub fn decode_raw_unicode(line: &[u8]) -> Result<Cow<'_, [u8]>, ErrorKind> {
    if line.iter().all(|byte| byte.is_ascii() && *byte != b'\\') {
        return Ok(Cow::Borrowed(line));
    }
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let width = match (byte, rest.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            (b'\\', Some(next)) => {
                out.push(b'\\');
                push_code_point(&mut out, u32::from(*next));
                rest = &rest[1..];
                continue;
            }
            _ => {
                push_code_point(&mut out, u32::from(*byte));
                continue;
            }
        };
        let digits = rest.get(1..=width).ok_or(ErrorKind::InvalidEscape)?;
        let code = hex(digits)?;
        if code > 0x10_ffff {
            return Err(ErrorKind::InvalidEscape);
        }
        push_code_point(&mut out, code);
        rest = &rest[width + 1..];
    }
    Ok(Cow::Owned(out))
}

/// Whether `bytes` decode as UTF-8 with `surrogatepass`.
#[inline]
pub fn is_utf8_surrogatepass(bytes: &[u8]) -> bool {
    bytes.is_ascii() || is_wide_utf8(bytes)
}

fn is_wide_utf8(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(_) => return true,
            Err(error) => match &rest[error.valid_up_to()..] {
                [0xed, 0xa0..=0xbf, 0x80..=0xbf, tail @ ..] => rest = tail,
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_spelling_of_picklers_is_unambiguous() {
        for (text, value) in [("0", 0), ("-1", -1), ("42", 42)] {
            let (numeral, ambiguity) = int_line(text.as_bytes()).unwrap();
            assert_eq!((numeral.value, ambiguity), (Some(value), None), "{text}");
        }
        for text in ["010", "0x10", "+1", " 1", "1 ", "-0", "1_000", "1\0", "0o7", "00000"] {
            let (_, ambiguity) = int_line(text.as_bytes()).unwrap();
            assert_eq!(ambiguity, Some(Ambiguity::Numeral), "{text}");
        }
        for text in ["1.5", "x", "-", "0x", "1__0", "12L"] {
            assert_eq!(int_line(text.as_bytes()), Err(ErrorKind::NotANumber), "{text}");
        }
    }

    #[test]
    fn bools_have_no_number() {
        assert_eq!(int_line(b"01").unwrap().1, None);
        assert_eq!(int_line(b"01").unwrap().0.value, None);
    }

    #[test]
    fn memo_indices_are_decimal() {
        assert_eq!(memo_line(b"7").unwrap().0.value, Some(7));
        assert_eq!(memo_line(b"007").unwrap().1, Some(Ambiguity::Numeral));
        assert_eq!(memo_line(b"0x7"), Err(ErrorKind::NotANumber));
    }

    #[test]
    fn long_integers_meet_the_digit_limit() {
        let digits = vec![b'9'; MAX_DIGITS];
        assert_eq!(long_line(&digits).unwrap().1, Some(Ambiguity::Digits));
        assert_eq!(long_line(b"12L").unwrap().0.value, Some(12));
    }

    #[test]
    fn floats() {
        for text in ["1.5", "-0.0", "1e10", "inf", "nan", ".5", "1."] {
            assert_eq!(float_line(text.as_bytes()), Ok(None), "{text}");
        }
        for text in ["1e400", " 1.5", "1_0.0", "Infinity", "1.5\0x"] {
            assert_eq!(float_line(text.as_bytes()), Ok(Some(Ambiguity::Float)), "{text}");
        }
        for text in ["abc", "_1", "1_", "1__0", "1_.0"] {
            assert_eq!(float_line(text.as_bytes()), Err(ErrorKind::NotANumber), "{text}");
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(br"\x6f\163\n").unwrap(), (Cow::Borrowed(&b"os\n"[..]), false));
        assert_eq!(unescape(br"\d").unwrap(), (Cow::Borrowed(&br"\d"[..]), true));
        assert_eq!(unescape(br"\x6"), Err(ErrorKind::InvalidEscape));
    }

    #[test]
    fn raw_unicode() {
        assert_eq!(decode_raw_unicode(br"\u006fs").unwrap().as_ref(), b"os");
        assert_eq!(decode_raw_unicode(br"\\u006f").unwrap().as_ref(), br"\\u006f");
        assert_eq!(decode_raw_unicode(b"\xe9").unwrap().as_ref(), "é".as_bytes());
        assert_eq!(decode_raw_unicode(br"\ud800").unwrap().as_ref(), b"\xed\xa0\x80");
        assert_eq!(decode_raw_unicode(br"\U00110000"), Err(ErrorKind::InvalidEscape));
        assert_eq!(decode_raw_unicode(br"\u00"), Err(ErrorKind::InvalidEscape));
    }

    #[test]
    fn surrogates_pass() {
        assert!(is_utf8_surrogatepass(b"a\xed\xa0\x80b"));
        assert!(!is_utf8_surrogatepass(b"a\xc0\x80"));
    }
}
