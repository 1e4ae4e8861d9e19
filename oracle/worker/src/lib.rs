//! The part of the oracle that lives in CPython: it loads pickles and records what they touch.
//!
//! One process is one worker. `serve` reads what it is to be from shared memory, confines the
//! process, and answers batches until the control socket closes. It must load nothing before
//! it is confined, and knows no policy beyond the allow list it is given.

use pyo3::prelude::*;

mod arena;
mod audit;
#[allow(dead_code, reason = "half of it is the host's")]
#[path = "../../src/bounds.rs"]
mod bounds;
mod build;
mod code;
mod confine;
mod deny;
mod effects;
mod engines;
mod find_class;
mod full;
mod global;
mod hook;
mod layout;
mod loaders;
mod log;
mod machinery;
mod names;
mod new_hook;
mod position;
mod profile;
#[allow(dead_code, reason = "half of it is the host's")]
#[path = "../../src/protocol.rs"]
mod protocol;
mod py_engine;
mod raw;
mod record;
mod self_check;
mod serve;
mod shared;
mod slot_hook;
mod taint;
mod trace;
mod trampolines;
mod value;
mod zygote;

/// The module that the interpreter loads from a memory file.
#[pymodule]
fn assay_worker(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(serve::serve, module)?)
}
