//! `reproduce.py`: shows a finding with nothing but CPython, and runs nothing unless told to.

use assay_oracle::Engine;

use crate::finding::Finding;

const TEMPLATE: &str = r##"#!/usr/bin/env python3
"""@SUMMARY@

Bucket:   @BUCKET@
Analyser: @ANALYZER@

Without arguments this shows the pickle and loads nothing. `--scan COMMAND` asks an analyser
(its exit code is printed). `--run` LOADS THE PICKLE, which does what the pickle says.
"""

import argparse
import pickletools
import subprocess
import sys
import tempfile

PICKLE = (
@BYTES@
)
EXPLANATION = """\
@EXPLANATION@
"""


def show():
    print(EXPLANATION)
    print("The pickle, %d bytes:" % len(PICKLE))
    at = 0
    number = 1
    while at < len(PICKLE):
        if number > 1:
            print("pickle %d of the stream:" % number)
        end = None
        try:
            for opcode, argument, offset in pickletools.genops(PICKLE[at:]):
                shown = "" if argument is None else " %r" % (argument,)
                print("  %5d: %s%s" % (at + offset, opcode.name, shown))
                end = at + offset + 1
                if opcode.name == "STOP":
                    break
            else:
                end = None
        except Exception as error:
            print("         pickletools stops here: %s" % error)
            return
        at = end if end is not None else len(PICKLE)
        number += 1


def scan(command):
    with tempfile.NamedTemporaryFile(suffix=".pkl") as file:
        file.write(PICKLE)
        file.flush()
        done = subprocess.run([*command, file.name])
    print("exit code %d" % done.returncode)


def run(engine):
    import io
    import pickle

    if engine == "py":
        unpickler = pickle._Unpickler
    else:
        unpickler = pickle.Unpickler
    file = io.BytesIO(PICKLE)
    current = unpickler(file)
    while True:
        try:
            print("loaded %r" % (current.load(),))
        except Exception as error:
            print("%s: %s" % (type(error).__name__, error))
            return
        if engine not in ("c-stream", "c-reuse") or file.tell() >= len(PICKLE):
            return
        if engine == "c-stream":
            current = unpickler(file)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--run", action="store_true", help="load the pickle for real, unprotected")
parser.add_argument(
    "--engine",
    default="@ENGINE@",
    choices=["c-loads", "c-file", "c-stream", "c-reuse", "py"],
    help="how to load it (default: %(default)s)",
)
parser.add_argument(
    "--scan",
    nargs=argparse.REMAINDER,
    metavar="COMMAND",
    help="run COMMAND with the pickle's path after its arguments, and print its exit code",
)
parser.add_argument("--write", metavar="FILE", help="write the pickle to a file")
options = parser.parse_args()
show()
if options.write:
    with open(options.write, "wb") as out:
        out.write(PICKLE)
if options.scan:
    scan(options.scan)
if options.run:
    print("loading it now, as %s would, with nothing to stop it" % options.engine, file=sys.stderr)
    run(options.engine)
"##;

/// Bytes of the pickle on one line of the script.
const PER_LINE: usize = 16;

/// The script of a finding.
pub fn script(finding: &Finding) -> String {
    let mut bytes = String::new();
    for chunk in finding.minimized.chunks(PER_LINE) {
        bytes.push_str("    b\"");
        for byte in chunk {
            match byte {
                b'"' | b'\\' => bytes.extend(['\\', char::from(*byte)]),
                0x20..0x7f => bytes.push(char::from(*byte)),
                _ => bytes.push_str(&format!("\\x{byte:02x}")),
            }
        }
        bytes.push_str("\"\n");
    }
    if bytes.is_empty() {
        bytes.push_str("    b\"\"\n");
    }
    let engine = finding.engines.iter().copied().find(|engine| engine.loads());
    let told = &finding.explanation;
    let mut explanation = vec![told.believed.clone(), "Yet loading it did this:".into()];
    explanation.extend(told.happened.iter().map(|what| format!("  - {what}")));
    explanation.extend(told.parting.clone());
    explanation.push(told.mechanism.clone());
    explanation.push(told.load.clone());
    TEMPLATE
        .replace("@SUMMARY@", &literal(&finding.summary))
        .replace("@BUCKET@", &finding.bucket)
        .replace("@ANALYZER@", &literal(&finding.analyzer))
        .replace("@BYTES@", bytes.trim_end())
        .replace("@ENGINE@", engine.unwrap_or(Engine::CLoads).name())
        .replace("@EXPLANATION@", &literal(&explanation.join("\n")))
}

/// Text that can stand in a triple-quoted literal.
fn literal(text: &str) -> String {
    text.chars()
        .flat_map(|c| match c {
            '\\' => vec!['\\', '\\'],
            '"' => vec!['\\', '"'],
            '\n' => vec!['\n'],
            c if c.is_control() => c
                .escape_default()
                .flat_map(|e| if e == '\\' { vec!['\\', '\\'] } else { vec![e] })
                .collect(),
            c => vec![c],
        })
        .collect()
}
