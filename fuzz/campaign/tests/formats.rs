//! Reports of a stored campaign, in each format.

use std::path::{Path, PathBuf};

use assay_campaign::report::{Format, render};
use assay_campaign::{Sample, report};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A directory with the stored campaign.
fn campaign() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("campaign.sqlite");
    std::fs::copy(fixture("campaign-1.sqlite"), to).unwrap();
    dir
}

fn rendered(format: Format) -> String {
    let dir = campaign();
    render(&[dir.path().to_owned()], format).unwrap()
}

#[test]
fn sarif_is_valid_by_its_schema() {
    let schema = std::fs::read_to_string(fixture("sarif-schema-2.1.0.json")).unwrap();
    // Its pattern for languages has a bracket that JavaScript takes as itself and a strict reader
    // refuses.
    let lenient = "[a-zA-Z]{2}]?$";
    assert!(schema.contains(lenient));
    let schema = schema.replace(lenient, "[a-zA-Z]{2}\\\\]?$");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let log: Value = serde_json::from_str(&rendered(Format::Sarif)).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(&log)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "unsound");
    // The schema does refuse what is wrong.
    let mut wrong = log;
    wrong["runs"][0]["results"][0]["level"] = "bad".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn junit_has_a_test_per_finding() {
    let xml = rendered(Format::Junit);
    assert!(xml.contains("<testcase name=\"unsound-plain-global-cb0c0605\""), "{xml}");
    assert!(xml.contains("<failure") && xml.contains("name=\"none found\""), "{xml}");
}

#[test]
fn markdown_and_json_tell_the_finding_and_what_to_do() {
    let text = rendered(Format::Markdown);
    assert!(text.contains("### unsound-plain-global-cb0c0605"), "{text}");
    assert!(text.contains("To do: Refuse the global that it names"), "{text}");
    let json: Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
    assert_eq!(json["findings"][0]["count"], 20);
    assert_eq!(json["findings"][0]["sightings"][0]["seen"]["count"], 20);
    assert_eq!(json["campaigns"][0]["generated"], 3000);
}

#[test]
fn one_campaign_named_twice_counts_once_and_nights_are_compared() {
    let (dir, copy) = (campaign(), campaign());
    let both = [dir.path().to_owned(), copy.path().to_owned()];
    assert_eq!(render(&both, Format::Json).unwrap(), rendered(Format::Json));
    assert!(!render(&both, Format::Html).unwrap().contains("id=\"nights\""));
    let dirs = tempfile::tempdir().unwrap();
    assert!(report::load(&[dirs.path().to_owned()]).is_err());
}

#[test]
fn a_campaign_where_nothing_can_be_written_is_read_all_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = campaign();
    let file = dir.path().join("campaign.sqlite");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write nonetheless; then this shows the same as the tests above.
    let shown = render(&[dir.path().to_owned()], Format::Json);
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(shown.unwrap(), rendered(Format::Json));
}

/// What real campaigns saw, stopped early and then gone on with.
#[test]
fn what_campaigns_went_on_to_find_was_foretold() {
    let text = std::fs::read_to_string(fixture("accumulation.json")).unwrap();
    let campaigns: Vec<Vec<Sample>> = serde_json::from_str(&text).unwrap();
    let (mut expected, mut came, mut bounded, mut stops) = (0.0, 0.0, 0, 0);
    for timeline in &campaigns {
        for (i, stop) in timeline.iter().enumerate() {
            // As long again as it had run: beyond that no estimator foretells much.
            let end = timeline[i..].iter().find(|later| later.generated >= 2 * stop.generated);
            let (Some(end), true) = (end, stop.generated >= 10_000) else { continue };
            let cast = report::hindcast(stop, end);
            expected += cast.expected;
            came += cast.came as f64;
            stops += 1;
            bounded += u32::from(cast.came as f64 <= cast.at_most);
        }
    }
    assert!(stops >= 20, "{stops} stops");
    let ratio = expected / f64::max(came, 1.0);
    assert!((0.5..3.0).contains(&ratio), "{expected} foretold, {came} came");
    let covered = f64::from(bounded) / f64::from(stops);
    assert!(covered >= 0.9, "the bound held at {covered} of {stops} stops");
}
