"""Shares of a run on a planned cluster: each record comes once; what is killed begins again elsewhere, once."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import builders
import pytest
import small_project

from tfparity.errors import SchedulerError
from tfparity.features.cluster import share
from tfparity.features.cluster.client import Cluster
from tfparity.features.cluster.share import Share, ShareKilled, Told
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.records.cells import CellId, CellRecord
from tfparity.records.observer import Silent

ONE, TWO, BESIDE = "tcp://10.0.0.1:1", "tcp://10.0.0.2:1", "tcp://10.0.0.1:2"

KILLED = ShareKilled(ONE, "SIGKILL from outside")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


class Future:
    """Of a share: its records, or what ends it."""

    def __init__(self, came: list[CellRecord] | Exception) -> None:
        self.came = came

    def add_done_callback(self, done: Callable[[Future], object]) -> None:
        done(self)

    def result(self, timeout: float) -> list[CellRecord]:
        if isinstance(self.came, Exception):
            raise self.came
        return self.came


@dataclass
class Dask:
    """A cluster on which the first shares come to what is planned and all others work; keeps what it was given."""

    planned: list[Exception] = field(default_factory=list)
    tells_first: bool = False
    workers: tuple[str, ...] = (ONE, TWO, BESIDE)
    status: str = "running"
    given: list[tuple[tuple[str, ...], dict[str, Any]]] = field(default_factory=list)
    told: Callable[[tuple[float, bytes]], None] = lambda _: None

    def subscribe_topic(self, _: str, told: Callable[[tuple[float, bytes]], None]) -> None:
        self.told = told

    def run(self, function: Callable[[], str], *, on_error: str) -> dict[str, str]:
        return dict.fromkeys(self.workers, function())

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.workers, 1)

    def submit(self, _: object, share: Share, *, key: str, pure: bool, **given: Any) -> Future:
        self.given.append((tuple(place.case for place in share.places), given))
        records = [works(place) for place in share.places]
        if not self.planned:
            return Future(records)
        if self.tells_first:
            self.told((0.0, pickle.dumps(Told(record=records[0]))))
        return Future(self.planned.pop(0))

    def cancel(self, futures: Sequence[Future], *, force: bool) -> None:
        assert force


def works(place: CellId) -> CellRecord:
    return small_project.record(place.case.removeprefix("zoo/"), builders.attempt(), toolchain=place.toolchain)


class Notes(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


def ran(dask: Dask, notes: Notes | None = None) -> list[CellRecord]:
    session = Session(Choice(toolchains=("old",), routes=("onnx-tf",)))
    cluster = Cluster(session, notes or Notes(), "tcp://10.0.0.9:8786")
    cluster._client = dask  # type: ignore[assignment]
    return list(cluster.run(session.cells))


def test_a_share_that_is_killed_runs_again_on_another_machine_without_what_it_told_of(project: Project) -> None:
    whole = ran(Dask(workers=(ONE,)))
    dask, notes = Dask([KILLED], tells_first=True, workers=(ONE, TWO, BESIDE)), Notes()
    records = ran(dask, notes)
    assert sorted(record.id for record in records) == sorted(record.id for record in whole)
    assert all(not record.interrupted for record in records)
    first, *_ = [cases for cases, given in dask.given if not given]
    ((again, given),) = [(cases, given) for cases, given in dask.given if given]
    assert again == first[1:]
    assert given == {"workers": [TWO], "allow_other_workers": True}
    assert notes.said == [
        f"old 1/3: SIGKILL from outside on {ONE}; its {len(again)} cell{'s' * (len(again) > 1)} run again"
    ]


@pytest.mark.parametrize(
    ("workers", "asked"), [((ONE, BESIDE), {"workers": [BESIDE], "allow_other_workers": True}), ((ONE,), {})]
)
def test_where_there_is_no_other_machine_it_runs_where_it_can(
    project: Project, workers: tuple[str, ...], asked: dict[str, Any]
) -> None:
    dask = Dask([KILLED], workers=workers)
    assert all(record.cell for record in ran(dask) if not record.reason)
    assert dask.given[-1][1] == asked


def test_a_share_that_is_killed_twice_is_untested_and_the_others_are_not(project: Project) -> None:
    dask = Dask(workers=(ONE,))
    dask.planned = [KILLED, ShareKilled(TWO, "SIGKILL from outside")]
    records = [record for record in ran(dask) if record.interrupted]
    assert {record.reason for record in records} == {
        "the process of its share was ended 2 times by SIGKILL from outside: out of memory?"
    }
    dask = Dask([KILLED], workers=(ONE, TWO))
    assert not any(record.interrupted for record in ran(dask))


@pytest.mark.parametrize(
    "wrong", [ValueError("what a worker raises"), SchedulerError("its tfparity is another one"), OSError(5, "broken")]
)
def test_what_ends_a_share_otherwise_ends_the_run(project: Project, wrong: Exception) -> None:
    with pytest.raises(SchedulerError):
        ran(Dask([wrong]))


# The task on a worker


@dataclass
class Process:
    """The process of a share: it wrote that and ended so."""

    written: bytes
    returncode: int
    refuses: bool = False

    def __post_init__(self) -> None:
        self.stdout = io.BytesIO(self.written)
        self.stdin: Any = Shut() if self.refuses else io.BytesIO()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None: ...

    def poll(self) -> int:
        return self.returncode


class Shut(io.BytesIO):
    """A pipe whose reader is gone."""

    def write(self, _: object) -> int:
        raise BrokenPipeError

    def close(self) -> None:
        raise BrokenPipeError


@dataclass
class Worker:
    address: str = ONE
    name: str = "one"
    events: list[bytes] = field(default_factory=list)
    state: Any = None

    def get_current_task(self) -> str:
        return "task"

    def log_event(self, _: str, told: bytes) -> None:
        self.events.append(told)


RECORD = works(CellId("old", "zoo/add", "onnx-tf"))
WORD = pickle.dumps(Told(record=RECORD))


@pytest.mark.parametrize(
    ("process", "ends"),
    [
        (Process(WORD, 0), [RECORD]),
        (Process(WORD, -9), ShareKilled),
        (Process(WORD + WORD[:40], -9), ShareKilled),  # in the middle of a word
        (Process(b"", -15), ShareKilled),
        (Process(b"", -9, refuses=True), ShareKilled),  # before it took its share
        (Process(WORD, -11), SchedulerError),  # a crash of ours is no want of memory
        (Process(WORD, 1), SchedulerError),
    ],
)
def test_how_the_process_of_a_share_ends(
    monkeypatch: pytest.MonkeyPatch, process: Process, ends: list[CellRecord] | type[Exception]
) -> None:
    worker = Worker()
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: process)
    asked = Share(Choice(), (RECORD.place,), "", "", "topic")
    if isinstance(ends, list):
        assert share.run(asked) == ends
    else:
        with pytest.raises(ends):
            share.run(asked)
    assert len(worker.events) == (WORD in process.written)


@dataclass
class Hanging:
    """The process of a share that hangs until it is killed; keeps the signals that came."""

    pid: int = 4711
    returncode: int | None = None
    signals: list[int] = field(default_factory=list)
    stdin: Any = field(default_factory=io.BytesIO)

    def __enter__(self) -> Hanging:
        read, self._write = os.pipe()
        self.stdout = os.fdopen(read, "rb")
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float) -> int:
        if self.returncode is None:
            time.sleep(min(timeout, 0.01))
            raise subprocess.TimeoutExpired("share", timeout)
        return self.returncode

    def killpg(self, group: int, number: int) -> None:
        assert group == self.pid
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.returncode = -9
            os.close(self._write)


@pytest.mark.parametrize("tasks", [{}, {"task": SimpleNamespace(state="cancelled")}], ids=["forgotten", "cancelled"])
def test_a_share_that_hangs_is_killed_once_nobody_wants_it(
    monkeypatch: pytest.MonkeyPatch, tasks: dict[str, SimpleNamespace]
) -> None:
    hanging = hangs(monkeypatch, Worker(state=SimpleNamespace(tasks=tasks)))
    with pytest.raises(ShareKilled):
        share.run(Share(Choice(), (RECORD.place,), "", "", "topic"))
    assert hanging.signals == [signal.SIGINT, signal.SIGKILL]


def test_a_share_that_says_nothing_for_long_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    state = SimpleNamespace(state="executing")
    worker = Worker(state=SimpleNamespace(tasks={"task": state}))

    def log_event(topic: str, told: bytes) -> None:
        worker.events.append(told)
        if len(worker.events) == 2:  # each time that it was silent for so long
            state.state = "cancelled"

    monkeypatch.setattr(worker, "log_event", log_event)
    monkeypatch.setattr(share, "SILENT", 0.05)
    hangs(monkeypatch, worker)
    with pytest.raises(ShareKilled):
        share.run(Share(Choice(toolchains=("old",)), (RECORD.place,), "", "", "topic"))
    told = [pickle.loads(event) for event in worker.events]
    assert [one.environment[0] for one in told] == ["old", "old"]
    assert all("has said nothing for" in one.environment[1] for one in told)


def hangs(monkeypatch: pytest.MonkeyPatch, worker: Worker) -> Hanging:
    """The process that hangs, of a task on that worker."""
    hanging = Hanging()
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: hanging)
    monkeypatch.setattr(os, "killpg", hanging.killpg)
    monkeypatch.setattr(share, "LOOKS", 0.01)
    monkeypatch.setattr(share, "ENDING", 0.05)
    return hanging


def test_what_killed_a_share_reaches_the_client() -> None:
    there = pickle.loads(pickle.dumps(KILLED))
    assert (there.address, there.by) == (KILLED.address, KILLED.by)
