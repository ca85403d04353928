"""A user's own measure of a conversion, for real: torch's model, what was converted and a target, in a worker each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tfparity.engine.engine import Engine
from tfparity.engine.scores import Scores
from tfparity.inputs import evaluation
from tfparity.planning import targets
from tfparity.records.vocabulary import Sandboxing, Target

HERE = Path(__file__).parent

MEASURES = '''\
import os
import signal

import beside
import numpy


def mean(predict):
    """Of rows that the case never had: twice as many as any of its batches."""
    found = predict({"images": beside.images(18)})
    assert sorted(found) == ["attention", "z_scores"], sorted(found)
    return numpy.abs(found["z_scores"]).mean()


def leaves(predict):
    os._exit(3)


def killed(predict):
    os.kill(os.getpid(), signal.SIGKILL)


def quits(predict):
    raise SystemExit("enough")

'''

BESIDE = """\
import numpy


def images(rows):
    return numpy.random.RandomState(7).normal(size=(rows, 3, 8, 8)).astype("float32")
"""

Planned = Callable[..., tuple[object, list[object]]]


@pytest.fixture
def scores(planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scores]:
    """What a function of MEASURES makes of a faithful conversion and of a target that forgets a layer."""
    shutil.copy(HERE / "planted.py", tmp_path / "faithful.py")
    own = tmp_path / "mine"
    own.mkdir()
    (own / "measures.py").write_text(MEASURES)
    (own / "beside.py").write_text(BESIDE)

    def of(function: str, does: str = "rounds", **options: object) -> Scores:
        shutil.copy(HERE / "planted_target.py", tmp_path / f"{does}.py")
        monkeypatch.setitem(targets.MODULES, Target.TFLITE_DYNAMIC, str(tmp_path / f"{does}.py"))
        measure = evaluation.named(f"{own / 'measures.py'}:{function}")
        context, (cell,) = planned("faithful", "planted/net", jobs=1, again=True, evaluation=measure, **options)
        with Engine(context) as engine:  # type: ignore[arg-type]
            found = engine.scores(engine.artifact(cell, [Target.TFLITE_DYNAMIC]))  # type: ignore[arg-type]
        assert found is not None
        return found

    return of


@pytest.mark.parametrize("sandbox", [Sandboxing.OFF, Sandboxing.AUTO])
def test_each_model_has_a_score_of_its_own(scores: Callable[..., Scores], sandbox: Sandboxing) -> None:
    found = scores("mean", sandbox=sandbox)
    assert found.measure == "measures.py:mean"
    assert found.missing == {}
    values = {name: score.value for name, score in found.by_model.items()}
    assert list(values) == ["torch", "saved-model", "tflite-dynamic"]
    assert values["saved-model"] == pytest.approx(values["torch"], rel=1e-5)
    assert values["tflite-dynamic"] == pytest.approx(values["torch"], rel=0.05)  # rounded to 8 bits
    assert values["tflite-dynamic"] != values["saved-model"]


def test_a_target_that_is_not_right_has_its_score_too(scores: Callable[..., Scores]) -> None:
    """Whether it is good enough is for the measure to say."""
    found = scores("mean", "forgets")
    assert found.missing == {}
    values = {name: score.value for name, score in found.by_model.items()}
    assert values["tflite-dynamic"] != pytest.approx(values["torch"], rel=0.05)


@pytest.mark.parametrize(
    ("function", "type", "message"),
    [
        ("leaves", "Exit", "exited with status 3"),
        ("killed", "Untested", "ended by SIGKILL from outside"),
        ("quits", "Exit", "exited with status 1"),
    ],
)
def test_a_measure_that_ends_its_process_ends_that_alone(
    scores: Callable[..., Scores], function: str, type: str, message: str
) -> None:
    found = scores(function)
    assert {name: score.value for name, score in found.by_model.items()} == dict.fromkeys(found.by_model)
    assert len(found.missing) == 3
    assert {(problem.type, problem.message) for problem in found.missing.values()} == {(type, message)}
