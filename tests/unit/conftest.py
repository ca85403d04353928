"""Unit tests stay inside their process: starting a process or opening a socket raises, and fails the test even if
the code under test swallows that."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tfparity.evidence.query import Query, Table
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.worker import declare, plugins

ROOT = Path(__file__).parents[2]

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before a test imports ONNX Runtime: see engine/referee.py

#: Audit events of CPython: https://docs.python.org/3/library/audit_events.html
STARTS_A_PROCESS = {
    "subprocess.Popen",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.exec",
    "pty.spawn",
}
OPENS_A_SOCKET = {"socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo"}


class OutsideWorld(RuntimeError):
    """A unit test reached for a process or the network: give it a fake, or move it to tests/worker."""


class Guard:
    """Watches while `on`; keeps what was tried."""

    def __init__(self) -> None:
        self.on = False
        self.tried: list[str] = []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in STARTS_A_PROCESS | OPENS_A_SOCKET:
            self.tried.append(f"{event} {arguments[:2]!r}"[:200])
            raise OutsideWorld(self.tried[-1])


_guard = Guard()
sys.addaudithook(_guard)  # for the life of the process: hooks cannot be taken away


@pytest.fixture(autouse=True)
def outside_world() -> Iterator[Guard]:
    """On during the test; what it tried fails it at the end."""
    _guard.tried.clear()
    _guard.on = True
    try:
        yield _guard
    finally:
        _guard.on = False
    if _guard.tried:
        pytest.fail(f"a unit test reached for the outside world: {'; '.join(_guard.tried)}", pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the session's own: what tests read is none of a person's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TFPARITY_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def committed_table(cache_folder: Path) -> Table:
    """Every planned cell of the committed matrix and evidence, which takes seconds to make: not to be changed."""
    return Table(Query(Selection(Choice(toolchains=("all",), tier="all"), Project(ROOT))))


@pytest.fixture
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Case files and planted modules are loaded anew, and leave nothing behind."""
    monkeypatch.setattr(declare, "_registry", {})
    monkeypatch.setattr(plugins, "_loaded", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in [name for name in sys.modules if name.startswith("tfparity_plugin_") and name not in before]:
        del sys.modules[name]
