"""Signals that end a command: SIGTERM and SIGHUP as Ctrl-C does, so that nothing stays behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType

#: A shell's exit code of what a signal ended, less the signal.
BASE = 128


class Ended(KeyboardInterrupt):
    """A signal ends the command."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """130 of SIGINT, 143 of SIGTERM, 129 of SIGHUP."""
    return BASE + (interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT)


def told(interrupt: KeyboardInterrupt) -> int:
    """Say that a command was interrupted, and by what; its exit code."""
    print(f"tfparity: interrupted{f' by {interrupt}' if str(interrupt) else ''}", file=sys.stderr)
    return exit_code(interrupt)


def take() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise Ended in the main thread; a signal that somebody ignores (nohup) or
    handles already is left to them. That a child ended is heard again where whoever started us had it ignored: of such
    a child the system keeps no status."""
    child = getattr(signal, "SIGCHLD", None)
    if child is not None and signal.getsignal(child) is signal.SIG_IGN:
        signal.signal(child, signal.SIG_DFL)
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
        (getattr(signal, "SIGHUP", None), signal.SIG_DFL),
    ):
        if number is not None and signal.getsignal(number) is usual:
            signal.signal(number, _end)


def at_end(function: Callable[[], object]) -> None:
    """From now on a signal that ends the command calls this first, in the main thread, wherever that is: for what other
    threads wait for, which would hold the main one."""
    _first.append(function)


_first: list[Callable[[], object]] = []


def _end(number: int, _: FrameType | None) -> None:
    for other in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if other is not None and signal.getsignal(other) is _end:
            signal.signal(other, signal.SIG_IGN)  # what ends here is not cut off again; SIGINT and SIGKILL still do
    for function in _first:
        function()
    raise Ended(number)
