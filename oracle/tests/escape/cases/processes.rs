//! Processes: none is started, none is left, none is signalled or looked into.

use assay_oracle::EffectKind::{Env, Exec, FileWrite, Native, Process, Signal};
use assay_oracle::Outcome::{Loaded, Raised};

use super::{Case, code, endless, raises, refused};

#[rustfmt::skip] // one case a line where it fits
pub fn cases() -> Vec<Case> {
    vec![
        code("os.system", "assert os.system('true') != 0", &[Loaded], &[Exec]),
        refused("subprocess", "import subprocess\nsubprocess.run(['true'])", &[Exec]),
        refused("posix_spawn", "os.posix_spawn('/bin/true', ['true'], {})", &[Exec]),
        refused("os.popen", "os.popen('true').read()", &[Exec]),
        refused("os.spawn", "os.spawnv(os.P_NOWAIT, '/bin/true', ['true'])", &[Process]),
        refused("become a program", "os.execv('/bin/true', ['true'])", &[Exec]),
        refused("fork", "os.fork()", &[Process]),
        refused("forkpty", "os.forkpty()", &[Process]),
        refused("multiprocessing", "import multiprocessing\nmultiprocessing.Process(target=print).start()", &[]),
        refused("daemonise", "if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import time
        while True: time.sleep(1)
    os._exit(0)", &[Process]),
        refused("native fork", "native('clone', 17, 0, 0, 0, 0)", &[Process]),
        raises("native fork, new way", "native('clone3', 0, 0)", "OSError: (38", &[]),
        endless("fork bomb", "while True:
    try: os.fork()
    except OSError: pass"),
        refused("a program without a file", "fd = os.memfd_create('x')\nos.write(fd, b'#!/bin/true')\nos.execv(fd, ['x'])", &[FileWrite]),
        raises("thread", "import threading\nthreading.Thread(target=print).start()", "RuntimeError: can't start", &[Process]),
        raises("a thread that outlives the load", "import _thread, time\n_thread.start_new_thread(time.sleep, (100,))", "RuntimeError: can't start", &[Process]),
        raises("a pool of threads", "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(1).submit(print)", "RuntimeError: can't start", &[Process]),

        refused("signal everyone", "os.kill(-1, 9)", &[Signal]),
        refused("signal process 1", "os.kill(1, 9)", &[Signal]),
        refused("signal the parent", "os.kill(os.getppid(), 9)", &[Signal]),
        refused("signal the host", "os.kill(HOST, 9)", &[Signal]),
        refused("signal the group", "os.killpg(0, 9)", &[Signal]),
        refused("signal a bystander", "os.kill(BYSTANDER, 9)", &[Signal]),
        refused("signal its thread", "native('tgkill', BYSTANDER, BYSTANDER, 9)", &[]),
        refused("abort it", "native('tgkill', BYSTANDER, BYSTANDER, 6)", &[]),
        refused("signal its thread, old way", "native('tkill', BYSTANDER, 9)", &[Signal]),
        refused("signal it by queue", "native('rt_sigqueueinfo', BYSTANDER, 9, 0)", &[]),
        refused("hold its descriptor", "native('pidfd_open', BYSTANDER, 0)", &[]),
        refused("signal by descriptor", "native('pidfd_send_signal', 0, 9, 0, 0)", &[Signal]),
        refused("stop itself", "os.kill(os.getpid(), 19)", &[Signal]),
        refused("kill itself", "os.kill(os.getpid(), 9)", &[Signal]),
        raises("an alarm", "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.001)\nwhile True: pass", "ItimerError: (1|itimer_error: (1", &[Signal]),
        refused("a timer", "native('timer_create', 0, 0, 0)", &[]),
        endless("ignore signals", "import signal
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass"),
        endless("block signals", "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: time.sleep(100)"),

        refused("a session of its own", "os.setsid()", &[]),
        refused("a group of its own", "os.setpgid(0, 0)", &[]),
        refused("a bystander's priority", "os.setpriority(os.PRIO_PROCESS, BYSTANDER, 19)", &[]),
        refused("a better priority", "os.nice(-10)", &[]),
        refused("a bystander's processors", "os.sched_setaffinity(BYSTANDER, {0})", &[Env]),
        refused("its own processors", "os.sched_setaffinity(0, {0})", &[Env]),
        refused("real time", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))", &[]),
        refused("a bystander's limits", "import resource\nresource.prlimit(BYSTANDER, resource.RLIMIT_NOFILE, (4, 4))", &[]),
        raises("raise a limit", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))", "ValueError: not allowed|PermissionError", &[]),
        refused("raise a limit, natively", "import ctypes\nnative('prlimit64', 0, 9, ctypes.c_char_p(b'\\xff' * 16), 0)", &[]),
        refused("trace the parent", "native('ptrace', 16, os.getppid(), 0, 0)", &[Process]),
        refused("trace a bystander", "native('ptrace', 16, BYSTANDER, 0, 0)", &[Process]),
        refused("write a bystander's memory", "native('process_vm_writev', BYSTANDER, 0, 0, 0, 0, 0)", &[Process]),
        refused("outlive the zygote", "native('prctl', 1, 0, 0, 0, 0)", &[Env]),
        refused("be dumpable", "native('prctl', 4, 1, 0, 0, 0)", &[Env]),
        refused("take privileges again", "native('prctl', 38, 0, 0, 0, 0)", &[Env]),
        refused("adopt orphans", "native('prctl', 36, 1, 0, 0, 0)", &[Env]),
        refused("setuid", "os.setuid(0)", &[]),
        refused("setgid", "os.setgid(0)", &[]),
        refused("setgroups", "os.setgroups([0])", &[]),
        refused("personality", "native('personality', 0)", &[Native]),
        refused("a filter of its own", "native('seccomp', 1, 0, 0)", &[]),
        code("reap what is the zygote's", "try: os.waitpid(-1, 0)\nexcept ChildProcessError: pass", &[Loaded, Raised], &[]),
    ]
}
