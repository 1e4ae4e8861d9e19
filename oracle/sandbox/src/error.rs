//! What can go wrong, and what to do then.

use std::io;

use crate::Layer;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a process is not confined, and so must load nothing.
///
/// Making one allocates nothing, so that a forked child may.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A required layer was found missing by [`crate::check`].
    #[error("sandbox layer `{layer}` is not available here: {detail}; {}", .layer.advice())]
    Missing {
        /// The layer.
        layer: Layer,
        /// What was found instead.
        detail: String,
    },
    /// A required layer could not be laid on.
    #[error("sandbox layer `{layer}`: {step} failed: {source}; {}", .layer.advice())]
    Layer {
        /// The layer.
        layer: Layer,
        /// The step that failed.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process has several threads, which seccomp and namespaces would miss.
    #[error(
        "the worker has {found} threads, and only the calling one would be confined; \
         enter the sandbox before any thread is started"
    )]
    Threads {
        /// How many there are.
        found: usize,
    },
    /// The process is in the sandbox already.
    #[error("this process has entered the sandbox before; enter it once in each worker")]
    Entered,
    /// A filter does not assemble: the table of calls is at fault.
    #[error("the seccomp filter does not assemble: {0}; correct `filter/table.rs`")]
    Filter(#[from] crate::filter::AssembleError),
    /// A call of the zygote failed.
    #[error("the zygote's {call} failed: {source}; restart the worker")]
    Zygote {
        /// Which call.
        call: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: says which step of which layer failed.
    pub(crate) fn at(layer: Layer, step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Layer { layer, step, source }
    }

    /// For `map_err`: says which call of the zygote failed.
    pub(crate) fn zygote(call: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Zygote { call, source }
    }

    /// The layer at fault, if it is one layer's fault.
    #[must_use]
    pub fn layer(&self) -> Option<Layer> {
        match self {
            Self::Missing { layer, .. } | Self::Layer { layer, .. } => Some(*layer),
            Self::Filter(_) => Some(Layer::Seccomp),
            Self::Threads { .. } | Self::Entered | Self::Zygote { .. } => None,
        }
    }
}
