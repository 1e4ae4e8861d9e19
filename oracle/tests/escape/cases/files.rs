//! Files: nothing outside the sandbox is made, changed, removed, nor read beyond what an
//! interpreter needs.

use assay_oracle::EffectKind::{Env, FileRead, FileWrite, Native};
use assay_oracle::Outcome::{Loaded, Oom, Raised};

use super::{Case, code, raises, refused};

/// What lies outside is not there, or closed.
const NOT_THERE: &str = "PermissionError|FileNotFoundError|OSError: (30";

/// How writing ends where there is no scratch directory, or no room left in it.
const NO_ROOM: &str = "PermissionError|OSError: (28|OSError: (27|OSError: (30|FileNotFoundError";

#[rustfmt::skip] // one case a line where it fits
pub fn cases() -> Vec<Case> {
    vec![
        refused("write over a file", "open(FILE, 'w').write('gone')", &[FileWrite]),
        refused("append to a file", "open(FILE, 'a').write('more')", &[FileWrite]),
        refused("open for both", "open(FILE, 'r+b').write(b'x')", &[FileWrite]),
        refused("create a file", "open(CANARY + '/new', 'x')", &[FileWrite]),
        refused("create by descriptor", "os.open(CANARY + '/new', os.O_CREAT | os.O_RDWR)", &[FileWrite]),
        refused("create without a name", "os.open(CANARY, os.O_TMPFILE | os.O_RDWR)", &[FileWrite]),
        refused("pathlib writes", "import pathlib\npathlib.Path(CANARY, 'new').write_text('x')", &[FileWrite]),
        refused("rename", "os.rename(FILE, FILE + '.moved')", &[FileWrite]),
        refused("replace", "os.replace(FILE, CANARY + '/dir/file')", &[FileWrite]),
        refused("unlink", "os.unlink(FILE)", &[FileWrite]),
        raises("remove a tree", "import shutil\nshutil.rmtree(CANARY)", NOT_THERE, &[]),
        refused("rmdir", "os.rmdir(CANARY + '/dir')", &[FileWrite]),
        refused("mkdir", "os.mkdir(CANARY + '/new')", &[FileWrite]),
        refused("chmod", "os.chmod(FILE, 0o777)", &[FileWrite]),
        refused("chown", "os.chown(FILE, 1, 1)", &[FileWrite]),
        refused("symlink", "os.symlink('/etc', CANARY + '/link')", &[FileWrite]),
        refused("hard link", "os.link(FILE, CANARY + '/link')", &[FileWrite]),
        refused("truncate", "os.truncate(FILE, 0)", &[FileWrite]),
        refused("mkfifo", "os.mkfifo(CANARY + '/fifo')", &[FileWrite]),
        refused("mknod", "os.mknod(CANARY + '/disk', 0o60600, os.makedev(8, 0))", &[FileWrite]),
        refused("utime", "os.utime(FILE, (1, 1))", &[FileWrite]),
        refused("setxattr", "os.setxattr(FILE, 'user.x', b'x')", &[]),
        refused("copy over", "import shutil\nshutil.copyfile('/dev/null', FILE)", &[FileWrite]),
        refused("lock a host's file", "import fcntl\nfcntl.flock(2, fcntl.LOCK_EX)", &[]),
        refused("watch a host's file", "native('inotify_init1', 0)", &[Native]),
        refused("watch everything", "native('fanotify_init', 0, 0)", &[Native]),
        refused("open by handle", "native('open_by_handle_at', -100, 0, 0)", &[FileWrite]),
        raises("open by openat2", "native('openat2', -100, FILE.encode(), 0, 24)", "OSError: (38", &[]),
        refused("make a handle", "native('name_to_handle_at', -100, FILE.encode(), 0, 0, 0)", &[Native]),
        refused("quota", "native('quotactl', 0, 0, 0, 0)", &[Native]),
        raises("climb by descriptor", "for fd in range(3, 64):
    try: os.stat('.', dir_fd=fd)
    except OSError: continue
    os.open('../../../../../..' + FILE, os.O_WRONLY, dir_fd=fd)
raise SystemExit", "PermissionError|FileNotFoundError|OSError: (30|SystemExit", &[]),
        refused("change root", "os.chroot(CANARY)", &[Env]),
        refused("change directory", "os.chdir(CANARY)", &[Env]),
        refused("change directory by descriptor", "os.fchdir(os.open('.', os.O_RDONLY))", &[]),

        raises("read the shadow file", "open('/etc/shadow').read()", NOT_THERE, &[FileRead]),
        raises("read the users", "open('/etc/passwd').read()", NOT_THERE, &[FileRead]),
        raises("read a file of the host's", "print(open(FILE).read())", NOT_THERE, &[FileRead]),
        raises("list the host's directory", "print(os.listdir(CANARY))", NOT_THERE, &[]),
        raises("list the home", "print(os.listdir(HOME))", NOT_THERE, &[]),
        refused("read its environment", "open('/proc/self/environ').read()", &[FileRead]),
        raises("read the host's environment", "open('/proc/%d/environ' % HOST).read()", NOT_THERE, &[FileRead]),
        refused("read its own memory's map", "open('/proc/self/maps').read()", &[FileRead]),
        refused("write its own memory", "open('/proc/self/mem', 'r+b').seek(0)", &[FileWrite]),
        raises("write the host's memory", "open('/proc/%d/mem' % HOST, 'r+b')", NOT_THERE, &[FileWrite]),
        refused("protect itself from oom", "open('/proc/self/oom_score_adj', 'w').write('-1000')", &[FileWrite]),
        refused("expose the host to oom", "open('/proc/%d/oom_score_adj' % HOST, 'w').write('1000')", &[FileWrite]),
        refused("write a kernel setting", "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/true')", &[FileWrite]),
        refused("write a control group", "open('/sys/fs/cgroup/cgroup.procs', 'w').write('1')", &[FileWrite]),
        raises("open a disk", "open('/dev/vda', 'r+b')", NOT_THERE, &[FileWrite]),
        raises("open kernel memory", "open('/dev/mem', 'rb')", NOT_THERE, &[FileRead]),
        refused("open the terminal", "open('/dev/tty', 'w').write('x')", &[FileWrite]),
        refused("leave shared memory", "open('/dev/shm/' + TAG, 'w')", &[FileWrite]),
        code("see no secret in the environment", "assert set(os.environ) <= {'PATH', 'HOME', 'TMPDIR', 'LC_ALL', 'LC_CTYPE', 'PYTHONHASHSEED', 'PYTHONDONTWRITEBYTECODE', 'OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'}", &[Loaded], &[]),
        code("set the environment of those to come", "os.environ['LD_PRELOAD'] = os.environ['PYTHONSTARTUP'] = TAG\nos.putenv('PATH', TAG)", &[Loaded], &[Env]),
        code("leave files in every temporary directory", "for place in '/tmp', '/var/tmp', '/dev/shm', '/run', '.', HOME:
    try: open(place + '/' + TAG, 'w').write('x')
    except OSError: pass", &[Loaded], &[FileWrite]),
        raises("fill the temporary directory", "import tempfile
with open(tempfile.gettempdir() + '/' + TAG, 'wb') as file:
    while True: file.write(bytes(1 << 16))", NO_ROOM, &[FileWrite]),
        raises("fill it with many files", "for n in range(10 ** 6): open('%s%d' % (TAG, n), 'wb').write(bytes(1 << 15))", NO_ROOM, &[FileWrite]),
        raises("fill it with names", "for n in range(10 ** 6): open('%s%d' % (TAG, n), 'w').close()", NO_ROOM, &[FileWrite]),
        raises("fill it with directories", "for n in range(10 ** 6): os.mkdir('x/' * n + 'x')", NO_ROOM, &[FileWrite]),
        raises("a file of a terabyte", "file = open(TAG, 'wb')\nfile.seek(1 << 40)\nfile.write(b'x')\nfile.flush()", NO_ROOM, &[FileWrite]),
        Case { exceptions: NO_ROOM, ..code("leave a file for the next", "open('left', 'w').write('x')\nopen('/tmp/left', 'w').write('x')\nassert open('left').read() == 'x'", &[Loaded, Raised], &[FileWrite]) },
        Case { exceptions: NO_ROOM, ..code("leave a directory that is closed", "os.mkdir('a', 0o300)\nos.mkdir('a/b', 0o300)\nopen('a/b/c', 'w').close()\nos.mkdir('d', 0o500)\nos.mkdir('e', 0)", &[Loaded, Raised], &[FileWrite]) },
        Case { exceptions: NO_ROOM, ..code("a temporary file", "import tempfile\nwith tempfile.NamedTemporaryFile() as file: file.write(b'x')", &[Loaded, Raised], &[FileWrite]) },
        Case { exceptions: NO_ROOM, ..code("write to nowhere", "open('/dev/null', 'w').write('x')", &[Loaded, Raised], &[FileWrite]) },
        raises("run a file of its own", "open('x', 'w').write('#!/bin/sh')\nos.execv('./x', ['x'])", NO_ROOM, &[FileWrite]),
        raises("map a file of its own as code", "import ctypes\nopen('x.so', 'w').write('x')\nctypes.CDLL('./x.so')", "PermissionError|FileNotFoundError|OSError", &[FileWrite]),
        raises("a link out of the scratch directory", "os.symlink('/etc/passwd', 'link')\nopen('link', 'w')", "PermissionError", &[FileWrite]),
        raises("rename out of the scratch directory", "open('x', 'w').close()\nos.rename('x', CANARY + '/x')", "PermissionError|OSError: (18|OSError: (30", &[FileWrite]),
        raises("rename into the scratch directory", "os.rename(FILE, 'x')", "PermissionError|OSError: (18|OSError: (30", &[FileWrite]),
        code("memory in files without a name", "import mmap
kept = []
while True:
    kept.append(mmap.mmap(-1, 1 << 24))
    kept[-1].write(bytes(1 << 24))", &[Raised, Oom], &[]),
    ]
}
