"""The bare side of the comparison, run by the interpreter under test.

Makes the pickles of the benchmark from objects of its own, hands them out, and then loads just
these in a loop, as often as it is asked to: it never loads a pickle that it did not make.
"""

import collections
import datetime
import decimal
import fractions
import pickle
import struct
import sys
import time
import uuid

shared = ["shared"]
objects = [
    None,
    12345678901234567890,
    [1, 2.5, True, None],
    "text",
    b"bytes",
    {"id": 7, "name": "record", "tags": ["a", "b"], "nested": {"x": [1, 2, 3]}},
    [(i, str(i), {"i": i}) for i in range(8)],
    (shared, shared, [shared]),
    {1, 2, 3},
    frozenset("abc"),
    complex(1, 2),
    range(3),
    bytearray(b"array"),
    collections.OrderedDict(a=1, b=2),
    collections.deque([1, 2], 5),
    datetime.date(2020, 1, 2),
    datetime.timedelta(1, 2),
    datetime.datetime(2020, 1, 2, 3, 4, 5),
    # Not on the deny tier's allow list.
    fractions.Fraction(1, 3),
    decimal.Decimal("1.5"),
    uuid.UUID(int=5),
    collections.Counter("aab"),
    len,
    dict,
]
pickles = [
    pickle.dumps(thing, protocol) for protocol in (0, 2, 4, 5) for thing in objects
]

out = sys.stdout.buffer
out.write(struct.pack("<I", len(pickles)))
for item in pickles:
    out.write(struct.pack("<I", len(item)) + item)
out.flush()

loads = pickle.loads
for line in sys.stdin:
    rounds = range(int(line))
    begin = time.perf_counter()
    for _ in rounds:
        for item in pickles:
            loads(item)
    print(time.perf_counter() - begin, flush=True)
