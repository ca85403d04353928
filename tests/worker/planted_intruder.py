"""A converter that tries what a sandbox is there to deny, and writes what came of it into its folder.

It runs inside a worker: standard library, Python 3.7 and later.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import socket
import sys

from tfparity.worker import confinement
from tfparity.worker.routes import Route


def pin_threads(count):
    pass


def _tried(work):
    try:
        return "done: %s" % (work(),)
    except OSError as denied:
        return "denied: %s" % type(denied).__name__
    except Exception as wrong:  # noqa: BLE001 - it says nothing
        return "wrong: %r" % wrong


def _write(path):
    with open(path, "w") as file:
        file.write("x")


def _secret(pid):
    """Whether the environment of a process shows it."""
    with open("/proc/%d/environ" % pid, "rb") as file:
        return b"hunter2" in file.read()


def _connect(where):
    with socket.create_connection(("127.0.0.1", where["port"]), timeout=5):
        return "connected"


def _unix(where):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(where["socket"])
        return "connected"


def _kill(pid):
    os.kill(pid, signal.SIGTERM)
    return "sent"


def _remount():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/", None, ctypes.c_ulong(32 | 4096), None):
        raise OSError(ctypes.get_errno(), "mount")


def _call(number):
    """A system call by its number, with arguments that make nothing where it is there: EFAULT or EINVAL then."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, None, None, None, None) < 0 and ctypes.get_errno() in (errno.ENOSYS, errno.EPERM):
        raise OSError(ctypes.get_errno(), "syscall")


def convert(bundle, artifact, request):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "where.json")) as file:
        where = json.load(file)
    os.makedirs(artifact, exist_ok=True)
    came = {
        "own folder": _tried(lambda: _write(os.path.join(artifact, "x"))),
        "home": _tried(lambda: _write(os.path.expanduser("~/x"))),
        "where it is": _tried(lambda: _write("x")),
        "tmp": _tried(lambda: _write("/tmp/%s" % where["name"])),
        "shared memory": _tried(lambda: _write("/dev/shm/%s" % where["name"])),
        "read a model": _tried(lambda: len(os.listdir(where["outside"]))),
        "write outside": _tried(lambda: _write(os.path.join(where["outside"], "x"))),
        "write to the bundle": _tried(lambda: _write(os.path.join(bundle, "x"))),
        "write to the references": _tried(lambda: os.truncate(os.path.join(os.path.dirname(bundle), "io.npz"), 100)),
        "write to the environment": _tried(lambda: _write(os.path.join(sys.prefix, where["name"]))),
        "network": _tried(lambda: _connect(where)),
        "socket": _tried(lambda: _unix(where)),
        "secret": _tried(lambda: _secret(where["pid"])),
        "kill it": _tried(lambda: _kill(where["pid"])),
        "remount": _tried(_remount),
        "write where another request makes something": _tried(lambda: _write(where["other"])),
        "hold what another makes by a name": _tried(lambda: os.link(where["other"], os.path.join(artifact, "held"))),
        "empty what another makes": _tried(lambda: os.truncate(where["other"], 0)),
        "shut what another makes": _tried(lambda: os.chmod(where["other"], 0)),
        "make it older": _tried(lambda: os.utime(where["other"], (1, 1))),
        "rename what another makes": _tried(lambda: os.rename(where["other"], os.path.join(artifact, "other"))),
        "write to the shared home": _tried(lambda: _write(os.path.join(where["worker"], "home", "x"))),
        "write to its parent's memory": _tried(lambda: open("/proc/%d/mem" % os.getppid(), "r+b").close()),
        "read its parent's files": _tried(lambda: os.readlink("/proc/%d/fd/0" % os.getppid())),
        "signal its parent": _tried(lambda: os.kill(os.getppid(), 0)),
        "limit its parent": _tried(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (512, 512))),
        "slow its parent": _tried(lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 1)),
        "slow all": _tried(lambda: os.setpriority(os.PRIO_USER, 0, 1)),
        "place its parent": _tried(lambda: os.sched_setaffinity(os.getppid(), {0})),
        "limit itself": _tried(lambda: resource.prlimit(os.getpid(), resource.RLIMIT_NOFILE, (512, 512))),
        "slow itself": _tried(lambda: os.setpriority(os.PRIO_PROCESS, os.getpid(), 1)),
        "place itself": _tried(lambda: os.sched_setaffinity(os.getpid(), os.sched_getaffinity(0))),
    }
    known = confinement._ARCHITECTURES[platform.machine()]
    for number in (*known.absent, *confinement._ABSENT):
        came["call %d" % number] = _tried(lambda number=number: _call(number))
    with open(os.path.join(artifact, "came.json"), "w") as file:
        json.dump(came, file)


ROUTE = Route(
    1, "split", os.path.abspath(__file__), os.path.abspath(__file__), (13,), {}, {}, convert, None, pin_threads
)
