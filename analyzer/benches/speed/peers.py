"""Times what others do with one input: `peers.py TOOL FILE`.

Prints a line of JSON: `{"seconds", "peak"}`, the peak in bytes. FILE must come from `inputs.py`
alone: `loads` loads it for real.
"""

import io
import json
import os
import pickle
import pickletools
import resource
import sys
import time


def loads(data):
    pickle.loads(data)


def genops(data):
    for _ in pickletools.genops(data):
        pass


def picklescan(data):
    from picklescan.scanner import scan_pickle_bytes

    scan_pickle_bytes(io.BytesIO(data), "input")


def fickling(data):
    from fickling.analysis import check_safety
    from fickling.fickle import Pickled

    check_safety(Pickled.load(data))


TOOLS = {tool.__name__: tool for tool in [loads, genops, picklescan, fickling]}


def pieces(path):
    with open(path, "rb") as file:
        data = file.read()
    if not os.path.basename(path).startswith("small"):
        return [data]
    found, offset = [], 0
    while offset < len(data):
        end = offset + 4 + int.from_bytes(data[offset : offset + 4], "little")
        found.append(data[offset + 4 : end])
        offset = end
    return found


def main():
    tool, inputs = TOOLS[sys.argv[1]], pieces(sys.argv[2])
    # The first call imports what the tool needs.
    tool(b"N.")
    begin = time.perf_counter()
    for data in inputs:
        tool(data)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak}))


if __name__ == "__main__":
    main()
