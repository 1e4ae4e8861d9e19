//! Loaders of containers: what reads the files in which pickles travel.

use serde::{Deserialize, Serialize};

/// A way in which applications read a file that holds pickles. Only the deny tier has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// `gzip.open`, `bz2.open`, `lzma.open` and `zlib.decompress`, and `pickle.load` again and again
    /// until the end, by the C and the pure Python unpickler.
    Compressed,
    /// `joblib.load(file)`.
    Joblib,
    /// `numpy.load(file, allow_pickle=True)`, and every array of what it gives; again and again, as
    /// long as the file goes on.
    Numpy,
    /// `torch.load(file, weights_only=False)`, of a buffer and of what passes for a file on disk.
    Torch,
}

impl Loader {
    /// Every loader, in the order of their numbers on the wire.
    pub const ALL: [Self; 4] = [Self::Compressed, Self::Joblib, Self::Numpy, Self::Torch];

    /// The loader's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compressed => "compressed",
            Self::Joblib => "joblib",
            Self::Numpy => "numpy",
            Self::Torch => "torch",
        }
    }

    /// The module that the interpreter must have, and that must be among what is imported
    /// beforehand (`OracleConfig::preload`).
    pub fn module(self) -> Option<&'static str> {
        match self {
            Self::Compressed => None,
            _ => Some(self.name()),
        }
    }
}
