//! A probe finds out what the system offers by doing it, in a forked child that then ends.
//!
//! Asking is not enough: some systems let a process make a user namespace and give it no power
//! in it. The children are forked from a process that may have threads, so they allocate
//! nothing and make system calls only.

use std::io;
use std::os::fd::AsRawFd;

use crate::filter::{self, Action, Program};
use crate::{
    ChildLimits, Error, Layer, LayerStatus, Result, capabilities, limits, mounts, namespaces, sys,
};

/// What each layer is like on this system, for the user who asks. Not for a process that has
/// entered the sandbox: there it would wait for ever.
#[must_use]
pub fn probe() -> Vec<LayerStatus> {
    let filters = Filters::new();
    let mut found: Vec<LayerStatus> = Layer::ALL
        .into_iter()
        .map(|layer| status(layer, attempt(|| try_layer(layer, filters.as_ref()))))
        .collect();

    let has = |layer| found.iter().any(|status| status.layer == layer && status.available);
    let (mount, landlock) = (has(Layer::MountNamespace), has(Layer::Landlock));
    for status in &mut found {
        status.required = match status.layer {
            Layer::Landlock => !mount,
            Layer::MountNamespace => !landlock,
            layer => layer.is_required(),
        };
    }
    found
}

/// Whether pickles can be loaded here at all.
///
/// # Errors
///
/// [`Error::Missing`] with the first required layer that is absent and how to get it.
pub fn check() -> Result<()> {
    match probe().into_iter().find(|status| status.required && !status.available) {
        None => Ok(()),
        Some(LayerStatus { layer, detail, .. }) => Err(Error::Missing { layer, detail }),
    }
}

fn status(layer: Layer, result: io::Result<()>) -> LayerStatus {
    let (available, detail) = match result {
        Ok(()) => (true, layer.purpose().to_owned()),
        Err(error) => (false, error.to_string()),
    };
    LayerStatus { layer, required: false, available, detail }
}

/// The filters, compiled before the fork.
struct Filters {
    silent: Program,
    notifying: Program,
}

impl Filters {
    fn new() -> Option<Self> {
        let silent = filter::base(Action::Errno(libc::EPERM)).ok()?;
        let notifying = filter::base(Action::Notify).ok()?;
        Some(Self { silent, notifying })
    }
}

/// Runs `step` in a forked child; its error comes back as the exit code.
fn attempt(step: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let pid = sys::fork()?;
    if pid == 0 {
        sys::exit(match step() {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().filter(|n| *n < 255).unwrap_or(255),
        });
    }
    let status = sys::wait(pid)?;
    match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => Ok(()),
        (true, 255) => Err(io::Error::other("granted, but without effect")),
        (true, number) => Err(io::Error::from_raw_os_error(number)),
        (false, _) => Err(io::Error::other("the probe was killed")),
    }
}

/// Lays one layer on and sees whether it has effect.
fn try_layer(layer: Layer, filters: Option<&Filters>) -> io::Result<()> {
    match layer {
        Layer::NoNewPrivs => no_new_privs(),
        Layer::UserNamespace => {
            enter_user()?;
            // What shows power: the next namespace.
            sys::unshare(libc::CLONE_NEWUTS)
        }
        Layer::MountNamespace => try_mount(),
        Layer::PidNamespace => try_pid(),
        Layer::NetNamespace => try_net(),
        Layer::IpcNamespace => enter(libc::CLONE_NEWIPC),
        Layer::UtsNamespace => enter(libc::CLONE_NEWUTS),
        Layer::Landlock => try_landlock(),
        Layer::Capabilities => {
            capabilities::drop_all()?;
            // Only who has CAP_SYS_ADMIN may make a mount namespace.
            refused(sys::unshare(libc::CLONE_NEWNS), libc::EPERM)
        }
        Layer::Seccomp => {
            no_new_privs()?;
            filter::install(&filters.ok_or(io::ErrorKind::InvalidInput)?.silent.0)?;
            refused(socket().map(drop), libc::EPERM)
        }
        Layer::SeccompNotify => {
            no_new_privs()?;
            filter::install_with_listener(&filters.ok_or(io::ErrorKind::InvalidInput)?.notifying)
                .map(drop)
        }
        Layer::Rlimits => try_limits(),
    }
}

/// The effect asked for is that error.
fn refused(result: io::Result<()>, errno: i32) -> io::Result<()> {
    match result {
        Err(error) if error.raw_os_error() == Some(errno) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(io::ErrorKind::Other.into()),
    }
}

fn holds(condition: bool) -> io::Result<()> {
    if condition { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
}

fn no_new_privs() -> io::Result<()> {
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0]).map(drop)
}

fn enter_user() -> io::Result<()> {
    sys::prctl(libc::PR_SET_DUMPABLE, [1, 0, 0, 0])?;
    namespaces::enter_user()
}

/// Enters a namespace as the worker does: with a user namespace if there is one.
fn enter(flag: libc::c_int) -> io::Result<()> {
    let _ = enter_user();
    sys::unshare(flag)
}

fn try_mount() -> io::Result<()> {
    enter(libc::CLONE_NEWNS)?;
    mounts::make_read_only()?;
    mounts::mount_scratch(c"/tmp", 4096)?;
    sys::open(c"/tmp/probe", libc::O_CREAT | libc::O_WRONLY)?;

    // SAFETY: all zeroes is a value of this plain struct.
    let mut root: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string and the struct ours to write.
    sys::check(unsafe { libc::statvfs(c"/".as_ptr(), &raw mut root) })?;
    holds(root.f_flag & libc::ST_RDONLY != 0)
}

fn try_pid() -> io::Result<()> {
    enter(libc::CLONE_NEWPID)?;
    let pid = sys::fork()?;
    if pid == 0 {
        // SAFETY: only asks.
        sys::exit(i32::from(unsafe { libc::getpid() } != 1));
    }
    holds(sys::wait(pid)? == 0)
}

fn try_net() -> io::Result<()> {
    enter(libc::CLONE_NEWNET)?;
    let socket = socket()?;
    // SAFETY: all zeroes is a value of this plain struct.
    let mut to: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    to.sin_family = libc::AF_INET as u16;
    to.sin_port = 9_u16.to_be();
    to.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
    let length = size_of::<libc::sockaddr_in>() as u32;
    // SAFETY: the address is of the length given.
    let connected =
        sys::check(unsafe { libc::connect(socket.as_raw_fd(), (&raw const to).cast(), length) });
    refused(connected.map(drop), libc::ENETUNREACH)
}

/// A datagram socket: connecting it sends nothing.
fn socket() -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::FromRawFd;
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    let fd = sys::check(unsafe { libc::socket(libc::AF_INET, kind, 0) })?;
    // SAFETY: the descriptor was just opened and nothing else owns it.
    Ok(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd as i32) })
}

/// By hand, since the `landlock` crate allocates.
fn try_landlock() -> io::Result<()> {
    const READ_DIRECTORIES: u64 = 1 << 3;
    no_new_privs()?;
    let handled = READ_DIRECTORIES;
    // SAFETY: the oldest form of the attributes is this one word, of the size given.
    let ruleset = sys::check(unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, size_of::<u64>(), 0)
    })?;
    // SAFETY: no pointers.
    sys::check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) })?;
    refused(sys::open(c"/", libc::O_RDONLY | libc::O_DIRECTORY).map(drop), libc::EACCES)
}

fn try_limits() -> io::Result<()> {
    let limits = ChildLimits::default();
    let size = limits.address_space as usize;
    limits::limit_zygote().and_then(|()| limits::limit_child(&limits, true)).map_err(|error| {
        match error {
            Error::Layer { source, .. } => source,
            _ => io::ErrorKind::Other.into(),
        }
    })?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, chosen by the kernel, that nobody uses.
    let mapped = unsafe { libc::mmap(std::ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
    holds(mapped == libc::MAP_FAILED)
}
