//! The tracer on trial, before it is believed: pickles whose touches are known, one for each
//! mechanism. The hook writes to structures whose layout CPython does not promise; on a version
//! where that went wrong, this is what says so.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engines::index;
use crate::protocol::WireRun;
use crate::trace::trace;
use crate::zygote::Zygote;

/// What must appear in the trace of which pickle.
const CASES: &[(&[u8], &[&str])] = &[
    // A C function called by the unpickler.
    (b"\x80\x04cposix\ngetppid\n(tR.", &["posix.getppid"]),
    // C calling C.
    (
        b"\x80\x04cfunctools\npartial\n(cposix\ngetppid\ntR(tR.",
        &["functools.partial", "posix.getppid"],
    ),
    // C calling C through an iterator.
    (
        b"\x80\x04cbuiltins\nlist\n(cbuiltins\nmap\n(cbuiltins\nabs\n](K\x01etRtR.",
        &["builtins.map", "builtins.abs", "builtins.list"],
    ),
    // tp_new alone.
    (b"\x80\x04cbuiltins\ncomplex\n)\x81.", &["builtins.complex"]),
    // Code from text: Python frames, an effect, and a C function called by bytecode.
    (
        b"\x80\x04cbuiltins\neval\n(X\x1d\x00\x00\x00__import__('posix').getppid()tR.",
        &["builtins.eval", "exec", "posix.getppid"],
    ),
    // A module written in Python is imported and asked for a function of its own.
    (b"\x80\x04ccolorsys\nrgb_to_hsv\n(K\x01K\x01K\x01tR.", &["colorsys", "colorsys.rgb_to_hsv"]),
    // The slots: an item and an attribute are set, a key is hashed and compared.
    (
        b"\x80\x04ccollections\nOrderedDict\n)RK\x01K\x02s.",
        &["collections.OrderedDict.__setitem__"],
    ),
    (
        b"\x80\x04cfunctools\ncached_property\n)\x81}X\x01\x00\x00\x00qK\x01sb.",
        &["functools.cached_property.q"],
    ),
    (
        b"\x80\x04}(cdatetime\ndate\n(M\xe4\x07K\x01K\x01tRK\x01cdatetime\ndate\n(M\xe4\x07K\x01K\x01tRK\x01u.",
        &["datetime.date.__hash__", "datetime.date.__eq__"],
    ),
];

/// A plain class made by the class alone: asked for and called, so named twice.
const PLAIN: (&[u8], &str) =
    (b"\x80\x04cfunctools\ncached_property\n)\x81.", "functools.cached_property");

/// Runs the cases on both unpicklers; the error says which touch was missed.
pub fn run<'py>(py: Python<'py>, zygote: &Zygote<'_, 'py>) -> Result<(), String> {
    for engine in [index::C_LOADS, index::C_FILE, index::PY] {
        for (pickle, expected) in CASES {
            for name in *expected {
                check(py, zygote, engine, pickle, name, 1)?;
            }
        }
        check(py, zygote, engine, PLAIN.0, PLAIN.1, 2)?;
    }
    Ok(())
}

fn check<'py>(
    py: Python<'py>,
    zygote: &Zygote<'_, 'py>,
    engine: u8,
    pickle: &[u8],
    name: &str,
    times: usize,
) -> Result<(), String> {
    let run =
        WireRun { engine, encoding: 0, fix_imports: true, buffers: false, persistent_load: false };
    let record = zygote.group(py, run, &[PyBytes::new(py, pickle)]).concat();
    // SAFETY: the child is dead and the zygote does not trace.
    let log = unsafe { trace() }.expect("set up before").log.trace(0);
    if String::from_utf8_lossy(log).matches(name).count() >= times {
        return Ok(());
    }
    Err(format!(
        "the tracer failed its self-check on this interpreter: {name} was not seen by engine \
         {engine} in {:?}; the record is {:?}",
        pickle.escape_ascii().to_string(),
        record.escape_ascii().to_string(),
    ))
}
