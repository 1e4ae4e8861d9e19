//! The ways in which CPython reads a pickle, by name of the host's `Engine`.
//!
//! Each engine calls what an application would call, and nothing in its place: the real
//! `_pickle.loads`, `_pickle.load` of a buffered file, and so on. Only where a mode asks for
//! `persistent_load` is a subclass of the unpickler used, as applications must.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple, PyType};

use crate::protocol::WireRun;
use crate::{position, raw};

/// Index in the host's `Engine::ALL`.
pub mod index {
    pub const C_LOADS: u8 = 0;
    pub const C_FILE: u8 = 1;
    pub const C_STREAM: u8 = 2;
    pub const C_REUSE: u8 = 3;
    pub const PY: u8 = 4;
    pub const DIS: u8 = 5;
    /// The first of the host's `Loader`s; the others follow.
    pub const LOADERS: u8 = 6;
}

/// Where a file engine reads from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A buffered reader over memory: no system calls.
    Memory,
    /// A buffered reader over a real file, an open memory file with this descriptor.
    File(i32),
}

/// Everything the engines need, looked up once.
pub struct Engines<'py> {
    pub c_loads: Bound<'py, PyAny>,
    pub c_unpickler: Bound<'py, PyAny>,
    pub py_unpickler: Bound<'py, PyAny>,
    c_persistent: Bound<'py, PyAny>,
    py_persistent: Bound<'py, PyAny>,
    dis: Bound<'py, PyAny>,
    sink: Bound<'py, PyAny>,
    bytes_io: Bound<'py, PyAny>,
    buffered: Bound<'py, PyAny>,
    file_io: Bound<'py, PyAny>,
    repeat: Bound<'py, PyAny>,
    load: Bound<'py, PyAny>,
}

/// What `pickletools.dis` writes to.
const SINK: &std::ffi::CStr = c"
class Sink:
    def write(self, text): pass
";

impl<'py> Engines<'py> {
    /// Looks everything up. `persistent_load` is what the mode of that name calls.
    pub fn new(py: Python<'py>, persistent_load: &Bound<'py, PyAny>) -> PyResult<Self> {
        let (c, pure, io) = (py.import("_pickle")?, py.import("pickle")?, py.import("io")?);
        let c_unpickler = c.getattr("Unpickler")?;
        let py_unpickler = pure.getattr("_Unpickler")?;
        let subclass = |base: &Bound<'py, PyAny>| -> PyResult<Bound<'py, PyAny>> {
            let dict = PyDict::new(py);
            dict.set_item("persistent_load", persistent_load)?;
            dict.set_item("__module__", "assay")?;
            py.get_type::<PyType>().call1(("Unpickler", (base,), dict))
        };
        let names = PyDict::new(py);
        py.run(SINK, Some(&names), None)?;
        let sink = names.get_item("Sink")?.ok_or_else(|| PyValueError::new_err("Sink"))?;
        Ok(Self {
            c_loads: c.getattr("loads")?,
            load: c.getattr("load")?,
            c_persistent: subclass(&c_unpickler)?,
            py_persistent: subclass(&py_unpickler)?,
            c_unpickler,
            py_unpickler,
            dis: py.import("pickletools")?.getattr("dis")?,
            sink: sink.call0()?,
            bytes_io: io.getattr("BytesIO")?,
            buffered: io.getattr("BufferedReader")?,
            file_io: io.getattr("FileIO")?,
            repeat: py.import("itertools")?.getattr("repeat")?,
        })
    }

    /// Prepares a load; the pickle is not looked at yet.
    pub fn prepare(
        &self,
        run: WireRun,
        data: &Bound<'py, PyBytes>,
        source: Source,
    ) -> PyResult<Prepared<'py>> {
        let py = data.py();
        let options = self.options(py, run)?;
        let c_unpickler = if run.persistent_load { &self.c_persistent } else { &self.c_unpickler };
        match run.engine {
            index::C_LOADS if !run.persistent_load => {
                let args = PyTuple::new(py, [data])?;
                Ok(Prepared::Call { function: self.c_loads.clone(), args, kwargs: options })
            }
            index::C_LOADS => {
                let file = self.bytes_io.call1((data,))?;
                let unpickler = c_unpickler.call((&file,), options.as_ref())?;
                Ok(Prepared::Unpickler { unpickler, file })
            }
            index::C_FILE | index::C_STREAM => {
                let file = self.open(data, source)?;
                let again = run.engine == index::C_STREAM;
                if run.persistent_load {
                    let make = c_unpickler.clone();
                    return Ok(Prepared::Stream { file, make, options, again, len: data.len()? });
                }
                let make = self.load.clone();
                Ok(Prepared::Stream { file, make, options, again, len: data.len()? })
            }
            index::C_REUSE => {
                let file = self.open(data, source)?;
                let unpickler = c_unpickler.call((&file,), options.as_ref())?;
                Ok(Prepared::Reuse { unpickler, file, len: data.len()? })
            }
            index::PY => {
                let class =
                    if run.persistent_load { &self.py_persistent } else { &self.py_unpickler };
                let file = self.bytes_io.call1((data,))?;
                let unpickler = class.call((&file,), options.as_ref())?;
                Ok(Prepared::Unpickler { unpickler, file })
            }
            index::DIS => {
                let args = PyTuple::new(py, [data.as_any(), &self.sink])?;
                Ok(Prepared::Call { function: self.dis.clone(), args, kwargs: None })
            }
            other => Err(PyValueError::new_err(format!("no engine has the number {other}"))),
        }
    }

    fn open(&self, data: &Bound<'py, PyBytes>, source: Source) -> PyResult<Bound<'py, PyAny>> {
        let raw = match source {
            Source::Memory => self.bytes_io.call1((data,))?,
            Source::File(fd) => self.file_io.call1((fd, "rb"))?,
        };
        self.buffered.call1((raw,))
    }

    /// Keyword arguments; none for the defaults.
    fn options(&self, py: Python<'py>, run: WireRun) -> PyResult<Option<Bound<'py, PyDict>>> {
        if run.encoding == 0 && run.fix_imports && !run.buffers {
            return Ok(None);
        }
        let options = PyDict::new(py);
        let encoding = match run.encoding {
            1 => "latin1",
            2 => "bytes",
            _ => "ASCII",
        };
        options.set_item("encoding", encoding)?;
        options.set_item("fix_imports", run.fix_imports)?;
        if run.buffers {
            options.set_item("buffers", self.repeat.call1((PyBytes::new(py, b"assay"),))?)?;
        }
        Ok(Some(options))
    }
}

/// A load that is ready to go.
pub enum Prepared<'py> {
    /// One call.
    Call {
        function: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    },
    /// One unpickler, one load.
    Unpickler { unpickler: Bound<'py, PyAny>, file: Bound<'py, PyAny> },
    /// One unpickler, loads until the end of the file.
    Reuse { unpickler: Bound<'py, PyAny>, file: Bound<'py, PyAny>, len: usize },
    /// A new unpickler for each load of the file.
    Stream {
        file: Bound<'py, PyAny>,
        make: Bound<'py, PyAny>,
        options: Option<Bound<'py, PyDict>>,
        again: bool,
        len: usize,
    },
}

impl<'py> Prepared<'py> {
    /// Loads. A stream's values come as a list.
    pub fn go(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Call { function, args, kwargs } => function.call(args, kwargs.as_ref()),
            Self::Unpickler { unpickler, .. } => {
                position::begins(unpickler.as_ptr());
                unpickler.call_method0("load")
            }
            Self::Reuse { unpickler, file, len } => {
                position::begins(unpickler.as_ptr());
                until_end(py, file, *len, || unpickler.call_method0("load"))
            }
            Self::Stream { file, make, options, again, len } => {
                // `_pickle.load` gives the value, the persistent subclass an unpickler.
                let once = || -> PyResult<Bound<'py, PyAny>> {
                    position::begins(raw::null());
                    let made = make.call((file,), options.as_ref())?;
                    if make.is_instance_of::<PyType>() {
                        position::begins(made.as_ptr());
                        made.call_method0("load")
                    } else {
                        Ok(made)
                    }
                };
                if *again { until_end(py, file, *len, once) } else { once() }
            }
        }
    }
}

/// Loads again and again; the end is where nothing is left before a load begins.
fn until_end<'py>(
    py: Python<'py>,
    file: &Bound<'py, PyAny>,
    len: usize,
    mut once: impl FnMut() -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let values = pyo3::types::PyList::empty(py);
    loop {
        values.append(once()?)?;
        let position: usize = file.call_method0("tell")?.extract()?;
        if position >= len {
            return Ok(values.into_any());
        }
    }
}
