//! Landlock: which files can be read, whoever owns them.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};

/// The newest version whose every right is handled: from 6 on, files, TCP ports, device
/// requests, abstract sockets and signals. Older kernels do what they can.
const VERSION: ABI = ABI::V6;

/// Restricts this process to reading `paths` and what lies beneath, and to writing beneath
/// `scratch`; false if the kernel does not know landlock. Paths that don't exist give nothing.
///
/// Executing is not granted, and does not need to be: mapping a shared object is reading.
pub(crate) fn restrict(paths: &[PathBuf], scratch: Option<&Path>) -> Result<bool, RulesetError> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    // Regular files and directories; no links, sockets, pipes or devices.
    let writing = AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    let null = scratch.map(|_| Path::new("/dev/null"));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(Scope::from_all(VERSION))?
        .create()?
        .add_rules(path_beneath_rules(paths, reading))?
        .add_rules(path_beneath_rules(scratch, reading | writing))?
        // What writes there leaves nothing.
        .add_rules(path_beneath_rules(null, reading | AccessFs::WriteFile))?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}
