//! How long the analyser takes for each kind of content, alone: `cargo bench -p assay-analyzer
//! --bench judge`. To see what a change does; `speed` holds it against others.

use assay_analyzer::{Policy, Verdict, analyze};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

fn main() {
    divan::main();
}

/// A pickle of protocol 4 with so many of them in a list.
fn list_of(count: u32, item: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let items: Vec<u8> = (0..count).flat_map(item).collect();
    [&b"\x80\x04]\x94("[..], &items, b"e."].concat()
}

/// Dicts as CPython writes them: keys by the memo, the values numbers, a tuple and a list.
fn records() -> Vec<u8> {
    let keys = b"\x80\x04\x8c\x02id\x94\x8c\x02at\x94\x8c\x04tags\x94000";
    let rows = list_of(20_000, |i| {
        let number = [&b"J"[..], &i.to_le_bytes()].concat();
        let head = [&b"}\x94(h\x00"[..], &number, b"h\x01", &number, b"K\x07\x86\x94"].concat();
        [&head[..], b"h\x02]\x94(", &number, b"NK\x05eu"].concat()
    });
    [&keys[..], &rows[2..]].concat()
}

/// Binary objects of 1 MiB.
fn blobs() -> Vec<u8> {
    list_of(16, |i| {
        [&b"B"[..], &(1_u32 << 20).to_le_bytes(), &vec![i as u8; 1 << 20], b"\x94"].concat()
    })
}

/// Texts, each memoised and each asked for again.
fn memo() -> Vec<u8> {
    let texts =
        list_of(50_000, |i| format!("\u{8c}\x0b{i:011}\u{94}").chars().map(|c| c as u8).collect());
    let again = (1..=50_000_u32).flat_map(|i| [&b"j"[..], &i.to_le_bytes()].concat());
    [&texts[..texts.len() - 1], b"(", &again.collect::<Vec<_>>(), b"e."].concat()
}

/// Lists in lists.
fn deep() -> Vec<u8> {
    [&b"\x80\x04"[..], &[b']'; 100_000], &[b'a'; 99_999], b"."].concat()
}

/// Calls that the policy allows, with arguments that it looks at.
fn calls() -> Vec<u8> {
    let names = b"\x80\x04\x8c\x08datetime\x94\x8c\x04date\x94\x93\x940";
    let dates = list_of(20_000, |_| b"h\x02C\x04\x07\xe8\x02\x1d\x85\x94R\x94".to_vec());
    [&names[..], &dates[2..]].concat()
}

/// Makes an input.
type Make = fn() -> Vec<u8>;

#[divan::bench(args = [
    ("records", records as Make),
    ("blobs", blobs),
    ("memo", memo),
    ("deep", deep),
    ("calls", calls),
].map(|(name, make)| Input { name, make }))]
fn one(bencher: Bencher<'_, '_>, input: &Input) {
    let (bytes, policy) = ((input.make)(), Policy::load(&["stdlib"]).expect("built in"));
    assert_eq!(analyze(&bytes, &policy).verdict, Verdict::Safe, "{input}");
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| analyze(divan::black_box(&bytes), &policy));
}

/// Pickles a second of a kind that caches and queues hold.
#[divan::bench]
fn small(bencher: Bencher<'_, '_>) {
    const COUNT: usize = 1000;
    let policy = Policy::load(&["stdlib"]).expect("built in");
    let pickle = b"\x80\x04\x95\x3d\0\0\0\0\0\0\0}\x94(\x8c\x04user\x94\x8c\x06user-1\x94\x8c\x05roles\x94]\x94(\x8c\x06reader\x94\x8c\x06writer\x94e\x8c\x05quota\x94M\xe8\x03u.";
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
        for _ in 0..COUNT {
            divan::black_box(analyze(divan::black_box(pickle), &policy));
        }
    });
}

/// What is judged.
struct Input {
    name: &'static str,
    make: Make,
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
