//! Whether time stays linear: hostile inputs of each kind, at two sizes.
//!
//! `cargo bench -p assay-analyzer --bench linear`. Each input is judged at 2 MiB and at 16 MiB,
//! the best of two each, in processor time of the thread, so that a busy machine matters little.
//! Exits with 1 if any takes more than 2.2 times as long for twice the input.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::io::{Cursor, Write};
use std::process::ExitCode;

use assay_analyzer::{Policy, analyze_file, annotate};

/// Double the input may take so many times as long.
const MOST: f64 = 2.2;

/// Bytes of the smaller input, about.
const SIZE: usize = 2 << 20;

/// How many times as large the larger one is.
const GROWTH: usize = 8;

/// Measurements of each; the best counts.
const ROUNDS: usize = 2;

/// Seconds that are measured at least.
const LONG_ENOUGH: f64 = 0.1;

/// An input, made to about so many bytes.
type Make = fn(usize) -> Vec<u8>;

const INPUTS: &[(&str, Make)] = &[
    ("globals, each another", |n| repeat(n, |i| format!("cm{i}\nn\n0").into_bytes())),
    ("calls of what is not allowed", |n| {
        around(
            b"",
            n,
            b"cm\nn\n(Vaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nK\x01K\x02K\x03NNN]tR0",
            b"N.",
        )
    }),
    ("a long name, asked for again", |n| {
        let name = text(n / 2);
        around(&[&name[..], b"\x94\x8c\x01m\x940"].concat(), n / 2, b"h\x01h\x00\x930", b"N.")
    }),
    ("a long line as a key again", |n| {
        let key = format!("V{}\np0\n0}}(", "\\u0041".repeat(n / 12));
        around(key.as_bytes(), n / 2, b"h\x00N", b"u.")
    }),
    ("a long 8-bit string as a key again", |n| {
        let key = format!("S'{}'\np0\n0}}(", "a".repeat(n / 2));
        around(key.as_bytes(), n / 2, b"h\x00N", b"u.")
    }),
    ("a long tuple as arguments again", |n| {
        let tuple =
            [b"(", &vec![b'N'; n / 2][..], b"tq\x000ccollections\nOrderedDict\nq\x010"].concat();
        around(&tuple, n / 2, b"h\x01h\x00R0", b"N.")
    }),
    ("a long tuple as a state again", |n| {
        let tuple = [b"(", &vec![b'N'; n / 2][..], b"tq\x000cdecimal\nDecimal\nq\x010"].concat();
        around(&tuple, n / 2, b"h\x01)\x81h\x00b0", b"N.")
    }),
    ("a long expression compiled again", |n| {
        let pattern = text(n / 2);
        let head = [b"cre\n_compile\n\x940", &pattern[..], b"\x94K\x00\x86\x940"].concat();
        around(&head, n / 2, b"h\x00h\x02R0", b"N.")
    }),
    ("memo indices with gaps, a pickle each", |n| b"Nr\xff\xff\x0f\x00.".repeat(n / 7)),
    ("pickles of one global each", |n| repeat(n, |i| format!("cm{i}\nn\n.").into_bytes())),
    ("pickles of one reason each", |n| b"P1\n.".repeat(n / 4)),
    ("globals, then pickles that use them backwards", |n| {
        let count = n / 28;
        let mut out = repeat(n / 2, |i| format!("cm{i}\nn\n0").into_bytes());
        out.extend(b"N.");
        out.extend((0..count).rev().flat_map(|i| format!("cm{i}\nn\n0").into_bytes()));
        out.extend(b"N.");
        out
    }),
    ("marks", |n| around(b"", n, b"(", b"N.")),
    ("lists in lists", |n| [vec![b']'; n / 2], vec![b'a'; n / 2 - 1], b".".to_vec()].concat()),
    ("tuples in tuples, hashed", |n| around(b"})", n, b"\x85", b"Ns.")),
    ("tuples that hold another twice, hashed", |n| around(b"})", n, b"2\x86", b"Ns.")),
    ("instances in instances", |n| around(b"]", n, b"ccollections\ndeque\n)Ra", b".")),
    ("frames", |n| around(b"\x80\x04", n, b"\x95\x01\0\0\0\0\0\0\0N", b".")),
    ("long numerals", |n| format!("L{}L\n.", "7".repeat(n)).into_bytes()),
    ("long decimals as memo indices", |n| around(b"N", n, b"p00000000000000000001\n", b".")),
    ("no STOP", |n| vec![b'N'; n]),
    ("pickles in bytes in pickles", |n| {
        let mut out = b"N.".to_vec();
        while out.len() < n {
            let length = out.len() as u32;
            out = [b"B", &length.to_le_bytes()[..], &out, b"cm\nn\n."].concat();
            if out.len() < n / 64 {
                out.extend(vec![b'.'; 0]);
            }
            out = [&out[..out.len() - 1], &b"N0".repeat(n / 128), b"."].concat();
        }
        out
    }),
    ("zip of empty members", |n| zip(n / 110, |i| (format!("m{i}"), Vec::new()))),
    ("zip of pickles", |n| zip(n / 130, |i| (format!("m{i}"), b"cm\nn\n.".to_vec()))),
    ("zip with headers behind its end", |n| {
        let mut out = zip(1, |_| ("m".to_owned(), b"N.".to_vec()));
        let end = out.split_off(0);
        [&b"PK\x03\x04".repeat(n / 4)[..], &end].concat()
    }),
    ("zip of headers in members", |n| {
        zip(n / 220, |i| (format!("m{i}"), b"PK\x03\x04".repeat(25)))
    }),
    ("zip of members that end in a fault", |n| {
        // A sum that is wrong, after a hundred bytes.
        let mut out = zip(n / 230, |i| (format!("m{i}"), b"N0".repeat(50)));
        let places: Vec<usize> =
            out.windows(4).enumerate().filter(|(_, w)| w == b"N0N0").map(|(at, _)| at).collect();
        places.iter().step_by(49).for_each(|at| out[*at] = b'K');
        out
    }),
    ("tar of pickles", tar),
    ("npy with a long header", |n| {
        let header = format!("{{'descr': '<f8', {}}}", "1, ".repeat(n / 3));
        [b"\x93NUMPY\x02\0", &(header.len() as u32).to_le_bytes()[..], header.as_bytes()].concat()
    }),
];

fn main() -> ExitCode {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let policy = Policy::load(&["stdlib"]).expect("a built-in profile");
    let judge = |bytes: &[u8]| {
        analyze_file(bytes, &policy);
    };
    let show = |bytes: &[u8]| {
        annotate(bytes, &policy).count();
    };
    let mut all_linear = true;
    for (name, make) in INPUTS {
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        all_linear &= compare(name, *make, &judge);
        if *name == "marks" {
            all_linear &= compare("marks, disassembled", *make, &show);
        }
    }
    if all_linear { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a line for the input; whether it is linear.
fn compare(name: &str, make: Make, run: &dyn Fn(&[u8])) -> bool {
    let [small, large] = [make(SIZE), make(GROWTH * SIZE)];
    let (mut once, mut grown) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        once = once.min(time(&small, run));
        grown = grown.min(time(&large, run));
    }
    // What doubling did on the way, which caches that are outgrown disturb less than one doubling.
    let doublings = (large.len() as f64 / small.len() as f64).log2();
    let ratio = (grown / once).powf(1.0 / doublings);
    let verdict = if ratio <= MOST { "" } else { "  NOT LINEAR" };
    println!(
        "{name:48} {:6.1} MB {:9.2} ms {:7.2} ns/byte  x{ratio:.2}{verdict}",
        large.len() as f64 / 1e6,
        grown * 1e3,
        grown * 1e9 / large.len() as f64,
    );
    ratio <= MOST
}

/// Seconds of processor time that it takes: the mean of as many runs as the clock, which may tick
/// only every four milliseconds, needs to be exact.
fn time(bytes: &[u8], run: &dyn Fn(&[u8])) -> f64 {
    let begin = on_processor();
    let mut runs = 0;
    while on_processor() - begin < LONG_ENOUGH {
        run(bytes);
        runs += 1;
    }
    (on_processor() - begin) / f64::from(runs)
}

/// Seconds that this thread has run.
fn on_processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let nanoseconds = stat.split_whitespace().next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.expect("a number") / 1e9
}

/// What `piece` gives for 0, 1, 2 and so on, up to so many bytes, and a STOP.
fn repeat(bytes: usize, piece: fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for index in 0.. {
        if out.len() >= bytes {
            break;
        }
        out.extend(piece(index));
    }
    if out.last() != Some(&b'.') {
        out.extend(b"N.");
    }
    out
}

/// `head`, `piece` again and again for so many bytes, and `tail`.
fn around(head: &[u8], bytes: usize, piece: &[u8], tail: &[u8]) -> Vec<u8> {
    [head, &piece.repeat(bytes / piece.len()), tail].concat()
}

/// The opcode of a text of so many bytes.
fn text(bytes: usize) -> Vec<u8> {
    [b"X", &(bytes as u32).to_le_bytes()[..], &vec![b'a'; bytes]].concat()
}

fn zip(members: usize, member: fn(usize) -> (String, Vec<u8>)) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for index in 0..members {
        let (name, data) = member(index);
        writer.start_file(name, stored).expect("a name");
        writer.write_all(&data).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn tar(bytes: usize) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for index in 0..bytes / 1024 {
        let mut header = tar::Header::new_ustar();
        header.set_size(2);
        builder.append_data(&mut header, format!("m{index}"), &b"N."[..]).expect("memory");
    }
    builder.into_inner().expect("memory")
}
