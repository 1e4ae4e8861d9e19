//! The protocol of external analysers, kept and broken.

use std::path::Path;
use std::time::{Duration, Instant};

use assay_analyzer::Policy;
use assay_subjects::{Judged, Judgement, Subject, SubjectSpec};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A Python program that answers each request with what `body` prints for `pickle`.
fn program(body: &str) -> String {
    format!(
        "import os, sys, time, json\n\
         inn, out = sys.stdin.buffer, sys.stdout\n\
         def say(text):\n    out.write(text); out.flush()\n\
         while True:\n\
         \x20   line = inn.readline()\n\
         \x20   if not line: break\n\
         \x20   pickle = inn.read(int(line))\n\
         {}",
        body.lines().map(|line| format!("    {line}\n")).collect::<String>()
    )
}

fn start(body: &str, timeout: Duration) -> Box<dyn Subject> {
    let words = ["python3", "-c", &program(body)];
    let command = shlex::try_join(words).unwrap();
    spec(&format!("exec:{command}")).start(&policy(), timeout).unwrap()
}

fn spec(text: &str) -> SubjectSpec {
    text.parse().unwrap()
}

fn policy() -> Policy {
    Policy::load(&["stdlib"]).unwrap()
}

const GOOD: &str =
    r#"say('{"verdict":"safe","detail":%s}\n' % json.dumps(pickle.decode("latin1")))"#;

#[test]
fn answers_come_in_order_alone_and_in_batches() {
    let mut subject = start(GOOD, TIMEOUT);
    let pickles: Vec<Vec<u8>> = (0..500).map(|i| format!("{i}\n").into_bytes()).collect();
    let borrowed: Vec<&[u8]> = pickles.iter().map(Vec::as_slice).collect();
    let judgements = subject.judge_batch(&borrowed);
    assert_eq!(judgements.len(), 500);
    for (i, judgement) in judgements.iter().enumerate() {
        assert_eq!(judgement.verdict, Judged::Safe);
        assert_eq!(judgement.detail.as_deref(), Some(format!("{i}\n").as_str()));
    }
    assert_eq!(subject.judge(b"").detail.as_deref(), Some(""));
}

#[test]
fn requests_larger_than_a_pipe_do_not_block() {
    let mut subject =
        start("say('{\"verdict\":\"safe\",\"detail\":\"%d\"}\\n' % len(pickle))", TIMEOUT);
    let big = vec![0; 3 << 20];
    let judgements = subject.judge_batch(&[&big, b"x", &big]);
    let lengths: Vec<_> = judgements.iter().map(|j| j.detail.clone().unwrap()).collect();
    assert_eq!(lengths, ["3145728", "1", "3145728"]);
}

/// Judges `bad` between two good ones and returns its judgement.
fn between(body: &str, timeout: Duration) -> Judgement {
    let body = format!("if pickle == b'bad':\n{}\nelse: {GOOD}", indent(body));
    let mut alone = start(&body, timeout);
    assert_eq!(alone.judge(b"first").verdict, Judged::Safe);
    let bad = alone.judge(b"bad");
    assert_eq!((bad.verdict, bad.crashed), (Judged::Error, true), "{bad:?}");
    assert_eq!(alone.judge(b"last").detail.as_deref(), Some("last"), "it is restarted");
    let batch = start(&body, timeout).judge_batch(&[b"first", b"bad", b"last"]);
    let crashed: Vec<bool> = batch.iter().map(|judgement| judgement.crashed).collect();
    assert_eq!(crashed, [false, true, false], "{batch:?}");
    bad
}

fn indent(body: &str) -> String {
    body.lines().map(|line| format!("    {line}\n")).collect()
}

#[test]
fn one_that_dies_costs_one_answer() {
    let bad = between("print('oh no', file=sys.stderr, flush=True)\nos._exit(3)", TIMEOUT);
    let detail = bad.detail.unwrap();
    assert!(detail.contains("exit status: 3"), "{detail}");
    assert!(detail.ends_with(": oh no"), "{detail}");
}

#[test]
fn one_that_hangs_is_ended() {
    let begun = Instant::now();
    let bad = between("time.sleep(600)", Duration::from_secs(1));
    assert!(bad.detail.unwrap().contains("no answer within 1 s"));
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn one_that_babbles_is_not_understood() {
    let bad = between(r"say('all is well\n')", TIMEOUT);
    assert!(bad.detail.unwrap().contains("all is well"));
    let bad = between(r#"say('{"verdict":"fine"}\n')"#, TIMEOUT);
    assert!(bad.detail.unwrap().contains("fine"));
}

#[test]
fn an_endless_line_is_cut_short() {
    let bad = between("while True: say('x' * 100000)", TIMEOUT);
    assert!(bad.detail.unwrap().contains("longer than"));
}

#[test]
fn much_on_standard_error_does_not_block() {
    let body = format!("print('x' * 300000, file=sys.stderr)\n{GOOD}");
    let mut subject = start(&body, TIMEOUT);
    assert_eq!(subject.judge(b"x").verdict, Judged::Safe);
}

#[test]
fn one_that_always_dies_is_asked_every_time() {
    let mut subject = spec("exec:false").start(&policy(), TIMEOUT).unwrap();
    for judgement in subject.judge_batch(&[b"a", b"b", b"c"]) {
        assert!(judgement.crashed, "{judgement:?}");
    }
}

#[test]
fn what_cannot_be_started_is_an_error_that_names_it() {
    let missing = Path::new("/nonexistent/scanner");
    let error = spec(&format!("exec:{} --x", missing.display())).start(&policy(), TIMEOUT);
    let message = error.err().unwrap().to_string();
    assert!(message.contains("/nonexistent/scanner --x"), "{message}");
}
