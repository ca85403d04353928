"""What the source side answers to probes: the model that answers is the one that was exported."""

from pathlib import Path
from typing import Any

import numpy
import pytest

from tfparity.worker import frameworks
from tfparity.worker.messages import Reply
from tfparity.worker.requests import probe, source

#: A framework of numpy: a model is a list of one weight, and 0.0 is one that means nothing.
FRAMEWORK = """
import copy

from tfparity.worker.frameworks import Framework

FRAMEWORK = Framework(
    pin_threads=lambda count: None,
    build=lambda case: case.factory(),
    run=lambda model, given, double=False: [given[0] * given[0].dtype.type(model[0])],
    double=copy.copy,
    moved_weights=lambda model, given: (),
    parameters=len,
    enliven=ENLIVEN,
)
"""

CASES = """
from tfparity import case, normal

for trained in (False, True):
    @case("mine/" + ("trained" if trained else "fresh"), inputs=[normal("batch", 3, name="x")], outputs=["y"],
          trained=trained)
    def net():
        return [0.0]
"""

CALL = {"sizes": {"batch": 3}, "seed": 0, "changes": [], "nudged": True}


@pytest.mark.usefixtures("_no_plugins")
@pytest.mark.parametrize(
    ("own", "name", "enliven", "weight"),
    [
        (True, "fresh", "lambda model, case: model.__setitem__(0, 2.0)", 2.0),
        (True, "trained", "lambda model, case: model.__setitem__(0, 2.0)", 0.0),
        (False, "fresh", "lambda model, case: model.__setitem__(0, 2.0)", 0.0),
        (True, "fresh", "None", 0.0),
    ],
)
def test_the_model_that_answers_is_the_one_that_was_exported(
    tmp_path: Path, own: bool, name: str, enliven: str, weight: float
) -> None:
    (tmp_path / "mine.py").write_text(FRAMEWORK.replace("ENLIVEN", enliven))
    (tmp_path / "zoo.py").write_text(CASES)
    result = tmp_path / "answers.npz"
    request: dict[str, Any] = {
        "kind": "answer",
        "framework": str(tmp_path / "mine.py"),
        "case_file": str(tmp_path / "zoo.py"),
        "case": f"mine/{name}",
        "path": [],
        "own": own,
        "made": str(tmp_path),
        "parts": [{"calls": [CALL], "skip": {}, "result": result.name}],
    }
    probe.handle(str(tmp_path), request, Reply(str(tmp_path)))
    with numpy.load(result) as stored:
        for kind in ("float32", "float64"):
            assert (stored[f"{kind}/0/y"] == stored["input/0/x"] * numpy.float32(weight)).all()
    _, exported = source.built(frameworks.load(request["framework"]), request)
    assert exported == [weight]
