//! A layer is one mechanism of the kernel that takes something away from a pickle.
//!
//! This module names the layers and says of each why it is there and how to get it. It lays
//! none on.

use std::fmt;

/// One mechanism of the kernel that takes something away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// `PR_SET_NO_NEW_PRIVS`: a set-uid program gives nothing.
    NoNewPrivs,
    /// A user namespace: whatever power is left counts in here only; the key to the others.
    UserNamespace,
    /// A mount namespace: everything read-only, `/tmp` private.
    MountNamespace,
    /// A PID namespace: other processes have no name; the worker's death ends its children.
    PidNamespace,
    /// A network namespace: no interface, not even an address of the loopback.
    NetNamespace,
    /// An IPC namespace: no System V or POSIX queues and segments of others.
    IpcNamespace,
    /// A UTS namespace: the host name is out of reach.
    UtsNamespace,
    /// Landlock: only the interpreter's own files can be read.
    Landlock,
    /// No capability, not even inside the user namespace.
    Capabilities,
    /// Seccomp: only listed system calls.
    Seccomp,
    /// Seccomp's user notification: what was denied is recorded.
    SeccompNotify,
    /// Resource limits.
    Rlimits,
}

impl Layer {
    /// Every layer, in the order in which they are laid on.
    pub const ALL: [Self; 12] = [
        Self::NoNewPrivs,
        Self::UserNamespace,
        Self::MountNamespace,
        Self::PidNamespace,
        Self::NetNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::Landlock,
        Self::Capabilities,
        Self::Seccomp,
        Self::SeccompNotify,
        Self::Rlimits,
    ];

    /// The layer's name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NoNewPrivs => "no_new_privs",
            Self::UserNamespace => "user namespace",
            Self::MountNamespace => "mount namespace",
            Self::PidNamespace => "pid namespace",
            Self::NetNamespace => "network namespace",
            Self::IpcNamespace => "ipc namespace",
            Self::UtsNamespace => "uts namespace",
            Self::Landlock => "landlock",
            Self::Capabilities => "capabilities",
            Self::Seccomp => "seccomp",
            Self::SeccompNotify => "seccomp notification",
            Self::Rlimits => "rlimits",
        }
    }

    /// What it takes away.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::NoNewPrivs => "no program gives privileges",
            Self::UserNamespace => "whatever power is left counts inside only",
            Self::MountNamespace => "everything read-only, a scratch directory of its own",
            Self::PidNamespace => "no process outside has a number",
            Self::NetNamespace => "no network, not even the loopback",
            Self::IpcNamespace => "no queues or segments of others",
            Self::UtsNamespace => "no host name to set",
            Self::Landlock => {
                "reads the interpreter's files only, writes in the scratch directory only"
            }
            Self::Capabilities => "none left",
            Self::Seccomp => "listed system calls only",
            Self::SeccompNotify => "denied calls are recorded out of the pickle's reach",
            Self::Rlimits => "memory, time, descriptors and files are bounded",
        }
    }

    /// Whether nothing is loaded without it, whatever else there is.
    pub(crate) fn is_required(self) -> bool {
        matches!(self, Self::NoNewPrivs | Self::Capabilities | Self::Seccomp | Self::Rlimits)
    }

    /// What to do where the layer is absent.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::NoNewPrivs => "run Linux 3.5 or later",
            Self::Seccomp => "run a kernel with CONFIG_SECCOMP_FILTER",
            Self::SeccompNotify => {
                "run Linux 5.0 or later, outside any supervisor that listens already"
            }
            Self::Landlock => {
                "run Linux 5.13 or later with `landlock` in the `lsm=` boot parameter; in a \
                 container, allow its three system calls"
            }
            Self::UserNamespace
            | Self::MountNamespace
            | Self::PidNamespace
            | Self::NetNamespace
            | Self::IpcNamespace
            | Self::UtsNamespace => {
                "allow user namespaces (`sysctl user.max_user_namespaces=10000 \
                 kernel.unprivileged_userns_clone=1 \
                 kernel.apparmor_restrict_unprivileged_userns=0`, whichever exist); in a \
                 container, allow `unshare` and `mount` in its seccomp profile"
            }
            Self::Capabilities => "run a kernel that lets a process drop its capabilities",
            Self::Rlimits => "raise the hard limits that the worker inherits (`ulimit -H -a`)",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was found of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerStatus {
    /// The layer.
    pub layer: Layer,
    /// Whether nothing is loaded without it. Of landlock and the mount namespace one is
    /// enough, so each is required only where the other is absent.
    pub required: bool,
    /// Whether it works here.
    pub available: bool,
    /// What was found and, if the layer is absent, how to get it.
    pub detail: String,
}
