"""What a worker leaves where its parent process is gone before it: adopted by our own process, and ended with the
worker."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import sys
import time
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

import psutil

#: prctl(PR_SET_CHILD_SUBREAPER), of Linux: processes that lose their parent come to the nearest such ancestor.
_PR_SET_CHILD_SUBREAPER = 36

#: For how long children are looked for anew: the children of what was ended come to us in their turn.
SECONDS = 10.0

#: Between two looks, where nothing was there to reap.
_PAUSE = 0.002


def adopt() -> None:
    """From now on this process is told of those that its workers leave."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def new_mark() -> int:
    """A limit of real-time microseconds that nothing reaches, for a worker to bear: no other process has the same."""
    return 10**15 + secrets.randbits(49)


def end(folder: Path, known: AbstractSet[int], parent: int | None, mark: int) -> None:
    """End what came to us of a worker: processes that bear its mark, were seen among its requests' (`known`), run below
    its folder or were started with it as their home, and whatever they leave; and reap what came to us and has ended.
    `parent`: its own process, which somebody waits for."""
    if sys.platform != "linux":
        return
    seen, until = set(known), time.monotonic() + SECONDS
    while time.monotonic() < until:
        left = [pid for pid in _children() if pid != parent and (_bears(pid, mark) or _is_of(pid, folder, seen))]
        if not left:
            return
        for pid in left:
            if not _bears(pid, mark):  # else whatever it leaves bears it too
                seen.add(pid)
                with suppress(psutil.Error):
                    seen.update(one.pid for one in psutil.Process(pid).children(recursive=True))
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not sum(map(_reaped, left)):
            time.sleep(_PAUSE)


def _children() -> list[int]:
    """Our children, by whichever of our threads they came."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - quick enough to meet one that forks without end
            with suppress(OSError), open(f"/proc/self/task/{thread}/children") as file:  # noqa: PTH123
                found += map(int, file.read().split())
    return found


def _bears(pid: int, mark: int) -> bool:
    import resource  # which Windows has not

    with suppress(OSError, AttributeError):
        return resource.prlimit(pid, resource.RLIMIT_RTTIME)[1] == mark
    return False


def _reaped(pid: int) -> bool:
    with suppress(OSError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return False


def _is_of(pid: int, folder: Path, seen: AbstractSet[int]) -> bool:
    with suppress(psutil.Error, OSError):
        process, session = psutil.Process(pid), os.getsid(pid)
        if pid in seen or session in seen:
            return True
        if process.status() == psutil.STATUS_ZOMBIE:  # of what it was nothing else is left
            return session not in (pid, os.getsid(0))  # what we start leads a session, or is in ours
        return Path(process.cwd()).is_relative_to(folder) or process.environ().get("HOME") == str(folder / "home")
    return False
