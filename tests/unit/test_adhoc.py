"""Environments that no matrix names: resolved once into the cache, installed as any other, never recorded."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tfparity.environments import adhoc, install, interpreters, lock
from tfparity.environments.adhoc import AdhocEnvironment
from tfparity.environments.lock import LockStatus
from tfparity.environments.uv_command import Completed
from tfparity.errors import LockError, NetworkError, UsageError
from tfparity.evidence.recorder import Recorder
from tfparity.inputs import matrix
from tfparity.inputs.matrix import Toolchain
from tfparity.paths import Cache, Project
from tfparity.planning.keys import Keys
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import CellRecord
from tfparity.records.vocabulary import Verdict

MATRIX = """\
schema: 1
default: old
toolchains:
  - {id: old, python: "3.10", as-of: 2023-07-15, pins: {torch: 1.13.1}}
"""

DAY = datetime.date(2023, 7, 15)
GIVEN: dict[str, Any] = {"python": "3.11", "pins": {"torch": "2.0.1", "numpy": "1.24.3"}, "as_of": DAY}
LINES = "numpy==1.24.3 \\\n    --hash=sha256:aa\ntorch==2.0.1 \\\n    --hash=sha256:cc\n"
NO_SOLUTION = "error: No solution found when resolving dependencies\n  cause: torch and numpy"


class Uv:
    """uv as planned: resolves to LINES or fails, makes the folder of a venv; keeps what it was asked."""

    def __init__(self) -> None:
        self.failure: str | None = None
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str], **_: object) -> Completed:
        self.commands.append(list(command))
        if self.failure is not None:
            return Completed(1, "", self.failure)
        if "--output-file" in command:
            Path(command[command.index("--output-file") + 1]).write_text(LINES)
        if command[1] == "venv":
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
        return Completed(0, "", "")

    @property
    def resolved(self) -> int:
        return sum("compile" in command for command in self.commands)


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> Uv:
    monkeypatch.setattr(interpreters, "find", lambda version, **_: Path(f"/opt/python{version}"))
    return Uv()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    made.lockfiles.mkdir(parents=True)
    made.matrix.write_text(MATRIX)
    return made


def made(cache: Cache, uv: Uv, **changed: Any) -> tuple[AdhocEnvironment, LockStatus]:
    return adhoc.made(cache, **{**GIVEN, **changed}, run=uv)


# Resolved once


def test_pins_are_resolved_and_locked_in_the_cache(cache: Cache, uv: Uv) -> None:
    environment, locked = made(cache, uv)
    assert locked.kind == "locked"
    assert locked.packages == {"numpy": "1.24.3", "torch": "2.0.1"}
    assert locked.path == cache.adhoc / f"{environment.id}.txt"
    text = locked.path.read_text()
    assert "never committed" in text
    assert "nox" not in text
    assert f"# pins: {environment.digest()}\n" in text
    command = " ".join(uv.commands[0])
    assert "--exclude-newer 2023-07-16T00:00:00Z" in command
    assert "--python /opt/python3.11" in command


def test_the_same_pins_in_any_order_are_resolved_once(cache: Cache, uv: Uv) -> None:
    first = made(cache, uv)
    assert made(cache, uv, pins={"numpy": "1.24.3", "torch": "2.0.1"})[1] == first[1]
    assert uv.resolved == 1


def test_what_cannot_be_resolved_is_asked_once_too(cache: Cache, uv: Uv) -> None:
    uv.failure = NO_SOLUTION
    for _ in range(2):
        _, locked = made(cache, uv)
        assert (locked.kind, locked.reason) == ("unresolvable", NO_SOLUTION)
    assert sum("--output-file" in command for command in uv.commands) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"python": "3.10"},
        {"pins": {"torch": "2.0.1"}},
        {"pins": {"torch": "2.0.0", "numpy": "1.24.3"}},
        {"as_of": datetime.date(2023, 7, 16)},
        {"overrides": ["sympy; python_version < '3'"]},
        {"shims": ["onnx-mapping"]},
    ],
)
def test_other_content_is_another_environment(cache: Cache, uv: Uv, changed: dict[str, Any]) -> None:
    first, other = made(cache, uv)[0], made(cache, uv, **changed)[0]
    assert first.id != other.id
    assert uv.resolved == 2


def test_side_by_side_the_same_pins_are_resolved_once(cache: Cache, uv: Uv) -> None:
    together = threading.Barrier(4, timeout=10)

    def run(_: int) -> str:
        together.wait()
        return made(cache, uv)[0].id

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(run, range(4)))) == 1
    assert uv.resolved == 1


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# pins: 0\n\nnumpy==1.24.3\n"])
def test_a_lock_that_was_damaged_is_made_again(cache: Cache, uv: Uv, content: bytes) -> None:
    _, locked = made(cache, uv)
    locked.path.write_bytes(content)
    assert made(cache, uv)[1] == locked
    assert uv.resolved == 2


def test_it_is_said_what_is_resolved_and_nothing_where_it_is_there(cache: Cache, uv: Uv) -> None:
    said: list[str] = []
    for _ in range(2):
        adhoc.made(cache, **GIVEN, run=uv, progress=said.append)
    assert said == ["resolving torch 2.0.1, numpy 1.24.3"]


# What is wrong


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"python": "3.6"}, r"python: Python '3\.6' is none of 3\.7"),
        ({"pins": {}}, "pins: "),
        ({"pins": {"torch": "2.x"}}, r"pins\.torch: '2\.x' is not an exact version"),
        ({"pins": {"Torch": "2.0.1"}}, r"pins\.Torch: write the package 'Torch' as 'torch'"),
        ({"shims": ["onnx-maping"]}, "did you mean 'onnx-mapping'"),
        ({"overrides": ["a b"]}, r"overrides\.0: 'a b' is not a requirement"),
        ({"as_of": "soon"}, "as_of: "),
    ],
)
def test_what_a_matrix_would_refuse_is_refused_in_a_line(
    cache: Cache, uv: Uv, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        made(cache, uv, **changed)
    assert "\n" not in str(refused.value)
    assert uv.commands == []
    assert not cache.adhoc.exists()


@pytest.mark.parametrize(
    ("failure", "kind"),
    [("error: Failed to fetch: `x`\n  cause: dns error", NetworkError), ("error: Failed to build `x`", LockError)],
)
def test_what_says_nothing_of_the_pins_is_not_kept(cache: Cache, uv: Uv, failure: str, kind: type[Exception]) -> None:
    uv.failure = failure
    with pytest.raises(kind):
        made(cache, uv)
    uv.failure = None
    assert made(cache, uv)[1].kind == "locked"


def test_a_day_that_is_not_over_is_refused(cache: Cache, uv: Uv) -> None:
    with pytest.raises(LockError, match="is not over"):
        made(cache, uv, as_of=datetime.datetime.now(datetime.UTC).date())


# Used as any other


def test_it_is_found_and_installed_whatever_the_project(cache: Cache, uv: Uv, project: Project) -> None:
    environment, locked = made(cache, uv)
    assert lock.status(project, environment) == locked
    installed = install.ensure(project, environment, cache, run=uv, free_bytes=lambda _: 10**12)
    assert installed.packages == locked.packages
    assert installed.folder.name.startswith(environment.id)
    assert str(locked.path) in uv.commands[-1]


def test_without_its_lock_it_is_not_installed(cache: Cache, uv: Uv, project: Project) -> None:
    environment = adhoc.declared(cache, **GIVEN)
    with pytest.raises(LockError, match=r"\.txt is missing: resolve it again"):
        install.ensure(project, environment, cache, run=uv)


def test_a_toolchain_of_it_joins_those_of_the_matrix(cache: Cache, uv: Uv, project: Project) -> None:
    declared = matrix.load(project.matrix)
    environment, locked = made(cache, uv)
    mine = Toolchain(id="mine", source="old", routes={"onnx-tf": environment.id})
    more = adhoc.extended(declared, mine, [environment])
    assert list(more.toolchains) == ["old", "mine"]
    assert list(declared.toolchains) == ["old"]
    assert Keys(project, more, {}).locked(more.environments[environment.id]) == locked


def test_a_toolchain_takes_no_name_that_is_taken_and_lacks_no_environment(
    cache: Cache, uv: Uv, project: Project
) -> None:
    declared = matrix.load(project.matrix)
    environment, _ = made(cache, uv)
    routes = {"onnx-tf": environment.id}
    with pytest.raises(UsageError, match="has a toolchain 'old'"):
        adhoc.extended(declared, Toolchain(id="old", source="old", routes=routes), [environment])
    with pytest.raises(ValueError, match=environment.id):
        adhoc.extended(declared, Toolchain(id="mine", source="old", routes=routes), [])


# Never published


def test_no_lockfile_of_the_project_comes_of_it(cache: Cache, uv: Uv, project: Project) -> None:
    made(cache, uv)
    assert list(project.lockfiles.iterdir()) == []


def test_no_matrix_can_give_such_an_id(cache: Cache, uv: Uv, project: Project) -> None:
    environment, _ = made(cache, uv)
    project.matrix.write_text(MATRIX.replace("old", environment.id))
    with pytest.raises(matrix.MatrixError):
        matrix.load(project.matrix)


def test_nothing_of_it_is_recorded(cache: Cache, uv: Uv, project: Project) -> None:
    environment, _ = made(cache, uv)
    asked = Selection(Choice(), project, cache)
    mine = Toolchain(id="mine", source="old", routes={"onnx-tf": environment.id})
    asked.matrix = adhoc.extended(asked.matrix, mine, [environment])
    records = [CellRecord(name, "zoo/add", "onnx-tf", Verdict.UNTESTED, "not run") for name in ("old", "mine")]
    with pytest.raises(UsageError, match=f"{environment.id} stands in no matrix.yaml"):
        Recorder(asked).record(records)
    assert not project.results.exists()
