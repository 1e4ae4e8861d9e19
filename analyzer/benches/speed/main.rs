//! How fast the analyser is beside what people use today, in one run: CPython's own `loads`,
//! `pickletools.genops`, and the scanners that are installed.
//!
//! `cargo bench -p assay-analyzer --bench speed -- [--python EXE] [--rounds N] [--skip TOOL]…`.
//! `--python` is a CPython that has picklescan and fickling, as far as they are to be compared:
//! `python3 -m venv peers && peers/bin/pip install picklescan fickling`. Every measurement is a
//! process of its own, in turn, so that peaks of memory are its own and a busy machine slows
//! all alike.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assay_analyzer::{Policy, Verdict, analyze};

use crate::table::Table;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Who is compared, after ours at two scales, which shows whether time is linear.
const TOOLS: &[&str] = &["loads", "genops", "picklescan", "fickling"];

/// After `inputs.py`.
const INPUTS: &[&str] = &["records", "blobs", "memo", "deep", "small"];

/// What is slower is given up: fickling takes minutes for records, and hours for some.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a process that did one thing says of itself.
#[derive(Clone, Copy, Debug, serde::Deserialize, serde::Serialize)]
pub struct Taken {
    seconds: f64,
    /// The most memory it had, in bytes, with the input and the interpreter.
    peak: u64,
}

struct Options {
    python: PathBuf,
    rounds: usize,
    skip: Vec<String>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options { python: "python3".into(), rounds: 3, skip: Vec::new() };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--only" => {
                let taken = judge(Path::new(&value()?))?;
                println!("{}", serde_json::to_string(&taken)?);
                return Ok(());
            }
            "--python" => options.python = value()?.into(),
            "--rounds" => options.rounds = value()?.parse()?,
            "--skip" => options.skip.push(value()?),
            // `cargo bench` says it is one.
            "--bench" => {}
            other => return Err(format!("unknown argument {other}; see the source's head").into()),
        }
    }
    compare(&options)
}

/// Measures everything in turn, round after round, and prints the table.
fn compare(options: &Options) -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/speed");
    let directory = tempfile::tempdir()?;
    for input in INPUTS {
        for scale in ["1", "2"] {
            let file = std::fs::File::create(directory.path().join(format!("{input}-{scale}")))?;
            let mut make = Command::new(&options.python);
            make.arg(here.join("inputs.py")).args([input, scale]).stdout(file);
            if !make.status()?.success() {
                return Err(format!("inputs.py {input} failed").into());
            }
        }
    }
    let tools: Vec<&str> = TOOLS.iter().copied().filter(|tool| usable(options, tool)).collect();
    let mut table = Table::default();
    for input in INPUTS {
        for round in 0..options.rounds {
            for scale in ["1", "2"] {
                let path = directory.path().join(format!("{input}-{scale}"));
                let mut own = Command::new(std::env::current_exe()?);
                own.arg("--only").arg(&path);
                table.add(input, if scale == "1" { "assay" } else { "twice" }, bounded(own)?);
            }
            for tool in &tools {
                // What takes minutes is measured once.
                if round > 0 && table.is_slow(input, tool) {
                    continue;
                }
                let mut peer = Command::new(&options.python);
                peer.arg(here.join("peers.py")).args([tool, input]);
                table.add(input, tool, bounded(peer)?);
            }
            eprintln!("{input}: round {} of {}", round + 1, options.rounds);
        }
        table.size(input, std::fs::metadata(directory.path().join(format!("{input}-1")))?.len());
    }
    print!("{}", table.markdown(INPUTS, &tools));
    Ok(())
}

/// Whether the tool is there and wanted; says so if it isn't.
fn usable(options: &Options, tool: &str) -> bool {
    if options.skip.iter().any(|skipped| skipped == tool) {
        return false;
    }
    let module = if matches!(tool, "loads" | "genops") { "pickletools" } else { tool };
    let mut ask = Command::new(&options.python);
    ask.args(["-c", &format!("import {module}")]).stderr(Stdio::null());
    let there = ask.status().is_ok_and(|status| status.success());
    if !there {
        let python = options.python.display();
        eprintln!("left out: {tool}; {python} -m pip install {tool}");
    }
    there
}

/// Runs one measurement; `None` if it failed or took too long.
fn bounded(mut command: Command) -> Result<Option<Taken>> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    Ok(serde_json::from_slice(&output.stdout).ok())
}

/// Judges an input, alone in this process.
fn judge(path: &Path) -> Result<Taken> {
    let policy = Policy::load(&["stdlib"])?;
    let bytes = std::fs::read(path)?;
    let many = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("small"));
    let pieces = if many { split(&bytes) } else { vec![&bytes[..]] };
    let begin = Instant::now();
    for piece in pieces {
        if analyze(piece, &policy).verdict != Verdict::Safe {
            return Err("an input was not judged safe".into());
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = high.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(Taken { seconds, peak: kib.parse::<u64>()? * 1024 })
}

/// Pickles, each behind its length.
fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (piece, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        found.push(piece);
        bytes = rest;
    }
    found
}
