//! Bombs: time, memory, descriptors, output and the trace are bounded.

use assay_oracle::Outcome::{Loaded, Oom, Raised, Timeout};

use super::{Case, Payload, code, endless};

#[rustfmt::skip] // one case a line where it fits
pub fn cases() -> Vec<Case> {
    vec![
        Case { payload: Payload::Bytes(b"\x80\x04Nr\xff\xff\xff\x3f."), ..code("a memo of 16 GiB", "", &[Oom], &[]) },
        Case { payload: Payload::Bytes(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f."), ..code("bytes of 8 EiB", "", &[Raised, Oom], &[]) },
        Case { payload: Payload::Made(doubling), ..code("lists of lists, shown", "", &[Loaded, Timeout, Oom], &[]) },
        code("bytes of 16 GiB", "b'x' * (1 << 34)", &[Oom], &[]),
        code("a list without end", "x = []\nwhile True: x.append(bytes(1 << 22))", &[Oom], &[]),
        code("an integer without end", "x = 3\nwhile True: x = x << x.bit_length() * 8", &[Oom, Raised], &[]),
        code("anonymous memory", "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 1 << 26, mmap.MAP_PRIVATE))", &[Raised, Oom], &[]),
        code("shared anonymous memory", "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 1 << 26))", &[Raised, Oom], &[]),
        code("unpack a bomb", "import zlib\nz = zlib.compressobj()\nbomb = b''.join(z.compress(bytes(1 << 24)) for _ in range(64)) + z.flush()\nzlib.decompress(bomb)", &[Oom, Raised, Timeout], &[]),
        code("descriptors", "kept = []\nwhile True: kept.append(os.dup(0))", &[Raised], &[]),
        code("pipes", "kept = []\nwhile True: kept.append(os.pipe())", &[Raised], &[]),
        code("recursion", "def f(): f()\nf()", &[Raised], &[]),
        endless("spin", "while True: pass"),
        endless("spin past exceptions", "def f():
    while True:
        try:
            while True: pass
        except BaseException: pass
f()"),
        endless("a power", "7 ** 7 ** 11"),
        endless("a regular expression", "import re\nre.match('(a*)*$', 'a' * 64 + 'b')"),
        endless("a sum", "sum(range(10 ** 12))"),
        endless("a search", "(b'a' * 10 ** 8 in map(bytes, iter(int, 1))) or 0"),
        endless("sleep", "import time\ntime.sleep(1000)"),
        endless("wait for input that never comes", "import select\nread, write = os.pipe()\nselect.select([read], [], [])"),
        endless("wait for itself", "import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\nlock.acquire()"),
        endless("print without end", "while True: print('x' * 1000)"),
        endless("write to standard error without end", "while True: os.write(2, b'x' * 65536)"),
        endless("denied calls without end", "while True:
    try: os.setsid()
    except OSError: pass"),
        endless("calls without end", "while True: os.getpid()"),
    ]
}

/// Lists that hold the one before twice, 40 times: small to hold, endless to show.
fn doubling() -> Vec<u8> {
    let mut bytes = b"\x80\x04]\x94".to_vec();
    for level in 0..40 {
        bytes.extend([b'0', b'(', b'h', level, b'h', level, b'l', 0x94]);
    }
    bytes.push(b'.');
    bytes
}
