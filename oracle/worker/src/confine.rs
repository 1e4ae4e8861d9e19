//! The seam to the sandbox: what is asked of it for each tier.

use std::path::PathBuf;

use assay_sandbox::{ChildLimits, Confinement, Entered, Prepared, Record, WorkerConfig};

use crate::bounds::{OPEN_FILES, SCRATCH};
use crate::protocol::{SHARED_LEN, Start};

/// Confines this process for good. The reason for a refusal begins with `sandbox: `.
pub fn enter(start: &Start) -> Result<Entered, String> {
    let mut read_only = WorkerConfig::system();
    read_only.extend(start.read_only.iter().map(PathBuf::from));
    // In the deny tier nobody would listen.
    let record = if start.full { Record::Notify } else { Record::Errno };
    let config = WorkerConfig { read_only, tmpfs_bytes: SCRATCH, record };
    assay_sandbox::enter_worker(&config).map_err(refusal)
}

/// Makes the last step of a tier ready.
pub fn prepare(kind: Confinement, entered: &Entered) -> Result<Prepared, String> {
    Prepared::new(kind, entered).map_err(refusal)
}

/// Takes the last step, in the process that loads.
pub fn confine(limits: &ChildLimits, prepared: &Prepared) -> Result<(), String> {
    assay_sandbox::confine(limits, prepared).map_err(refusal)
}

/// The limits of a process that loads. `shared` says that it keeps the memory shared with the
/// host, which counts as address space; others have the arena.
pub fn limits(start: &Start, shared: bool) -> ChildLimits {
    let extra = if shared { SHARED_LEN as u64 } else { crate::arena::ADDRESS_SPACE };
    ChildLimits {
        address_space: start.memory + extra,
        // The clock of the wall ends a load first; this is for what sleeps through signals.
        cpu_seconds: start.timeout_ms.div_ceil(1000) + 1,
        open_files: OPEN_FILES,
        file_size: 0,
    }
}

fn refusal(error: assay_sandbox::Error) -> String {
    format!("sandbox: {error}")
}
