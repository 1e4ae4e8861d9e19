#!/usr/bin/env python
"""Write pickles of real objects, as real CPythons write them.

    for python in python3.9 python3.11 python3.13 python2.7; do
        PYTHONHASHSEED=0 $python corpus/seeds/make_seeds.py corpus/seeds
    done

The hash seed fixes the order of sets. Run it with the oldest CPython first. A run adds `<type>-p<protocol>[-py<version>].pkl` for every
pickle whose bytes no earlier run wrote, and an entry to `seeds.toml` for each file it adds;
nothing that is there is changed. Delete all `*.pkl` and `seeds.toml` to start over. Nothing here
is random: the same CPythons write the same files.

To add a type, add one line to `objects` (or `python2_objects`). `policy` is "stdlib" where the
pickle holds only data types of the standard library that CPython pickles by itself as data,
"python2" where such data holds 8-bit strings, which load differently by `encoding`, and "other"
where it also names functions or classes that are more than data.
"""

from __future__ import print_function

import hashlib
import os
import pickle
import sys

VERSION = "%d.%d" % sys.version_info[:2]


def cyclic():
    items = [1]
    items.append(items)
    table = {"self": None}
    table["self"] = table
    pair = ([],)
    pair[0].append(pair)
    return {"list": items, "dict": table, "tuple": pair}


def shared():
    leaf = ["leaf"]
    return [leaf, leaf, {"a": leaf, "b": (leaf, leaf)}]


def python2_objects():
    import array
    import collections
    import datetime
    import decimal
    import fractions
    import UserDict
    import uuid

    class_like = UserDict.UserDict({"a": 1})
    yield "py2-str", "python2", ["ascii", "caf\xc3\xa9", "\x00\xff", ""]
    yield "py2-unicode", "stdlib", [u"ascii", u"caf\xe9", u"\u20ac", u"\U0001f600", u"a\\b\n"]
    yield "py2-int", "stdlib", [0, 1, -1, 255, 256, 65535, 65536, 2 ** 31 - 1, -2 ** 31]
    yield "py2-long", "stdlib", [long(0), long(1), long(-1), 2 ** 70, -2 ** 70]
    yield "py2-float", "stdlib", [0.0, -0.0, 1.5, 1e300, 1e-300]
    yield "py2-bool", "stdlib", [None, True, False]
    yield "py2-complex", "stdlib", 1.5 - 2j
    yield "py2-set", "python2", [set([1, 2]), frozenset(["a"])]
    yield "py2-xrange", "stdlib", xrange(3, 9, 2)
    yield "py2-containers", "python2", {"list": [1, [2]], "tuple": (1, (2, 3)), "dict": {1: {}}}
    yield "py2-shared", "python2", shared()
    yield "py2-cyclic", "python2", cyclic()
    yield "py2-ordereddict", "python2", collections.OrderedDict([("b", 1), ("a", 2)])
    yield "py2-deque", "python2", collections.deque([1, 2], 5)
    yield "py2-defaultdict", "python2", collections.defaultdict(list, {"a": [1]})
    yield "py2-counter", "python2", collections.Counter("abca")
    yield "py2-userdict", "python2", class_like
    yield "py2-datetime", "python2", datetime.datetime(2009, 4, 1, 23, 59, 58, 7)
    yield "py2-date", "python2", datetime.date(2009, 4, 1)
    yield "py2-timedelta", "stdlib", datetime.timedelta(1, 2, 3)
    yield "py2-decimal", "python2", decimal.Decimal("3.14")
    yield "py2-fraction", "python2", fractions.Fraction(3, 7)
    yield "py2-uuid", "python2", uuid.UUID(int=7)
    yield "py2-array", "python2", array.array("i", [1, 2, -3])
    yield "py2-exception", "python2", [ValueError("a"), KeyError("k"), IOError(2, "no", "f")]
    yield "py2-bytearray", "python2", bytearray(b"\x00a\xff")
    yield "py2-class", "other", UserDict.UserDict
    yield "py2-builtin", "other", [len, max, zip, map]


def records(count):
    return [
        {"id": i, "name": "name %d" % i, "score": i / 7.0, "tags": ["a", "b"], "ok": i % 3 == 0}
        for i in range(count)
    ]


def objects():
    import array
    import collections
    import datetime
    import decimal
    import fractions
    import functools
    import http
    import http.cookies
    import ipaddress
    import operator
    import pathlib
    import random
    import re
    import statistics
    import string
    import time
    import types
    import urllib.parse
    import uuid
    import zoneinfo

    dt = datetime
    utc = dt.timezone.utc
    paris = dt.timezone(dt.timedelta(hours=1), "CET")

    yield "none", "stdlib", None
    yield "bool", "stdlib", [True, False]
    yield "int-small", "stdlib", [0, 1, -1, 127, 255, 256, 65535, 65536]
    yield "int-32", "stdlib", [2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32]
    yield "int-64", "stdlib", [2**63 - 1, 2**63, -(2**63), 2**64]
    yield "int-long1", "stdlib", [2**200, -(2**200), 2**2031]
    yield "int-long4", "stdlib", 2**2040
    yield "float", "stdlib", [0.0, -0.0, 1.5, 1e300, 5e-324, float("inf"), float("-inf")]
    yield "float-nan", "stdlib", float("nan")
    yield "str", "stdlib", "text"
    yield "str-empty", "stdlib", ""
    yield "str-unicode", "stdlib", ["caf\xe9", "\u20ac", "\U0001f600", "a\\b\nc\0d\re\x1a"]
    yield "str-surrogate", "stdlib", ["\ud800", "a\udfffb"]
    yield "str-255", "stdlib", "x" * 255
    yield "str-256", "stdlib", "x" * 256
    yield "bytes", "stdlib", [b"", b"bytes", bytes(range(256))]
    yield "bytes-256", "stdlib", b"y" * 256
    yield "bytearray", "stdlib", [bytearray(), bytearray(b"\x00\xff")]
    yield "list", "stdlib", [[], [1], [1, 2], [[[]]]]
    yield "list-batched", "stdlib", list(range(2100))
    yield "tuple", "stdlib", [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),)]
    yield "dict", "stdlib", [{}, {"a": 1}, {1: 2, None: 3, (4,): 5}, {"n": {"m": {}}}]
    yield "dict-batched", "stdlib", {i: str(i) for i in range(1200)}
    yield "set", "stdlib", [set(), {1}, {1, 2, 3}, {(1, 2)}]
    yield "set-batched", "stdlib", set(range(1200))
    yield "frozenset", "stdlib", [frozenset(), frozenset([1, 2]), frozenset([frozenset([3])])]
    yield "shared", "stdlib", shared()
    yield "cyclic", "stdlib", cyclic()
    yield "nested", "stdlib", functools.reduce(lambda inner, _: [inner], range(60), 7)
    yield "complex", "stdlib", [1 + 2j, complex("inf")]
    yield "range", "stdlib", [range(3), range(1, 10, 2), range(2**70)]
    if sys.version_info >= (3, 9):
        yield "slice", "stdlib", [slice(3), slice(1, None, -1)]
    yield "singletons", "stdlib", [Ellipsis, NotImplemented]
    yield "type-none", "other", [type(None), type(Ellipsis), type(NotImplemented)]
    yield "classes", "other", [int, dict, collections.OrderedDict]
    yield "ordereddict", "stdlib", collections.OrderedDict([("b", 1), ("a", [2])])
    yield "deque", "stdlib", [collections.deque(), collections.deque([1, 2])]
    yield "deque-maxlen", "stdlib", collections.deque([1, 2, 3], 5)
    yield "defaultdict", "stdlib", collections.defaultdict(list, {"a": [1]})
    yield "defaultdict-int", "stdlib", collections.defaultdict(int, {"a": 1, "b": 2})
    yield "defaultdict-none", "stdlib", collections.defaultdict(None, {1: 2})
    yield "counter", "stdlib", collections.Counter("abracadabra")
    yield "chainmap", "stdlib", collections.ChainMap({"a": 1}, {"b": 2})
    yield "userdict", "stdlib", collections.UserDict({"a": 1})
    yield "userlist", "stdlib", collections.UserList([1, 2])
    yield "userstring", "stdlib", collections.UserString("text")
    yield "date", "stdlib", [dt.date(2024, 2, 29), dt.date.min, dt.date.max]
    yield "time", "stdlib", [dt.time(23, 59, 58, 999999), dt.time(1, 2, fold=1)]
    yield "time-aware", "stdlib", dt.time(12, 0, tzinfo=utc)
    yield "datetime", "stdlib", [dt.datetime(2024, 2, 29, 1, 2, 3, 4), dt.datetime.min]
    yield "datetime-fold", "stdlib", dt.datetime(2024, 10, 27, 2, 30, fold=1)
    yield "datetime-utc", "stdlib", dt.datetime(2024, 2, 29, tzinfo=utc)
    yield "datetime-aware", "stdlib", dt.datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=paris)
    yield "timedelta", "stdlib", [dt.timedelta(1, 2, 3), dt.timedelta(-1), dt.timedelta.max]
    yield "timezone", "stdlib", [utc, paris, dt.timezone(dt.timedelta(seconds=-61))]
    yield "decimal", "stdlib", [decimal.Decimal("3.14"), decimal.Decimal("-Infinity")]
    yield "decimal-nan", "stdlib", decimal.Decimal("sNaN123")
    yield "fraction", "stdlib", [fractions.Fraction(3, 7), fractions.Fraction(-(2**70), 3)]
    yield "uuid", "stdlib", [uuid.UUID(int=7), uuid.uuid5(uuid.NAMESPACE_DNS, "example.org")]
    yield "pureposixpath", "stdlib", pathlib.PurePosixPath("/usr/lib/x.py")
    yield "purewindowspath", "stdlib", pathlib.PureWindowsPath("c:\\dir\\file")
    yield "posixpath", "stdlib", pathlib.PosixPath("relative/path")
    yield "ipv4address", "stdlib", ipaddress.ip_address("192.0.2.1")
    yield "ipv4network", "stdlib", ipaddress.ip_network("192.0.2.0/24")
    yield "ipv4interface", "stdlib", ipaddress.ip_interface("192.0.2.1/24")
    yield "ipv6address", "stdlib", ipaddress.ip_address("2001:db8::1")
    yield "ipv6network", "stdlib", ipaddress.ip_network("2001:db8::/32")
    yield "simplenamespace", "stdlib", types.SimpleNamespace(a=1, b=[2])
    for code in "bBhHiIlLqQfd":
        yield "array-" + (code if code.islower() else "u" + code.lower()), "stdlib", array.array(code, [1, 2])
    yield "array-text", "other", array.array("u", "text")
    yield "struct-time", "stdlib", time.struct_time((2024, 2, 29, 1, 2, 3, 3, 60, 0))
    yield "exceptions", "stdlib", [ValueError("a", 1), KeyError("k"), StopIteration(3)]
    yield "oserror", "stdlib", [OSError(2, "no such file", "name"), FileNotFoundError(2, "x")]
    yield "unicode-error", "stdlib", UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid")
    noted = RuntimeError("noted")
    noted.extra = {"a": 1}
    yield "exception-state", "stdlib", noted
    yield "import-error", "stdlib", ImportError("no", name="m", path="p")
    if sys.version_info >= (3, 11):
        yield "exception-group", "stdlib", ExceptionGroup("g", [ValueError(1)])  # noqa: F821
    yield "pattern", "stdlib", re.compile(r"(a+)b\d", re.IGNORECASE)
    yield "pattern-bytes", "stdlib", re.compile(br"\x00.*")
    yield "enum", "stdlib", [http.HTTPStatus.NOT_FOUND, re.RegexFlag.IGNORECASE]
    yield "safe-uuid", "stdlib", uuid.SafeUUID.safe
    yield "itemgetter", "other", [operator.itemgetter(1), operator.itemgetter("a", "b")]
    yield "attrgetter", "other", operator.attrgetter("real", "imag")
    yield "methodcaller", "other", operator.methodcaller("split", ",")
    yield "partial", "other", functools.partial(int, base=2)
    yield "iter-list", "stdlib", iter([1, 2, 3])
    advanced = iter([1, 2, 3])
    next(advanced)
    yield "iter-list-advanced", "stdlib", advanced
    yield "iter-tuple", "stdlib", iter((1, 2))
    yield "iter-range", "stdlib", iter(range(4))
    yield "iter-str", "stdlib", iter("abc")
    yield "iter-dict", "stdlib", iter({"a": 1, "b": 2})
    yield "iter-set", "stdlib", iter({1})
    yield "iter-reversed", "stdlib", reversed([1, 2, 3])
    yield "iter-enumerate", "other", enumerate(["a", "b"])
    yield "iter-zip", "other", zip([1], [2])
    yield "iter-map", "other", map(len, ["a"])
    yield "random", "stdlib", random.Random(7)
    yield "normaldist", "stdlib", statistics.NormalDist(1.0, 2.5)
    try:
        # Reads the time zone's file when it is loaded.
        yield "zoneinfo", "other", zoneinfo.ZoneInfo("Europe/Paris")
    except zoneinfo.ZoneInfoNotFoundError:
        print("no time zone data: zoneinfo left out", file=sys.stderr)
    yield "template", "stdlib", string.Template("$who likes $what")
    cookie = http.cookies.SimpleCookie()
    cookie["key"] = "value"
    yield "cookie", "other", cookie
    yield "splitresult", "stdlib", urllib.parse.urlsplit("https://example.org/a?b#c")
    yield "generic-alias", "other", list[int]
    yield "functions", "other", [len, os.path.join, str.upper, dict.fromkeys]
    yield "methods", "other", ["text".upper, [1].append]
    yield "blob-str", "stdlib", "z" * 70000
    yield "blob-frames", "stdlib", [b"a" * 40000, b"b" * 40000, "tail"]
    yield "blob-small-frames", "stdlib", ["%06d" % i for i in range(7000)]
    yield "memo-heavy", "stdlib", [[str(i % 300)] * 2 for i in range(600)]
    yield "records", "stdlib", records(60)


# Types whose pickles are large are written in these protocols only, to keep the corpus small.
LARGE = {
    "blob-str": (0, 4),
    "blob-frames": (3, 5),
    "blob-small-frames": (4,),
    "random": (0, 2, 4),
    "list-batched": (0, 2, 4),
    "dict-batched": (1, 4),
    "set-batched": (2, 4),
    "memo-heavy": (0, 3, 4),
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    seen, names = set(), set()
    for name in sorted(os.listdir(folder)):
        if name.endswith(".pkl"):
            names.add(name)
            with open(os.path.join(folder, name), "rb") as file:
                seen.add(hashlib.sha256(file.read()).digest())
    entries = []
    for kind, policy, value in python2_objects() if sys.version_info[0] == 2 else objects():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            if protocol not in LARGE.get(kind, range(6)):
                continue
            try:
                data = pickle.dumps(value, protocol)
            except Exception as error:
                print("%s, protocol %d: %s" % (kind, protocol, error), file=sys.stderr)
                continue
            digest = hashlib.sha256(data).digest()
            if digest in seen:
                continue
            seen.add(digest)
            name = "%s-p%d.pkl" % (kind, protocol)
            if name in names:
                name = "%s-p%d-py%s.pkl" % (kind, protocol, VERSION.replace(".", ""))
            names.add(name)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
            entries.append(
                '[[seed]]\nfile = "%s"\npython = "%s"\nprotocol = %d\ntype = "%s"\npolicy = "%s"\n'
                % (name, VERSION, protocol, kind, policy)
            )
    with open(os.path.join(folder, "seeds.toml"), "a") as file:
        for entry in entries:
            file.write("\n" + entry)
    print("%s: %d seeds added" % (VERSION, len(entries)))


main()
