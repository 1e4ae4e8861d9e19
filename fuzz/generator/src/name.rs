//! Names: ways to push a global, as picklers do and as attackers could.

use assay_corpus::GlobalName;
use assay_pickle::Opcode;

use crate::emitter::Emitter;
use crate::features::Features;
use crate::grammar::python2_names;

/// Ways to push a string; see `string_hidden`.
const WAYS: usize = 8;

/// A module, another one that holds it, and the name it is held under: walks along attributes.
const REACHABLE: [(&str, &str, &str); 10] = [
    ("os", "os", "path.os"),
    ("os", "shutil", "os"),
    ("os", "tempfile", "_os"),
    ("os", "pathlib", "os"),
    ("os", "uuid", "os"),
    ("os", "logging", "os"),
    ("subprocess", "webbrowser", "subprocess"),
    ("sys", "os", "sys"),
    ("sys", "collections", "_sys"),
    ("importlib", "pkgutil", "importlib"),
];

/// Modules that hold what another one names, often because one is written in C.
const TWINS: [(&str, &str); 12] = [
    ("os", "posix"),
    ("posix", "os"),
    ("io", "_io"),
    ("_io", "io"),
    ("operator", "_operator"),
    ("functools", "_functools"),
    ("pickle", "_pickle"),
    ("socket", "_socket"),
    ("signal", "_signal"),
    ("thread", "_thread"),
    ("collections", "_collections"),
    ("datetime", "_datetime"),
];

impl Emitter<'_, '_> {
    /// Pushes a global as a pickler of this protocol does.
    pub(crate) fn global(&mut self, global: &GlobalName) {
        if self.protocol >= 4 && !self.sometimes(Features::OLD, 4) {
            self.str(&global.module);
            self.memo();
            self.str(&global.name);
            self.memo();
            self.op(Opcode::StackGlobal);
        } else if self.protocol < 3 && !self.choices.one_in(4) {
            match python2_names(global).next() {
                Some(old) => self.global_old(old.module, old.name),
                None => self.global_old(&global.module, &global.name),
            }
        } else {
            self.global_old(&global.module, &global.name);
        }
        self.memo();
    }

    /// Pushes a global by GLOBAL.
    pub(crate) fn global_old(&mut self, module: &str, name: &str) {
        self.op_name(Opcode::Global, module, name);
    }

    /// The same global by another name, if there is one that this protocol resolves.
    pub(crate) fn other_name(&mut self, global: &GlobalName) -> GlobalName {
        let walks = self.protocol >= 4;
        match self.choices.below(6) {
            0 => {
                let twin = TWINS.iter().find(|(module, _)| *module == global.module);
                if let Some((_, module)) = twin {
                    return GlobalName { module: (*module).to_owned(), name: global.name.clone() };
                }
            }
            1 | 2 if walks => {
                let start = self.choices.below(REACHABLE.len());
                let found = REACHABLE[start..].iter().find(|(module, ..)| *module == global.module);
                if let Some((_, holder, path)) = found {
                    let name = format!("{path}.{}", global.name);
                    return GlobalName { module: (*holder).to_owned(), name };
                }
            }
            3 if walks => {
                let name = format!("{}.__call__", global.name);
                return GlobalName { module: global.module.clone(), name };
            }
            4 | 5 if self.protocol < 3 => {
                let mut old = python2_names(global);
                let skip = self.choices.below(3);
                if let Some(old) = old.nth(skip).or_else(|| python2_names(global).next()) {
                    return old.into();
                }
            }
            _ => {}
        }
        global.clone()
    }

    /// Pushes a global in one of the ways that a scanner could miss.
    pub(crate) fn global_hidden(&mut self, global: &GlobalName) {
        let name = if self.choices.one_in(3) { self.other_name(global) } else { global.clone() };
        let stack_global = match self.choices.below(4) {
            0 => false,
            1..=2 => self.speaks(Opcode::StackGlobal),
            // CPython runs the opcode whatever PROTO said.
            _ => self.protocol >= 2,
        };
        if !stack_global {
            self.noise();
            self.global_old(&name.module, &name.name);
            self.noise();
            return;
        }
        if name.module == name.name && self.choices.one_in(2) {
            self.string_hidden(&name.module);
            self.op(Opcode::Dup);
            self.op(Opcode::StackGlobal);
            return;
        }
        match self.choices.below(4) {
            0 if self.room() > 12 => {
                // Both strings are in the memo long before they are used, name first.
                let second = self.hide_string(&name.name);
                let first = self.hide_string(&name.module);
                self.noise();
                self.recall(first);
                self.recall(second);
            }
            1 if self.room() > 8 => {
                let second = self.hide_string(&name.name);
                self.string_hidden(&name.module);
                self.recall(second);
            }
            _ => {
                self.string_hidden(&name.module);
                self.noise();
                self.string_hidden(&name.name);
                self.noise();
            }
        }
        self.op(Opcode::StackGlobal);
        self.noise();
    }

    /// Leaves a string in the memo and nothing on the stack; gives its index.
    fn hide_string(&mut self, text: &str) -> usize {
        self.string_hidden(text);
        let index = self.choices.below(250);
        let opcode = match self.choices.below(3) {
            0 => Opcode::Put,
            1 => Opcode::BinPut,
            _ => Opcode::LongBinPut,
        };
        // A later string must not land on an earlier one's index.
        let index = if self.machine.recall(index as u64).is_some() { index + 250 } else { index };
        let opcode = if index > 255 { Opcode::LongBinPut } else { opcode };
        self.op_memo(if self.protocol == 0 { Opcode::Put } else { opcode }, index);
        self.op(Opcode::Pop);
        index
    }

    /// Pushes a `str` in one of the ways that a scanner could miss.
    pub(crate) fn string_hidden(&mut self, text: &str) {
        match self.choices.below(WAYS) {
            0 | 1 => self.str(text),
            2 => self.string_escaped(text),
            3 => self.raw_unicode_escaped(text),
            4 => self.op_counted(Opcode::BinUnicode8, 8, text.as_bytes()),
            5 if is_plain(text) => self.str8(text),
            6 => {
                self.op_counted(Opcode::BinUnicode, 4, text.as_bytes());
                self.op(Opcode::Dup);
                self.op(Opcode::Pop);
            }
            _ => {
                self.str(text);
                self.noise();
            }
        }
    }

    /// STRING with every other character as an escape.
    fn string_escaped(&mut self, text: &str) {
        if !is_plain(text) {
            self.str(text);
            return;
        }
        let mut line = vec![b'\''];
        for byte in text.bytes() {
            match self.choices.below(3) {
                0 => line.push(byte),
                1 => line.extend(format!("\\x{byte:02x}").bytes()),
                _ => line.extend(format!("\\{byte:03o}").bytes()),
            }
        }
        line.push(b'\'');
        self.op_line(Opcode::String, &line);
    }

    /// UNICODE with some characters as escapes.
    fn raw_unicode_escaped(&mut self, text: &str) {
        let mut line = Vec::new();
        for c in text.chars() {
            let code = u32::from(c);
            match self.choices.below(3) {
                0 if c.is_ascii_alphanumeric() || c == '_' => line.push(code as u8),
                2 => line.extend(format!("\\U{code:08x}").bytes()),
                _ if code < 0x1_0000 => line.extend(format!("\\u{code:04x}").bytes()),
                _ => line.extend(format!("\\U{code:08x}").bytes()),
            }
        }
        self.op_line(Opcode::Unicode, &line);
    }
}

/// Whether a text can stand in STRING without escapes.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (b' '..=b'~').contains(&b) && !matches!(b, b'\'' | b'"' | b'\\'))
}
