"""What ends a worker's process: this machine, which says so apart from the exit status, or code under test, which may
choose any."""

from __future__ import annotations

import errno
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tfparity.engine.process_limits import Limits
from tfparity.engine.sandbox import Inside, Sandbox, tried
from tfparity.engine.worker_client import Side, Worker
from tfparity.errors import MachineFault, WorkerError
from tfparity.worker import confinement, serve

LIMITS = Limits(60, 1024)
NAMESPACES = Sandbox("user namespaces")

#: Statuses that mean something elsewhere: sysexits.h's "input/output error", container runtimes' "not run", a shell's
#: for signals, our own processes'.
STATUSES = (70, 74, 125, 126, 127, 128 + 9)


class Refusing(Sandbox):
    """A way that cannot be made: it would have to write where nothing is."""

    def around(self, command: Sequence[str], made: Path, writes: Sequence[Path], *rest: Any) -> list[str]:
        return super().around(command, made, [made / "nowhere"], *rest)


@pytest.fixture
def inside(request: pytest.FixtureRequest, tmp_path: Path) -> Inside | None:
    if not request.param:
        return None
    if sys.platform != "linux" or tried(NAMESPACES):
        pytest.skip("no namespaces can be made here")
    return Inside(NAMESPACES, (tmp_path,))


both = pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"], indirect=True)
either = pytest.mark.parametrize("fresh", [False, True], ids=["warm", "fresh"])


def shim(folder: Path, line: str) -> str:
    """A module that a worker loads before anything else."""
    path = folder / "planted_shim.py"
    path.write_text(f"import errno, os\n{line}\n")
    return str(path)


@both
@either
@pytest.mark.parametrize("status", STATUSES)
def test_an_import_that_ends_its_process_has_crashed(
    interpreter: Callable[[str], Path], tmp_path: Path, inside: Inside | None, fresh: bool, status: int
) -> None:
    side = Side(interpreter("3.11"), (shim(tmp_path, f"os._exit({status})"),), ("numpy",))
    with Worker(side, tmp_path / "worker", fresh=fresh, inside=inside) as worker:
        failed = worker.failed_import
    assert failed is not None
    assert failed.error is not None
    assert (failed.outcome, failed.error.message) == ("crash", f"exited with status {status}")


@both
@either
@pytest.mark.parametrize(("code", "why"), [("ENOSPC", "disk"), ("EMFILE", "open"), ("ENOMEM", "memory")])
def test_an_import_that_this_machine_ended_is_its_fault(
    interpreter: Callable[[str], Path], tmp_path: Path, inside: Inside | None, fresh: bool, code: str, why: str
) -> None:
    side = Side(interpreter("3.11"), (shim(tmp_path, f"raise OSError(errno.{code}, 'x')"),), ("numpy",))
    with pytest.raises(MachineFault, match=why), Worker(side, tmp_path / "worker", fresh=fresh, inside=inside):
        pass


#: A route that ends its process, or that lets nothing more be written of its reply.
ENDS = """
import os, resource, signal
from tfparity.worker.routes import Route

def convert(bundle, artifact, request):
    {line}

ROUTE = Route(1, "ends", "pytorch", "onnx-legacy", (13,), {{}}, {{}}, convert, print, print)
"""

#: What a disk that is full does to the reply.
FULL = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))"


def ended(worker: Worker, folder: Path, line: str) -> str:
    route = folder / "ends.py"
    route.write_text(ENDS.format(line=line))
    names = {"case_file": "", "case": "", "path": [], "handed_on": False, "bundle": str(folder), "opset": 13}
    request = {"route": str(route), "artifact": str(folder / "artifact"), "remedies": [], **names}
    last = worker.ask("convert", request, LIMITS).stages[-1]
    assert last.error is not None
    assert last.outcome == "crash"
    return last.error.message


#: Writes into every pipe that it has.
SAYS = """
    for fd in range(3, 100):
        try:
            os.write(fd, b'no space')
        except OSError:
            pass
    os._exit(4)
""".strip()


def test_nobody_says_anothers_last_words(interpreter: Callable[[str], Path], tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    for folder in (first, second):
        folder.mkdir()
    begun = first / "begun"
    waits = f"open({str(begun)!r}, 'w').close(); import time; time.sleep(2); os._exit(3)"
    with (
        Worker(Side(interpreter("3.11"), (), ("numpy",)), tmp_path / "worker") as worker,
        ThreadPoolExecutor(1) as thread,
    ):
        waiting = thread.submit(ended, worker, first, waits)
        while not begun.exists():
            time.sleep(0.01)
        with pytest.raises(MachineFault, match="no space"):
            ended(worker, second, SAYS)  # its own, which are believed
        assert waiting.result() == "exited with status 3"


def test_a_request_that_cannot_be_confined_is_this_machines_doing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: str) -> None:
        raise OSError(errno.EPERM, "the process cannot be confined: Operation not permitted")

    (tmp_path / "home").mkdir()
    for name in ("HOME", "TMPDIR"):
        monkeypatch.setenv(name, "before")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(confinement, "confine", refused)
    with pytest.raises(serve._MachineFailed) as raised:
        serve._settle(str(tmp_path), confined=True)
    said: list[str] = []
    serve._failed(raised.value, said.append)
    assert "cannot be confined" in said[0]


@both
@either
def test_a_request_that_ends_its_process_has_crashed_and_one_without_a_disk_has_not(
    interpreter: Callable[[str], Path], tmp_path: Path, inside: Inside | None, fresh: bool
) -> None:
    with Worker(Side(interpreter("3.11"), (), ("numpy",)), tmp_path / "worker", fresh=fresh, inside=inside) as worker:
        for status in STATUSES:
            assert ended(worker, tmp_path, f"os._exit({status})") == f"exited with status {status}"
            assert ended(worker, tmp_path, f"raise SystemExit({status})") == f"exited with status {status}"
        with pytest.raises(MachineFault, match="disk"):
            ended(worker, tmp_path, FULL)


def test_a_sandbox_that_cannot_be_made_is_said(interpreter: Callable[[str], Path], tmp_path: Path) -> None:
    if sys.platform != "linux" or tried(NAMESPACES):
        pytest.skip("no namespaces can be made here")
    inside = Inside(Refusing("user namespaces"))
    side = Side(interpreter("3.11"), (), ("numpy",))
    with (
        pytest.raises(WorkerError, match=r"no sandbox was made: .*nowhere"),
        Worker(side, tmp_path / "worker", inside=inside),
    ):
        pass
