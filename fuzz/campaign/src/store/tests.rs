use super::*;
use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::merge::{Merged, PartId};
use crate::pending::Pending;
use crate::pool::Interesting;
use crate::summary::Control;
use crate::tally::Tally;
use crate::testing::{finding, first_version};

fn meta() -> Meta {
    Meta {
        id: "c0ffee".into(),
        seed: u64::MAX - 3,
        shards: 2,
        analyzers: vec!["assay".into()],
        policy: vec!["stdlib".into()],
        pythons: vec!["3.11.7".into()],
        engines: vec!["c-loads".into()],
        hunt: "soundness".into(),
        began: 5,
        exhaustive: None,
    }
}

/// What a save brings that brings only these findings.
fn save<'a>(shard: u32, findings: &'a [&'a Finding], rest: &'a State) -> Save<'a> {
    Save {
        shard,
        seconds: rest.seconds,
        tally: &rest.tally,
        coverage: &rest.coverage,
        control: &rest.control,
        next_batch: &rest.next_batch,
        findings,
        counted: &[],
        pool: rest.pool.iter().map(|((worker, _), kept)| (*worker, kept)).collect(),
        samples: &rest.timeline,
        pending: &rest.pending,
        settled: &[],
        units: &[],
    }
}

fn kept(bytes: Vec<u8>) -> Interesting {
    Interesting { slot: 0, behaviour: u64::MAX, bytes }
}

fn pending() -> Pending {
    Pending {
        analyzer: "assay".into(),
        key: "key".into(),
        class: assay_differential::Class::Unsound,
        mode: assay_oracle::Mode::default(),
        pickle: b"N.".to_vec(),
    }
}

fn state() -> State {
    let mut tally = Tally { generated: 256, ..Tally::default() };
    tally.judged(assay_subjects::Judged::Safe);
    let mut coverage = Coverage::default();
    coverage.add(b"N.");
    State {
        meta: meta(),
        seconds: 1.5,
        tally,
        coverage,
        control: Control { planted: "x".into(), found_seconds: Some(0.5) },
        next_batch: vec![(1, 7)],
        findings: Vec::new(),
        pool: [((1, 0), kept(b"N.".to_vec()))].into(),
        timeline: vec![Sample { seconds: 1.5, generated: 256, ..Sample::default() }],
        pending: vec![pending()],
        units: Default::default(),
    }
}

#[test]
fn what_is_saved_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &meta()).unwrap();
    let state = state();
    store.save(&save(1, &[], &state)).unwrap();
    store
        .save(&Save {
            next_batch: &[(1, 8)],
            pool: Vec::new(),
            samples: &[],
            ..save(1, &[], &state)
        })
        .unwrap();
    // As after a kill: the first connection is still open and never said goodbye.
    let again = Store::open(dir.path()).unwrap().state(1).unwrap();
    assert_eq!((&again.meta, &again.tally), (&state.meta, &state.tally));
    assert_eq!(again.coverage, state.coverage);
    assert_eq!((again.seconds, &again.control), (1.5, &state.control));
    assert_eq!((again.next_batch, &again.pool), (vec![(1, 8)], &state.pool));
    assert_eq!(again.timeline, state.timeline);
    assert_eq!(again.pending, state.pending);
    assert_eq!(crate::report::summary(&store.merged().unwrap()).pending["unsound"], 1);
    let settled = [pending()];
    store.save(&Save { pending: &[], settled: &settled, ..save(1, &[], &state) }).unwrap();
    assert_eq!(store.state(1).unwrap().pending, []);
    assert_eq!(store.shards().unwrap(), [1]);
    assert_eq!(store.state(2).unwrap().tally, Tally::default());
}

#[test]
fn says_what_to_do_about_a_wrong_directory() {
    let dir = tempfile::tempdir().unwrap();
    let error = Store::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("no campaign here"), "{error}");
    let store = Store::create(dir.path(), &meta()).unwrap();
    let error = Store::create(dir.path(), &meta()).err().unwrap().to_string();
    assert!(error.contains("--resume"), "{error}");
    store.connection().pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("version 99"), "{error}");
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    first_version(dir.path());
    first_version(copy.path());
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.faults().unwrap(), Vec::<String>::new());
    let state = store.state(1).unwrap();
    assert_eq!((state.meta.seed, state.meta.shards, state.meta.id.len()), (1, 1, 16));
    assert_eq!(state.tally.generated, 3000);
    assert_eq!((state.coverage.opcodes_seen(), state.coverage.transitions_seen()), (68, 2842));
    assert_eq!((state.pool.len(), state.timeline.len()), (40, 3));
    assert_eq!(state.next_batch, [(0, 12)]);
    let found = &state.findings[0];
    assert_eq!((found.bucket.as_str(), found.count), ("unsound-plain-global-cb0c0605", 20));
    // A copy is the same campaign, so that both together are still one.
    let mut both = store.merged().unwrap();
    both.merge(Store::open(copy.path()).unwrap().merged().unwrap());
    assert_eq!(both, store.merged().unwrap());
}

#[test]
fn two_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    Store::create(dir.path(), &meta()).unwrap();
    let (mut state, rounds) = (state(), 100);
    state.pool.clear();
    state.timeline.clear();
    let state = &state;
    std::thread::scope(|scope| {
        for shard in [1, 2] {
            let directory = dir.path();
            scope.spawn(move || {
                let store = Store::open(directory).unwrap();
                for round in 1..=rounds {
                    let own = Finding { bucket: format!("own-{shard}-{round}"), ..finding() };
                    let mut shared = Finding { bucket: format!("shared-{round}"), ..finding() };
                    shared.count = u64::from(shard);
                    if shard == 2 {
                        shared.minimized = b"N.".to_vec();
                    }
                    let tally = Tally { generated: round, ..Tally::default() };
                    let all = [&own, &shared];
                    store.save(&Save { tally: &tally, ..save(shard, &all, state) }).unwrap();
                }
            });
        }
    });
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.faults().unwrap(), Vec::<String>::new());
    let merged = store.merged().unwrap();
    assert_eq!(merged.tally().generated, 2 * rounds);
    assert_eq!(merged.findings().count() as u64, 3 * rounds);
    for found in merged.findings().filter(|found| found.bucket.starts_with("shared")) {
        assert_eq!((found.minimized.as_slice(), found.count), (&b"N."[..], 3));
    }
}

#[test]
fn a_full_disk_takes_nothing_back_and_is_got_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path(), &meta()).unwrap();
    let mut state = state();
    store.save(&save(1, &[&finding()], &state)).unwrap();
    let pages: i64 =
        store.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    store.connection().pragma_update(None, "max_page_count", pages).unwrap();
    state.pool = [((0, 0), kept(vec![7; 100_000]))].into();
    let another = Finding { bucket: "another".into(), ..finding() };
    let refused = store.save(&save(1, &[&another], &state)).unwrap_err();
    assert!(refused.may_pass() && refused.to_string().contains("full"), "{refused}");
    // Nothing of it is there, everything from before is.
    let before = store.merged().unwrap();
    assert_eq!(before.findings().count(), 1);
    store.connection().pragma_update(None, "max_page_count", 1 << 20).unwrap();
    store.save(&save(1, &[&another], &state)).unwrap();
    assert_eq!(store.merged().unwrap().findings().count(), 2);
    assert_eq!(store.faults().unwrap(), Vec::<String>::new());
}

#[test]
fn a_rescued_campaign_merges_with_what_was_saved_before() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::create(dir.path(), &meta()).unwrap();
    let mut state = state();
    store.save(&save(1, &[&finding()], &state)).unwrap();
    state.findings = vec![finding(), Finding { bucket: "another".into(), ..finding() }];
    state.tally.generated += 256;
    let nowhere = dir.path().join(FILE);
    let places = [nowhere, elsewhere.path().to_owned()];
    let first = rescue(&state, 1, &places).unwrap();
    assert_ne!(rescue(&state, 1, &places), Some(first.clone()));
    let mut merged = store.merged().unwrap();
    merged.merge(Store::open(&first).unwrap().merged().unwrap());
    assert_eq!((merged.tally().generated, merged.findings().count()), (512, 2));
    assert_eq!(merged.causes().next().unwrap().sightings().len(), 1);
}

#[test]
fn a_clock_that_jumps_changes_only_what_it_says_of_the_date() {
    let dir = tempfile::tempdir().unwrap();
    let late = Meta { began: u64::MAX >> 1, ..meta() };
    let store = Store::create(dir.path(), &late).unwrap();
    let mut state = state();
    for seconds in [1.5, 3.0, 4.5] {
        state.seconds = seconds;
        state.timeline[0].seconds = seconds;
        store.save(&save(1, &[], &state)).unwrap();
    }
    let state = store.state(1).unwrap();
    assert_eq!(state.seconds, 4.5);
    let times: Vec<f64> = state.timeline.iter().map(|sample| sample.seconds).collect();
    assert_eq!(times, [1.5, 3.0, 4.5]);
    // A campaign of an earlier date comes before it, whenever each of them was really begun.
    let mut merged = store.merged().unwrap();
    let other = tempfile::tempdir().unwrap();
    let early = Meta { began: 0, id: "b".into(), ..meta() };
    let store = Store::create(other.path(), &early).unwrap();
    store.save(&save(1, &[], &state)).unwrap();
    merged.merge(store.merged().unwrap());
    let order: Vec<u64> = merged.parts().iter().map(|part| part.meta.began).collect();
    assert_eq!(order, [0, u64::MAX >> 1]);
}

#[test]
fn campaigns_are_found_below_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b/night-2", "b/night-1", "a"] {
        Store::create(&dir.path().join(name), &meta()).unwrap();
    }
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    let found = find(dir.path()).unwrap();
    let names: Vec<_> =
        found.iter().map(|p| p.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["a", "b/night-1", "b/night-2"]);
    assert!(find(&dir.path().join("empty")).unwrap_err().to_string().contains("no campaign"));
}

#[test]
fn another_campaign_starts_from_its_pickles() {
    let dir = tempfile::tempdir().unwrap();
    first_version(dir.path());
    let found = finding();
    let pickles = Store::open(dir.path()).unwrap().pickles().unwrap();
    assert!(pickles.contains(&found.minimized) && pickles.contains(&found.original));
    assert!(pickles.len() > 30 && pickles.is_sorted(), "{}", pickles.len());
}

mod laws {
    use proptest::prelude::*;

    use super::*;
    use crate::merge::{Cause, Part, Sighting};

    fn part() -> impl Strategy<Value = Part> {
        (0..3u64, 1..3u32, 0..4u64, 0..3u8, any::<bool>()).prop_map(
            |(id, shard, generated, seconds, found)| {
                let mut coverage = Coverage::default();
                (0..generated).for_each(|_| coverage.add(b"N."));
                Part {
                    meta: Meta { id: format!("{id}"), began: id % 2, ..meta() },
                    shard,
                    seconds: f64::from(seconds),
                    tally: Tally { generated, loaded: generated / 2, ..Tally::default() },
                    coverage,
                    control: Control { planted: "x".into(), found_seconds: found.then_some(0.5) },
                    timeline: vec![Sample { generated, ..Sample::default() }],
                    pending: if found { vec![pending()] } else { Vec::new() },
                    units: Default::default(),
                }
            },
        )
    }

    fn cause(base: Finding) -> impl Strategy<Value = Cause> {
        let pickle =
            prop_oneof![Just(b"N.".to_vec()), Just(b"].".to_vec()), Just(base.minimized.clone()),];
        let seen = (0..3u64, 1..3u32, 1..5u64, 0..9u8);
        (0..3u8, 0..2u8, pickle, "[ab]", seen, 9..12u8).prop_map(
            move |(bucket, analyzer, minimized, summary, (id, shard, count, first), version)| {
                let finding = Finding {
                    bucket: format!("bucket-{bucket}"),
                    analyzer: format!("analyzer-{analyzer}"),
                    minimized,
                    summary,
                    pythons: vec![format!("3.{version}")],
                    ..base.clone()
                };
                let part = PartId { id: format!("{id}"), shard };
                Cause::new(finding, part, Sighting { count, first_seen_seconds: first.into() })
            },
        )
    }

    fn merged() -> impl Strategy<Value = Merged> {
        let causes = proptest::collection::vec(cause(finding()), 0..6);
        (proptest::collection::vec(part(), 0..4), causes).prop_map(|(parts, causes)| {
            let mut out = Merged::default();
            parts.into_iter().for_each(|part| out.add_part(part));
            causes.into_iter().for_each(|cause| out.add_cause(cause));
            out
        })
    }

    fn with(mut a: Merged, b: &Merged) -> Merged {
        a.merge(b.clone());
        a
    }

    /// Writes it into stores, one per campaign, and reads it back.
    fn stored(merged: &Merged) -> Merged {
        let mut out = Merged::default();
        for part in merged.parts() {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::create(dir.path(), &part.meta).unwrap();
            let mut state = State { meta: part.meta.clone(), ..state() };
            state.seconds = part.seconds;
            state.tally = part.tally.clone();
            state.coverage = part.coverage.clone();
            state.control = part.control.clone();
            state.timeline = part.timeline.clone();
            state.pending = part.pending.clone();
            let findings: Vec<Finding> = merged
                .causes()
                .filter_map(|cause| {
                    let seen = cause.sightings().get(&part.id())?;
                    let mut finding = cause.finding().clone();
                    finding.count = seen.count;
                    finding.first_seen_seconds = seen.first_seen_seconds;
                    Some(finding)
                })
                .collect();
            let findings: Vec<&Finding> = findings.iter().collect();
            store.save(&save(part.shard, &findings, &state)).unwrap();
            out.merge(store.merged().unwrap());
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn the_order_of_merging_does_not_matter(a in merged(), b in merged(), c in merged()) {
            prop_assert_eq!(with(a.clone(), &b), with(b.clone(), &a));
            let (left, right) = (with(with(a.clone(), &b), &c), with(a, &with(b, &c)));
            prop_assert_eq!(left, right);
        }

        #[test]
        fn merging_twice_is_merging_once(a in merged(), b in merged()) {
            prop_assert_eq!(with(a.clone(), &a), a.clone());
            let both = with(a.clone(), &b);
            prop_assert_eq!(with(both.clone(), &a), both);
        }

        #[test]
        fn stores_merge_as_what_is_in_them(a in merged(), b in merged()) {
            let (a, b) = (stored(&a), stored(&b));
            prop_assert_eq!(stored(&a), a.clone());
            prop_assert_eq!(with(a.clone(), &b), with(b.clone(), &a));
            prop_assert_eq!(with(a.clone(), &a), a);
        }
    }
}

/// Of two that turn the log on at once SQLite refuses one without waiting.
#[test]
fn many_that_begin_at_once_wait_for_one_another() {
    for _ in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        let begun = std::sync::Barrier::new(6);
        let made: Vec<crate::Result<Store>> = std::thread::scope(|scope| {
            let start = || {
                begun.wait();
                Store::create(dir.path(), &meta())
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
        for refused in made.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, crate::Error::Directory { .. }), "{refused:?}");
        }
    }
}
