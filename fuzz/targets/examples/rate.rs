//! How often a second each target runs, without libFuzzer and its instrumentation, on generated
//! pickles: `cargo run --release -p assay-targets --example rate -- [SECONDS]`.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use assay_generator::{Config, Generator, Profile, generate_seeded};
use assay_targets::{Analyze, Decode, Divergence, Roundtrip, Soundness, Target};

fn rate<T: Target>(seconds: u64) -> io::Result<()> {
    let mut target = T::new();
    let generator = Generator::new(Config { profile: Profile::Mixed, ..Config::default() });
    let mut pickle = Vec::new();
    // Interpreters are started, and most behaviours met, before the clock is.
    for (index, end) in [(0, 1), (1, 1 + seconds)] {
        let (began, mut runs) = (Instant::now(), 0);
        let time = Duration::from_secs(end - index.min(1));
        while began.elapsed() < time {
            generate_seeded(&generator, index, runs, &mut pickle);
            target.run(&pickle).map_err(io::Error::other)?;
            runs += 1;
        }
        if index == 1 {
            let rate = runs as f64 / began.elapsed().as_secs_f64();
            writeln!(io::stdout().lock(), "{:10} {rate:9.0}/s", T::NAME)?;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    rate::<Decode>(seconds)?;
    rate::<Roundtrip>(seconds)?;
    rate::<Analyze>(seconds)?;
    rate::<Soundness>(seconds)?;
    rate::<Divergence>(seconds)
}
