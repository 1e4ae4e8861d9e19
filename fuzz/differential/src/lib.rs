//! Compares judgements with observations; buckets, minimises and explains discrepancies.
