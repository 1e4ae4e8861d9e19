//! Text from a pickle is hostile: nothing in it may reach a terminal as a control sequence.

use std::fmt::Write as _;

/// The text with control characters, and those that reorder what is shown, spelled out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || reorders(c) {
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// As [`escape`], cut at `max` characters.
pub fn brief(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => escape(&text[..end]) + "…",
        None => escape(text),
    }
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        assert_eq!(escape("a\u{1b}[2J\nb é"), r"a\u{1b}[2J\nb é");
        assert_eq!(escape("\u{202e}x"), r"\u{202e}x");
        assert_eq!(brief("abcdef", 3), "abc…");
        assert_eq!(brief("abc", 3), "abc");
    }
}
