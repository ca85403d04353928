"""Latency over planted subjects, each in real worker processes of its own. What is asserted is never a duration."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PYTHONS

from tfparity.engine.context import Context
from tfparity.engine.engine import Engine
from tfparity.engine.worker_client import Side, Worker
from tfparity.evidence.latency import Latency
from tfparity.features.latency.bench import bench
from tfparity.planning import subjects, targets
from tfparity.records.cells import PlannedCell
from tfparity.records.vocabulary import Target

HERE = Path(__file__).parent

Time = Callable[..., Latency]


@pytest.fixture
def time(
    tmp_path: Path, planned: Callable[..., tuple[Context, list[PlannedCell]]], monkeypatch: pytest.MonkeyPatch
) -> Time:
    """Time the planted net with planted modules in the places of subjects: time({"torch": "steady"})."""

    def timed(does: dict[str, str], fault: str = "faithful", python: str = "3.11", **given: int) -> Latency:
        for name, word in does.items():
            if word:
                shutil.copy(HERE / "planted_subject.py", tmp_path / f"{word}.py")
                monkeypatch.setitem(subjects.MODULES, name, str(tmp_path / f"{word}.py"))
        context, (cell,) = planned(fault, "planted/net", python=python)
        with Engine(context) as engine:
            return bench(engine, cell, **{"rounds": 4, "processes": 2, "names": tuple(does), **given})  # type: ignore[arg-type]

    return timed


@pytest.mark.parametrize("version", [PYTHONS[0], PYTHONS[-1]])
def test_a_subject_is_timed_in_processes_of_its_own(time: Time, version: str) -> None:
    found = time({"torch": "steady", "torchscript": "fills-memory"}, python=version, processes=3, rounds=5)
    assert found.failed == {}
    assert list(found.subjects) == ["torch", "torchscript"]
    for series in found.subjects.values():
        assert [len(process.samples) for process in series.processes] == [5, 5, 5]
        assert series.megabytes is not None
        assert series.megabytes == pytest.approx(1e-3, rel=0.02)
        assert (series.ran or "").startswith("numpy ")
        for process in series.processes:
            assert min(process.samples) > 0
            assert process.load_seconds is not None
            assert process.load_seconds > 0
            assert process.first_seconds is not None
            assert process.waited is not None
            assert 0 <= process.waited <= 1
    memory = {name: series.processes[0].memory_mib for name, series in found.subjects.items()}
    assert memory["torch"] is not None
    assert memory["torchscript"] is not None
    assert memory["torchscript"] - memory["torch"] > 24


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("stops-midway", "ended by SIGABRT"),
        ("refuses", "NotHere: this version cannot do it"),
        ("fills-the-pipe", "exited with status 1"),
    ],
)
def test_a_subject_that_does_not_run_to_the_end_has_a_reason_and_no_samples(time: Time, does: str, said: str) -> None:
    found = time({"torch": "steady", "torchscript": does})
    assert list(found.subjects) == ["torch"]
    assert [len(process.samples) for process in found.subjects["torch"].processes] == [4, 4]
    assert said in found.failed["torchscript"]


def test_a_subject_tells_where_the_time_goes_once_it_is_timed(time: Time) -> None:
    found = time(
        {
            "torch": "steady",
            "torchscript": "cannot-tell",
            "onnxruntime": "tells-nonsense",
            "saved-model": "tells-too-much",
        }
    )
    assert found.failed == {}
    told = found.subjects["torch"]
    assert (told.operators, told.spent) == ({"Tile": 2, "Sort": 1}, {"Sort": 2e-3, "Tile": 1e-3})
    assert list(told.spent or ()) == ["Sort", "Tile"]
    for name in ("torchscript", "onnxruntime"):
        assert found.subjects[name].operators is None
        assert found.subjects[name].processes[0].load_seconds is not None
    much = found.subjects["saved-model"]
    for by_type in (much.operators, much.spent):
        assert by_type is not None
        assert len(by_type) <= 100
        assert all(len(name) <= 60 and name.isprintable() for name in by_type)


def test_of_a_cell_that_does_not_work_nothing_is_timed(time: Time) -> None:
    found = time({"torch": "steady"}, fault="swap-outputs")
    assert found.subjects == {}
    assert found.why is not None


def test_what_a_framework_or_a_route_cannot_give_is_said(time: Time) -> None:
    """By the real modules: the planted case is no torch module, its export no ONNX file."""
    found = time({"torch": "steady", "torch-compile": "", "onnxruntime": ""})
    assert "times no calls" in found.failed["torch-compile"]
    assert "the route exports no ONNX file" in found.failed["onnxruntime"]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("rounds", None),
        ("raises", "this operator has no 8-bit form"),
        ("forgets", "tflite-dynamic, parity"),  # of wrong answers the time says nothing
    ],
)
def test_a_target_is_made_to_be_timed(
    time: Time, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, said: str | None
) -> None:
    shutil.copy(HERE / "planted_target.py", tmp_path / f"{does}.py")
    shutil.copy(HERE / "planted.py", tmp_path / "faithful.py")
    monkeypatch.setitem(targets.MODULES, Target.TFLITE_DYNAMIC, str(tmp_path / f"{does}.py"))
    runs = tmp_path / "runs-it.py"
    runs.write_text(
        (HERE / "planted_subject.py").read_text().replace('side="source"', 'side="target", target="tflite-dynamic"')
    )
    monkeypatch.setitem(subjects.MODULES, "tflite-dynamic", str(runs))
    found = time({"torch": "steady", "tflite-dynamic": ""})
    if said is None:
        assert found.failed == {}
        assert list(found.subjects) == ["torch", "tflite-dynamic"]
    else:
        assert said in found.failed["tflite-dynamic"]
        assert list(found.subjects) == ["torch"]


def test_a_trial_of_the_gates_benchmark_runs_real_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE.parents[1] / "benchmarks"))
    benchmark = importlib.import_module("latency_gate")
    with Worker(Side(Path(sys.executable), (), ("numpy",)), tmp_path / "worker") as worker:
        trials = benchmark.Bench(worker, tmp_path, processes=3, rounds=10, among=1)
        found = trials.trial("sorting", 0.5)
        series = trials.run("hashing", 0.0).subjects
    assert [len(process.samples) for process in series["saved-model"].processes] == [10, 10, 10]
    assert found.effect is not None
    assert found.spread is not None
    (counts,) = [benchmark.counted("idle", 0.5, [found])]
    assert (counts.all, counts.load, counts.slowdown) == (1, "idle", 0.5)
    assert counts.slower + counts.insufficient <= counts.quiet <= 1
    assert benchmark.line(counts).startswith("idle   50% more")
