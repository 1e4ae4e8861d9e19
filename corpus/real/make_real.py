#!/usr/bin/env python3
"""Make pickles of real objects with real libraries of several ages, and measure a scanner on them.

    corpus/real/make_real.py all OUT            # venvs under OUT/venvs, pickles under OUT/files
    corpus/real/make_real.py measure OUT target/release/assay
    corpus/real/make_real.py load OUT target/release/assay
    corpus/real/make_real.py select OUT corpus/real

`all` needs the CPythons of `ENVIRONMENTS` (`pythonX.Y` on the path, or pyenv's) and a package
index; `write OUT NAME` is what it runs in each venv. Every file gets a line in OUT/manifest.jsonl:
library, version, python, type, protocol, and the profile under which it is to be safe.

`measure` scans every file under its profile and prints what is not safe. `load` loads each in the
sandbox by every engine, as a plain pickle, in the environment that wrote it, and prints which are
judged safe and touch what their profile does not allow. `select` copies a small selection, with its
manifest: the data of `analyzer/tests/real.rs`, which needs neither Python nor network.

To add a type, add a line to a generator of `objects.py`; to add a version, a line to
`ENVIRONMENTS`.
"""

import argparse
import hashlib
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Name of the environment, its CPython, what is installed.
ENVIRONMENTS = [
    ("2021", "3.9", ["numpy==1.21.6", "pandas==1.3.5", "scipy==1.7.3", "scikit-learn==1.0.2", "joblib==1.1.1",
                     "lightgbm==3.3.5", "django<4", "celery<5.3", "django-redis", "torch==1.12.1"]),
    ("2023", "3.11", ["numpy==1.26.4", "pandas==2.1.4", "scipy==1.11.4", "scikit-learn==1.3.2", "joblib",
                      "xgboost-cpu==3.0.0", "lightgbm", "django==4.2.*", "celery", "django-redis"]),
    ("2025", "3.13", ["numpy", "pandas", "scipy", "scikit-learn", "joblib", "xgboost-cpu", "lightgbm",
                      "django", "celery", "django-redis"]),
]

# Bytes of one file that `select` takes at most, and of all.
MAX_FILE = 24 << 10
MAX_ALL = 2_900_000


def interpreter(version):
    found = shutil.which("python" + version)
    pyenv = sorted(Path.home().glob(".pyenv/versions/%s.*/bin/python" % version))
    if pyenv:
        return str(pyenv[-1])
    if not found:
        raise SystemExit("no CPython %s: install it, or leave its line out of ENVIRONMENTS" % version)
    return found


def make_all(out):
    for name, version, packages in ENVIRONMENTS:
        venv = out / "venvs" / name
        python = venv / "bin" / "python"
        if not python.exists():
            subprocess.run([interpreter(version), "-m", "venv", str(venv)], check=True)
            install = [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:"]
            subprocess.run(install + packages, check=True)
        env = dict(os.environ, PYTHONHASHSEED="0", PYTHONWARNINGS="ignore", OMP_NUM_THREADS="1")
        subprocess.run([str(python), __file__, "write", str(out), name], check=True, env=env)
    lines = []
    for name, _, _ in ENVIRONMENTS:
        lines += (out / ("manifest-%s.jsonl" % name)).read_text().splitlines()
    (out / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    rows = [json.loads(line) for line in lines]
    print("%d files of %d types" % (len(rows), len({(r["library"], r["type"]) for r in rows})))


def kombu_dump(value, protocol):
    """As kombu sends it (`kombu.serialization.register_pickle`), in any protocol."""
    from kombu.serialization import pickle as kombu_pickle

    return kombu_pickle.dumps(value, protocol)


def forking_dump(value, protocol):
    """As queues, pipes and pools send it."""
    from multiprocessing.reduction import ForkingPickler

    return bytes(ForkingPickler.dumps(value, protocol))


def session_dump(value, protocol):
    """As Django's PickleSerializer of sessions wrote it, up to its removal in Django 5."""
    try:
        from django.contrib.sessions.serializers import PickleSerializer
    except ImportError:
        return pickle.dumps(value, protocol)
    serializer = PickleSerializer()
    if protocol == pickle.HIGHEST_PROTOCOL:
        return serializer.dumps(value)
    return PickleSerializer(protocol).dumps(value) if serializer.__dict__ else pickle.dumps(value, protocol)


def cache_dump(value, protocol):
    """As django-redis writes it."""
    from django_redis.serializers.pickle import PickleSerializer

    return PickleSerializer({"PICKLE_VERSION": protocol}).dumps(value)


def torch_dump(value, protocol):
    import torch

    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    return buffer.getvalue()


DUMPS = {
    "celery": kombu_dump,
    "multiprocessing": forking_dump,
    "django": session_dump,
    "django-redis": cache_dump,
    "torch": torch_dump,
}


class Writer:
    def __init__(self, out, environment):
        self.out, self.environment, self.rows = out, environment, []
        (out / "files").mkdir(parents=True, exist_ok=True)

    def write(self, library, version, kind, profile, protocol, data):
        name = "%s-%s-%s-p%d.pkl" % (self.environment, library, kind, protocol)
        (self.out / "files" / name).write_bytes(data)
        self.rows.append({
            "file": name, "library": library, "version": version,
            "python": "%d.%d.%d" % sys.version_info[:3], "type": kind, "protocol": protocol, "profile": profile,
        })

    def library(self, library, module, profile, objects):
        try:
            version = getattr(__import__(module), "__version__", "%d.%d" % sys.version_info[:2])
        except ImportError as error:
            print("  %s: left out (%s)" % (library, error))
            return
        version = version if isinstance(version, str) else ".".join(map(str, version))
        before = len(self.rows)
        dump = DUMPS.get(library, pickle.dumps)
        for kind, value in objects():
            # torch.load can't read back the persistent ids of protocol 0, which are text.
            for protocol in range(1 if library == "torch" else 0, 6):
                try:
                    data = dump(value, protocol)
                except Exception as error:
                    print("    left out: %s in protocol %d (%s: %s)" % (kind, protocol, type(error).__name__, str(error)[:80]))
                    continue
                self.write(library, version, kind, profile, protocol, data)
        print("  %s %s: %d files" % (library, version, len(self.rows) - before))

    def joblib(self):
        """Files of joblib keep raw bytes of arrays within the stream; and the other containers."""
        try:
            import joblib
            import numpy as np
            from sklearn.linear_model import LogisticRegression
        except ImportError as error:
            print("  joblib: left out (%s)" % error)
            return
        x = np.arange(12.0).reshape(6, 2)
        model = LogisticRegression().fit(x, np.arange(6) % 2)
        values = {
            "array": (x, "joblib"), "fortran-array": (np.asfortranarray(x), "joblib"),
            "dict-of-arrays": ({"x": x, "y": np.arange(3)}, "joblib"), "list": ([1, "a", x[:2]], "joblib"),
            "string-array": (np.array(["a", "b"]), "joblib"), "object-array": (np.array([1, "a"], dtype=object), "joblib"),
            "matrix": (np.matrix([[1, 2]]), "joblib"), "empty-array": (np.zeros((0, 2)), "joblib"),
            "data": ({"a": [1, 2], "b": "c"}, "joblib"), "model": (model, "sklearn+joblib"),
            "datetime-array": (np.array(["2020-01-01"], dtype="M8[D]"), "joblib"),
        }
        path = self.out / "joblib.tmp"
        for kind, (value, profile) in values.items():
            for protocol in range(6):
                joblib.dump(value, path, protocol=protocol)
                self.write("joblib", joblib.__version__, kind, profile, protocol, path.read_bytes())
            for method in ("zlib", "gzip", "bz2", "lzma", "xz"):
                joblib.dump(value, path, compress=(method, 3))
                self.write("joblib", joblib.__version__, "%s-%s" % (kind, method), profile, pickle.DEFAULT_PROTOCOL, path.read_bytes())
        path.unlink()
        for kind, array in (("npy-floats", x), ("npy-objects", np.array([1, "a", None], dtype=object))):
            buffer = io.BytesIO()
            np.save(buffer, array)
            self.write("numpy", np.__version__, kind, "numpy", 3, buffer.getvalue())
        for kind, save in (("npz", np.savez), ("npz-compressed", np.savez_compressed)):
            buffer = io.BytesIO()
            save(buffer, x=x, names=np.array(["a", None], dtype=object))
            self.write("numpy", np.__version__, kind, "numpy", 3, buffer.getvalue())

    def finish(self):
        lines = [json.dumps(row) for row in self.rows]
        (self.out / ("manifest-%s.jsonl" % self.environment)).write_text("\n".join(lines) + "\n")


def write(out, environment):
    sys.path.insert(0, str(HERE))
    import objects

    print("%s, CPython %d.%d.%d" % ((environment,) + sys.version_info[:3]))
    writer = Writer(out, environment)
    for library, module, profile, make in objects.LIBRARIES:
        writer.library(library, module, profile, make)
    writer.joblib()
    writer.finish()


def measure(out, assay):
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    misses = 0
    for profile in sorted({row["profile"] for row in rows}):
        mine = {row["file"]: row for row in rows if row["profile"] == profile}
        policies = [arg for name in profile.split("+") for arg in ("--policy", name)]
        paths = [str(out / "files" / name) for name in mine]
        command = [assay, "scan", "--format", "json"] + policies + paths
        text = subprocess.run(command, stdout=subprocess.PIPE, universal_newlines=True).stdout
        unsafe = {}
        for line in map(json.loads, text.splitlines()):
            if line["verdict"] != "safe":
                unsafe.setdefault(os.path.basename(line["path"]), (line["verdict"], line["reasons"]))
        misses += len(unsafe)
        print("%-16s %5d files, %5d safe" % (profile, len(mine), len(mine) - len(unsafe)))
        kinds = {}
        for name, (verdict, reasons) in sorted(unsafe.items()):
            why = reasons[0]["message"] if reasons else verdict
            entry = kinds.setdefault((mine[name]["type"], why), [])
            entry.append("%s p%s" % (name.split("-")[0], mine[name]["protocol"]))
        for (kind, why), where in kinds.items():
            print("    %s (%d: %s): %s" % (kind, len(where), where[0], why))
    print("%d of %d safe: %.2f %%" % (len(rows) - misses, len(rows), 100.0 * (len(rows) - misses) / len(rows)))
    return misses


# Importing what scikit-learn needs takes seconds, and on a busy machine many.
PATIENCE = ["--timeout", "60s"]


def load(out, assay):
    """Loads every file in the sandbox, with the libraries that wrote it, and compares with the verdict."""
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    wrong = 0
    for environment, _, _ in ENVIRONMENTS:
        python = str(out / "venvs" / environment / "bin" / "python")
        here = [row for row in rows if row["file"].startswith(environment + "-")]
        for profile in sorted({row["profile"] for row in here}):
            paths = [str(out / "files" / row["file"]) for row in here if row["profile"] == profile]
            policies = [arg for name in profile.split("+") for arg in ("--policy", name)]
            command = [assay, "check", "--hunt", "soundness", "--format", "json", "--python", python] + PATIENCE
            text = subprocess.run(command + policies + paths, stdout=subprocess.PIPE, universal_newlines=True).stdout
            lines = [json.loads(line) for line in text.splitlines()]
            bad = [line for line in lines if line["discrepancies"]]
            # What the library wrote, it reads: otherwise the oracle is in its way.
            trace = [assay, "trace", "--quiet", "--format", "json", "--engine", "c-loads", "--python", python]
            trace += PATIENCE
            text = subprocess.run(trace + paths, stdout=subprocess.PIPE, universal_newlines=True).stdout
            raised = [seen for seen in map(json.loads, text.splitlines()) if seen["outcome"] != "loaded"]
            safe = sum(line["verdict"] == "safe" for line in lines)
            wrong += len(bad) + len(paths) - len(lines)
            print("%s %-16s %5d files, %5d safe as plain pickles, %d discrepant, %d that do not load"
                  % (environment, profile, len(lines), safe, len(bad), len(raised)))
            for why in sorted({seen["exception"] or seen["outcome"] for seen in raised}):
                print("    " + why[:160])
            for line in bad:
                found = line["discrepancies"][0]
                print("    %s: %s" % (os.path.basename(line["path"]), found["summary"]))
    return wrong


# The protocol in which `select` takes each environment's files, and what it takes of joblib's.
CHOSEN = {"2021": (2,), "2023": (0, 3), "2025": (5,)}


def select(out, target):
    rows = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    files = target / "files"
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    seen, chosen, total = set(), [], 0
    for row in sorted(rows, key=lambda row: row["file"]):
        environment = row["file"].split("-")[0]
        wrapped = row["type"].split("-")[-1] in ("zlib", "gzip", "bz2", "lzma", "xz")
        if row["protocol"] not in CHOSEN[environment] and not (wrapped and environment == "2025"):
            continue
        # Protocol 3 is worth a file where it is all that a container has.
        if environment == "2023" and row["protocol"] == 3 and not row["type"].startswith("np"):
            continue
        data = (out / "files" / row["file"]).read_bytes()
        digest = hashlib.sha256(data).digest()
        if len(data) > MAX_FILE or digest in seen:
            continue
        seen.add(digest)
        chosen.append(row)
        total += len(data)
        (files / row["file"]).write_bytes(data)
    if total > MAX_ALL:
        raise SystemExit("%d bytes are too many: lower MAX_FILE" % total)
    (target / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))
    print("%d of %d files, %d bytes" % (len(chosen), len(rows), total))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=["all", "write", "measure", "load", "select"])
    parser.add_argument("out", type=Path)
    parser.add_argument("more", nargs="?", help="write: name of the environment; measure, load: the scanner; select: the target")
    args = parser.parse_args()
    if args.action == "all":
        make_all(args.out)
    elif args.action == "write":
        write(args.out, args.more)
    elif args.action == "measure":
        sys.exit(1 if measure(args.out, args.more) else 0)
    elif args.action == "load":
        sys.exit(1 if load(args.out, args.more) else 0)
    else:
        select(args.out, Path(args.more))


if __name__ == "__main__":
    main()
