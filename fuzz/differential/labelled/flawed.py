"""The default-deny scanner of `subjects/tests/fixtures`, wrong in exactly one further way.

The labelled set needs analysers whose every false verdict has one known cause. Each flaw here is
one change to a scanner that is otherwise conservative, as the fixture's own flaws are.

    flawed.py --flaw NAME           speak the protocol of `exec:` analysers
    flawed.py --flaw NAME FILE...   print a verdict per file
"""

import argparse
import io
import json
import os
import pathlib
import pickletools
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "subjects" / "tests" / "fixtures"))
sys.dont_write_bytecode = True

import scanner  # noqa: E402  (found by the line above)
from scanner import MARK, OTHER, Malformed  # noqa: E402

SAFE = {"verdict": "safe", "globals": []}
DANGEROUS = {"verdict": "dangerous", "globals": []}


class Plain(scanner.Scanner):
    """No flaw, or one of the fixture's own."""

    def __init__(self, flaw=None):
        super().__init__(flaw)


class StackGlobalNotRead(Plain):
    """Knows the opcodes of protocol 3 only: what STACK_GLOBAL names is not looked at."""

    def stack_global(self, pair, machine, found):
        pass


class GlobalNotRead(Plain):
    """Looks at what newer protocols name and forgets the oldest opcode, GLOBAL."""

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name == "GLOBAL":
            machine.stack.append(OTHER)
        else:
            super().step(opcode, argument, raw, machine, found, problems)


class UnknownOperandsPass(Plain):
    """STACK_GLOBAL on what is no literal of `unicode` is taken for somebody else's problem."""

    def stack_global(self, pair, machine, found):
        if all(isinstance(item, str) for item in pair):
            found.append(pair)


class FirstPutCounts(Plain):
    """A memo entry keeps its first value: what is put there again is not noticed."""

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name in scanner.PUTS and int(argument) in machine.memo:
            machine.top()
        else:
            super().step(opcode, argument, raw, machine, found, problems)


class MemoizeCountsItself(Plain):
    """MEMOIZE counts only earlier MEMOIZEs, not what PUT has stored."""

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name == "MEMOIZE":
            machine.memoized = getattr(machine, "memoized", -1) + 1
            machine.memo[machine.memoized] = machine.top()
        else:
            super().step(opcode, argument, raw, machine, found, problems)


class DupIsLost(Plain):
    """DUP pushes nothing."""

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name == "DUP":
            machine.top()
        else:
            super().step(opcode, argument, raw, machine, found, problems)


class PopMarkIsLost(Plain):
    """POP_MARK takes the mark away and leaves what lay above it."""

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name == "POP_MARK":
            machine.stack.extend(machine.pop_to_mark())
        else:
            super().step(opcode, argument, raw, machine, found, problems)


class FramesAreOpaque(Plain):
    """Takes a frame for a blob and goes on behind it."""

    def one(self, data, stream, machine, found, problems):
        out, rest = b"", data
        try:
            for opcode, argument, start in pickletools.genops(data):
                if opcode.name == "FRAME" and start + 9 + argument <= len(data):
                    inside = data[start + 9 : start + 9 + argument]
                    if b"." == inside[-1:]:
                        out, rest = data[:start] + b"N.", data[start + 9 + argument :]
                        break
        except Exception:
            pass
        plain = io.BytesIO(out + rest)
        super().one(out + rest, plain, machine, found, problems)
        stream.seek(len(data))


class ReadsTheFirstKilobyte(Plain):
    """Gives up on what lies beyond the first 1,024 bytes, content with what it saw."""

    def scan(self, data):
        if len(data) <= 1024:
            return super().scan(data)
        kept = self.flaw
        self.flaw = "parse-error-is-safe"
        try:
            found, problems = [], []
            try:
                self.walk(data[:1024], False, found, problems)
            except Exception:
                pass
            return self.answer(list(dict.fromkeys(found)), problems, None)
        finally:
            self.flaw = kept


class ReadsAHundredOpcodes(Plain):
    """Gives up after a hundred opcodes, content with what it saw."""

    def step(self, opcode, argument, raw, machine, found, problems):
        machine.steps = getattr(machine, "steps", 0) + 1
        if machine.steps <= 100:
            super().step(opcode, argument, raw, machine, found, problems)


class UncalledGlobalsPass(Plain):
    """Flags what is called by REDUCE, INST, OBJ, NEWOBJ or NEWOBJ_EX; merely asking is fine."""

    CALLS = ("REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX")

    def walk(self, data, memo_survives, found, problems):
        mine = []
        self.called = False
        super().walk(data, memo_survives, mine, problems)
        if self.called:
            found.extend(mine)

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name in self.CALLS:
            self.called = True
        super().step(opcode, argument, raw, machine, found, problems)


class PassesWith(Plain):
    """Base: once the opcode `WORD` has been met, whatever was named before or after it passes."""

    WORD = ""

    def walk(self, data, memo_survives, found, problems):
        mine = []
        self.met = False
        super().walk(data, memo_survives, mine, problems)
        if not self.met:
            found.extend(mine)

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name == self.WORD:
            self.met = True
        super().step(opcode, argument, raw, machine, found, problems)


class BytearrayIsTrusted(PassesWith):
    """Meeting BYTEARRAY8 it concludes "protocol 5, written by a modern pickler" and trusts it."""

    WORD = "BYTEARRAY8"


class NewObjIsNoCall(Plain):
    """Takes NEWOBJ for the making of a plain object: the class that it made is not reported."""

    def step(self, opcode, argument, raw, machine, found, problems):
        super().step(opcode, argument, raw, machine, found, problems)
        if opcode.name == "NEWOBJ" and found:
            found.pop()


class ObjIsNoCall(Plain):
    """Does not know that OBJ instantiates: what stands above the mark is not reported."""

    def step(self, opcode, argument, raw, machine, found, problems):
        super().step(opcode, argument, raw, machine, found, problems)
        if opcode.name == "OBJ" and found:
            found.pop()


class Python2NamesPass(Plain):
    """Modules that Python 3 does not have are taken for ones that cannot be imported."""

    GONE = ("__builtin__", "commands", "copy_reg", "cPickle", "__main__2")

    def answer(self, names, problems, error):
        kept = [name for name in names if name[0] not in self.GONE]
        return super().answer(kept, problems, error)


class EscapesAreNoNames(Plain):
    """A text that UNICODE spells with an escape is taken for prose, not for a name."""

    def step(self, opcode, argument, raw, machine, found, problems):
        super().step(opcode, argument, raw, machine, found, problems)
        if opcode.name == "UNICODE" and b"\\u" in raw:
            machine.stack[-1] = self

    def stack_global(self, pair, machine, found):
        if self not in pair:
            super().stack_global(pair, machine, found)


class GarbageBehindIsSafe(Plain):
    """Bytes after the last STOP that are no opcode end the analysis, and well."""

    def scan(self, data):
        try:
            stream = io.BytesIO(data)
            for _ in pickletools.genops(stream):
                pass
            rest = data[stream.tell() :]
            if rest and rest[:1] not in [op.code.encode("latin-1") for op in pickletools.opcodes]:
                return dict(SAFE)
        except Exception:
            pass
        return super().scan(data)


class UnknownProtocolPasses(Plain):
    """A protocol that it does not know makes it skip the file as not supported."""

    def scan(self, data):
        try:
            for opcode, argument, _ in pickletools.genops(data):
                if opcode.name == "PROTO" and argument > 5:
                    return dict(SAFE)
        except Exception:
            pass
        return super().scan(data)


class ShelveIsAllowed(Plain):
    """The list of the harmless has an entry that is not: `shelve.open`."""

    def answer(self, names, problems, error):
        kept = [name for name in names if name != ("shelve", "open")]
        return super().answer(kept, problems, error)


class PopenIsAllowed(Plain):
    """The list of the harmless has an entry that is not: `os.popen`."""

    def answer(self, names, problems, error):
        kept = [name for name in names if name != ("os", "popen")]
        return super().answer(kept, problems, error)


class PersistentIdsPass(Plain):
    """Persistent ids are data to it."""

    def step(self, opcode, argument, raw, machine, found, problems):
        if opcode.name in ("PERSID", "BINPERSID"):
            self.generic(opcode, machine)
        else:
            super().step(opcode, argument, raw, machine, found, problems)


class Alarmist(Plain):
    """Base: judges everything safe but what it has one wrong reason to call dangerous."""

    def scan(self, data):
        return dict(DANGEROUS if self.alarmed(data) else SAFE)

    def opcodes(self, data):
        try:
            for opcode, argument, start in pickletools.genops(data):
                yield opcode.name, argument, start
        except Exception:
            return


class TextsAlarm(Alarmist):
    """Finds `os.system` or `eval` in texts that nothing looks up."""

    def alarmed(self, data):
        texts = [a for name, a, _ in self.opcodes(data) if name in scanner.UNICODE]
        return any("system" in text or "eval" in text for text in texts)


class OrderedDictAlarms(Alarmist):
    """Calls a harmless class dangerous."""

    def alarmed(self, data):
        return any(
            name == "GLOBAL" and a == "collections OrderedDict" for name, a, _ in self.opcodes(data)
        )


class DeadCodeAlarms(Alarmist):
    """Reads on behind an opcode that no unpickler survives."""

    def alarmed(self, data):
        at = data.find(b"cos\nsystem\n")
        return at > 0 and b"0" == data[:1]


class ExtensionsAlarm(Alarmist):
    """Any use of the extension registry is an attack to it."""

    def alarmed(self, data):
        return any(name.startswith("EXT") for name, _, _ in self.opcodes(data))


class BuildAlarms(Alarmist):
    """Any BUILD is an attack to it."""

    def alarmed(self, data):
        return any(name == "BUILD" for name, _, _ in self.opcodes(data))


class Fragile(Plain):
    """Base: dies of what `fatal` says."""

    def scan(self, data):
        try:
            for opcode, argument, _ in pickletools.genops(data):
                if self.fatal(opcode.name, argument):
                    sys.stdout.flush()
                    os._exit(3)
        except Exception:
            pass
        return super().scan(data)


class DiesOfLong(Fragile):
    """Dies of an integer that 64 bits do not hold."""

    def fatal(self, name, argument):
        return name in ("LONG", "LONG1", "LONG4", "INT") and abs(argument) >= 1 << 63


class DiesOfExtension(Fragile):
    """Dies of the extension registry's opcodes."""

    def fatal(self, name, argument):
        return name in ("EXT1", "EXT2", "EXT4")


class DiesOfFrozenSet(Fragile):
    """Dies of FROZENSET."""

    def fatal(self, name, argument):
        return name == "FROZENSET"


class HangsOnOldStrings(Plain):
    """Never comes back from an 8-bit string that is not ASCII."""

    def scan(self, data):
        try:
            for opcode, argument, _ in pickletools.genops(data):
                if opcode.name in ("BINSTRING", "SHORT_BINSTRING") and not argument.isascii():
                    time.sleep(3600)
        except Exception:
            pass
        return super().scan(data)


class AnswersNonsense(Plain):
    """Answers something that is no JSON when a float is not a number."""

    def scan(self, data):
        try:
            for opcode, argument, _ in pickletools.genops(data):
                if opcode.name in ("FLOAT", "BINFLOAT") and argument != argument:
                    print("NaN!", flush=True)
                    return dict(DANGEROUS)
        except Exception:
            pass
        return super().scan(data)


def name_of(kind):
    """`DupIsLost` is `dup-is-lost` on the command line."""
    out = "".join("-" + c.lower() if c.isupper() else c for c in kind.__name__)
    return out.lstrip("-")


def kinds(base):
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


FLAWS = {
    name_of(kind): kind
    for kind in kinds(Plain)
    if kind not in (PassesWith, Alarmist, Fragile)
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = sorted([*FLAWS, *scanner.FLAWS, "none"])
    parser.add_argument("--flaw", choices=names, required=True, help="be wrong in this one way")
    parser.add_argument("files", nargs="*", help="judge these instead of speaking the protocol")
    options = parser.parse_args()
    if options.flaw in FLAWS:
        judge = FLAWS[options.flaw]()
    else:
        judge = Plain(None if options.flaw == "none" else options.flaw)
    if not options.files:
        scanner.serve(judge)
    for path in options.files:
        with open(path, "rb") as file:
            print(json.dumps(judge.scan(file.read())))


if __name__ == "__main__":
    main()
