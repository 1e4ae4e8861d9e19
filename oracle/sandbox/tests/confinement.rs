//! Placeholder until the scenarios are in.
fn main() {}
