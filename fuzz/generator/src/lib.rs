//! Grammar-aware generation and mutation of pickles.
//!
//! A *generator* turns entropy into pickles that get far: it keeps an abstract machine beside
//! what it writes and draws each next opcode from those that can follow. A *profile* says what
//! the pickles are to try. A *mutator* changes a pickle as a list of opcodes. *Coverage* counts
//! which opcodes followed which. This crate writes bytes; it must not load them, nor judge them,
//! and its idioms are never derived from an analyser's policy.
//!
//! ```
//! use assay_generator::{Config, Generator, Profile, check, generate_seeded};
//!
//! let config = Config { profile: Profile::Data, protocol: Some(4), ..Config::default() };
//! let generator = Generator::new(config);
//! let mut pickle = Vec::new();
//! generate_seeded(&generator, 1, 0, &mut pickle);
//! assert!(check::check(&pickle).is_loadable());
//! ```

mod attack;
mod boundary;
pub mod check;
mod choices;
mod config;
mod coverage;
mod decoy;
mod emitter;
mod ending;
mod error;
pub mod exhaustive;
mod features;
mod generator;
mod graft;
mod grammar;
mod idiom;
mod literal;
mod lookup;
pub mod machine;
mod misfit;
pub mod mutate;
mod name;
mod near_miss;
mod noise;
mod plain;
mod profile;
mod program;
mod random;
mod reach;
mod strategy;
mod style;
mod template;
mod walk;

pub use config::{Config, SafeGlobal};
pub use coverage::{Coverage, CoverageStats};
pub use decoy::decoy;
pub use error::{Error, Result};
pub use generator::{Generator, gadget_pickle, generate_seeded, idiom_pickle};
pub use graft::graft;
pub use profile::Profile;
pub use random::fill_entropy;
pub use strategy::Pickle;
#[cfg(feature = "proptest")]
pub use strategy::{PickleTree, Pickles, any_pickle, pickles};
pub use template::{Template, Type};
