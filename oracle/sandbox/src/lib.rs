//! The sandbox: what a hostile pickle may not do, whatever Python makes of it.
//!
//! Confinement is laid on in two steps, because a fork for each pickle must stay cheap:
//!
//! 1. [`enter_worker`], once, in the freshly spawned, single-threaded worker (the *zygote*):
//!    namespaces, read-only file system, landlock, no capabilities, and the seccomp *base
//!    filter*, which every later child inherits.
//! 2. [`confine`], in each forked child before it sees the first byte of a pickle: resource
//!    limits, and the *tail filter*, which takes away what the base filter left to the zygote
//!    alone. Tens of microseconds, against hundreds for the fork itself.
//!
//! ```no_run
//! use assay_sandbox::*;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Error> {
//! let entered = enter_worker(&WorkerConfig::default())?;
//! let prepared = Prepared::new(Confinement::Full, &entered)?;
//! match fork()? {
//!     Fork::Child => {
//!         if confine(&ChildLimits::default(), &prepared).is_err() {
//!             exit_now(101);
//!         }
//!         // load the pickle
//!         exit_now(0);
//!     }
//!     Fork::Parent(child) => {
//!         let end = entered.attend(&child, Duration::from_secs(5), |denied| drop(denied))?;
//!         assert_eq!(end, End::Exited(0));
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The marked calls
//!
//! The zygote must fork and kill; its children must not; yet they share the inherited filter.
//! The base filter therefore lets a few calls ([`syscalls`] lists them) pass only if their
//! sixth, unused argument carries a mark; [`fork`], [`Child::kill`] and [`trusted`] make such
//! calls. The tail filter refuses marked calls, so knowing the mark helps no pickle.
//! **The zygote must never make a denied call without the mark**: it would wait for its own
//! answer. Above all: [`fork`], never `libc::fork` or `os.fork`.
//!
//! # Recording
//!
//! A denied call is answered with `EPERM` by the zygote itself, through seccomp's user
//! notification, so that it is recorded out of the pickle's reach. The listener is inherited
//! from the zygote rather than made in each child: a child would have to hand its listener
//! over (a socket, two context switches, and a filter of 300 instructions translated again each
//! time), and could answer itself until it did. The zygote serves it in the wait it is in
//! anyway ([`Entered::attend`]), so no thread is needed and each record belongs to the one
//! child running. Where the kernel has no user notification ([`Record::Errno`]), calls are
//! denied all the same, unrecorded.
//!
//! # The scratch directory
//!
//! A pickle may write in one place: the small, empty file system that it finds as its working
//! directory and, as a rule, `/tmp`. Its writing calls are denied and recorded like any other,
//! and then let go on; landlock and the read-only mounts, both, see to it that they reach
//! nothing else. After a child that wrote, [`Entered::tidy`] empties it. Where either of the two
//! layers, or recording, is absent, there is none: every writing call fails.
//!
//! # The PID namespace
//!
//! The first process forked after `unshare(CLONE_NEWPID)` is the namespace's process 1, and
//! with its death nothing more can be forked. [`enter_worker`] therefore forks a *keeper*,
//! which does nothing but sleep as process 1 and die with the zygote, taking with it whatever
//! is left in the namespace. The zygote itself stays outside, so no child can name it. The
//! keeper is a child of the zygote: wait for children by their own id, never for any.
//!
//! Everything fails closed: where a required layer can't be laid on, the answer is an
//! [`Error`] that names it and says how to get it, and the process must not load anything.

mod capabilities;
mod child;
mod error;
mod files;
mod filter;
mod keeper;
mod layer;
mod limits;
mod mounts;
mod namespaces;
mod probe;
mod recorder;
mod scratch;
mod sys;
mod trusted;
mod worker;
mod zygote;

pub use child::{Confinement, Prepared, confine};
pub use error::{Error, Result};
pub use filter::{AssembleError, Row, Rule, Test, syscall_name, syscalls};
pub use layer::{Layer, LayerStatus};
pub use limits::ChildLimits;
pub use probe::{check, probe};
pub use recorder::{Denied, Recorder};
pub use trusted::trusted;
pub use worker::{Entered, Record, WorkerConfig, enter_worker};
pub use zygote::{Child, End, Fork, exit_now, fork};
