//! The seccomp filters: data in, a checked program out.

mod bpf;
mod compile;
mod install;
#[cfg(test)]
mod machine;
mod names;
mod table;

pub use bpf::AssembleError;
pub use names::syscall_name;
pub use table::{Row, Rule, Test, syscalls};

pub(crate) use bpf::{Action, Program};
pub(crate) use compile::{Tail, base};
pub(crate) use install::{install, install_with_listener};
