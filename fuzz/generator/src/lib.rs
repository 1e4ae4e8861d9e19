//! Grammar-aware generation and mutation of pickles.
