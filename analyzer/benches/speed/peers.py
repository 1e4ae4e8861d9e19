"""Times what others do with one input: `peers.py TOOL NAME`.

Prints a line of JSON: `{"seconds", "peak"}`, the peak in bytes. The input is made anew by
`inputs.py` and comes from nowhere else, since `loads` loads it for real.
"""

import io
import json
import os
import pickle
import pickletools
import resource
import subprocess
import sys
import tempfile
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


def pieces(name):
    maker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inputs.py")
    # In a process of its own, so that making it does not count for the peak.
    with tempfile.TemporaryFile() as file:
        subprocess.run([sys.executable, maker, name], stdout=file, check=True)
        file.seek(0)
        data = file.read()
    if name != "small":
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
