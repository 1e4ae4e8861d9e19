//! How applications read the files in which pickles travel, by number of the host's `Loader`.

use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::engines::Prepared;

/// A function for each loader, of a file; `None` where the interpreter lacks the module, or did not
/// import it when it still could read files.
const LOADERS: &std::ffi::CStr = c"
import io, sys, _pickle
def optional(name):
    try: return __import__(name)
    except ImportError: return None
gzip, bz2, lzma, zlib = map(optional, ('gzip', 'bz2', 'lzma', 'zlib'))
def compressed(file):
    head = file.read(3)
    file.seek(0)
    if head[:2] == b'\\x1f\\x8b': opened = gzip.open(file)
    elif head == b'BZh': opened = bz2.open(file)
    elif head[:1] in (b'\\xfd', b'\\x5d'): opened = lzma.open(file)
    else: opened = io.BytesIO(zlib.decompress(file.read()))
    values = []
    while True:
        try: values.append(_pickle.load(opened))
        except EOFError: return values
joblib, numpy, torch = (sys.modules.get(name) for name in ('joblib', 'numpy', 'torch'))
def load_numpy(file):
    loaded = numpy.load(file, allow_pickle=True)
    return [loaded[name] for name in getattr(loaded, 'files', ())] or loaded
def load_torch(file):
    every = {'map_location': 'cpu'}
    if 'weights_only' in torch.load.__code__.co_varnames: every['weights_only'] = False
    return torch.load(file, **every)
functions = [gzip and compressed, joblib and joblib.load, numpy and load_numpy, torch and load_torch]
";

/// The loaders of this interpreter.
pub struct Loaders<'py> {
    functions: Vec<Bound<'py, PyAny>>,
    bytes_io: Bound<'py, PyAny>,
}

impl<'py> Loaders<'py> {
    /// Looks everything up.
    pub fn new(py: Python<'py>) -> PyResult<Self> {
        let names = PyDict::new(py);
        names.set_item("__name__", "assay")?;
        py.run(LOADERS, Some(&names), None)?;
        let functions = names.get_item("functions")?.map(|list| list.extract());
        Ok(Self {
            functions: functions.transpose()?.unwrap_or_default(),
            bytes_io: py.import("io")?.getattr("BytesIO")?,
        })
    }

    /// Prepares a load of the file by the loader of that number.
    pub fn prepare(&self, number: usize, file: &Bound<'py, PyBytes>) -> PyResult<Prepared<'py>> {
        let function = self.functions.get(number).filter(|function| !function.is_none());
        let function = function.ok_or_else(|| PyModuleNotFoundError::new_err("no such loader"))?;
        let args = PyTuple::new(file.py(), [self.bytes_io.call1((file,))?])?;
        Ok(Prepared::Call { function: function.clone(), args, kwargs: None })
    }
}
