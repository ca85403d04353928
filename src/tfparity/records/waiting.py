"""Locks of several processes, waited for so that whoever waits can be interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

#: Seconds between two looks at a lock that another holds.
POLL = 0.1


def nothing() -> None:
    """Nothing is in the way, and nobody is told."""


@contextmanager
def held(lock: FileLock, going: Callable[[], None] = nothing, waits: Callable[[], None] = nothing) -> Iterator[None]:
    """Hold a lock, as soon as nobody else does. `going` raises where this is to end before that: another process may
    hold it for as long as an install or an export takes. `waits` is called once where it has to be waited for."""
    told = False
    while True:
        going()
        try:
            lock.acquire(timeout=POLL)
            break
        except Timeout:
            if not told:
                waits()
            told = True
    try:
        yield
    finally:
        lock.release()
