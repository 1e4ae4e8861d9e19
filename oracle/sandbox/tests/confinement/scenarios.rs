//! Scenarios: a system or a user, and what must hold there.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use assay_sandbox::{
    ChildLimits, Confinement, Denied, End, Entered, Error, Fork, Layer, Prepared, Record,
    WorkerConfig, check, confine, enter_worker, exit_now, fork, probe,
};

use crate::attempts::{Attempt, Expected, FILTERED, LANDLOCKED, LOCAL, PRIVATE, SCRATCH};
use crate::process::{Outcome, become_nobody, drop_capabilities, raw, wait, wait_for_end, without};

/// A name and what to run, in a process of its own.
type Scenario = (&'static str, fn() -> Outcome);

/// Every scenario.
pub const SCENARIOS: &[Scenario] = &[
    ("probe_finds_what_is_required", probe_finds_what_is_required),
    ("probe_works_beside_threads", probe_works_beside_threads),
    ("attempts_as_started", || attempts(Record::Notify)),
    ("attempts_as_nobody", || if become_nobody() { attempts(Record::Notify) } else { Ok(()) }),
    ("attempts_without_capabilities", || {
        if drop_capabilities() { attempts(Record::Notify) } else { Ok(()) }
    }),
    ("attempts_unrecorded", || attempts(Record::Errno)),
    ("attempts_without_namespaces", || {
        without(libc::SYS_unshare);
        attempts_but(&[libc::SYS_unshare], Record::Notify)
    }),
    ("attempts_without_landlock", || {
        without(libc::SYS_landlock_create_ruleset);
        attempts(Record::Notify)
    }),
    ("neither_landlock_nor_mounts_is_refused", neither_landlock_nor_mounts),
    ("no_seccomp_is_refused", no_seccomp),
    ("threads_are_refused", threads),
    ("entering_twice_is_refused", twice),
    ("a_child_that_hangs_is_killed", child_hangs),
    ("a_flood_of_denied_calls_ends_in_time", flood),
    ("denied_calls_name_their_child_and_arguments", denied_names),
    ("the_child_does_not_hold_the_listener", no_listener),
    ("a_second_child_is_like_the_first", second_child),
    ("the_zygotes_death_ends_its_children", zygote_dies),
    ("the_zygotes_death_ends_them_without_namespaces_too", || {
        without(libc::SYS_unshare);
        zygote_dies()
    }),
    ("a_deny_worker_confines_itself", || deny_worker(Record::Errno, libc::EPERM)),
    ("a_denied_call_fails_when_nobody_listens", || deny_worker(Record::Notify, libc::ENOSYS)),
    ("the_interpreters_place_is_not_hidden", place_not_hidden),
];

/// Time enough for any attempt on any machine.
const TIME: Duration = Duration::from_secs(30);

fn enter(record: Record) -> (Entered, Prepared) {
    let config = WorkerConfig { record, ..WorkerConfig::default() };
    let entered = enter_worker(&config).unwrap_or_else(|error| panic!("{error}"));
    let prepared = Prepared::new(Confinement::Full, &entered).expect("the filter assembles");
    (entered, prepared)
}

/// Forks a confined child that runs `work`; how it ended and what it was denied.
fn confined(
    entered: &Entered,
    prepared: &Prepared,
    time: Duration,
    work: impl FnOnce() -> i32,
) -> (End, Vec<Denied>) {
    let limits = ChildLimits { cpu_seconds: 1, ..ChildLimits::default() };
    match fork().expect("fork") {
        Fork::Child => {
            let code = if confine(&limits, prepared).is_ok() { work() } else { 254 };
            exit_now(code);
        }
        Fork::Parent(child) => {
            let mut denied = Vec::new();
            let end = entered.attend(&child, time, |call| denied.push(call)).expect("attend");
            (end, denied)
        }
    }
}

fn has(entered: &Entered, layer: Layer) -> bool {
    entered.layers.iter().any(|status| status.layer == layer && status.available)
}

/// Makes every attempt, each in a child of its own.
fn attempts(record: Record) -> Outcome {
    attempts_but(&[], record)
}

/// As [`attempts`], but for those of calls that the system played here refuses first.
fn attempts_but(refused: &[libc::c_long], record: Record) -> Outcome {
    let (entered, prepared) = enter(record);
    let recording = entered.recorder().is_some();
    assert_eq!(recording, record == Record::Notify, "recording as asked");

    let landlocked = if has(&entered, Layer::Landlock) { LANDLOCKED } else { &[] };
    let private = if entered.directory.as_os_str() == "/tmp" { PRIVATE } else { &[] };

    let scratch = if entered.writable() { SCRATCH } else { &[] };

    let wrong: Vec<String> = [FILTERED, LOCAL, landlocked, private, scratch]
        .into_iter()
        .flatten()
        .filter(|attempt| {
            !matches!(attempt.expected, Expected::Recorded(call) if refused.contains(&call))
        })
        .filter_map(|attempt| {
            let (end, denied) = confined(&entered, &prepared, TIME, attempt.attempt);
            let recorded: Vec<_> = denied.iter().map(|call| call.number).collect();
            let (ended, records) = match attempt.expected {
                Expected::Recorded(number) => (end == End::Exited(libc::EPERM), vec![number]),
                Expected::Refused(number) => {
                    let errno = [libc::EPERM, libc::EACCES, libc::EROFS, libc::EXDEV, libc::ETXTBSY];
                    (errno.iter().any(|errno| end == End::Exited(*errno)), vec![number])
                }
                Expected::Written(number) => (end == End::Exited(0), vec![number]),
                Expected::Silent(errno) => (end == End::Exited(errno), vec![]),
                Expected::Allowed => (end == End::Exited(0), vec![]),
                Expected::Killed(signals) => {
                    (signals.iter().any(|signal| end == End::Signaled(*signal)), vec![])
                }
            };
            let as_expected = ended && (!recording || recorded == records);
            (!as_expected).then(|| {
                let Attempt { name, expected, .. } = attempt;
                format!("{name}: expected {expected:?}, found {end:?}, recorded {denied:?}")
            })
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn probe_finds_what_is_required() -> Outcome {
    let found = probe();
    assert_eq!(found.iter().map(|status| status.layer).collect::<Vec<_>>(), Layer::ALL);
    for status in found.iter().filter(|status| !status.available) {
        assert!(!status.detail.is_empty(), "{} says what was found", status.layer);
    }
    check().map_err(|error| error.to_string())
}

fn probe_works_beside_threads() -> Outcome {
    let alone = probe();
    let (_hold, held) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || held.recv());
    assert_eq!(probe(), alone);
    Ok(())
}

fn neither_landlock_nor_mounts() -> Outcome {
    without(libc::SYS_unshare);
    without(libc::SYS_landlock_create_ruleset);
    let error = enter_worker(&WorkerConfig::default()).expect_err("it must be refused");
    assert!(matches!(error, Error::Missing { layer: Layer::Landlock, .. }), "{error}");
    assert!(error.to_string().contains("lsm="), "it says what to do: {error}");
    assert!(check().is_err());
    Ok(())
}

fn no_seccomp() -> Outcome {
    without(libc::SYS_seccomp);
    let error = enter_worker(&WorkerConfig::default()).expect_err("it must be refused");
    assert_eq!(error.layer(), Some(Layer::Seccomp), "{error}");
    let missing = check().expect_err("it must be found missing").layer();
    assert_eq!(missing, Some(Layer::Seccomp));
    Ok(())
}

fn threads() -> Outcome {
    let (_hold, held) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || held.recv());
    let error = enter_worker(&WorkerConfig::default()).expect_err("it must be refused");
    assert!(matches!(error, Error::Threads { found: 2 }), "{error}");
    Ok(())
}

fn twice() -> Outcome {
    let _entered = enter(Record::Notify);
    let error = enter_worker(&WorkerConfig::default()).expect_err("it must be refused");
    assert!(matches!(error, Error::Entered), "{error}");
    Ok(())
}

fn child_hangs() -> Outcome {
    let (entered, prepared) = enter(Record::Notify);
    let (end, denied) = confined(&entered, &prepared, Duration::from_millis(50), || {
        loop {
            std::thread::sleep(TIME);
        }
    });
    assert_eq!((end, denied.len()), (End::TimedOut, 0));
    Ok(())
}

fn flood() -> Outcome {
    let (entered, prepared) = enter(Record::Notify);
    let (end, denied) = confined(&entered, &prepared, Duration::from_millis(50), || {
        loop {
            // SAFETY: no pointers; it is denied.
            unsafe { libc::setsid() };
        }
    });
    assert_eq!(end, End::TimedOut);
    assert!(denied.iter().all(|call| call.name() == "setsid"));
    Ok(())
}

fn denied_names() -> Outcome {
    let (entered, prepared) = enter(Record::Notify);
    let work = || {
        // SAFETY: no pointers; it is denied.
        unsafe { libc::kill(4321, libc::SIGTERM) };
        0
    };
    let Fork::Parent(child) = fork().map_err(|error| error.to_string())? else {
        let done = confine(&ChildLimits::default(), &prepared).map_or(1, |()| work());
        exit_now(done);
    };
    let mut denied = Vec::new();
    let end = entered.attend(&child, TIME, |call| denied.push(call)).expect("attend");
    assert_eq!(end, End::Exited(0));
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0].pid as i32, child.pid());
    assert_eq!(denied[0].name(), "kill");
    assert_eq!(denied[0].arguments[..2], [4321, libc::SIGTERM as u64]);
    assert!(denied[0].to_string().starts_with("kill["), "{}", denied[0]);
    Ok(())
}

fn no_listener() -> Outcome {
    let (entered, prepared) = enter(Record::Notify);
    let recorder = entered.recorder().ok_or("no notification here")?;
    let (end, _) = confined(&entered, &prepared, TIME, || {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", raw(&recorder.as_fd())));
        i32::from(link.is_ok_and(|target| target.as_os_str() != "/"))
    });
    assert_eq!(end, End::Exited(0), "the number stands for nothing of use");
    Ok(())
}

fn second_child() -> Outcome {
    let (entered, prepared) = enter(Record::Notify);
    for _ in 0..100 {
        let (end, denied) = confined(&entered, &prepared, TIME, || {
            // SAFETY: no pointers; it is denied.
            i32::from(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) } != -1)
        });
        assert_eq!((end, denied.len()), (End::Exited(0), 1));
    }
    Ok(())
}

fn zygote_dies() -> Outcome {
    // Everyone in the sandbox holds the writing end, but for the keeper.
    let (reader, writer) = io::pipe().map_err(|error| error.to_string())?;
    let (ready, mut say_ready) = io::pipe().map_err(|error| error.to_string())?;
    // SAFETY: this process has one thread, so the child may do anything.
    let zygote = unsafe { libc::fork() };
    if zygote == 0 {
        drop((reader, ready));
        let (entered, prepared) = enter(Record::Notify);
        confined(&entered, &prepared, TIME, || {
            use std::io::Write;
            let _ = say_ready.write_all(b"!");
            loop {
                std::thread::sleep(TIME);
            }
        });
        exit_now(0);
    }
    drop((writer, say_ready));
    let mut byte = [0];
    io::Read::read_exact(&mut &ready, &mut byte).map_err(|error| error.to_string())?;
    // SAFETY: no pointers; it is our own child.
    unsafe { libc::kill(zygote, libc::SIGKILL) };
    wait(zygote);
    wait_for_end(reader);
    Ok(())
}

fn deny_worker(record: Record, errno: i32) -> Outcome {
    let (entered, _) = enter(record);
    let prepared = Prepared::new(Confinement::Deny, &entered).expect("the filter assembles");
    let limits = ChildLimits { cpu_seconds: 1, ..ChildLimits::default() };
    confine(&limits, &prepared).map_err(|error| error.to_string())?;

    let mut cpu = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `cpu` is ours to write.
    unsafe { libc::getrlimit(libc::RLIMIT_CPU, &raw mut cpu) };
    assert_ne!(cpu.rlim_cur, 1, "a long-lived worker has no limit on processor time");
    // SAFETY: no pointers; it is denied.
    assert_eq!(unsafe { libc::setsid() }, -1);
    assert_eq!(io::Error::last_os_error().raw_os_error(), Some(errno));
    assert!(fork().is_err());
    Ok(())
}

fn place_not_hidden() -> Outcome {
    let mut config = WorkerConfig::default();
    config.read_only.push("/tmp".into());
    let entered = enter_worker(&config).unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(entered.directory.as_os_str(), "/tmp");
    Ok(())
}
