//! Whole campaigns, small and bounded by their number of pickles.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use assay_analyzer::Policy;
use assay_campaign::{CampaignConfig, FailOn, Summary, report};

/// A campaign of one worker on the first interpreter found.
fn campaign(analyzer: &str, out: &Path, execs: u64) -> CampaignConfig {
    let policy = Policy::load(&["stdlib"]).unwrap();
    let mut pythons = assay_oracle::discover();
    pythons.truncate(1);
    let mut config = CampaignConfig::new(vec![analyzer.parse().unwrap()], policy, pythons);
    config.out = out.to_owned();
    config.jobs = 1;
    config.seed = 7;
    config.execs = Some(execs);
    config
}

fn run(config: &CampaignConfig) -> Summary {
    assay_campaign::run(config, &AtomicBool::new(false), &|_| {}).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_seed_means_a_campaign_which_can_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let first = run(&campaign("assay", &a, 3000));
    let second = run(&campaign("assay", &b, 3000));
    assert_eq!((first.generated, first.executed_deny), (3000, 3000));
    assert_eq!(first.transitions_seen, second.transitions_seen);
    assert_eq!(first.verdicts, second.verdicts);
    assert!(first.executed_full > 0 && first.safe_with_call_executed_full > 0, "{first:?}");

    let json: serde_json::Value = serde_json::from_str(&read(&a.join("summary.json"))).unwrap();
    for field in [
        "seed",
        "seconds",
        "generated",
        "analyzed",
        "executed",
        "executed_deny",
        "executed_full",
        "execs_per_second",
        "loaded",
        "touched_denied",
        "opcodes_seen",
        "transitions_seen",
        "verdicts",
        "safe_with_call_executed_full",
        "control",
        "buckets",
        "analyzers",
        "pythons",
        "first_find_seconds",
    ] {
        assert!(json.get(field).is_some(), "{field}");
    }
    assert!(read(&a.join("report.html")).contains("<h1"));

    let mut more = campaign("assay", &a, 500);
    more.resume = true;
    more.seed = 99;
    let resumed = run(&more);
    assert_eq!((resumed.generated, resumed.seed), (3500, 7));
    assert!(resumed.seconds > first.seconds);
    let merged = report::render(&[a.clone(), b], report::Format::Json).unwrap();
    let merged: serde_json::Value = serde_json::from_str(&merged).unwrap();
    assert_eq!(merged["summary"]["generated"], 6500);
    let again = assay_campaign::run(&campaign("assay", &a, 1), &AtomicBool::new(false), &|_| {});
    assert!(again.unwrap_err().to_string().contains("--resume"));
}

#[test]
fn a_hole_is_found_minimised_and_shown() {
    let scanner = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../subjects/tests/fixtures/scanner.py")
        .canonicalize()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let corpus = dir.path().join("corpus");
    std::fs::create_dir(&corpus).unwrap();
    let pickle = b"\x80\x02]q\x01K\x07a0(X\x04\0\0\0trueios\nsystem\nq\x02.";
    std::fs::write(corpus.join("inst.pkl"), pickle).unwrap();
    let out = dir.path().join("out");
    let analyzer = format!("exec:python3 {} --flaw skip-inst", scanner.display());
    let mut config = campaign(&analyzer, &out, 512);
    config.corpus = vec![corpus];
    let summary = run(&config);
    assert!(summary.buckets["unsound"] >= 1, "{summary:?}");
    assert_eq!(summary.exit_code(&FailOn::default()), 1);

    let findings = read(&out.join("findings.jsonl"));
    let line = findings.lines().find(|line| line.contains("unsound-inst-")).expect(&findings);
    let finding: assay_campaign::Line = serde_json::from_str(line).unwrap();
    assert!(finding.minimized_opcodes <= 6, "{line}");
    let minimized = out.join(&finding.minimized_path);
    assert!(std::fs::read(&minimized).unwrap().contains(&b'i'));
    let report = read(&minimized.with_file_name("report.md"));
    assert!(report.contains("INST names and calls in one opcode"), "{report}");

    let script = minimized.with_file_name("reproduce.py");
    let shown = std::process::Command::new("python3").arg(&script).output().unwrap();
    assert!(shown.status.success());
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("INST") && !shown.contains("loaded"), "{shown}");
}
