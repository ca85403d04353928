"""A person's own code, case files and routes, run in our process: what would end that without a word ends the code."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_exit = os._exit
_guarded = threading.local()


def _exit_or_raise(status: int) -> NoReturn:
    """os._exit, but in a thread that runs a person's code: SystemExit there. A process that the code forked ends."""
    if getattr(_guarded, "process", None) == os.getpid():
        raise SystemExit(f"os._exit({status})")
    _exit(status)


@contextmanager
def guarded() -> Iterator[None]:
    """What runs in this thread meanwhile raises SystemExit where it calls os._exit."""
    os._exit = _exit_or_raise
    before = getattr(_guarded, "process", None)
    _guarded.process = os.getpid()
    try:
        yield
    finally:
        _guarded.process = before
