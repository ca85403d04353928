"""What real processes use is what they are held to, whoever else is on the machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tfparity.engine.process_limits import PATIENCE, Limits, Watched, watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="no /proc")

#: Ends its first thread while another holds 200 MiB: of such a process /proc has figures by its threads alone.
HEADLESS = """
import ctypes, platform, threading, time
def hold():
    held = bytearray(b"x") * (200 * 2**20)
    time.sleep(60)
threading.Thread(target=hold).start()
time.sleep(0.5)
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""

#: Works for 0.3 s of a processor, by a thread of its own.
WORKS = """
import threading, time
def work():
    while time.thread_time() < 0.3: pass
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.fixture
def crowded() -> Iterator[int]:
    """A processor that six others are busy on, whose number it is."""
    place = min(os.sched_getaffinity(0))
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    for other in others:
        os.sched_setaffinity(other.pid, {place})
    yield place
    for other in others:
        other.kill()
        other.wait()


def watched(program: str, limits: Limits, *, place: int | None = None) -> tuple[Watched, float]:
    """A Python program under these limits, on that processor with what else is there, and its seconds."""
    first = "" if place is None else f"import os\nos.sched_setaffinity(0, {{{place}}})\n"
    process = subprocess.Popen([sys.executable, "-c", first + program])
    began = time.monotonic()

    def alive(seconds: float) -> bool:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    return watch(process.pid, alive, limits), time.monotonic() - began


@pytest.mark.parametrize(("mib", "stopped"), [(150, "out-of-memory"), (1000, "timeout")])
def test_memory_counts_when_the_first_thread_has_ended(mib: float, stopped: str) -> None:
    found, _ = watched(HEADLESS, Limits(4, mib))
    assert found.stopped == stopped
    assert (found.last or 0) > 150


def test_a_process_that_others_keep_waiting_does_not_run_out_of_time(crowded: int) -> None:
    found, seconds = watched(WORKS, Limits(1.5, 1024), place=crowded)
    assert found.stopped is None
    assert seconds > 1.5  # else nothing was shown


@pytest.mark.parametrize(
    ("program", "patience"), [("import time; time.sleep(60)", 1.7), ("while True: pass", PATIENCE + 0.7)]
)
def test_what_never_ends_is_ended_on_a_busy_machine(crowded: int, program: str, patience: float) -> None:
    found, seconds = watched(program, Limits(3, 1024), place=crowded)
    assert found.stopped == "timeout"
    assert seconds < patience * 3
