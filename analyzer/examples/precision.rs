//! Judges the real pickles that `corpus/real/make_real.py` makes, each under the profile that its
//! manifest names, and tells what is not safe.
//!
//!     cargo run --release -p assay-analyzer --example precision -- OUT [PROFILE|all [DIR]]
//!
//! With DIR, profiles are `DIR/PROFILE.toml`: for work on them without building anew.

use std::collections::BTreeMap;
use std::path::Path;

use assay_analyzer::{Policy, Verdict, analyze_file};

#[derive(serde::Deserialize)]
struct Row {
    file: String,
    #[serde(rename = "type")]
    kind: String,
    profile: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().ok_or("expected the directory that make_real.py wrote")?;
    let wanted = args.next().filter(|wanted| wanted != "all");
    let dir = args.next();
    let out = Path::new(&out);
    let mut profiles: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for line in std::fs::read_to_string(out.join("manifest.jsonl"))?.lines() {
        let row: Row = serde_json::from_str(line)?;
        if wanted.as_ref().is_none_or(|wanted| *wanted == row.profile) {
            profiles.entry(row.profile.clone()).or_default().push(row);
        }
    }
    let mut text = String::new();
    for (profile, rows) in profiles {
        let spec = |name: &str| match &dir {
            Some(dir) => format!("{dir}/{name}.toml"),
            None => name.to_owned(),
        };
        let policy = Policy::load(&profile.split('+').map(spec).collect::<Vec<_>>())?;
        let mut misses: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
        for row in &rows {
            let bytes = std::fs::read(out.join("files").join(&row.file))?;
            let analysis = analyze_file(&bytes, &policy);
            if analysis.verdict != Verdict::Safe {
                let mut reasons = analysis.items.iter().flat_map(|item| &item.pickle.reasons);
                let why = reasons.next().map_or("no pickle", |reason| &reason.message).to_owned();
                misses.entry((row.kind.clone(), why)).or_default().push(&row.file);
            }
        }
        let missed: usize = misses.values().map(Vec::len).sum();
        text += &format!("{profile}: {} files, {} safe\n", rows.len(), rows.len() - missed);
        for ((kind, why), files) in misses {
            text += &format!("    {kind} ({}, {}): {why}\n", files.len(), files[0]);
        }
    }
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())?;
    Ok(())
}
