//! The `assay` binary: one file per subcommand.

fn main() {}
