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
    let answer: Answer = serde_json::from_slice(line).map_err(|error| {
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
        for bad in ["", "safe", "{}", r#"{"verdict":"fine"}"#, r#"{"verdict":"safe"} x"#, "\u{ff}"]
        {
            assert!(parse(bad.as_bytes()).unwrap_err().contains("expected"), "{bad}");
        }
    }
}
