//! Entering the sandbox, once, in the worker that will be the zygote.
//!
//! The steps read from top to bottom. Their order matters: namespaces give the power to mount,
//! landlock forbids to mount, capabilities go when no step needs them any more, and the filter
//! comes last, since it refuses most of the steps before it.

use std::ffi::CString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::filter::{self, Action};
use crate::recorder::{Denied, Recorder};
use crate::zygote::{Child, End};
use crate::{
    Error, Layer, LayerStatus, Result, capabilities, files, keeper, limits, mounts, namespaces,
    scratch, sys,
};

/// Whether denied calls are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// Through user notification where the kernel has it, 6 µs a call (12 before Linux 6.6);
    /// else as `Errno`.
    #[default]
    Notify,
    /// Not at all: denied calls just fail.
    Errno,
}

/// What a worker is left with.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The files and directories that the interpreter must read, with all beneath: its
    /// prefix, its packages, the system's libraries (see [`WorkerConfig::system`]).
    pub read_only: Vec<PathBuf>,
    /// The size of the private `/tmp`.
    pub tmpfs_bytes: u64,
    /// Whether denied calls are recorded.
    pub record: Record,
}

impl WorkerConfig {
    /// What a dynamically linked interpreter reads outside its own prefix.
    #[must_use]
    pub fn system() -> Vec<PathBuf> {
        [
            "/lib",
            "/lib64",
            "/usr/lib",
            "/usr/lib64",
            "/usr/local/lib",
            "/etc/ld.so.cache",
            "/etc/localtime",
            "/usr/share/zoneinfo",
            "/dev/null",
            "/dev/urandom",
        ]
        .map(PathBuf::from)
        .to_vec()
    }
}

impl Default for WorkerConfig {
    /// The system's files, 1 MiB of `/tmp`, recording where possible.
    fn default() -> Self {
        Self { read_only: Self::system(), tmpfs_bytes: 1 << 20, record: Record::Notify }
    }
}

/// Proof that this process entered the sandbox.
#[derive(Debug)]
pub struct Entered {
    /// What is in force.
    pub layers: Vec<LayerStatus>,
    /// The working directory: the private, empty file system, or `/` if there is none.
    pub directory: PathBuf,
    recorder: Option<Recorder>,
    /// Where pickles may write.
    scratch: Option<OwnedFd>,
    /// A descriptor of no use, to take the listener's place in a child.
    pub(crate) hole: OwnedFd,
}

impl Entered {
    /// The recorder of denied calls, if they are recorded.
    #[must_use]
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Whether pickles may write in [`Entered::directory`].
    #[must_use]
    pub fn writable(&self) -> bool {
        self.scratch.is_some()
    }

    /// Empties the scratch directory if anything was written since this was last called. To be
    /// called when a child is dead and before the next is forked.
    ///
    /// # Errors
    ///
    /// If something is left: this worker must fork no more.
    pub fn tidy(&self) -> Result<()> {
        match (&self.recorder, &self.scratch) {
            (Some(recorder), Some(scratch)) if recorder.wrote() => {
                scratch::sweep(scratch).map_err(Error::zygote("emptying of the scratch directory"))
            }
            _ => Ok(()),
        }
    }

    /// Waits for `child` to end and reaps it; tells `note` of each denied call before the
    /// child learns of it; kills the child when `time` is up.
    ///
    /// # Errors
    ///
    /// If waiting or answering fails: the worker is lost.
    pub fn attend(&self, child: &Child, time: Duration, note: impl FnMut(Denied)) -> Result<End> {
        let end = child.attend(self.recorder(), time, note)?;
        self.tidy()?;
        Ok(end)
    }
}

/// Confines this process and all that it will fork; for good.
///
/// Call it once, in a single-threaded process, before any untrusted byte is read. Afterwards
/// the process can read `config.read_only` and what it holds open, compute, fork by
/// [`crate::fork`], and little else: it must make no other denied call (see the crate's
/// documentation). It is not dumpable, so its `/proc/PID` belongs to root; and landlock keeps
/// /proc closed in any case.
///
/// # Errors
///
/// If a required layer can't be laid on, or the process has threads. The process is then
/// confined in part and must end.
pub fn enter_worker(config: &WorkerConfig) -> Result<Entered> {
    // The first step would be a denied call, and wait for ever.
    static ENTERED: AtomicBool = AtomicBool::new(false);
    if ENTERED.swap(true, Ordering::Relaxed) {
        return Err(Error::Entered);
    }
    let mut layers = Layers::default();

    // Seccomp and namespaces would miss other threads.
    refuse_threads()?;

    // First, since landlock and the filter ask for it where there is no privilege.
    sys::prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0])
        .map_err(Error::at(Layer::NoNewPrivs, "PR_SET_NO_NEW_PRIVS"))?;
    layers.found(Layer::NoNewPrivs, "set");

    // Nothing that the worker does write is for others.
    // SAFETY: always allowed.
    unsafe { libc::umask(0o077) };

    // The key to the other namespaces for who is not root. The maps under /proc/self are ours
    // to write only while we are dumpable.
    let _ = sys::prctl(libc::PR_SET_DUMPABLE, [1, 0, 0, 0]);
    layers.tried(Layer::UserNamespace, namespaces::enter_user());

    // One by one: a system that refuses one may grant the next.
    for (layer, flag) in namespaces::OTHERS {
        layers.tried(layer, sys::unshare(flag));
    }

    // Everything read-only, then an empty directory over /tmp, whatever lay in it.
    let mut scratch = None;
    if layers.has(Layer::MountNamespace) {
        match mounts::make_read_only() {
            Ok(()) => scratch = mount_scratch(config),
            Err(error) => layers.tried(Layer::MountNamespace, Err(error)),
        }
    }
    let usable = scratch.as_deref().is_some_and(takes_files);
    let directory = scratch.clone().unwrap_or_else(|| PathBuf::from("/"));
    std::env::set_current_dir(&directory)
        .map_err(Error::at(Layer::MountNamespace, "changing to the empty directory"))?;

    // Read only what the interpreter must. From here on nothing can be mounted.
    match files::restrict(&config.read_only, scratch.as_deref()) {
        Ok(true) => layers.found(Layer::Landlock, "in force"),
        Ok(false) => layers.missing(Layer::Landlock, "unknown to the kernel or switched off"),
        Err(error) => layers.missing(Layer::Landlock, &error.to_string()),
    }
    // One of the two must keep files from being written, should the filter have a hole.
    if !layers.has(Layer::Landlock) && !layers.has(Layer::MountNamespace) {
        return Err(layers.error(Layer::Landlock));
    }

    // No step below needs any.
    capabilities::drop_all().map_err(Error::at(Layer::Capabilities, "dropping them"))?;
    layers.found(Layer::Capabilities, "none left");

    // Before the filter, which refuses a plain fork; after landlock, or the zygote's death
    // could not signal it.
    if layers.has(Layer::PidNamespace) {
        keeper::fork_keeper().map_err(Error::at(Layer::PidNamespace, "forking the keeper"))?;
    }

    // A worker must not outlive its host, nor be looked into by others of the same user.
    sys::prctl(libc::PR_SET_PDEATHSIG, [libc::SIGKILL as u64, 0, 0, 0])
        .map_err(Error::at(Layer::Rlimits, "PR_SET_PDEATHSIG"))?;
    sys::prctl(libc::PR_SET_DUMPABLE, [0; 4])
        .map_err(Error::at(Layer::Rlimits, "PR_SET_DUMPABLE"))?;

    limits::limit_zygote()?;
    layers.found(Layer::Rlimits, "set");

    let hole = sys::open(c"/", libc::O_PATH)
        .map_err(Error::at(Layer::Seccomp, "opening / as a placeholder"))?;
    // Two layers must say where, once the filter lets a call go on.
    let twice = layers.has(Layer::Landlock) && layers.has(Layer::MountNamespace);
    let mut scratch = match scratch.filter(|_| twice && usable) {
        Some(_) => Some(
            sys::open(c".", libc::O_RDONLY | libc::O_DIRECTORY)
                .map_err(Error::at(Layer::MountNamespace, "opening the scratch directory"))?,
        ),
        None => None,
    };
    let recorder = install_base(config.record, scratch.is_some(), &mut layers)?;
    if recorder.is_none() {
        scratch = None;
    }
    layers.found(Layer::Seccomp, "in force");

    Ok(Entered { layers: layers.0, directory, recorder, scratch, hole })
}

fn refuse_threads() -> Result<()> {
    let found = fs::read_dir("/proc/self/task")
        .map_err(Error::at(Layer::Seccomp, "counting threads in /proc/self/task"))?
        .count();
    if found == 1 { Ok(()) } else { Err(Error::Threads { found }) }
}

/// Mounts the scratch directory over the first place that hides nothing the interpreter reads.
fn mount_scratch(config: &WorkerConfig) -> Option<PathBuf> {
    let places = ["/tmp", "/var/tmp", "/dev/shm", "/mnt"].map(Path::new);
    places
        .into_iter()
        .filter(|place| place.is_dir())
        .filter(|place| !config.read_only.iter().any(|path| lies_beneath(path, place)))
        .find(|place| {
            CString::new(place.as_os_str().as_bytes())
                .is_ok_and(|place| mounts::mount_scratch(&place, config.tmpfs_bytes).is_ok())
        })
        .map(Path::to_path_buf)
}

/// Whether files can be made there: not by who has no number in the user namespace, as root
/// without capabilities.
fn takes_files(directory: &Path) -> bool {
    let probe = directory.join("probe");
    fs::write(&probe, "").is_ok() && fs::remove_file(&probe).is_ok()
}

fn lies_beneath(path: &Path, place: &Path) -> bool {
    path.starts_with(place) || fs::canonicalize(path).is_ok_and(|path| path.starts_with(place))
}

/// Installs the base filter, the recording one if wanted and possible.
fn install_base(record: Record, scratch: bool, layers: &mut Layers) -> Result<Option<Recorder>> {
    if record == Record::Notify {
        match filter::install_with_listener(&filter::base(Action::Notify)?) {
            Ok(listener) => {
                layers.found(Layer::SeccompNotify, "denied calls are recorded");
                return Ok(Some(Recorder::new(listener, scratch)));
            }
            Err(error) => layers.tried(Layer::SeccompNotify, Err(error)),
        }
    }
    let silent = filter::base(Action::Errno(libc::EPERM))?;
    filter::install(&silent.0).map_err(Error::at(Layer::Seccomp, "the base filter"))?;
    Ok(None)
}

/// What has been laid on so far.
#[derive(Default)]
struct Layers(Vec<LayerStatus>);

impl Layers {
    fn has(&self, layer: Layer) -> bool {
        self.0.iter().any(|status| status.layer == layer && status.available)
    }

    fn found(&mut self, layer: Layer, detail: &str) {
        self.set(layer, true, detail.to_owned());
    }

    fn missing(&mut self, layer: Layer, detail: &str) {
        self.set(layer, false, format!("{detail}; {}", layer.advice()));
    }

    fn tried(&mut self, layer: Layer, result: std::io::Result<()>) {
        match result {
            Ok(()) => self.found(layer, "entered"),
            Err(error) => self.missing(layer, &error.to_string()),
        }
    }

    /// The last word on a layer counts.
    fn set(&mut self, layer: Layer, available: bool, detail: String) {
        self.0.retain(|status| status.layer != layer);
        self.0.push(LayerStatus { layer, required: layer.is_required(), available, detail });
    }

    fn error(&self, layer: Layer) -> Error {
        let found = self.0.iter().find(|status| status.layer == layer);
        let detail = found.map_or_else(String::new, |status| status.detail.clone());
        Error::Missing { layer, detail }
    }
}
