//! The state of a campaign in SQLite: whatever is saved survives a kill, and can go on.
//!
//! Everything a batch brings is saved in one transaction, so that counts, findings and the place
//! at which to go on always belong together. Several processes may write, each a shard of its
//! own. The store must not interpret what it keeps.

mod database;
mod lock;
mod read;
mod rescue;
mod schema;
mod write;

#[cfg(test)]
pub use database::FILE;
pub use database::{Store, campaigns, find};
pub use lock::Lock;
pub use read::{Meta, Sample, State};
pub use rescue::{places, rescue};
pub use write::Save;

#[cfg(test)]
mod tests;
