#!/usr/bin/env python3
"""Names of methods, attributes and items that code which a load runs looks up.

Reads the sources of the modules that the profiles speak of, as they are installed for the
interpreter that runs it: special methods that loads call, and functions of the same file that
these lead to in two steps. Prints what `fuzz/campaign/src/aim/looked_up.txt` holds for several
interpreters together:

    looked_up.py POLICIES PYTHON... > fuzz/campaign/src/aim/looked_up.txt

Needs a Python as new as the newest of them; modules of packages are found, not run.
"""

import ast
import json
import pathlib
import subprocess
import sys
import textwrap
import tomllib

# Special methods that a load, hashing, comparing or a constructor calls.
ROOTS = set(
    "__setstate__ __setstate_cython__ __init__ __new__ __hash__ __eq__ __setattr__ __getattr__ __setitem__ "
    "__getitem__ __missing__ __contains__ __iter__ __len__ __bool__ __del__ __repr__ __call__ "
    "__array_finalize__".split()
)
STEPS = 2

# What compiled code asks of objects: numpy/_core/src/multiarray/ctors.c, Objects/abstract.c.
COMPILED = set(
    "__array__ __array_interface__ __array_struct__ __array_ufunc__ __array_function__ "
    "__array_priority__ __buffer__ __float__ __index__ __fspath__ dtype shape strides data base".split()
)

LOOKUPS = {"getattr", "hasattr", "get", "pop"}
FIND = """
import importlib.util, json, sys
found = []
for name in json.load(sys.stdin):
    try: spec = importlib.util.find_spec(name)
    except Exception: continue
    if spec and spec.origin and spec.origin.endswith('.py'): found.append(spec.origin)
print(json.dumps(found))
"""


def modules(policies):
    names = set()
    for path in policies.glob("*.toml"):
        for contract in tomllib.loads(path.read_text()).get("contract", []):
            names.update(name.partition(":")[0] for name in contract["globals"])
            # Base classes among them: what is a class there is no module, and not found.
            names.update(name.rpartition(".")[0] for name in contract.get("also", []))
    return sorted(names)


def sources(python, names):
    found = subprocess.run(
        [python, "-c", FIND], input=json.dumps(names), capture_output=True, text=True, check=True
    )
    return sorted(set(json.loads(found.stdout.splitlines()[-1])))


def looked_up(source):
    functions = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            functions.setdefault(node.name, []).append(node)
    out, done, ahead = set(), set(), [(name, 0) for name in functions if name in ROOTS]
    while ahead:
        name, steps = ahead.pop(0)
        if name in done or steps > STEPS:
            continue
        done.add(name)
        for node in (node for function in functions[name] for node in ast.walk(function)):
            match node:
                case ast.Attribute(attr=attr):
                    out.add(attr)
                    if attr in functions:
                        ahead.append((attr, steps + 1))
                case ast.Name(id=called) if called in functions:
                    ahead.append((called, steps + 1))
                case ast.Subscript(slice=ast.Constant(value=str(item))):
                    out.add(item)
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in LOOKUPS:
                    constants = (arg.value for arg in node.args if isinstance(arg, ast.Constant))
                    out.update(value for value in constants if isinstance(value, str))
    return out


def is_name(text):
    # Classes, constants and functions of shared objects are looked up in modules; not `X_`.
    of_module = text[:1].isupper() and text[1:2] not in ("", "_")
    return text.isidentifier() and text.isascii() and not of_module and len(text) < 40


def main():
    policies, pythons = pathlib.Path(sys.argv[1]), sys.argv[2:]
    names = modules(policies)
    found = set(COMPILED)
    for python in pythons:
        for path in sources(python, names):
            found |= looked_up(pathlib.Path(path).read_text())
    print("# Names that code of the profiles' libraries looks up: by corpus/real/looked_up.py.")
    print(textwrap.fill(" ".join(sorted(filter(is_name, found))), 100, break_on_hyphens=False))


if __name__ == "__main__":
    main()
