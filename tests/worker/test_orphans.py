"""What comes to our own process of a worker whose parent is gone: ended, and reaped; nothing of our own is."""

from __future__ import annotations

import os
import signal
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
    orphans.end(tmp_path, set(), None, orphans.new_mark())
    assert _children() == before


@pytest.mark.parametrize("own_session", [True, False])
def test_what_our_own_process_waits_for_is_not_reaped(tmp_path: Path, own_session: bool) -> None:
    started = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"], start_new_session=own_session)
    until = time.monotonic() + 20
    while psutil.Process(started.pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.01)
    orphans.end(tmp_path, set(), None, orphans.new_mark())
    assert started.wait() == 7


#: What hides whose it is, by a session, a folder and an environment of its own: "forks" without end from process to
#: process, "sleeps", or sleeps without the mark ("another's").
_HIDDEN = """
import os, resource, sys, time
does, mark = sys.argv[1], int(sys.argv[2])
if does != "another's":
    resource.setrlimit(resource.RLIMIT_RTTIME, (mark, mark))
child = os.fork()
if child == 0:
    os.setsid()
    os.chdir("/")
    os.closerange(0, 50)
    while does == "forks":
        if os.fork():
            os._exit(0)
    os.execve("/bin/sleep", ["sleep", "600"], {})
print(child, flush=True)
"""


@pytest.mark.parametrize("does", ["sleeps", "forks", "another's"])
def test_what_bears_a_workers_mark_is_ended_however_it_hides(tmp_path: Path, does: str) -> None:
    orphans.adopt()
    before, mark = _children(), orphans.new_mark()
    command = [sys.executable, "-c", _HIDDEN, does, str(mark)]
    subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=tmp_path)
    began = time.monotonic()
    orphans.end(tmp_path, set(), None, mark)
    assert time.monotonic() - began < orphans.SECONDS
    left = _children() - before
    assert len(left) == (does == "another's")
    for child in left:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("before", [[], ["setpriv", "--no-new-privs"], ["prlimit", "--rttime=1000000000000"]])
def test_a_child_of_our_own_lives_whatever_it_gave_up(tmp_path: Path, before: list[str]) -> None:
    with subprocess.Popen([*before, "sleep", "600"]) as child:
        time.sleep(0.2)
        orphans.end(tmp_path, set(), None, orphans.new_mark())
        assert child.poll() is None
        child.kill()
