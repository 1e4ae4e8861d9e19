//! Regular expressions that a pickle may have compiled.

/// Whether `re` compiles the expression without a warning, on any supported CPython
/// (`Lib/re/_parser.py`): FutureWarning for a set within a set and for set operators to come;
/// DeprecationWarning for inline flags after the start, and for group names and references that
/// are not ASCII identifiers or digits; `\\N`, a character by its name, which imports `unicodedata`.
/// More are refused than need be.
pub(super) fn compiles_quietly(expression: &[u8]) -> bool {
    // Where the set begins that is open.
    let mut set: Option<usize> = None;
    let mut escaped = false;
    for (at, byte) in expression.iter().enumerate() {
        let rest = &expression[at..];
        match byte {
            b'N' if escaped => return false,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' if set.is_some() => return false,
            b'[' => set = Some(at),
            // One that stands first is a member.
            b']' if set.is_some_and(|from| matches!(&expression[from..at], b"[" | b"[^")) => {}
            b']' => set = None,
            b'-' | b'&' | b'~' | b'|' if set.is_some() && rest.get(1) == Some(byte) => {
                return false;
            }
            // Within a set as well: it may be a comment's, where white space and those are ignored.
            b'(' if !is_quiet_group(rest, at == 0) => return false,
            _ => {}
        }
    }
    true
}

/// Whether a group that starts so is spelled in a way that never warns.
fn is_quiet_group(group: &[u8], first: bool) -> bool {
    let word = |text: &[u8], close: u8| {
        let end = text.iter().position(|byte| *byte == close).unwrap_or(0);
        end > 0 && text[..end].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    match group {
        [b'(', b'?', b':' | b'=' | b'!' | b'<', ..] => true,
        [b'(', b'?', b'P', b'<', name @ ..] => word(name, b'>'),
        [b'(', b'?', b'P', b'=', name @ ..] => word(name, b')'),
        [b'(', b'?', b'(', digit, name @ ..] if digit.is_ascii_digit() => {
            name.iter().find(|byte| !byte.is_ascii_digit()) == Some(&b')')
        }
        [b'(', b'?', b'(', name @ ..] => word(name, b')'),
        [b'(', b'?', flag, ..] => first && flag.is_ascii_lowercase(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::compiles_quietly;

    #[test]
    fn only_expressions_without_warnings() {
        for quiet in [
            r"\w+",
            r"(?u)\b\w\w+\b",
            "[a-z]*",
            r"\[\[",
            "(?:a|b)",
            "a--b",
            "(?P<n>a)(?(n)b|c)",
            "[^()]",
            "[]a]",
            r"\\N",
        ] {
            assert!(compiles_quietly(quiet.as_bytes()), "{quiet}");
        }
        for loud in [
            "[[a]",
            "[a--b]",
            "a(?i)b",
            "[a&&b]",
            "[x[y]",
            "a(?L)",
            "(a)(?( 1)b)",
            "(?P<\u{e9}>a)",
            "[]a||b]",
            "[]--a]",
            "[^]--a]",
            "#[\na(?i)b",
            r"\N{DIGIT ONE}",
        ] {
            assert!(!compiles_quietly(loud.as_bytes()), "{loud}");
        }
    }
}
