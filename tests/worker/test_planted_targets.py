"""Targets made by planted modules of what a planted converter gave, each in real worker processes of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from conftest import MAKER

from tfparity import paths
from tfparity.environments import install
from tfparity.errors import DataError, InstallError
from tfparity.inputs import calibration
from tfparity.inputs.calibration import Calibration
from tfparity.inputs.matrix import Environment
from tfparity.planning import targets
from tfparity.records.cells import CellRecord, Deployed, Entry
from tfparity.records.vocabulary import Grade, Outcome, Target, Verdict

HERE = Path(__file__).parent

Converter = Callable[..., CellRecord]
Plant = Callable[..., None]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Put a planted module in a target's place: plant(Target.TFLITE_INT8, "aborts")."""
    shutil.copy(HERE / "planted.py", tmp_path / "faithful.py")

    def planted(target: Target, does: str) -> None:
        shutil.copy(HERE / "planted_target.py", tmp_path / f"{does}.py")
        monkeypatch.setitem(targets.MODULES, target, str(tmp_path / f"{does}.py"))

    return planted


@pytest.mark.parametrize("does", ["forges-making", "forges-loading"])
def test_of_a_target_beside_which_the_references_were_changed_nothing_is_said(
    convert: Converter, plant: Plant, does: str
) -> None:
    plant(Target.TFLITE_DYNAMIC, does)
    record = convert("faithful", targets=(Target.TFLITE_DYNAMIC,))
    assert record.verdict is Verdict.WORKS
    assert record.cell is not None
    assert record.cell.targets == {}
    assert "were changed while what was converted ran" in record.left_out["target tflite-dynamic"]
    plant(Target.TFLITE_DYNAMIC, "rounds")
    assert made(convert("faithful", targets=(Target.TFLITE_DYNAMIC,)), Target.TFLITE_DYNAMIC)[0].outcome == "pass"


def made(record: CellRecord, target: Target) -> tuple[Entry, Deployed]:
    assert record.cell is not None
    entry = record.cell.targets[target]
    assert entry.deployed is not None
    return entry, entry.deployed


def test_a_target_is_made_loaded_run_and_judged(convert: Converter, plant: Plant) -> None:
    plant(Target.TFLITE_DYNAMIC, "rounds")
    record = convert("faithful", targets=(Target.SAVED_MODEL, Target.TFLITE_DYNAMIC))
    assert record.verdict is Verdict.WORKS
    entry, deployed = made(record, Target.TFLITE_DYNAMIC)
    assert (entry.outcome, entry.error, entry.megabytes) == (Outcome.PASS, None, 1.5)
    assert (deployed.verdict, deployed.grade) == (Verdict.WORKS, Grade.WITHIN_PRECISION)
    assert (deployed.dynamic, deployed.signature, deployed.flex) == ({"batch": True}, True, ())
    assert deployed.snr_db is not None
    assert deployed.allowed_db is not None
    assert deployed.snr_db >= deployed.allowed_db // 10 * 10
    assert deployed.top_1 is None  # of random weights nothing is claimed
    own, of_route = made(record, Target.SAVED_MODEL)
    assert (own.outcome, of_route.grade) == (Outcome.PASS, Grade.FLOAT32_NOISE)
    assert record.targets[Target.TFLITE_DYNAMIC].seconds


@pytest.mark.parametrize(
    ("does", "outcome", "verdict", "said"),
    [
        ("aborts", Outcome.CRASH, Verdict.BROKEN, "tflite-int8, made: ended by SIGABRT"),
        ("raises", Outcome.FAIL, Verdict.BROKEN, "tflite-int8, made: this operator has no 8-bit form"),
        ("does-not-load", Outcome.CRASH, Verdict.BROKEN, "tflite-int8, load: ended by SIGABRT"),
        ("forgets", Outcome.FAIL, Verdict.BROKEN, "tflite-int8, parity: "),
        ("freezes-batch", Outcome.FAIL, Verdict.PARTIAL, "tflite-int8, dynamic-shape: axis 'batch' is lost"),
    ],
)
@pytest.mark.parametrize("fresh_process", [False, True], ids=["forked", "fresh"])
def test_what_fails_is_a_failure_of_that_target_alone(
    convert: Converter,
    plant: Plant,
    does: str,
    outcome: Outcome,
    verdict: Verdict,
    said: str,
    fresh_process: bool,
) -> None:
    plant(Target.TFLITE_INT8, does)
    plant(Target.TFLITE_DYNAMIC, "rounds")
    record = convert("faithful", targets=(Target.TFLITE_DYNAMIC, Target.TFLITE_INT8), fresh_process=fresh_process)
    assert record.verdict is Verdict.WORKS
    entry, deployed = made(record, Target.TFLITE_INT8)
    assert (entry.outcome, deployed.verdict) == (outcome, verdict)
    (failure,) = record.beside
    assert entry.error == failure.fingerprint
    assert failure.message.startswith(said)
    assert made(record, Target.TFLITE_DYNAMIC)[1].verdict is Verdict.WORKS


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("changes-what-it-is-made-of", "tflite-int8, made: the artifact was changed"),
        ("leaves-a-pipe", "tflite-int8, made: the artifact has a pipe, pipe"),
        ("changes-itself", "tflite-int8, parity: the artifact was changed"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_target_that_would_not_be_handed_over_as_it_was_judged_is_broken(
    convert: Converter, plant: Plant, does: str, said: str, jobs: int
) -> None:
    plant(Target.TFLITE_INT8, does)
    record = convert("faithful", targets=(Target.TFLITE_INT8,), jobs=jobs)
    assert record.verdict is Verdict.WORKS
    entry, deployed = made(record, Target.TFLITE_INT8)
    assert (entry.outcome, deployed.verdict) == (Outcome.CRASH, Verdict.BROKEN)
    assert record.beside[0].message.startswith(said)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("does", ["killed-once", "killed"])
def test_a_target_that_the_machine_ends_is_left_out_and_nothing_else(
    convert: Converter, plant: Plant, does: str, jobs: int
) -> None:
    plant(Target.TFLITE_INT8, does)
    plant(Target.TFLITE_DYNAMIC, "rounds")
    record = convert("faithful", targets=(Target.TFLITE_INT8, Target.TFLITE_DYNAMIC), jobs=jobs)
    assert record.cell is not None
    assert (record.verdict, record.interrupted) == (Verdict.WORKS, False)
    there = [Target.TFLITE_INT8, Target.TFLITE_DYNAMIC] if does == "killed-once" else [Target.TFLITE_DYNAMIC]
    assert sorted(record.cell.targets) == sorted(there)
    left_out = {} if does == "killed-once" else {"target tflite-int8": "ended by SIGKILL from outside, during target"}
    assert record.left_out == left_out


def test_a_target_that_is_killed_twice_with_much_memory_is_out_of_memory(convert: Converter, plant: Plant) -> None:
    plant(Target.TFLITE_INT8, "killed-with-much-memory")
    record = convert("faithful", targets=(Target.TFLITE_INT8,), memory_gib=0.5)
    entry, deployed = made(record, Target.TFLITE_INT8)
    assert (entry.outcome, deployed.verdict, record.left_out) == (Outcome.OUT_OF_MEMORY, Verdict.BROKEN, {})
    (failure,) = record.beside
    assert failure.message.startswith("tflite-int8, made: killed twice by the system")


def test_a_target_adds_an_entry_and_leaves_the_cell_and_its_key(convert: Converter, plant: Plant) -> None:
    plant(Target.TFLITE_DYNAMIC, "rounds")
    plain, record = convert("faithful"), convert("faithful", targets=(Target.TFLITE_DYNAMIC,))
    assert plain.cell is not None
    assert record.cell is not None
    assert (plain.cell.key, plain.cell.targets) == (record.cell.key, {})
    assert record.cell.targets[Target.TFLITE_DYNAMIC].key != record.cell.key


def test_what_was_made_before_is_not_made_again(convert: Converter, plant: Plant) -> None:
    plant(Target.TFLITE_DYNAMIC, "rounds")
    wanted = (Target.SAVED_MODEL, Target.TFLITE_DYNAMIC)
    first = convert("faithful", targets=wanted)
    again = convert("faithful", targets=wanted, again=False)
    assert again.cached
    assert again.cell == first.cell
    assert again.targets == first.targets


def test_of_a_cell_that_fails_no_target_is_made(convert: Converter, plant: Plant) -> None:
    plant(Target.TFLITE_DYNAMIC, "aborts")
    record = convert("swap-outputs", targets=(Target.TFLITE_DYNAMIC,))
    assert record.cell is not None
    assert (record.verdict, record.cell.targets) == (Verdict.BROKEN, {})


def examples(tmp_path: Path, **arrays: object) -> Calibration:
    numpy.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type] # numpy's own stub of **kwds
    return calibration.read(tmp_path / "data.npz")


def told(convert: Converter, cache: paths.Cache, given: Calibration | None) -> dict[str, float]:
    """What the planted target says of the examples that it was made with."""
    convert("faithful", targets=(Target.TFLITE_DYNAMIC,), examples=given, keep=True)
    (kept,) = cache.work.iterdir()
    try:
        (file,) = kept.rglob("examples.json")
        found: dict[str, float] = json.loads(file.read_text())
    finally:
        shutil.rmtree(kept)
    return found


def test_it_is_made_with_the_cases_inputs_or_with_a_users_own(
    convert: Converter, plant: Plant, cache: paths.Cache, tmp_path: Path
) -> None:
    plant(Target.TFLITE_DYNAMIC, "rounds")
    own = told(convert, cache, None)
    assert (own["count"], own["rows"]) == (3, 2)
    assert abs(own["mean"]) < 0.5
    data = numpy.full((8, 3, 8, 8), 5, "float32")
    assert told(convert, cache, examples(tmp_path, images=data)) == {"count": 4, "rows": 2, "mean": 5.0}


def test_examples_that_are_not_the_models_inputs_are_refused_before_anything_runs(
    convert: Converter, plant: Plant, tmp_path: Path
) -> None:
    plant(Target.TFLITE_DYNAMIC, "rounds")
    given = examples(tmp_path, picture=numpy.zeros((8, 3, 8, 8), "float32"))
    with pytest.raises(DataError, match="lacks the input 'images' of planted/net"):
        convert("faithful", targets=(Target.TFLITE_DYNAMIC,), examples=given)


# Made in an environment of their own


def test_a_target_is_made_apart_of_the_float32_file_which_is_made_once(
    convert: Converter, plant: Plant, cache: paths.Cache, tmp_path: Path
) -> None:
    plant(Target.TFLITE_FLOAT32, "rounds")
    plant(Target.LITERT_DYNAMIC_INT8, "apart-rounds")
    plant(Target.LITERT_INT8, "apart-rounds")
    wanted = (Target.TFLITE_FLOAT32, Target.LITERT_DYNAMIC_INT8, Target.LITERT_INT8)
    record = convert("faithful", targets=wanted, keep=True)
    (kept,) = cache.work.iterdir()
    try:
        found = {path.parent.name: json.loads(path.read_text()) for path in kept.rglob("made.json")}
    finally:
        shutil.rmtree(kept)
    assert record.verdict is Verdict.WORKS
    assert {target: made(record, target)[1].verdict for target in wanted} == dict.fromkeys(wanted, Verdict.WORKS)
    assert found["target-tflite-float32"] == {"of": "artifact", "python": "3.11"}
    apart = {"of": "target-tflite-float32", "python": "3.12"}
    assert (found["target-litert-dynamic-int8"], found["target-litert-int8"]) == (apart, apart)
    assert (tmp_path / "makings").read_text().split() == [f"target-{target}" for target in wanted]


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("apart-aborts", "litert-dynamic-int8, made: ended by SIGABRT"),
        ("apart-raises", "litert-dynamic-int8, made: this operator has no 8-bit form"),
        ("apart-does-not-import", "litert-dynamic-int8, made: import no_such_module: No module named"),
        ("apart-forgets", "litert-dynamic-int8, parity: "),
        ("apart-changes-what-it-is-made-of", "litert-dynamic-int8, made: the artifact was changed"),
    ],
)
def test_what_fails_apart_is_a_failure_of_that_target_alone(
    convert: Converter, plant: Plant, does: str, said: str
) -> None:
    plant(Target.TFLITE_FLOAT32, "rounds")
    plant(Target.LITERT_DYNAMIC_INT8, does)
    record = convert("faithful", targets=(Target.TFLITE_FLOAT32, Target.LITERT_DYNAMIC_INT8))
    assert (record.verdict, record.left_out) == (Verdict.WORKS, {})
    assert made(record, Target.TFLITE_FLOAT32)[1].verdict is Verdict.WORKS
    entry, deployed = made(record, Target.LITERT_DYNAMIC_INT8)
    (failure,) = record.beside
    assert (deployed.verdict, entry.error) == (Verdict.BROKEN, failure.fingerprint)
    assert failure.message.startswith(said)


def test_of_a_float32_file_that_is_not_right_nothing_is_made_and_its_failure_is_told(
    convert: Converter, plant: Plant
) -> None:
    plant(Target.TFLITE_FLOAT32, "forgets")
    plant(Target.LITERT_DYNAMIC_INT8, "apart-rounds")
    record = convert("faithful", targets=(Target.LITERT_DYNAMIC_INT8,))
    entry, deployed = made(record, Target.LITERT_DYNAMIC_INT8)
    assert (deployed.verdict, entry.megabytes) == (Verdict.BROKEN, None)
    assert record.beside[0].message.startswith("litert-dynamic-int8, made: tflite-float32, parity: ")


def test_a_maker_that_does_not_install_says_nothing_of_the_target(
    convert: Converter, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(Target.TFLITE_FLOAT32, "rounds")
    plant(Target.LITERT_DYNAMIC_INT8, "apart-rounds")
    real = install.ensure

    def ensure(project: paths.Project, environment: Environment, *given: Any, **named: Any) -> install.Installed:
        if environment.id == MAKER.id:
            raise InstallError("the wheel is broken")
        return real(project, environment, *given, **named)

    monkeypatch.setattr(install, "ensure", ensure)
    record = convert("faithful", targets=(Target.TFLITE_FLOAT32, Target.LITERT_DYNAMIC_INT8))
    assert record.cell is not None
    assert (record.verdict, list(record.cell.targets)) == (Verdict.WORKS, ["tflite-float32"])
    assert record.left_out["target litert-dynamic-int8"].startswith("the wheel is broken")
