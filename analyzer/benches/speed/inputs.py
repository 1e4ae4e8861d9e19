"""Writes an input of the benchmark to standard output: `inputs.py NAME [SCALE]`.

Each is what CPython's own pickler writes for plain data, but for the deep one, which its recursion
does not reach. SCALE multiplies the number of objects (1).
"""

import itertools
import pickle
import struct
import sys


def records(scale):
    """A table as a list of dicts: 40 MB, 15,000,000 opcodes."""
    return pickle.dumps(
        [
            {
                "id": i,
                "group": i * 31 % 1_000_003,
                "ok": i % 3 == 0,
                "at": (i * 5, i * 7),
                "tags": [i * 3, None, i % 11],
                "parent": i // 2 or None,
                "serial": i * 4096,
                "ratio": i / 7,
                "next": i + 1,
            }
            for i in range(500_000 * scale)
        ],
        4,
    )


def blobs(scale):
    """50 MiB in binary objects of 1 MiB."""
    return pickle.dumps([bytes([i % 256]) * (1 << 20) for i in range(50 * scale)], 4)


def memo(scale):
    """1,000,000 texts, each memoised and each asked for again."""
    texts = [f"text {i}" for i in range(1_000_000 * scale)]
    return pickle.dumps([texts, list(texts)], 4)


def deep(scale):
    """Lists in lists, 1,000,000 deep."""
    depth = 1_000_000 * scale
    return b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b"."


def small(scale):
    """300,000 pickles of some 240 bytes, each behind its length (four bytes, little-endian)."""
    kinds = [
        {
            "user": f"user-{i}",
            "roles": ["reader", "writer", f"team-{i % 40}"],
            "quota": i * 1000,
            "ratio": i / 7,
            "active": i % 2 == 0,
            "address": {"street": f"{i} Long Street", "city": "Springfield", "zip": f"{i:05}"},
            "history": [(2020, i % 12), (2021, i % 28), (2022, None)],
        }
        for i in range(1000)
    ]
    pickled = [pickle.dumps(kind, 4) for kind in kinds]
    whole = (struct.pack("<I", len(data)) + data for data in pickled)
    return b"".join(itertools.islice(itertools.cycle(list(whole)), 300_000 * scale))


INPUTS = {make.__name__: make for make in [records, blobs, memo, deep, small]}


def main():
    scale = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    sys.stdout.buffer.write(INPUTS[sys.argv[1]](scale))


if __name__ == "__main__":
    main()
