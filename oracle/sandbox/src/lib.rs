//! Confines a process that loads untrusted pickles; fails closed.
