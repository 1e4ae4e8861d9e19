//! The life of a worker: read what to be, prepare, confine, answer batches until told to stop.

use assay_sandbox::Confinement;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::loaders::Loaders;
use crate::log::Log;
use crate::protocol::{self, INPUT_LEN, Start};
use crate::shared::Shared;
use crate::zygote::{Resources, Zygote};
use crate::{arena, confine, deny, full, self_check};

/// Called by the bootstrap with the descriptors of the control socket, the shared memory and the
/// file this module came from. Returns when the host hangs up.
#[pyfunction]
pub fn serve(py: Python<'_>, control: i32, shared: i32, module: i32) -> PyResult<()> {
    let mut memory = Shared::map(shared)?;
    // SAFETY: both were handed over by the host and are used nowhere else.
    unsafe {
        libc::close(shared);
        libc::close(module);
    }
    let started = match Start::decode(&memory.input()[..INPUT_LEN]) {
        Some(start) => begin(py, &start, &mut memory, control),
        None => Err("the host's request makes no sense".to_owned()),
    };
    if let Err(reason) = started {
        memory.refuse(&reason);
        send(control, protocol::REFUSED);
    }
    Ok(())
}

fn begin(py: Python<'_>, start: &Start, memory: &mut Shared, control: i32) -> Result<(), String> {
    extend_path(py, start).map_err(python)?;
    preload(py, start);
    if start.full {
        begin_full(py, start, memory, control)
    } else {
        begin_deny(py, start, memory, control)
    }
}

fn begin_deny(
    py: Python<'_>,
    start: &Start,
    memory: &mut Shared,
    control: i32,
) -> Result<(), String> {
    deny::prepare(py, start).map_err(python)?;
    let engines = deny::engines(py).map_err(python)?;
    let loaders = Loaders::new(py).map_err(python)?;
    tidy(py).map_err(python)?;
    silence().map_err(python)?;
    let entered = confine::enter(start)?;
    let prepared = confine::prepare(Confinement::Deny, &entered)?;
    confine::confine(&confine::limits(start, true), &prepared)?;
    answer(memory, control, |_, memory| deny::batch(py, (&engines, &loaders), memory));
    Ok(())
}

fn begin_full(
    py: Python<'_>,
    start: &Start,
    memory: &mut Shared,
    control: i32,
) -> Result<(), String> {
    let system = |error: std::io::Error| error.to_string();
    memory.keep_to_ourselves().map_err(system)?;
    let log = Log::new(start.trace as usize).map_err(system)?;
    full::prepare(py, start, log).map_err(python)?;
    let engines = full::engines(py).map_err(python)?;
    full::warm_up(py, &engines).map_err(python)?;
    tidy(py).map_err(python)?;
    arena::open().map_err(system)?;
    let resources = Resources::open(control).map_err(system)?;
    let entered = confine::enter(start)?;
    let zygote = Zygote::new(start, resources, engines, &entered)?;
    self_check::run(py, &zygote)?;
    answer(memory, control, |request, memory| {
        match request {
            protocol::FORK => zygote.fork_only(memory),
            _ => zygote.batch(py, memory),
        }
        Go::On
    });
    Ok(())
}

/// Whether a worker can take another batch.
pub enum Go {
    /// It can.
    On,
    /// It is to be replaced.
    Away,
}

/// Says that the worker is ready, and answers batches until the host hangs up.
fn answer(memory: &mut Shared, control: i32, mut batch: impl FnMut(u8, &mut Shared) -> Go) {
    send(control, protocol::OK);
    while let Some(request @ (protocol::GO | protocol::FORK)) = receive(control) {
        memory.clear();
        let answer = match batch(request, memory) {
            Go::On => protocol::OK,
            Go::Away => protocol::SPENT,
        };
        send(control, answer);
    }
}

/// Leaves an interpreter in which a pickle finds nothing of the worker's.
fn tidy(py: Python<'_>) -> PyResult<()> {
    let main = py.import("__main__")?.dict();
    for name in main.keys() {
        if !name.extract::<String>()?.starts_with("__") {
            main.del_item(name)?;
        }
    }
    let sys = py.import("sys")?;
    sys.setattr("argv", [""])?;
    let modules = sys.getattr("modules")?;
    if modules.contains("assay_worker")? {
        modules.del_item("assay_worker")?;
    }
    // What lives now lives for ever: the collector need not look at it again, which would copy
    // every page in every child.
    let gc = py.import("gc")?;
    gc.call_method0("collect")?;
    gc.call_method0("freeze")?;
    Ok(())
}

fn python(error: PyErr) -> String {
    error.to_string()
}

fn extend_path(py: Python<'_>, start: &Start) -> PyResult<()> {
    let path = py.import("sys")?.getattr("path")?;
    for (index, dir) in start.extra_path.iter().enumerate() {
        path.call_method1("insert", (index, dir))?;
    }
    for dir in &start.site {
        path.call_method1("append", (dir,))?;
    }
    Ok(())
}

/// Imports what loads are expected to need, as far as this interpreter has it.
fn preload(py: Python<'_>, start: &Start) {
    for module in &start.preload {
        // What is missing here is missing to the pickle too, which will see it for itself.
        let _ = py.import(module.as_str());
    }
}

/// From here on nobody reads what is written to standard error.
fn silence() -> PyResult<()> {
    // SAFETY: plain system calls on descriptors of this process.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if null < 0 || libc::dup2(null, 2) < 0 {
            return Err(PyOSError::new_err("cannot redirect standard error"));
        }
        libc::close(null);
    }
    Ok(())
}

fn receive(control: i32) -> Option<u8> {
    let mut byte = 0u8;
    loop {
        // SAFETY: one byte into one byte.
        let n = unsafe { libc::read(control, (&raw mut byte).cast(), 1) };
        match n {
            1 => return Some(byte),
            -1 if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return None,
        }
    }
}

fn send(control: i32, byte: u8) {
    // SAFETY: one byte from one byte. If the host is gone, the next read says so; Python ignores
    // SIGPIPE.
    unsafe { libc::write(control, (&raw const byte).cast(), 1) };
}
