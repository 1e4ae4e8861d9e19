//! What everything comes to, in a sentence or two.

use crate::render::thousands;
use crate::summary::Summary;

/// Whether it is sound, as far as anybody can tell.
pub fn headline(summary: &Summary) -> String {
    let unsound = summary.buckets.get("unsound").copied().unwrap_or(0);
    let pending = summary.pending.get("unsound").copied().unwrap_or(0);
    match (unsound, summary.trustworthy) {
        (0, _) if pending > 0 => format!(
            "Unsound: {pending} pickle{} not followed to the cause yet; go on with --resume.",
            if pending == 1 { "" } else { "s" }
        ),
        (0, true) => "No unsound verdict found.".into(),
        (0, false) if summary.control.found_seconds.is_some() => format!(
            "Not trustworthy: {}, so that nothing follows from what was not found.",
            summary.doubt().unwrap_or("the certificate is void")
        ),
        (0, false) => {
            "Not trustworthy: the hole that was planted in our own analyser was not found, so \
             that nothing follows from what was not found."
                .into()
        }
        (1, true) => "Unsound: one root cause.".into(),
        (n, true) => format!("Unsound: {n} root causes."),
        // What was found was found, whatever was missed.
        (n, false) => format!(
            "Unsound: at least {n} root {}. There may be many more: the hole that was planted in \
             our own analyser was not found.",
            if n == 1 { "cause" } else { "causes" }
        ),
    }
}

/// What that is worth: how many loads could have refuted a verdict.
pub fn worth(summary: &Summary) -> String {
    let who = summary.analyzers.join(", ");
    // Not every analyser says what it saw called.
    if summary.safe_with_call_executed_full == 0 {
        let loads = thousands(summary.executed_full);
        return format!("{loads} loads of pickles that {who} judged were watched for real.");
    }
    let outcome = match summary.buckets.get("unsound") {
        Some(0) | None => "none of them did what it must not",
        Some(_) => "those that then did what they must not are the findings",
    };
    format!(
        "To refute {who}, {} pickles that it judged safe and that call something were loaded for \
         real and watched: {outcome}.",
        thousands(summary.safe_with_call_executed_full)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_is_worth() {
        let mut summary = Summary { trustworthy: true, ..Summary::default() };
        summary.safe_with_call_executed_full = 5000;
        assert_eq!(headline(&summary), "No unsound verdict found.");
        assert!(worth(&summary).contains("5\u{202f}000 pickles"));
        assert!(worth(&summary).ends_with("none of them did what it must not."));
        summary.pending.insert("unsound".into(), 1);
        assert!(headline(&summary).starts_with("Unsound: 1 pickle not"));
        summary.pending.clear();
        summary.buckets.insert("unsound".into(), 2);
        assert_eq!(headline(&summary), "Unsound: 2 root causes.");
        assert!(worth(&summary).ends_with("are the findings."));
        summary.trustworthy = false;
        assert!(headline(&summary).starts_with("Unsound: at least 2 root causes. There may"));
        summary.buckets.clear();
        assert!(headline(&summary).starts_with("Not trustworthy"));
        summary.safe_with_call_executed_full = 0;
        assert!(worth(&summary).contains("watched for real"));
    }
}
