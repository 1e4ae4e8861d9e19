#!/usr/bin/env python3
"""Makes the labelled set: discrepant pickles whose root cause is known from how they were made.

    make.py [--assay target/release/assay]

Writes `pickles/` and `labels.toml` beside itself; the same script gives the same files. It never
loads a pickle and never asks what bucket one is in: a label says which flaw of which analyser,
or which disagreement between CPythons, a pickle was built (or generated and chosen) to show. It
does ask the analysers, since a pickle that the flaw does not let pass shows nothing.

Three sources, named in each entry's `how`:
- `hand`      written here, plain;
- `dressed`   the same mechanism with another gadget and noise: harmless values before and after,
              memo traffic, frames, other protocols, other pickles in the stream;
- `generated` by `assay generate` with the seed given, chosen because the analyser with the flaw
              passes it, the one without does not, and loading it was felt.
"""

import argparse
import functools
import json
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import flawed  # noqa: E402

# One argument, a text; each is felt, and none does harm in the oracle's sandbox.
GADGETS = [
    ("os", "system", "true"),
    ("posix", "system", "true"),
    ("subprocess", "getoutput", "true"),
    ("builtins", "exec", "pass"),
    ("builtins", "eval", "1"),
    ("os", "popen", "true"),
    ("ctypes", "CDLL", "libm.so.6"),
    ("os", "mkdir", "/tmp/assay-canary"),
    ("subprocess", "check_output", "true"),
]


# --- opcodes ---------------------------------------------------------------------------------

def text(value):
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw if len(raw) < 256 else b"X" + struct.pack("<I", len(raw)) + raw


def line(value):
    return b"V" + value.encode() + b"\n"


def glob(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def stack(module, name):
    return text(module) + text(name) + b"\x93"


def call(named, *args):
    return named + b"(" + b"".join(args) + b"tR"


def inst(module, name, *args):
    return b"(" + b"".join(args) + b"i" + module.encode() + b"\n" + name.encode() + b"\n"


def frame(inside):
    return b"\x95" + struct.pack("<Q", len(inside)) + inside


# --- dress -----------------------------------------------------------------------------------

NOISE = [
    b"N0",
    b"K\x070",
    b"(K\x01K\x02\x88t0",
    b"]r\x40\x00\x00\x00(K\x01X\x02\x00\x00\x00abe0",
    b"}(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00bNu0",
    b"G?\xf0\x00\x00\x00\x00\x00\x000",
    b"I42\n0",
    b"\x8f(K\x01K\x02\x900",
    b"B\x03\x00\x00\x00abc0",
    b"((lp70\n(dp71\n00N00",
    b"Vsome words\nq\x500h\x500",
    b"cdatetime\ndate\n(K\x07K\x01\x85t00",
    b"cbuiltins\nset\n)R0",
]
# As NOISE, none of which leaves a text for those who look at the last ones.
QUIET = [noise for noise in NOISE if b"X" not in noise and b"V" not in noise]
HARMLESS = [b"N.", b"\x80\x02]q\x00(K\x01K\x02e.", b"\x80\x04\x8c\x01a\x94.", b"(lp0\nI1\na."]


def whole(body, rng, dressed, noise=NOISE, stream=False):
    """The body as a pickle, plain, or with noise around it."""
    if not dressed:
        return body + b"."
    before = b"".join(rng.sample(noise, rng.randint(1, 4)))
    after = b"".join(rng.sample(noise, rng.randint(0, 3)))
    start = rng.choice([b"", b"\x80\x02", b"\x80\x04"])
    end = rng.choice([b".", b"\x85.", b"0N.", b"\x85K\x01\x86."])
    out = start + before + body + after + end
    if stream:
        out += rng.choice(HARMLESS)
    return out


# --- causes ----------------------------------------------------------------------------------

CAUSES = []


class Cause:
    def __init__(self, label, kind, what, analyzer, judge=None, make=None, more=None, noise=NOISE):
        self.label, self.kind, self.what, self.analyzer = label, kind, what, analyzer
        self.judge, self.make, self.noise, self.more = judge, make, noise, more or []
        self.generated = 0
        CAUSES.append(self)


def each(build, count=6, gadgets=GADGETS):
    """`count` pickles by `build(module, name, arg, i)`: the first two plain, the others dressed."""

    def make(cause, rng):
        for i in range(count):
            module, name, arg = gadgets[i % len(gadgets)]
            body = build(module, name, arg, i)
            yield ("hand" if i < 2 else "dressed"), whole(body, rng, i >= 2, cause.noise, i == 4)

    return make


def listed(*pickles):
    """The pickles as they are, then again with noise in front where that keeps what they show."""

    def make(cause, rng):
        for pickle in pickles:
            yield "hand", pickle
        for pickle in pickles[:4]:
            yield "dressed", rng.choice([b"\x80\x02", b"", b"\x80\x03"]) + b"".join(rng.sample(cause.noise, 2)) + pickle

    return make


def any_name(m, n, a, i):
    return [call(glob(m, n), line(a)), call(stack(m, n), text(a)), glob(m, n) + text(a) + b"\x85R"][i % 3]


# Unsound: what an analyser judges safe, and loading is felt.

Cause(
    "inst-not-read", "unsound", "INST is not looked at", "skip-inst",
    make=each(lambda m, n, a, i: inst(m, n, line(a)), 5),
).generated = 3

Cause(
    "first-pickle-only", "unsound", "pickles behind the first STOP are not looked at",
    "first-pickle-only",
    make=each(lambda m, n, a, i: [b"N.", b"K\x01.", b"].", b"\x80\x02)."][i % 4] + any_name(m, n, a, i), 4),
    more=[("naive", each(lambda m, n, a, i: b"N." + any_name("os", "system", a, i), 2))],
).generated = 3


def breaks(m, n, a, i):
    named = call(glob(m, n), line(a))
    return [
        named,
        named + b"0\xff",
        named + b"000000N.",
        named + b"\x80\x09N.",
        named + b"h\xeeN.",
        named + b"\x95\xff\xff\x00\x00\x00\x00\x00\x00N.",
        named + b"0Ixyz\n.",
    ][i]


def broken(cause, rng):
    for i in range(7):
        module, name, arg = GADGETS[i]
        noise = b"".join(rng.sample(NOISE, 2)) if i % 2 else b""
        yield ("dressed" if noise else "hand"), noise + breaks(module, name, arg, i)


Cause(
    "gives-up-is-safe", "unsound", "what it cannot read to the end it calls safe",
    "parse-error-is-safe", make=broken,
).generated = 3


def shadowed(m, n, a, i):
    decoy = [text("builtins") + text("set"), line("collections") + line("deque"), text("datetime") + text("date")][i % 3]
    return [
        text(m) + text(n) + decoy + b"00\x93" + text(a) + b"\x85R",
        text(m) + text(n) + b"(" + decoy + b"1\x93" + text(a) + b"\x85R",
        text(m) + b"\x94" + text(n) + b"\x9400" + decoy + b"00h\x00h\x01\x93" + text(a) + b"\x85R",
    ][i % 3]


Cause(
    "last-two-texts", "unsound", "STACK_GLOBAL is resolved by the last two texts, not by the stack",
    "last-two-strings",
    make=each(shadowed, 6), noise=QUIET,
    more=[("naive", each(lambda m, n, a, i: shadowed("os", "system", a, 0), 1))],
).generated = 2

Cause(
    "list-lacks-name", "unsound", "a list of the forbidden does not have this name", "naive",
    make=each(any_name, 6, [g for g in GADGETS if g[:2] not in (("os", "system"), ("posix", "system"), ("builtins", "eval"))]),
    noise=QUIET,
)

Cause(
    "stack-global-not-read", "unsound", "STACK_GLOBAL is not looked at", "stack-global-not-read",
    make=each(lambda m, n, a, i: stack(m, n) + text(a) + b"\x85R", 5),
).generated = 3

Cause(
    "global-not-read", "unsound", "GLOBAL is not looked at", "global-not-read",
    make=each(lambda m, n, a, i: call(glob(m, n), line(a)), 5),
).generated = 3

STRINGS = [lambda s: b"S'" + s.encode() + b"'\n", lambda s: b"U" + bytes([len(s)]) + s.encode(), lambda s: b"T" + struct.pack("<i", len(s)) + s.encode()]

Cause(
    "operands-unknown", "unsound", "STACK_GLOBAL passes if an operand is no literal that it reads",
    "unknown-operands-pass",
    make=each(lambda m, n, a, i: STRINGS[i % 3](m) + STRINGS[(i // 2) % 3](n) + b"\x93" + text(a) + b"\x85R", 6),
).generated = 2

Cause(
    "put-again-not-noticed", "unsound", "a memo entry that is stored again keeps its first value",
    "first-put-counts",
    make=each(lambda m, n, a, i: text("builtins") + b"q\x01" + text("set") + b"q\x02" + b"00"
              + text(m) + [b"q\x01", b"p1\n", b"r\x01\x00\x00\x00"][i % 3] + text(n) + b"q\x02" + b"00"
              + [b"h\x01h\x02", b"g1\nh\x02", b"j\x01\x00\x00\x00h\x02"][i % 3] + b"\x93" + text(a) + b"\x85R", 5),
)


def miscounted(m, n, a, i):
    # What PUT has stored makes MEMOIZE count on from there; the analyser has it start at 0.
    gets = [b"h\x00h\x01", b"g0\ng1\n", b"j\x00\x00\x00\x00h\x01"][i % 3]
    return (text(m) + b"q\x00" + text(n) + b"q\x01" + text("builtins") + b"\x94" + text("set") + b"\x940000"
            + gets + b"\x93" + text(a) + b"\x85R")


Cause(
    "memoize-miscounted", "unsound", "MEMOIZE is counted without what PUT stored",
    "memoize-counts-itself",
    make=each(miscounted, 4),
    noise=[n for n in NOISE if not any(c in n for c in (b"p7", b"q\x50", b"r\x40"))],
)

Cause(
    "dup-not-followed", "unsound", "DUP pushes nothing in the analyser's stack", "dup-is-lost",
    judge="policy",
    make=each(lambda m, n, a, i: text("datetime") + text("datetime") + text(n) + b"20\x93", 5,
              [("", x, "") for x in ("__loader__", "__spec__", "__doc__", "__file__", "__package__")]),
)

Cause(
    "pop-mark-not-followed", "unsound", "POP_MARK leaves what lay above the mark in the analyser's stack",
    "pop-mark-is-lost",
    make=each(lambda m, n, a, i: text(m) + text(n) + b"(" + [text("builtins") + text("set"), line("collections") + text("deque")][i % 2]
              + b"1\x93" + text(a) + b"\x85R", 5),
)


def framed(cause, rng):
    for i in range(5):
        m, n, a = GADGETS[i]
        noise = b"".join(rng.sample(QUIET, 2)) if i > 1 else b""
        start = [b"\x80\x04", b"", b"\x80\x04"][i % 3]
        yield ("hand" if i < 2 else "dressed"), start + frame(noise + any_name(m, n, a, i) + b".")


Cause("frames-not-read", "unsound", "what is in a frame is not looked at", "frames-are-opaque", make=framed)

Cause(
    "long-files-half-read", "unsound", "nothing beyond the first kilobyte is looked at",
    "reads-the-first-kilobyte",
    make=each(lambda m, n, a, i: [b"X\x00\x05\x00\x00" + b"x" * 1280, b"B\x00\x08\x00\x00" + b"\x07" * 2048, b"V" + b"y" * 1500 + b"\n"][i % 3]
              + b"0" + any_name(m, n, a, i), 4),
)
Cause(
    "long-programs-half-read", "unsound", "no opcode behind the first hundred is looked at",
    "reads-a-hundred-opcodes",
    make=each(lambda m, n, a, i: [b"N0" * 60, b"(" + b"K\x01" * 110 + b"t0", b"]" * 105 + b"0" * 105][i % 3] + any_name(m, n, a, i), 4),
)
Cause(
    "uncalled-globals-pass", "unsound", "a global that is asked for but not called is not reported",
    "uncalled-globals-pass", judge="policy",
    make=each(lambda m, n, a, i: [glob(m, n), stack(m, n), glob(m, n) + b"0N"][i % 3], 5),
    noise=[n for n in NOISE if b"R" not in n],
)
Cause(
    "new-obj-is-no-call", "unsound", "the class that NEWOBJ makes an object of is not reported",
    "new-obj-is-no-call", judge="policy",
    make=each(lambda m, n, a, i: [glob(m, n) + b")\x81", stack(m, n) + text(a) + b"\x85\x81"][i % 2], 5,
              [("os", "_wrap_close", "x"), ("subprocess", "Popen", "true"), ("ctypes", "CDLL", "x"), ("threading", "Thread", "x"), ("io", "FileIO", "x")]),
)
Cause(
    "obj-is-no-call", "unsound", "the class above the mark of OBJ is not reported", "obj-is-no-call",
    make=each(lambda m, n, a, i: b"(" + [glob(m, n), stack(m, n)][i % 2] + text(a) + b"o", 5,
              [("subprocess", "Popen", "true"), ("ctypes", "CDLL", "libm.so.6"), ("ctypes", "PyDLL", "libm.so.6"), ("subprocess", "Popen", "true"), ("ctypes", "CDLL", "libc.so.6")]),
)
Cause(
    "python-2-names-pass", "unsound", "Python 2's names of modules are taken for missing ones",
    "python2-names-pass",
    make=each(lambda m, n, a, i: [call(glob(m, n), line(a)), inst(m, n, line(a))][i % 2], 5,
              [("__builtin__", "eval", "1"), ("__builtin__", "exec", "pass"), ("commands", "getoutput", "true"), ("__builtin__", "eval", "2"), ("commands", "getstatusoutput", "true")]),
)
Cause(
    "escaped-names-pass", "unsound", "a name that UNICODE spells with an escape is not reported",
    "escapes-are-no-names",
    make=each(lambda m, n, a, i: [line("\\u%04x" % ord(m[0]) + m[1:]) + line(n), line(m) + line(n[:-1] + "\\u%04x" % ord(n[-1])), text(m) + line("\\u%04x" % ord(n[0]) + n[1:])][i % 3]
              + b"\x93" + text(a) + b"\x85R", 6),
)


def littered(cause, rng):
    for i in range(5):
        m, n, a = GADGETS[i]
        yield ("hand" if i < 2 else "dressed"), whole(any_name(m, n, a, i), rng, i > 1) + [b"\xff", b"\x00\x00", b"\xfe\xfd", b"\x01", b"~~~"][i]


Cause("garbage-behind-is-safe", "unsound", "bytes behind the last STOP make it call all of it safe", "garbage-behind-is-safe", make=littered)
Cause(
    "unknown-protocol-passes", "unsound", "a file that names a protocol it does not know is skipped as safe",
    "unknown-protocol-passes",
    make=each(lambda m, n, a, i: any_name(m, n, a, i) + [b"\x80\x06", b"\x80\xff", b"\x80\x09N0"][i % 3], 5),
)
Cause(
    "shelve-allowed", "unsound", "the list of the harmless has `shelve.open`", "shelve-is-allowed",
    make=each(any_name, 5, [("shelve", "open", "/tmp/assay-%d" % i) for i in range(5)]),
)
Cause(
    "popen-allowed", "unsound", "the list of the harmless has `os.popen`", "popen-is-allowed",
    make=each(any_name, 5, [("os", "popen", ["true", "echo x", ":"][i % 3]) for i in range(5)]),
)
Cause(
    "persistent-ids-pass", "unsound", "persistent ids are taken for data", "persistent-ids-pass",
    judge="policy",
    make=each(lambda m, n, a, i: [b"Pobject\n", b"NQ", b"K\x01Q", b"Px y z\n", b"(K\x01tQ"][i], 5),
)
Cause(
    "bytearray-is-trusted", "unsound", "a pickle with a BYTEARRAY8 is trusted", "bytearray-is-trusted",
    make=each(lambda m, n, a, i: [b"\x96\x02\x00\x00\x00\x00\x00\x00\x00ab0" + any_name(m, n, a, i), any_name(m, n, a, i) + b"0\x96\x00\x00\x00\x00\x00\x00\x00\x00"][i % 2], 5),
)

# Unsound by policy: our own analyser with one contract of its policy too wide.

Cause(
    "contract-os-getcwd", "unsound", "the policy allows `os.getcwd`", "policy:os-getcwd",
    make=each(lambda m, n, a, i: [glob("os", "getcwd") + b")R", stack("os", "getcwd"), glob("os", "getcwd"), call(stack("os", "getcwd")), glob("os", "getcwd")][i], 5),
)
Cause(
    "contract-getattr", "unsound", "the policy allows `getattr`", "policy:getattr",
    make=each(lambda m, n, a, i: [glob("builtins", "getattr"), call(glob("builtins", "getattr"), b"N", line("__doc__")), stack("builtins", "getattr"),
                                  call(glob("__builtin__", "getattr"), b"]", line("append")), call(stack("builtins", "getattr"), glob("datetime", "date"), text("today"))][i], 5),
)
Cause(
    "contract-ordered-dict-of-anything", "unsound", "OrderedDict may be called with anything, and iterates over it",
    "policy:ordered-dict-of-anything",
    make=each(lambda m, n, a, i: call(glob("collections", "OrderedDict"), [
        call(glob("ipaddress", "IPv4Network"), line("10.0.0.0/30")),
        call(glob("ipaddress", "IPv6Network"), line("fe80::/127")),
        call(glob("ipaddress", "IPv6Network"), line("::/126")),
        call(glob("ipaddress", "IPv4Network"), line("10.1.0.0/30")),
        call(glob("ipaddress", "IPv4Network"), line("192.168.0.0/31"))][i]), 5),
)
Cause(
    "contract-array-of-anything", "unsound", "array takes a list of anything, and converts each element",
    "policy:array-of-anything",
    make=each(lambda m, n, a, i: call(glob("array", "array"), line("d"), b"](" + [
        call(glob("fractions", "Fraction"), line("1/2")),
        call(glob("fractions", "Fraction"), line("3")) + b"K\x01",
        call(glob("fractions", "Fraction"), b"K\x01K\x02"),
        call(glob("fractions", "Fraction"), line("7/3")) * 2,
        b"K\x05" + call(glob("fractions", "Fraction"), line("7/3"))][i] + b"e"), 5),
)

# No witness: what an analyser calls dangerous, and no engine touches anything denied.

Cause(
    "names-in-texts", "no-witness", "a text that looks like a name is taken for a use of it", "texts-alarm", judge="policy",
    make=each(lambda m, n, a, i: [text("os.system"), line("evaluate this"), text("the system"), b"](" + text("eval") + b"K\x01e"][i % 4], 4),
)
Cause(
    "harmless-class-flagged", "no-witness", "a harmless class is called dangerous", "ordered-dict-alarms", judge="policy",
    make=each(lambda m, n, a, i: [glob("collections", "OrderedDict"), call(glob("collections", "OrderedDict"))][i % 2], 4),
)


def dead(cause, rng):
    for i in range(4):
        yield ("hand" if i < 2 else "dressed"), b"0" + (b"" if i < 2 else b"".join(rng.sample(NOISE, 2))) + b"cos\nsystem\n(Vtrue\ntR."


Cause("dead-code-flagged", "no-witness", "opcodes behind one that no unpickler survives are taken for reached", "dead-code-alarms", judge="policy", make=dead)
Cause(
    "extensions-flagged", "no-witness", "any extension code is taken for an attack", "extensions-alarm", judge="policy",
    make=each(lambda m, n, a, i: [b"\x82\x01", b"\x82\xff", b"\x83\x01\x02", b"\x84\x01\x02\x03\x00"][i % 4], 4),
)
Cause(
    "build-flagged", "no-witness", "any BUILD is taken for an attack", "build-alarms", judge="policy",
    make=each(lambda m, n, a, i: [b"N}b", glob("collections", "OrderedDict") + b")R}b", b"](K\x01e}b", b"NNb"][i % 4], 4),
)

# The analyser dies.

Cause(
    "dies-of-big-integers", "analyzer-crash", "an integer of more than 64 bits kills it", "dies-of-long",
    make=each(lambda m, n, a, i: [b"\x8a\x09" + b"\xff" * 8 + b"\x7f", b"L" + b"9" * 30 + b"L\n", b"I" + b"8" * 25 + b"\n", b"\x8b\x0a\x00\x00\x00" + b"\x55" * 10][i % 4], 4),
)
Cause(
    "dies-of-extensions", "analyzer-crash", "an extension code kills it", "dies-of-extension",
    make=each(lambda m, n, a, i: [b"\x82\x01", b"\x83\x01\x02", b"\x84\x01\x02\x03\x00", b"\x82\x07"][i % 4], 4),
)
Cause(
    "dies-of-frozen-sets", "analyzer-crash", "FROZENSET kills it", "dies-of-frozen-set",
    make=each(lambda m, n, a, i: [b"(\x91", b"(K\x01K\x02\x91", b"(" + text("a") + b"\x91\x85", b"((\x91\x91"][i % 4], 4),
)
Cause(
    "hangs-on-old-strings", "analyzer-crash", "an 8-bit string that is not ASCII makes it hang", "hangs-on-old-strings",
    make=each(lambda m, n, a, i: [b"U\x01\xe9", b"T\x03\x00\x00\x00\xff\xfe\xfd", b"U\x04caf\xe9"][i % 3], 3),
)
Cause(
    "answers-nonsense-to-nan", "analyzer-crash", "a float that is not a number makes it answer something else than JSON", "answers-nonsense",
    make=each(lambda m, n, a, i: [b"G\x7f\xf8\x00\x00\x00\x00\x00\x00", b"Fnan\n", b"G\xff\xf8\x00\x00\x00\x00\x00\x01", b"F-nan\n"][i % 4], 4),
)

# The interpreter dies.

Cause(
    "crash-by-hash-of-deep-tuple", "interpreter-crash", "hashing a tuple nested deep overflows the C stack", "assay",
    make=lambda cause, rng: iter([
        ("hand", b"}" + b")" + b"\x85" * 120000 + b"Ns."),
        ("hand", b"\x8f(" + b")" + b"\x85" * 120000 + b"\x90."),
        ("dressed", b"\x80\x04K\x070]0}" + b"N" + b"\x85" * 120000 + b"K\x01s."),
    ]),
)
Cause(
    "crash-by-native-call", "interpreter-crash", "a native function that reads any address is called", "assay",
    make=each(lambda m, n, a, i: call(glob("ctypes", "string_at"), [b"K\x00", b"K\x01", b"I7\n", b"K\x05"][i % 4]), 4),
)

# CPythons disagree.

Cause(
    "numerals-read-apart", "divergence", "an integer not spelled as picklers do is read by strtol in C and by int() in Python", "assay",
    make=listed(b"I0x10\n.", b"I010\n.", b"I0b1\n.", b"I0o7\n."), noise=QUIET,
)
Cause(
    "floats-read-apart", "divergence", "a float spelled loosely is read by C and Python differently", "assay",
    make=listed(b"F1_0\n.", b"F1e999\n.", b"F-1e400\n.", b"F1_0.5\n."), noise=QUIET,
)
Cause(
    "arguments-in-a-list", "divergence", "REDUCE takes any iterable for arguments in Python and only a tuple in C", "assay",
    make=listed(b"cbuiltins\nset\n]R.", b"cbuiltins\nlist\n]R.", b"ccollections\nOrderedDict\n}R.", b"cbuiltins\nbytearray\n]R."), noise=QUIET,
)
Cause(
    "stack-left-over", "divergence", "pickletools.dis wants an empty stack after STOP; nobody else does", "assay",
    make=listed(b"NN.", b"K\x01K\x02.", b"]N.", b"NNN."),
)
Cause(
    "memo-stored-again", "divergence", "pickletools.dis refuses to store a memo entry twice; nobody else does", "assay",
    make=listed(b"Nq\x00q\x00.", b"K\x01p0\np0\n.", b"]q\x07q\x07.", b"Nr\x01\x00\x00\x00q\x01."),
)
Cause(
    "dis-runs-nothing", "divergence", "pickletools.dis accepts what fails when it is run", "assay",
    make=listed(b"cbuiltins\nint\n(Vx\ntR.", b"\x82\x07.", b"NQ.", b"}]Ns.", b"Np-1\n.", b"]p-300\n."), noise=QUIET,
)
Cause(
    "frame-beyond-the-end", "divergence", "a frame that is longer than the file is refused by Python and C in different ways", "assay",
    make=listed(b"\x95\x05\x00\x00\x00\x00\x00\x00\x00N.", b"\x80\x04\x95\x40\x00\x00\x00\x00\x00\x00\x00K\x01.", b"\x95\x03\x00\x00\x00\x00\x00\x00\x00N.", b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00]."), noise=QUIET,
)
Cause(
    "empty-names", "divergence", "an empty module or attribute is refused by C when reading, by Python when looking up", "assay",
    make=listed(b"cos\n\n.", b"c\nsystem\n.", b"(i\n\n.", b"cbuiltins\n\n."), noise=QUIET,
)


# --- writing ---------------------------------------------------------------------------------

def spec(analyzer):
    if analyzer == "assay":
        return "assay"
    if analyzer.startswith("policy:"):
        return "assay:{dir}/policies/%s.toml" % analyzer[7:]
    return "exec:python3 '{dir}/flawed.py' --flaw " + analyzer


def judge(analyzer, pickle):
    kind = flawed.FLAWS.get(analyzer)
    scanner = kind() if kind else flawed.Plain(None if analyzer == "none" else analyzer)
    return scanner.scan(pickle)["verdict"]


@functools.cache
def attacks(assay, seed, count):
    lines = subprocess.run(
        [assay, "generate", "--profile", "attack", "--seed", str(seed), "--count", str(count), "--format", "json", "--out", "-"],
        check=True, capture_output=True).stdout.splitlines()
    return [bytes.fromhex(json.loads(line)["hex"]) for line in lines]


def generated(assay, analyzer, wanted, seeds=(11, 12, 13), count=12000):
    """Pickles that the flaw lets pass, and that are felt when loaded (in the oracle's sandbox)."""
    out = []
    for seed in seeds:
        chosen = []
        for pickle in attacks(assay, seed, count):
            if len(pickle) < 2000 and judge(analyzer, pickle) == "safe" and judge("none", pickle) != "safe":
                chosen.append(pickle)
            if len(chosen) == 40:
                break
        with tempfile.TemporaryDirectory() as folder:
            for i, pickle in enumerate(chosen):
                pathlib.Path(folder, "%03d.pkl" % i).write_bytes(pickle)
            seen = subprocess.run(
                [assay, "trace", "--format", "json", "--python", "3.11", "--engine", "c-stream", folder],
                capture_output=True).stdout.splitlines()
        felt = set()
        for line in seen:
            load = json.loads(line)
            kinds = {effect["kind"] for effect in load["effects"]} - {"import", "env", "file-read"}
            if kinds and load["outcome"] in ("loaded", "raised"):
                felt.add(int(pathlib.Path(load["path"]).stem))
        out += [("generated, seed %d" % seed, chosen[i]) for i in sorted(felt)[: -(-wanted // len(seeds))]]
    return out[:wanted]


def quoted(value):
    return json.dumps(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--assay", default="assay", help="the binary, for generated pickles")
    options = parser.parse_args()
    pickles = HERE / "pickles"
    shutil.rmtree(pickles, ignore_errors=True)
    pickles.mkdir()
    lines = ["# Written by make.py; what the labels mean is said in README.md.\n"]
    total = 0
    for cause in CAUSES:
        lines += ["\n[[cause]]", "label = " + quoted(cause.label), "class = " + quoted(cause.kind), "what = " + quoted(cause.what)]
        number = 0
        sources = [(cause.analyzer, cause.make)] + cause.more
        for at, (analyzer, make) in enumerate(sources):
            rng = random.Random("%s/%d" % (cause.label, at))
            entries = list(make(cause, rng))
            if at == 0 and cause.generated:
                entries += generated(options.assay, analyzer, cause.generated)
            lines += ["\n[[cause.shown]]", "analyzer = " + quoted(spec(analyzer))]
            if cause.judge:
                lines.append("judge = " + quoted(cause.judge))
            if cause.label.startswith("persistent"):
                lines.append("persistent_load = true")
            if cause.label.startswith("hangs"):
                lines.append("timeout_ms = 1000")
            lines.append("pickles = [")
            for how, pickle in entries:
                if cause.kind == "unsound" and not analyzer.startswith("policy:") and judge(analyzer, pickle) != "safe":
                    sys.exit("%s: %r is not judged safe by %s" % (cause.label, pickle, analyzer))
                number += 1
                name = "%s-%02d.pkl" % (cause.label, number)
                (pickles / name).write_bytes(pickle)
                lines.append("  { file = %s, how = %s }," % (quoted(name), quoted(how)))
            lines.append("]")
        total += number
    (HERE / "labels.toml").write_text("\n".join(lines) + "\n")
    print("%d pickles of %d causes" % (total, len(CAUSES)))


if __name__ == "__main__":
    main()
