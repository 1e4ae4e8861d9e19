//! Runs campaigns: scheduling, feedback, store and report.
