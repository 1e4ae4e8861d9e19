//! The interpreter: crashes, exits, and whatever is done to what the next pickle will use.

use assay_oracle::EffectKind::{Code, FileWrite, Native, Process};
use assay_oracle::Outcome::{Loaded, Oom, Raised, Sandbox, Signaled};

use super::{Case, Payload, code, raises};

#[rustfmt::skip] // one case a line where it fits
pub fn cases() -> Vec<Case> {
    vec![
        code("segfault", "import ctypes\nctypes.string_at(0)", &[Signaled], &[Native]),
        code("jump into nowhere", "import ctypes\nctypes.CFUNCTYPE(None)(8)()", &[Signaled], &[Native]),
        code("abort", "os.abort()", &[Signaled], &[Process]),
        code("abort by the C library", "import ctypes\nctypes.CDLL(None).abort()", &[Signaled], &[Native]),
        code("a code object that crashes", "import types
f = (lambda: None).__code__
exec(f.replace(co_code=b'\\x64\\xff' * 64, co_consts=(), co_stacksize=0))", &[Signaled, Raised, Loaded, Sandbox], &[Code]),
        Case { payload: Payload::Made(deep_key), ..code("a key nested deep", "", &[Signaled, Raised], &[]) },
        code("a stack without end", "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(n): return f(n + 1)\nf(0)", &[Signaled, Raised, Oom], &[]),
        raises("exit 0 at once", "os._exit(0)", "exit status 0", &[Process]),
        raises("exit 7 at once", "os._exit(7)", "exit status 7", &[Process]),
        raises("leave", "import sys\nsys.exit(0)", "SystemExit", &[]),
        raises("leave with 1", "raise SystemExit(1)", "SystemExit", &[]),
        raises("leave by the C library", "import ctypes\nctypes.CDLL(None).exit(0)", "exit status 0", &[Native]),
        raises("interrupt", "raise KeyboardInterrupt", "KeyboardInterrupt", &[]),
        code("at exit", "import atexit\natexit.register(os.system, 'true')", &[Loaded], &[]),
        code("at the end of an object", "import sys
class Late:
    def __del__(self, open=open): open(FILE, 'w')
sys.late = Late()", &[Loaded], &[]),
        raises("replace the builtins", "import builtins
for name in dir(builtins):
    if not name.startswith('__') and name != 'delattr': delattr(builtins, name)
open", "NameError", &[]),
        code("replace open, import and print", "import builtins
builtins.open = builtins.print = builtins.__import__ = builtins.len = lambda *a, **k: TAG", &[Loaded], &[]),
        code("replace the unpickler", "import pickle, _pickle
def evil(*a, **k): return 'evil'
pickle.loads = pickle.load = _pickle.loads = _pickle.load = evil
pickle._loads = pickle._load = pickle._Unpickler.load = evil
pickle.Unpickler = _pickle.Unpickler = pickle._Unpickler = evil
import pickletools, io
pickletools.dis = io.BytesIO = io.BufferedReader = evil", &[Loaded], &[]),
        code("forget all modules", "import sys\nsys.modules.clear()\nsys.path.clear()\nsys.meta_path.clear()", &[Loaded], &[]),
        code("change a shared constant", "import ctypes
n = 1
ctypes.memset(id(257 + n), 255, 8)
ctypes.c_char.from_address(id('') + 32).value = b'x'", &[Loaded, Raised, Signaled], &[Native]),
        code("switch tracing off", "import sys\nsys.setprofile(None)\nsys.settrace(None)", &[Loaded], &[]),
        code("collect what is frozen", "import gc\ngc.unfreeze()\ngc.collect()\ngc.disable()", &[Loaded], &[]),
        Case { exceptions: "OSError", ..code("close every descriptor", "os.closerange(0, 65536)", &[Loaded, Raised], &[]) },
        code("swap every descriptor", "read, write = os.pipe()\nfor fd in range(64):\n    try: os.dup2(write, fd)\n    except OSError: pass", &[Loaded], &[]),
        code("change how its output behaves", "import fcntl
for fd in range(64):
    try: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | os.O_DIRECT | os.O_APPEND)
    except OSError: pass
    try: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
    except OSError: pass", &[Loaded], &[]),
        code("garbage on every descriptor", "for fd in range(1024):
    for message in b'k', b'e', b'g', b'\\0' * 64, b'\\xff' * 4096:
        try: os.write(fd, message)
        except OSError: pass", &[Loaded], &[FileWrite]),
        code("seek every descriptor", "for fd in range(1024):
    for end in 0, 2:
        try: os.lseek(fd, 1 << 20, end)
        except OSError: pass", &[Loaded], &[]),
        raises("cut every descriptor", "for fd in range(64):
    try: os.ftruncate(fd, 0)
    except OSError: pass
raise SystemExit", "SystemExit", &[FileWrite]),
        code("map every descriptor and write", "import mmap
for fd in range(64):
    try: mmap.mmap(fd, 1 << 16).write(b'\\xff' * (1 << 16))
    except (OSError, ValueError): pass", &[Loaded], &[]),
        raises("forge the trace", FORGE, "exit status 0", &[]),
        code("flood standard output", "import sys\nfor _ in range(2000): sys.stdout.write('x' * 1000)", &[Loaded], &[]),
        code("flood standard error", "for _ in range(200): os.write(2, b'\\xff' * 65536)", &[Loaded], &[]),
        code("change the rules for extension modules", "import sys, copyreg\nsys.setswitchinterval(100)\ncopyreg._extension_cache.clear()\ncopyreg.dispatch_table.clear()", &[Loaded], &[]),
        code("poison what is imported next", "import sys, types
for name in 'posix', 'os', 'collections', 'copyreg', 'codecs', '_codecs': sys.modules[name] = types.ModuleType(name)", &[Loaded], &[]),
        code("poison the import system", "import sys
class Finder:
    def find_spec(self, *a): raise ImportError(TAG)
sys.meta_path.insert(0, Finder())
sys.path_hooks.insert(0, lambda path: Finder())", &[Loaded], &[]),
        code("spoil shared code", "import collections
collections.namedtuple.__code__ = (lambda *a, **k: None).__code__", &[Loaded], &[]),
    ]
}

/// Finds the memory of the trace through what `write` says of an address, and writes over it:
/// counts that lead nowhere, and records that make no sense.
const FORGE: &str = "
import ctypes
read, write = os.pipe()
libc = ctypes.CDLL(None, use_errno=True)
here = ctypes.cast(libc.getpid, ctypes.c_void_p).value & ~4095
size = 1 << 20
def mapped(at):
    if libc.write(write, ctypes.c_void_p(at), 512) != 512: return None
    return os.read(read, 512)
for page in range(120000):
    at = here - page * 4096
    text = mapped(at)
    if text and b'builtins.exec' in text and b'\\x01\\x00\\xff\\xff\\xff\\xff' in text[:256]:
        ctypes.memset(at, 0xff, size)
        break
";

fn deep_key() -> Vec<u8> {
    let mut bytes = b"\x80\x04})".to_vec();
    bytes.extend(b"\x85".repeat(300_000));
    bytes.extend(b"Ns.");
    bytes
}
