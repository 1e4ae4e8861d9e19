//! How applications read the files in which pickles travel, by number of the host's `Loader`.

use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::engines::Prepared;

/// A function for each loader, of a file; `None` where the interpreter lacks the module, or did not
/// import it when it still could read files.
const LOADERS: &std::ffi::CStr = c"
import io, os, sys, pickle, _pickle
def optional(name):
    try: return __import__(name)
    except ImportError: return None
gzip, bz2, lzma, zlib, tarfile = map(optional, ('gzip', 'bz2', 'lzma', 'zlib', 'tarfile'))
def each(attempts):
    # What each attempt gives; if all of them raise, what an unpickler raised rather than a reader.
    values, error = [], None
    for attempt in attempts:
        try: values.append(attempt())
        except MemoryError: raise
        except BaseException as raised:
            if not isinstance(error, pickle.UnpicklingError): error = raised
    if error is not None and not values: raise error
    return values
def stream(opened, load):
    values = []
    while True:
        try: values.append(load(opened))
        except EOFError: return values
def compressed(file):
    data = file.read()
    # Whether the first bytes promise it or not: the application knows what it opens.
    openers = [module.open for module in (gzip, bz2, lzma) if module is not None]
    if zlib is not None: openers.append(lambda file: io.BytesIO(zlib.decompress(file.read())))
    return each([lambda opener=opener, load=load: stream(opener(io.BytesIO(data)), load)
                 for opener in openers for load in (_pickle.load, pickle._load)])
joblib, numpy, torch = (sys.modules.get(name) for name in ('joblib', 'numpy', 'torch'))
def load_numpy(file):
    # An array after the other, as `numpy.save` writes them into one file.
    values, at = [], -1
    while file.tell() > at:
        at = file.tell()
        try: loaded = numpy.load(file, allow_pickle=True)
        except BaseException:
            if at == 0: raise
            break
        names = getattr(loaded, 'files', None)
        if names is not None: return [loaded[name] for name in names]
        values.append(loaded)
    return values
class OnDisk(io.BytesIO):
    # For torch: it looks for its first format, a tar, in what has a descriptor only. Storages,
    # which torch reads by that, are empty.
    def fileno(self): return null
null = os.open(os.devnull, os.O_RDONLY)
class Nowhere:
    def __enter__(self): return ''
    def __exit__(self, *_): extracted.clear()
extracted = {}
def extract(tar, member, path='', **_): extracted[member] = tar.extractfile(member).read()
if torch and tarfile:
    # The tar's members are extracted to a directory and opened there: here, in memory.
    tarfile.TarFile.extract = extract
    torch.serialization.mkdtemp = Nowhere
    torch.serialization.open = lambda path, *_: OnDisk(extracted[path])
def load_torch(file):
    every = {'map_location': 'cpu'}
    if 'weights_only' in torch.load.__code__.co_varnames: every['weights_only'] = False
    data = file.read()
    return each([lambda kind=kind: torch.load(kind(data), **every) for kind in (io.BytesIO, OnDisk)])
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
