//! Loaders of formats that are more than `pickle.load`: what they do differently.

/// What loads a pickle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Loader {
    /// `pickle.load`, in all its modes; `torch.load` too, which only brings its `persistent_load`.
    #[default]
    Pickle,
    /// `joblib.load`: behind the BUILD of an array's wrapper it reads the array's raw bytes.
    Joblib,
    /// `joblib.load` up to joblib 1.1, to which the padding before an array's bytes is the first of
    /// them (`numpy_pickle.py` NumpyArrayWrapper.read_array).
    JoblibUnpadded,
}
