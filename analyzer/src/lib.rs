//! Judges pickles against a policy by abstract interpretation, without running them.
