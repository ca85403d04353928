"""Latency as it is measured and as it is kept: who takes turns with whom, what a file of either schema says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from tfparity import paths
from tfparity.engine.worker_client import Answer, Facts
from tfparity.errors import EvidenceError, UsageError, WorkerError
from tfparity.evidence import latency
from tfparity.evidence.latency import Latency, Process, Series
from tfparity.evidence.ratios import FEWEST
from tfparity.features.latency import measure
from tfparity.features.latency.measure import Call, Subject
from tfparity.paths import Project
from tfparity.planning import subjects
from tfparity.records.cells import StageReply
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Outcome, Target
from tfparity.report.latency import terminal

ROOT = paths.project().root


@dataclass
class Fake:
    """A subject that answers at once, and stops after so many turns."""

    name: str
    turns: list[str] = field(default_factory=list)
    after: int = 10**6
    comes_up: bool = True
    timing: None = None
    account: None = None
    own: int = 0

    def __enter__(self) -> Fake:
        if not self.comes_up:
            raise WorkerError(f"{self.name}: does not load")
        return self

    def __exit__(self, *_: object) -> None:
        self.turns.append(f"end {self.name}")

    def turn(self) -> Call:
        self.own += 1
        if self.own > self.after:
            raise WorkerError(f"{self.name}: stopped")
        self.turns.append(self.name)
        return Call(0.002, 0.0015)


#: What a measured process may print where two numbers are expected.
GARBAGE = {
    "words": b"ready\n" + b"fast enough\n" * 2,
    "nothing": b"ready\n\n\n",
    "one number": b"ready\n1.0\n1.0\n",
    "three numbers": b"ready\n1 2 3\n1 2 3\n",
    "no text": b"ready\n\xff\xfe\x00\n\xff\n",
    "no number": b"ready\nnan nan\nnan nan\n",
    "without end": b"ready\ninf inf\ninf inf\n",
    "before it began": b"ready\n-1 1\n-1 1\n",
    "a number of 5,000 digits": b"ready\n" + b"9" * 4000 + b" 1\n" + b"9" * 4000 + b" 1\n",
    "escapes": b"ready\n\x1b[2J\n\x1b[2J\n",
    "a line without end": b"ready\n" + b"1" * 50_000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_a_process_that_answers_no_times_has_a_reason(tmp_path: Path, garbage: bytes) -> None:
    def ask(request: Mapping[str, Json]) -> Answer:
        Path(str(request["durations"])).write_bytes(garbage)
        with Path(str(request["commands"])).open() as commands:
            while commands.readline() != "end\n":
                pass
        return Answer((StageReply("measure", Outcome.PASS),), Facts(), tmp_path)

    with Subject("torch", ask, {}, tmp_path / "subject") as subject:
        calls, failed = measure.interleave([subject], 3)
    assert calls == {}
    assert failed["torch"].startswith("torch: its answer is no time")
    assert failed["torch"].isprintable()


def test_every_second_round_has_the_order_of_the_one_before_backwards() -> None:
    turns: list[str] = []
    fakes = [Fake(name, turns) for name in "abcd"]
    calls, failed = measure.interleave(cast("list[Subject]", fakes), 8)
    rounds = [turns[at : at + 4] for at in range(0, 32, 4)]
    assert all(sorted(one) == list("abcd") for one in rounds)
    assert all(there == back[::-1] for there, back in zip(rounds[::2], rounds[1::2], strict=True))
    assert len({tuple(one) for one in rounds[::2]}) > 1
    assert {name: len(mine) for name, mine in calls.items()} == dict.fromkeys("abcd", 8)
    assert failed == {}


def test_what_takes_long_is_called_as_often_as_says_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "ENOUGH", 0.0)
    fakes = cast("list[Subject]", [Fake(name, []) for name in "ab"])
    calls, _ = measure.interleave(fakes, 100)
    assert {name: len(mine) for name, mine in calls.items()} == dict.fromkeys("ab", FEWEST)


def test_one_that_stops_in_any_process_has_a_reason_and_no_samples() -> None:
    turns: list[str] = []

    def make(name: str, number: int) -> Subject:
        after = 3 if (name, number) == ("b", 1) else 10**6
        return cast("Subject", Fake(name, turns, after, comes_up=name != "c"))

    series, failed = measure.measured(make, ["a", "b", "c"], rounds=6, processes=3)
    assert failed == {"b": "b: stopped", "c": "c: does not load"}
    assert list(series) == ["a"]
    assert [len(one.samples) for one in series["a"].processes] == [6, 6, 6]
    assert series["a"].processes[0].waited == pytest.approx(0.25)
    assert turns.count("end b") == 2  # and is not begun a third time


def test_the_subjects_are_declared_once_and_run_targets_that_there_are() -> None:
    assert set(subjects.MODULES) == set(subjects.NAMES)
    for name in subjects.NAMES:
        declared = subjects.declared(name)
        assert declared.side in ("source", "target", "either")
        assert declared.target is None or declared.target in set(Target)
        assert declared.target in (None, name)
    assert subjects.named([]) == subjects.NAMES
    assert subjects.named(["saved-model"]) == ("torch", "saved-model")
    with pytest.raises(UsageError, match="there are torch, torchscript"):
        subjects.named(["saved-modell"])


# Files


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def process(by: float) -> Process:
    return Process([round(0.01 * by + 0.0001 * (n % 5), 5) for n in range(20)], 0.5, 0.125, 12.0, 0.0)


def cell() -> Latency:
    found = {
        "torch": Series([process(1), process(1.01), process(0.99)], 44.8, "torch 2.15.0"),
        "saved-model": Series([process(2), process(2.01), process(1.99)], None, None),
    }
    return Latency("zoo/add", "onnx-tf", 13, {"batch": 1}, found, {"torch-compile": "no compiler"})


def test_what_is_saved_is_read_again(project: Project) -> None:
    file = latency.save(project, "old", "2026-11-23T03:31:36+00:00", [cell()])
    assert json.loads(file.read_text())["schema"] == 2
    (found,) = latency.cells(project, "old")
    assert found == cell()
    ratio = found.ratios["saved-model"]
    assert (ratio.verdict, ratio.pairs) == ("slower", 60)
    assert ratio.median == pytest.approx(2, rel=0.02)


def test_schema_1_is_read_as_one_process_of_each(project: Project) -> None:
    old = {
        "case": "zoo/add",
        "route": "onnx-tf",
        "opset": 13,
        "sizes": {"batch": 1},
        "samples": {"torch": [0.001] * 40, "saved-model": [0.0015] * 40},
        "failed": {"saved-model-xla": "XLA does not take it"},
        "ratios": {},
    }
    file = latency.path(project, "old")
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"schema": 1, "toolchain": "old", "ran_at": "x", "machine": {}, "cells": [old]}))
    (found,) = latency.cells(project, "old")
    assert found.subjects["torch"] == Series([Process([0.001] * 40)])
    assert found.failed == {"saved-model-xla": "XLA does not take it"}
    assert found.ratios["saved-model"].verdict == "slower"


def test_every_committed_recording_is_read() -> None:
    files = sorted((ROOT / "results" / "latency").glob("*.json"))
    assert files
    for file in files:
        recording = latency.read(file)
        assert recording.toolchain == file.stem
        assert all(one.ratios for one in recording.cells)


def test_on_a_loaded_machine_a_ratio_is_insufficient_data_with_its_figures() -> None:
    found = cell()
    busy = [Process(one.samples, waited=0.5) for one in found.subjects["torch"].processes]
    loaded = Latency("zoo/add", "onnx-tf", 13, {}, {**found.subjects, "torch": Series(busy)}, {})
    ratio = loaded.ratios["saved-model"]
    assert ratio.verdict == "insufficient data"
    assert ratio.median == found.ratios["saved-model"].median


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read: "),
        ("[]", "is not of schema 1 or 2"),
        ('{"schema": 3}', "is not of schema 1 or 2"),
        ('{"schema": 2, "toolchain": "a", "ran_at": "x", "machine": {}}', "cells: "),
        ('{"schema": 1, "toolchain": "a", "ran_at": "x", "machine": {}, "cells": [{}]}', "cells.0.case: "),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(text)
    with pytest.raises(EvidenceError) as wrong:
        latency.read(file)
    assert str(file) in str(wrong.value)
    assert said in str(wrong.value)
    assert "nox -s latency -- --record" in str(wrong.value)


@pytest.mark.parametrize("lacks", ["a process", "a sample"])
def test_subjects_that_did_not_take_turns_are_refused(project: Project, lacks: str) -> None:
    found = cell()
    processes = found.subjects["torch"].processes
    less = processes[1:] if lacks == "a process" else [Process(processes[0].samples[1:]), *processes[1:]]
    odd = replace(found, subjects={**found.subjects, "saved-model": Series(less)})
    file = project.results / "latency" / "a.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    written = {"schema": 2, "toolchain": "a", "ran_at": "x", "machine": {}, "cells": [asdict(odd)]}
    file.write_text(json.dumps(written))
    with pytest.raises(EvidenceError, match="more and fewer samples"):
        latency.read(file)


def test_the_terminal_tells_each_subject_and_each_reason() -> None:
    lines = list(terminal(cell()))
    assert lines[0] == "zoo/add (onnx-tf, opset 13, batch 1)"
    assert "call 10.2 ms; first 125 ms; load 500 ms; memory 12 MiB; disk 44.8 MB; torch 2.15.0" in lines[1]
    assert "slower" in lines[2]
    assert lines[3].split(maxsplit=1) == ["torch-compile", "does not run: no compiler"]


def test_what_a_subject_says_is_stripped_in_the_terminal() -> None:
    tricky = Latency("a/b", "onnx-tf", 13, {}, {}, {"torchscript": "\x1b[31mred\x1b[0m\nnext"})
    assert "\x1b" not in "".join(terminal(tricky))
