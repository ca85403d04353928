"""A user's own measure inside a worker: what it may ask the model, and what it may return."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tfparity.worker.messages import REPLY, Reply, StageFailed
from tfparity.worker.requests import score

#: A model that doubles what it is given.
RUNS = """
from tfparity.worker.routes import Route
from tfparity.worker.targets import Target


class Runner:
    def run(self, given):
        (_, ids), (_, images) = given
        assert [name for name, _ in given] == ["ids", "images"], given
        return [("somewhere/scores", images * 2 + ids.sum())]


TARGET = Target(revision=1, precision="float32", load=lambda folder: Runner(), pin_threads=lambda count: None)
"""

MEASURES = """
import numpy

IMAGES, IDS = numpy.ones((2, 3), "float32"), numpy.zeros((2, 1), "int64")


def mean(predict):
    return predict({"images": IMAGES, "ids": IDS})["scores"].mean()  # a numpy scalar


def a_count(predict):
    return int(predict({"images": IMAGES, "ids": IDS})["scores"].sum())


def of_lists(predict):
    return predict({"images": IMAGES, "ids": IDS.tolist()})["scores"].mean()


def missing(predict):
    return predict({"images": IMAGES})


def unknown(predict):
    return predict({"images": IMAGES, "ids": IDS, "mask": IDS})


def positional(predict):
    return predict([IMAGES, IDS])


def doubles(predict):
    return predict({"images": IMAGES.astype("float64"), "ids": IDS})


def many(predict):
    return predict({"images": IMAGES, "ids": IDS})["scores"]


def text(predict):
    return "good"


def infinite(predict):
    return float("-inf")


def undefined(predict):
    return numpy.float32("nan")


def nothing(predict):
    predict({"images": IMAGES, "ids": IDS})


def raises(predict):
    raise KeyError("labels")


A_NUMBER = 3
"""


def told(folder: Path, function: str) -> dict[str, Any]:
    """The reply of a request for that measure."""
    (folder / "runs.py").write_text(RUNS)
    (folder / "measures.py").write_text(MEASURES)
    request: dict[str, Any] = {
        "model": ["targets", str(folder / "runs.py")],
        "artifact": "nowhere",
        "inputs": [["ids", "int64"], ["images", "float32"]],
        "outputs": ["scores"],
        "measure": [str(folder / "measures.py"), function],
        "path": [],
    }
    reply = Reply(str(folder))
    try:
        score.handle(str(folder), request, reply)
    except StageFailed:
        pass
    found: dict[str, Any] = json.loads((folder / REPLY).read_text())
    return found


@pytest.mark.usefixtures("_no_plugins")
@pytest.mark.parametrize(("function", "value"), [("mean", 2.0), ("a_count", 12.0), ("of_lists", 2.0)])
def test_a_score_is_what_the_function_returns(tmp_path: Path, function: str, value: float) -> None:
    reply = told(tmp_path, function)
    assert [(stage["stage"], stage["outcome"]) for stage in reply["stages"]] == [("load", "pass"), ("score", "pass")]
    assert reply["facts"] == {"score": value}


@pytest.mark.usefixtures("_no_plugins")
@pytest.mark.parametrize(
    ("function", "type", "message"),
    [
        ("missing", "Inputs", "predict takes a dict of ids, images, it was given images"),
        ("unknown", "Inputs", "predict takes a dict of ids, images, it was given images, ids, mask"),
        ("positional", "Inputs", "predict takes a dict of ids, images, it was given a list"),
        ("doubles", "Inputs", "images is float64, the model takes float32"),
        ("many", "NoNumber", "many returned a ndarray, not one number"),
        ("text", "NoNumber", "text returned a str, not one number"),
        ("infinite", "NoNumber", "infinite returned -inf"),
        ("undefined", "NoNumber", "undefined returned nan"),
        ("nothing", "NoNumber", "nothing returned a NoneType, not one number"),
        ("raises", "KeyError", "'labels'"),
        ("A_NUMBER", "NoFunction", "there is no function A_NUMBER"),
        ("absent", "NoFunction", "there is no function absent"),
    ],
)
def test_a_score_that_is_missing_says_why(tmp_path: Path, function: str, type: str, message: str) -> None:
    reply = told(tmp_path, function)
    assert reply["stages"][-1]["error"] == {"type": type, "message": message}
    assert reply["facts"] == {}
