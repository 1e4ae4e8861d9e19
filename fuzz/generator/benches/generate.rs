//! Pickles per second, by profile.

use assay_generator::{Config, Generator, Profile, generate_seeded};

fn main() {
    divan::main();
}

/// Pickles per sample.
const BATCH: u64 = 10_000;

#[divan::bench(args = ["data", "attack", "mixed", "divergent"])]
fn generate(bencher: divan::Bencher<'_, '_>, profile: &str) {
    let profile = Profile::from_name(profile).expect("a profile's name");
    let generator = Generator::new(Config { profile, ..Config::default() });
    let mut out = Vec::new();
    bencher.counter(divan::counter::ItemsCount::new(BATCH)).bench_local(|| {
        for index in 0..BATCH {
            generate_seeded(&generator, 1, index, &mut out);
            divan::black_box(&out);
        }
    });
}
