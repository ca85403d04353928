"""What comes to our own process of a worker whose parent is gone: ended, and reaped; nothing of our own is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tfparity.engine import orphans

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to an ancestor")

#: A worker's parent that ends before its child, which leaves its session or stays in it, ends at once or sleeps.
_PARENT = """
import os, sys, time
leaves, sleeps = sys.argv[1] == "leaves", sys.argv[2] == "sleeps"
child = os.fork()
if child == 0:
    if leaves:
        os.setsid()
        if os.fork():
            time.sleep(600)
    os.close(1)
    if sleeps:
        time.sleep(600)
    os._exit(0)
print(child, flush=True)
time.sleep(0.5)
"""


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


@pytest.mark.parametrize("sleeps", ["sleeps", "ends"])
@pytest.mark.parametrize("leaves", ["stays", "leaves"])
def test_what_a_worker_leaves_is_ended_and_reaped(tmp_path: Path, leaves: str, sleeps: str) -> None:
    orphans.adopt()
    before = _children()
    command = [sys.executable, "-c", _PARENT, leaves, sleeps]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
    assert child in _children() - before
    orphans.end(tmp_path, set(), None)
    assert _children() == before


@pytest.mark.parametrize("own_session", [True, False])
def test_what_our_own_process_waits_for_is_not_reaped(tmp_path: Path, own_session: bool) -> None:
    started = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"], start_new_session=own_session)
    until = time.monotonic() + 20
    while psutil.Process(started.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.01)
    orphans.end(tmp_path, set(), None)
    assert started.wait() == 7


#: One that hides whose it is: a session, a folder and an environment of its own; where asked, marked as requests are.
_HIDDEN = """
import ctypes, os, sys
if sys.argv[1] == "marked":
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
child = os.fork()
if child == 0:
    os.setsid()
    os.chdir("/")
    os.closerange(0, 50)
    os.execve("/bin/sleep", ["sleep", "600"], {})
print(child, flush=True)
"""


@pytest.mark.parametrize("marked", [True, False])
def test_a_request_s_own_is_known_by_what_it_cannot_take_back(tmp_path: Path, marked: bool) -> None:
    orphans.adopt()
    command = [sys.executable, "-c", _HIDDEN, "marked" if marked else "another's"]
    child = int(subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout)
    try:
        orphans.end(tmp_path, set(), None, marked=True)
        assert psutil.pid_exists(child) != marked
    finally:
        if psutil.pid_exists(child):
            psutil.Process(child).kill()
            os.waitpid(child, 0)
