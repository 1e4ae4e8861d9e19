//! Prints rate, coverage and structural loadability of a profile, as one line of JSON a profile
//! and protocol: `cargo run --release -p assay-generator --example measure -- [COUNT]`.

use std::io::Write as _;
use std::time::Instant;

use assay_generator::check::check;
use assay_generator::{Config, Coverage, Generator, Profile, generate_seeded};

fn main() -> std::io::Result<()> {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let mut stdout = std::io::stdout().lock();
    for profile in Profile::ALL {
        for protocol in [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)] {
            let generator = Generator::new(Config { profile, protocol, ..Config::default() });
            let mut out = Vec::new();
            let start = Instant::now();
            let mut bytes = 0;
            for index in 0..count {
                generate_seeded(&generator, 1, index, &mut out);
                bytes += out.len();
            }
            let seconds = start.elapsed().as_secs_f64();
            let mut coverage = Coverage::new();
            let mut loadable = 0;
            for index in 0..count {
                generate_seeded(&generator, 1, index, &mut out);
                coverage.add(&out);
                loadable += u64::from(check(&out).is_loadable());
            }
            let stats = coverage.stats();
            writeln!(
                stdout,
                "{{\"profile\":\"{}\",\"protocol\":{},\"per_second\":{:.0},\"mean_bytes\":{:.1},\
                 \"mean_opcodes\":{:.1},\"opcodes_seen\":{},\"transitions_seen\":{},\
                 \"loadable\":{:.3},\"missing\":{:?}}}",
                profile.name(),
                protocol.map_or("null".to_owned(), |protocol| protocol.to_string()),
                count as f64 / seconds,
                bytes as f64 / count as f64,
                stats.opcodes as f64 / count as f64,
                stats.opcodes_seen,
                stats.transitions_seen,
                loadable as f64 / count as f64,
                stats.opcodes_missing,
            )?;
        }
    }
    Ok(())
}
