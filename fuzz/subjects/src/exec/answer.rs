//! One line of an answer.

use serde::Deserialize;

use crate::{Judged, Judgement};

/// Fields that are not listed are the analyser's own business.
#[derive(Deserialize)]
struct Answer {
    verdict: Judged,
    detail: Option<String>,
    #[serde(default)]
    globals: Option<Vec<String>>,
    #[serde(default)]
    rules: Option<Vec<String>>,
}

/// How much of a bad answer is quoted.
const QUOTED: usize = 80;

/// Reads an answer, without its newline; the error says what is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<Judgement, String> {
    let read = |line: &[u8]| serde_json::from_slice::<Answer>(line);
    let answer = read(line).or_else(|error| read(&mend(line)).map_err(|_| error));
    let answer = answer.map_err(|error| {
        let shown = String::from_utf8_lossy(&line[..line.len().min(QUOTED)]).into_owned();
        format!("answered {shown:?}, expected {{\"verdict\": \"safe\", …}}: {error}")
    })?;
    Ok(Judgement {
        detail: answer.detail,
        rules: answer.rules.unwrap_or_default(),
        globals: answer.globals.unwrap_or_default(),
        ..Judgement::new(answer.verdict)
    })
}

/// The line with escapes of lone surrogates replaced. Python writes them, for names that are not
/// valid Unicode, and no strict reader of JSON takes them.
fn mend(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'\\' {
            out.push(byte);
            rest = after;
            continue;
        }
        let length = match (escaped(rest), rest.get(6..).and_then(escaped)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.extend_from_slice(br"\ufffd");
                rest = &rest[6..];
                continue;
            }
            _ => 2.min(rest.len()),
        };
        out.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// The code unit, if an escape of one comes first.
fn escaped(text: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(text.strip_prefix(br"\u")?.get(..4)?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_good_and_bad() {
        let good = parse(br#"{"verdict":"dangerous","detail":"x","globals":["os.system"],"k":1}"#);
        let good = good.unwrap();
        assert_eq!(good.verdict, Judged::Dangerous);
        assert_eq!(good.detail.as_deref(), Some("x"));
        assert_eq!(good.globals, ["os.system"]);
        assert!(!good.crashed);
        assert!(parse(br#"{"verdict":"safe","globals":null}"#).is_ok());
        let lone = parse(
            br#"{"verdict":"safe","detail":"\\\udcff\ud83d\ude00\ud800","globals":["\u00e9"]}"#,
        );
        let lone = lone.unwrap();
        assert_eq!(lone.detail.as_deref(), Some("\\\u{fffd}\u{1f600}\u{fffd}"));
        assert_eq!(lone.globals, ["\u{e9}"]);
        for bad in ["", "safe", "{}", r#"{"verdict":"fine"}"#, r#"{"verdict":"safe"} x"#, "\u{ff}"]
        {
            assert!(parse(bad.as_bytes()).unwrap_err().contains("expected"), "{bad}");
        }
    }
}
