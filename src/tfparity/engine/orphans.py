"""What a worker leaves where its parent process is gone before it: adopted by our own process, and ended with the
worker."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

import psutil

#: prctl(PR_SET_CHILD_SUBREAPER), of Linux: processes that lose their parent come to the nearest such ancestor.
_PR_SET_CHILD_SUBREAPER = 36

#: Times that children are looked for anew: the children of what was ended come to us in their turn.
ROUNDS = 50


def adopt() -> None:
    """From now on this process is told of those that its workers leave."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end(folder: Path, known: AbstractSet[int], parent: int | None, *, marked: bool = False) -> None:
    """End what came to us of a worker: processes seen among its requests' (`known`), that run below its folder or were
    started with it as their home, and whatever they leave; and reap what came to us and has ended. `parent`: its own
    process, which somebody waits for. marked: whether a child of ours that can gain no privileges came of a request,
    as where nothing that we start is in a sandbox."""
    if sys.platform != "linux":
        return
    seen = set(known)
    marked = marked and not _gains_nothing(os.getpid())
    for _ in range(ROUNDS):
        children = (child for child in _children() if child.pid != parent)
        left = [one for one in children if _is_of(one, folder, seen) or (marked and _gains_nothing(one.pid))]
        if not left:
            return
        for child in left:
            with suppress(psutil.Error):
                seen.update(one.pid for one in child.children(recursive=True))
                child.kill()
        for child in left:
            with suppress(psutil.Error):
                child.wait(1)  # which reaps it


def _children() -> list[psutil.Process]:
    try:
        return psutil.Process(os.getpid()).children()
    except psutil.Error:
        return []


def _is_of(process: psutil.Process, folder: Path, seen: AbstractSet[int]) -> bool:
    with suppress(psutil.Error, OSError):
        session = os.getsid(process.pid)
        if process.pid in seen or session in seen:
            return True
        if process.status() == psutil.STATUS_ZOMBIE:  # of what it was nothing else is left
            return session not in (process.pid, os.getsid(0))  # what we start leads a session, or is in ours
        return Path(process.cwd()).is_relative_to(folder) or process.environ().get("HOME") == str(folder / "home")
    return False


def _gains_nothing(pid: int) -> bool:
    """Whether it or one that it comes from set no_new_privs, as requests do; no process can take that back."""
    with suppress(OSError):
        return "\nNoNewPrivs:\t1\n" in Path(f"/proc/{pid}/status").read_text(errors="replace")
    return False
