//! Nothing found is ever lost: not by kills, full disks, directories that turn read-only, or
//! another process at work beside.

#![expect(clippy::print_stderr, reason = "says what was skipped, or how far it got")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use assay_campaign::Store;

use crate::check::scanner;
use crate::{Place, Ran};

/// What must never shrink.
struct Saved {
    generated: u64,
    seconds: f64,
    findings: BTreeMap<(String, String), u64>,
}

impl Saved {
    /// What the database of a campaign holds, which must be intact.
    fn read(directory: &Path) -> Option<Self> {
        let store = Store::open(directory).ok()?;
        assert_eq!(store.faults().unwrap(), Vec::<String>::new());
        let merged = store.merged().unwrap();
        let name = |f: &assay_campaign::Finding| (f.analyzer.clone(), f.bucket.clone());
        Some(Self {
            generated: merged.tally().generated,
            seconds: merged.parts().iter().map(|part| part.seconds).sum(),
            findings: merged.findings().map(|found| (name(found), found.count)).collect(),
        })
    }

    fn assert_nothing_lost_since(&self, before: &Self) {
        assert!(self.generated >= before.generated && self.seconds >= before.seconds);
        for (finding, count) in &before.findings {
            let now = self.findings.get(finding).unwrap_or_else(|| panic!("{finding:?} is lost"));
            assert!(now >= count, "{finding:?}: {count} times before, now {now}");
        }
    }
}

/// Waits until something holds; a minute at most, since a machine may be slow.
fn wait_until(holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Kills a campaign so many times, each at another moment, going on with it after each.
fn killed(times: u32) {
    let place = Place::new(&[]);
    let out = place.path().join("out");
    let analyzer = scanner(Some("naive"));
    let begin = ["campaign", "--quiet", "--seed", "1", "--python", "python3", "--jobs", "2"];
    let begin = [&begin[..], &["--out", "out", "--analyzer", &analyzer]].concat();
    let go_on = ["campaign", "--quiet", "--python", "python3", "--jobs", "2", "--resume", "out"];
    let mut before: Option<Saved> = None;
    let mut random: u64 = 1;
    for round in 1..=times {
        let args = if before.is_some() { &go_on[..] } else { &begin };
        let mut child = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(args)
            .current_dir(place.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // One in four is killed while it starts, the others when they have got on.
        let reached = before.as_ref().map_or(0, |before| before.generated);
        if round % 4 != 0 {
            wait_until(|| Saved::read(&out).is_some_and(|saved| saved.generated > reached));
        }
        // Knuth's generator.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis((random >> 33) % 1500));
        child.kill().unwrap();
        child.wait().unwrap();
        let Some(saved) = Saved::read(&out) else {
            assert!(before.is_none(), "the database is gone");
            continue;
        };
        if let Some(before) = &before {
            saved.assert_nothing_lost_since(before);
        }
        // What is counted and where to go on are saved together: a batch that the kill took is
        // made again, and none is counted twice.
        let state = Store::open(&out).unwrap().state(1).unwrap();
        let batches: u64 = state.next_batch.iter().map(|(_, next)| next).sum();
        assert_eq!(state.tally.generated, batches * assay_campaign::BATCH as u64);
        eprintln!(
            "kill {round}: {} pickles, {} findings, nothing lost, database intact",
            saved.generated,
            saved.findings.len()
        );
        before = Some(saved);
    }
    let args = if before.is_some() { &go_on[..] } else { &begin };
    let ran = place.run(&[args, &["--execs", "3000"]].concat());
    assert_ne!(ran.code, 101, "{}", ran.shown());
    let last = Saved::read(&out).unwrap();
    if let Some(before) = &before {
        last.assert_nothing_lost_since(before);
    }
    // The files tell what the database does.
    let lines = std::fs::read_to_string(out.join("findings.jsonl")).unwrap();
    let mut told = BTreeSet::new();
    for line in lines.lines() {
        let line: assay_campaign::Line = serde_json::from_str(line).unwrap();
        assert!(out.join(&line.minimized_path).is_file(), "{}", line.minimized_path);
        told.insert((line.analyzer, line.bucket));
    }
    assert!(told.iter().eq(last.findings.keys()) && !told.is_empty(), "{told:?}");
}

#[test]
fn three_kills_lose_nothing() {
    killed(3);
}

#[test]
#[ignore = "takes two minutes; ci/kill-test runs it"]
fn twenty_kills_lose_nothing() {
    killed(20);
}

#[test]
fn two_shards_share_a_directory() {
    let place = Place::new(&[]);
    let analyzer = scanner(Some("naive"));
    let start = |shard: &str| {
        Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(["campaign", "--quiet", "--seed", "1", "--python", "python3", "--jobs", "1"])
            .args(["--out", "out", "--execs", "2000", "--shard", shard, "--analyzer", &analyzer])
            .current_dir(place.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let both = [start("1/2"), start("2/2")];
    for mut child in both {
        // 1: found something; 2: no time to find the planted hole.
        assert!(matches!(child.wait().unwrap().code(), Some(1 | 2)));
    }
    let saved = Saved::read(&place.path().join("out")).unwrap();
    assert_eq!(saved.generated, 4000);
    let ran = place.run(&["campaign", "--resume", "out", "--execs", "1"]);
    assert!(ran.code == 2 && ran.stderr.contains("--shard"), "{}", ran.shown());
}

/// Runs a script in a mount namespace of its own; `None` if this machine does not allow that.
fn with_mounts(place: &Place, script: &str) -> Option<Ran> {
    let allowed = Command::new("unshare").args(["--mount", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let mut command = assert_cmd::Command::new("unshare");
    command
        .args(["--mount", "sh", "-ec", script])
        .current_dir(place.path())
        .env("ASSAY", env!("CARGO_BIN_EXE_assay"))
        .env("TMPDIR", place.path())
        .env("NO_COLOR", "1")
        .env("ANALYZER", scanner(Some("naive")));
    Some(Ran::new(&mut command))
}

#[test]
fn on_a_full_disk_everything_goes_elsewhere() {
    let place = Place::new(&[]);
    std::fs::create_dir(place.path().join("small")).unwrap();
    // Room for the tables and a few batches.
    let script = "mount -t tmpfs -o size=400k none small
        exec $ASSAY campaign --out small/out --time 15s --seed 1 --python python3 --jobs 1 \
        --analyzer \"$ANALYZER\"";
    let Some(ran) = with_mounts(&place, script) else {
        eprintln!("skipped: on_a_full_disk_everything_goes_elsewhere: no mounts allowed here");
        return;
    };
    assert!(ran.code == 2 && ran.stderr.contains("is saved in"), "{}", ran.shown());
    let names = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().path());
    let rescued = names.into_iter().find(|path| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"assay-rescued"))
    });
    let saved = Saved::read(&rescued.unwrap()).unwrap();
    assert!(saved.generated > 0 && !saved.findings.is_empty(), "{}", ran.shown());
}

#[test]
fn a_directory_that_turned_read_only_is_told_of_and_still_read() {
    let place = Place::new(&[]);
    place.run(&["campaign", "--out", "out", "--execs", "600", "--python", "python3"]);
    let script = |command: &str| {
        format!("mount --bind out out && mount -o remount,bind,ro out && exec $ASSAY {command}")
    };
    let Some(ran) = with_mounts(&place, &script("campaign --resume out --time 5s")) else {
        eprintln!(
            "skipped: a_directory_that_turned_read_only_is_told_of_and_still_read: no mounts \
             allowed here"
        );
        return;
    };
    assert!(ran.code == 2 && ran.stderr.contains("out/"), "{}", ran.shown());
    let ran = with_mounts(&place, &script("report out --format json")).unwrap();
    assert!(ran.code == 0 && ran.stdout.contains("\"generated\": 600"), "{}", ran.shown());
}

#[test]
fn another_campaign_starts_from_what_one_found() {
    let place = Place::new(&[]);
    let analyzer = scanner(Some("naive"));
    let run = |out: &str, more: &[&str]| {
        let args = ["campaign", "--quiet", "--seed", "3", "--jobs", "1", "--python", "python3"];
        let args = [&args[..], &["--out", out, "--analyzer", &analyzer], more].concat();
        place.run(&args)
    };
    let found = |out: &str| Saved::read(&place.path().join(out)).unwrap().findings.len();
    run("first", &["--execs", "1000"]);
    assert_ne!(found("first"), 0);
    // So few pickles show the hole only if they come from what showed it before.
    run("alone", &["--execs", "200"]);
    assert_eq!(found("alone"), 0);
    let ran = run("second", &["--execs", "200", "--corpus", "first"]);
    assert_ne!(found("second"), 0, "{}", ran.shown());
}
