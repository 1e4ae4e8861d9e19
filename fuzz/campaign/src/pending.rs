//! *Pending*: discrepant pickles whose way down to the cause was cut short, by the end of the
//! campaign's time or by Ctrl-C.
//!
//! What a witness that is not minimal shows would be taken for a cause of its own. So such a
//! pickle is kept as it is, told of as found, and followed first when the campaign goes on.

use assay_differential::Class;
use assay_oracle::Mode;
use serde::{Deserialize, Serialize};

/// A discrepant pickle whose cause is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The analyser.
    pub analyzer: String,
    /// What it is known by.
    pub key: String,
    /// Of what class it is, as far as was seen.
    pub class: Class,
    /// The mode in which it shows.
    pub mode: Mode,
    /// The pickle.
    pub pickle: Vec<u8>,
}
