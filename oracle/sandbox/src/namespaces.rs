//! Namespaces: the process gets a world of its own, with nothing in it.
//!
//! The functions allocate nothing, so that probes may try them in a forked child.

use std::io::{self, Write};
use std::os::fd::AsFd;

use libc::c_int;

use crate::{Layer, sys};

/// Enters a user namespace in which this user is itself, and nobody else exists.
///
/// This gives power over namespaces made after it, and takes away any power outside. Some
/// systems let it happen and give no power: what counts is whether the others work.
pub(crate) fn enter_user() -> io::Result<()> {
    // SAFETY: these only ask.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    sys::unshare(libc::CLONE_NEWUSER)?;
    // Without this, an ordinary user may not map groups.
    write_file(c"/proc/self/setgroups", format_args!("deny"))?;
    write_file(c"/proc/self/uid_map", format_args!("{user} {user} 1"))?;
    write_file(c"/proc/self/gid_map", format_args!("{group} {group} 1"))
}

/// The other namespaces, and the layer that each is.
pub(crate) const OTHERS: [(Layer, c_int); 5] = [
    (Layer::MountNamespace, libc::CLONE_NEWNS),
    (Layer::PidNamespace, libc::CLONE_NEWPID),
    (Layer::NetNamespace, libc::CLONE_NEWNET),
    (Layer::IpcNamespace, libc::CLONE_NEWIPC),
    (Layer::UtsNamespace, libc::CLONE_NEWUTS),
];

fn write_file(path: &std::ffi::CStr, text: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut buffer = [0_u8; 64];
    let mut rest = &mut buffer[..];
    rest.write_fmt(text)?;
    let length = 64 - rest.len();
    let file = sys::open(path, libc::O_WRONLY)?;
    sys::write(file.as_fd(), &buffer[..length])
}
