//! Prints libFuzzer's dictionary: `cargo run -p assay-targets --example dictionary > fuzz/pickle.dict`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().lock().write_all(assay_targets::dictionary().as_bytes())
}
