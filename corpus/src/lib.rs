//! The curated corpus: seeds, gadgets, records and regressions, as data.
