"""The workers of a toolchain: its sides start beside each other, each once, and none outlives an interrupted run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tfparity.engine import worker_client, worker_pool
from tfparity.engine.context import Context
from tfparity.engine.store import ImportStep
from tfparity.engine.worker_client import Side, Worker
from tfparity.engine.worker_pool import WorkerPool
from tfparity.environments import install
from tfparity.environments.lock import LockStatus
from tfparity.errors import DiskError, InstallError, MachineFault, NetworkError, WorkerError
from tfparity.inputs import matrix
from tfparity.inputs.matrix import Environment
from tfparity.paths import Cache, Project
from tfparity.planning.keys import Where
from tfparity.records.cells import EnvironmentFacts, Problem
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Outcome

SECONDS = 10

MATRIX = """\
schema: 1
default: both
environments:
  - {id: torch-side, python: "3.11", as-of: 2023-07-15, pins: {torch: 2.0.1}}
  - {id: tensorflow-side, python: "3.11", as-of: 2023-07-15, pins: {tensorflow: 2.12.1}}
toolchains:
  - {id: both, source: torch-side, routes: {onnx-tf: tensorflow-side}}
"""


class Planned:
    """Installs and workers as planned, by the environment's id, and what came of them."""

    def __init__(self) -> None:
        self.installs: dict[str, Callable[[], None]] = {}
        self.starts: dict[str, Callable[[FakeWorker], None]] = {}
        self.installed: list[str] = []
        self.workers: list[FakeWorker] = []

    def ensure(self, _: Project, environment: Environment, cache: Cache, **__: object) -> install.Installed:
        self.installed.append(environment.id)
        self.installs.get(environment.id, lambda: None)()
        folder = cache.environments / environment.id
        return install.Installed(folder / "bin" / "python", folder, "00", {})


class FakeWorker:
    """A worker without a process."""

    why_fresh = None

    def __init__(self, planned: Planned, side: Side) -> None:
        self.planned, self.id = planned, side.python.parent.parent.name
        self.imports: tuple[ImportStep, ...] = ()
        self.alive = self.started = self.ended = False
        self.failed_import: ImportStep | None = None
        self.killed = threading.Event()
        planned.workers.append(self)

    def __enter__(self) -> FakeWorker:
        self.planned.starts.get(self.id, lambda _: None)(self)
        self.alive = self.started = True
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True

    def kill(self) -> None:
        self.alive = False
        self.killed.set()


Sides = tuple[Where, Where]


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Planned:
    made = Planned()
    monkeypatch.setattr(install, "ensure", made.ensure)
    monkeypatch.setattr(worker_pool, "Worker", lambda side, *_, **__: FakeWorker(made, side))
    return made


@pytest.fixture
def pool(tmp_path: Path, planned: Planned) -> Iterator[WorkerPool]:
    (tmp_path / "matrix.yaml").write_text(MATRIX)
    declared = matrix.load(tmp_path / "matrix.yaml")
    with ExitStack() as stack:
        yield WorkerPool(Context(Project(tmp_path), declared, {}, Cache(tmp_path / "cache")), stack)
    assert all(worker.ended for worker in planned.workers)


@pytest.fixture
def sides(pool: WorkerPool) -> Sides:
    def where(role: str, id: str) -> Where:
        locked = LockStatus("locked", Path(), id, {}, None)
        return Where(role, pool.context.matrix.environments[id], locked, (id,), ())

    return where("source", "torch-side"), where("target", "tensorflow-side")


def meets(other: threading.Barrier) -> Callable[..., None]:
    def meet(*_: object) -> None:
        other.wait()

    return meet


def raises(wrong: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise wrong

    return fail


# Side by side


def test_both_sides_are_installed_and_started_at_once(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    """Each waits until the other has begun: one after the other, neither would come to its end."""
    installing, importing = threading.Barrier(2, timeout=SECONDS), threading.Barrier(2, timeout=SECONDS)
    for side in sides:
        planned.installs[side.environment.id] = meets(installing)
        planned.starts[side.environment.id] = meets(importing)
    source, target = (started.result() for started in pool.warm(*sides))
    assert source is pool.worker(sides[0])
    assert target is pool.worker(sides[1])
    assert [worker.id for worker in (source, target)] == ["torch-side", "tensorflow-side"]  # type: ignore[attr-defined]


def test_a_side_that_starts_keeps_none_waiting_that_runs(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    source = pool.worker(sides[0])
    importing, asked = threading.Event(), threading.Event()

    def start(_: FakeWorker) -> None:
        importing.set()
        assert asked.wait(SECONDS)

    planned.starts["tensorflow-side"] = start
    with ThreadPoolExecutor(1) as thread:
        target = thread.submit(pool.worker, sides[1])
        assert importing.wait(SECONDS)
        assert pool.worker(sides[0]) is source
        asked.set()
        target.result()


def test_of_many_cells_that_need_a_side_one_starts_it(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    with ThreadPoolExecutor(8) as threads:
        warm = list(threads.map(lambda _: [started.result() for started in pool.warm(*sides)], range(32)))
    assert len({tuple(map(id, pair)) for pair in warm}) == 1
    assert sorted(planned.installed) == ["tensorflow-side", "torch-side"]
    assert sorted(worker.id for worker in planned.workers) == ["tensorflow-side", "torch-side"]


def test_two_sides_of_one_environment_install_it_once(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    both = sides[0], replace(sides[0], role="target", imports=("onnx",))
    source, target = (started.result() for started in pool.warm(*both))
    assert source is not target
    assert planned.installed == ["torch-side"]


def test_two_sides_that_are_the_same_are_one_worker(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    source, target = (started.result() for started in pool.warm(sides[0], replace(sides[0], role="target")))
    assert source is target
    assert len(planned.workers) == 1


def test_a_worker_that_is_gone_is_started_again(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    first = pool.worker(sides[0])
    planned.workers[0].alive = False
    second = pool.warm(*sides)[0].result()
    assert first is not second
    assert planned.installed == ["torch-side", "tensorflow-side"]


# What goes wrong


def test_each_side_says_what_became_of_it(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    planned.installs["torch-side"] = raises(InstallError("a"))
    planned.starts["tensorflow-side"] = raises(MachineFault("b"))
    source, target = pool.warm(*sides)
    assert isinstance(source.exception(), InstallError)
    assert isinstance(target.exception(), MachineFault)


def test_what_does_not_install_is_tried_once_and_what_follows_is_not_needed(
    pool: WorkerPool, planned: Planned, sides: Sides
) -> None:
    planned.installs["torch-side"] = raises(InstallError("no wheel"))
    planned.starts["tensorflow-side"] = raises(MachineFault("memory"))
    pool.warm(*sides)
    (source,) = pool.warm(*sides)
    with pytest.raises(InstallError, match="no wheel"):
        source.result()
    with pytest.raises(InstallError, match="no wheel"):
        pool.worker(sides[0])
    assert sorted(planned.installed) == ["tensorflow-side", "torch-side"]
    assert len(planned.workers) == 1


def test_what_does_not_import_is_tried_once_and_what_follows_is_not_needed(
    pool: WorkerPool, planned: Planned, sides: Sides
) -> None:
    def fail(worker: FakeWorker) -> None:
        worker.failed_import = ImportStep("torch", Outcome.FAIL, 1.0)

    planned.starts["torch-side"] = fail
    planned.starts["tensorflow-side"] = raises(MachineFault("memory"))
    pool.warm(*sides)
    (source,) = pool.warm(*sides)
    assert source.result().failed_import == ImportStep("torch", Outcome.FAIL, 1.0)
    assert len(planned.workers) == 2


def test_a_target_that_does_not_install_leaves_its_source_running(
    pool: WorkerPool, planned: Planned, sides: Sides
) -> None:
    planned.installs["tensorflow-side"] = raises(InstallError("no wheel"))
    for _ in range(2):
        source, target = pool.warm(*sides)
        assert source.result().alive
        assert isinstance(target.exception(), InstallError)
    assert sorted(planned.installed) == ["tensorflow-side", "torch-side"]


@pytest.mark.parametrize("wrong", [NetworkError("no index"), DiskError("full")])
def test_what_says_nothing_of_the_toolchain_is_tried_again(
    pool: WorkerPool, planned: Planned, sides: Sides, wrong: Exception
) -> None:
    planned.installs["torch-side"] = raises(wrong)
    with pytest.raises(type(wrong)):
        pool.worker(sides[0])
    del planned.installs["torch-side"]
    assert pool.worker(sides[0]).alive


@pytest.mark.parametrize("wrong", [WorkerError("cannot start"), MachineFault("ended by SIGKILL", "import")])
def test_a_worker_that_does_not_come_up_is_ended_and_another_is_tried(
    pool: WorkerPool, planned: Planned, sides: Sides, wrong: Exception
) -> None:
    planned.starts["torch-side"] = raises(wrong)
    with pytest.raises(type(wrong)):
        pool.worker(sides[0])
    assert planned.workers[0].killed.is_set()
    del planned.starts["torch-side"]
    assert pool.worker(sides[0]).alive
    assert len(planned.workers) == 2


# An interrupted run


def imports_until_it_is_killed(begun: threading.Semaphore) -> Callable[[FakeWorker], None]:
    def start(worker: FakeWorker) -> None:
        begun.release()
        assert worker.killed.wait(SECONDS)
        raise MachineFault("ended by SIGKILL", "import")

    return start


def test_killing_ends_what_still_imports(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    begun = threading.Semaphore(0)
    for side in sides:
        planned.starts[side.environment.id] = imports_until_it_is_killed(begun)
    with ThreadPoolExecutor(1) as thread:
        warm = thread.submit(pool.warm, *sides)
        assert begun.acquire(timeout=SECONDS)
        assert begun.acquire(timeout=SECONDS)
        pool.kill()
        assert [type(started.exception()) for started in warm.result()] == [MachineFault] * 2


def test_after_killing_nothing_starts(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    """The environment of one side is still being installed."""
    installing, killed = threading.Event(), threading.Event()

    def ensure() -> None:
        installing.set()
        assert killed.wait(SECONDS)

    planned.installs["torch-side"] = ensure
    with ThreadPoolExecutor(1) as thread:
        source = thread.submit(pool.worker, sides[0])
        assert installing.wait(SECONDS)
        pool.kill()
        killed.set()
        with pytest.raises(WorkerError, match="interrupted"):
            source.result()
    with pytest.raises(WorkerError, match="interrupted"):
        pool.worker(sides[1])
    assert planned.workers == []


def test_a_run_that_was_interrupted_starts_nothing(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    pool.worker(sides[0])
    pool.context.aborted.set()
    assert [type(started.exception()) for started in pool.warm(*sides)] == [WorkerError] * 2
    assert len(planned.workers) == 1


def test_whoever_is_interrupted_while_sides_start_leaves_none_behind(
    pool: WorkerPool, planned: Planned, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Semaphore(0)
    for side in sides:
        planned.starts[side.environment.id] = imports_until_it_is_killed(begun)

    def interrupt(_: object) -> None:
        assert begun.acquire(timeout=SECONDS)
        raise KeyboardInterrupt

    monkeypatch.setattr(worker_pool, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pool.warm(*sides)
    assert all(worker.killed.is_set() and not worker.alive for worker in planned.workers)


class Process:
    """A process that says nothing, and its end."""

    pid, stdin = 4242, None

    def __init__(self) -> None:
        self.stdout = Path("/dev/null").open()  # noqa: SIM115 - the worker closes it

    def wait(self, _: float | None = None) -> int:
        return -9


def test_a_worker_that_is_killed_before_it_has_a_process_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    worker = Worker(Side(Path("/opt/python"), (), ()), tmp_path / "worker")

    def spawn(_: Path) -> Process:
        worker.kill()
        return Process()

    monkeypatch.setattr(worker, "_spawn", spawn)
    monkeypatch.setattr(worker_client, "kill", killed.append)
    with pytest.raises(MachineFault, match="SIGKILL"), worker:
        pass
    assert killed == [Process.pid]


def test_what_is_said_of_environments_comes_from_both(pool: WorkerPool, sides: Sides) -> None:
    said: list[tuple[str, str]] = []

    class Listening(Silent):
        def environment(self, id: str, text: str) -> None:
            said.append((id, text))

    pool.context.observer = Listening()
    pool.warm(*sides)
    assert sorted(said) == [
        ("tensorflow-side", "importing tensorflow-side"),
        ("torch-side", "importing torch-side"),
    ]


# What evidence tells of an environment

TORCH = ImportStep("torch-side", Outcome.PASS, 1.0)


def imports(*steps: ImportStep) -> Callable[[FakeWorker], None]:
    def start(worker: FakeWorker) -> None:
        worker.imports = steps

    return start


def test_an_environment_is_told_with_its_lock_and_how_its_imports_went(
    pool: WorkerPool, planned: Planned, sides: Sides
) -> None:
    planned.starts["torch-side"] = imports(TORCH)
    locked = LockStatus("locked", Path(), "ab", {"torch": "2.0.1"}, None)
    side = replace(sides[0], locked=locked)
    pool.worker(side)
    passed = Outcome.PASS
    assert pool.facts(side) == EnvironmentFacts("3.11", "ab", {"torch": "2.0.1"}, (), passed, passed, passed)


@pytest.mark.parametrize(
    ("steps", "imported"),
    [
        ((TORCH, ImportStep("transformers", Outcome.FAIL, 0.1, Problem("ImportError", "m"))), "pass"),  # only ahead
        ((ImportStep("shim:a", Outcome.PASS, 0.1), ImportStep("torch-side", Outcome.CRASH, 0.1)), "crash"),
        ((ImportStep("shim:a", Outcome.FAIL, 0.1), TORCH), "fail"),
        ((), "untested"),
    ],
)
def test_an_import_that_is_required_decides_and_one_that_is_made_ahead_does_not(
    pool: WorkerPool, planned: Planned, sides: Sides, steps: tuple[ImportStep, ...], imported: str
) -> None:
    planned.starts["torch-side"] = imports(*steps)
    side = replace(sides[0], preload=("transformers",))
    pool.worker(side)
    assert pool.facts(side).import_ == imported


def test_an_environment_that_does_not_install_is_told_as_such(pool: WorkerPool, planned: Planned, sides: Sides) -> None:
    planned.installs["torch-side"] = raises(InstallError("no wheel"))
    pool.warm(*sides)
    found = [pool.facts(side) for side in sides]
    assert [(facts.resolve, facts.install, facts.import_) for facts in found] == [
        ("pass", "fail", "untested"),
        ("pass", "untested", "untested"),
    ]


def test_an_environment_that_started_in_another_run_is_told_from_the_store(
    pool: WorkerPool, planned: Planned, sides: Sides
) -> None:
    pool.context.store.put_imports(sides[0].key, [TORCH])
    found = pool.facts(sides[0])
    assert (found.install, found.import_) == ("pass", "pass")
    assert planned.workers == []
