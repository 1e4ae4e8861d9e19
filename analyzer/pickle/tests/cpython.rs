//! Pins the opcode table to the `pickletools` of every CPython found.

use std::path::PathBuf;
use std::process::Command;

use assay_pickle::Opcode;

/// Prints one line an opcode, in the order of their bytes.
const DUMP: &str = "
import pickletools
for o in sorted(pickletools.opcodes, key=lambda o: o.code.encode('latin1')):
    print(o.code.encode('latin1')[0], o.name, o.arg.name if o.arg else '-',
          ','.join(s.name for s in o.stack_before) or '-',
          ','.join(s.name for s in o.stack_after) or '-', o.proto)
";

fn pythons() -> Vec<PathBuf> {
    let mut pythons = vec![PathBuf::from("python3")];
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    if let Ok(versions) = std::fs::read_dir(home.join(".pyenv/versions")) {
        let name =
            |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let supported = |path: &PathBuf| {
            let name = name(path).unwrap_or_default();
            let minor =
                name.strip_prefix("3.").and_then(|rest| rest.split('.').next()?.parse().ok());
            minor.is_some_and(|minor: u32| minor >= 9)
        };
        let found = versions.flatten().map(|entry| entry.path()).filter(supported);
        pythons.extend(found.map(|path| path.join("bin/python3")));
    }
    pythons
}

#[test]
fn the_table_is_that_of_pickletools() {
    let mut opcodes = Opcode::ALL;
    opcodes.sort_by_key(|opcode| opcode.byte());
    let list = |items: &[assay_pickle::StackItem]| {
        let names: Vec<_> = items.iter().map(|item| item.name()).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(",") }
    };
    let ours: Vec<String> = opcodes
        .iter()
        .map(|opcode| {
            let info = opcode.info();
            let form = info.form.name().unwrap_or("-");
            let (before, after) = (list(info.before), list(info.after));
            format!("{} {} {form} {before} {after} {}", opcode.byte(), info.name, info.protocol)
        })
        .collect();
    for python in pythons() {
        let output = Command::new(&python).args(["-I", "-c", DUMP]).output();
        let output = output.unwrap_or_else(|error| {
            panic!(
                "{} can't be run ({error}): the tests need a CPython of 3.9 or later",
                python.display()
            )
        });
        let theirs = String::from_utf8(output.stdout).expect("ASCII");
        let theirs: Vec<&str> = theirs.lines().collect();
        assert_eq!(ours, theirs, "{}", python.display());
    }
}
