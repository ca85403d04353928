"""Which commands that run have an environment in use, so that no other one's clean-up takes it.

A mark beside the environment's folder names the process. It stays until that process ends; what a killed process left
does not count.
"""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from pathlib import Path

from tfparity import paths


def mark(folder: Path) -> None:
    """Say that this process has the environment of that folder in use, until it ends. Where a cache cannot be written
    nothing is said, and nobody removes anything."""
    own = _of(folder, os.getpid())
    if own in _MINE:
        return
    with suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        own.touch()
        _MINE.add(own)


def release(folder: Path) -> None:
    """Take this process's mark back."""
    own = _of(folder, os.getpid())
    _MINE.discard(own)
    with suppress(OSError):
        own.unlink(missing_ok=True)


def elsewhere(folder: Path) -> bool:
    """Whether another process that runs has it in use."""
    pids = [int(number) for one in _all(folder) if (number := one.name.split(".")[-2]).isdecimal()]
    return any(pid != os.getpid() and paths.is_running(pid) for pid in pids)


def forget(folder: Path) -> None:
    """Remove all marks of an environment that is gone."""
    for one in _all(folder):
        _MINE.discard(one)
        one.unlink(missing_ok=True)


#: The marks of this process.
_MINE: set[Path] = set()


def _of(folder: Path, pid: int) -> Path:
    return folder.with_name(f".{folder.name}.{pid}.user")


def _all(folder: Path) -> list[Path]:
    return list(folder.parent.glob(f".{folder.name}.*.user"))


@atexit.register
def _release_all() -> None:
    for one in [one for one in _MINE if one.name.endswith(f".{os.getpid()}.user")]:
        with suppress(OSError):
            one.unlink(missing_ok=True)
