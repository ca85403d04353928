"""A person's own measure of a model: a function of theirs asks the model what it likes and returns one number."""

import math
import sys
from typing import Any, Callable, Dict, List, Tuple

from tfparity.worker import frameworks, plugins, routes, targets
from tfparity.worker.messages import Refused, Reply
from tfparity.worker.requests.source import built
from tfparity.worker.requests.target import by_name

#: Takes the model's inputs by name and gives its outputs by name.
Predict = Callable[[Dict[str, Any]], Dict[str, Any]]


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    """Stages load and score, fact "score". "model": ["framework" | "routes" | "targets", its name or file]; "inputs":
    pairs of name and dtype; "outputs": names; "measure": [file, function]; "path": folders to import from."""
    answer = reply.stage("load", lambda: _model(request))
    reply.stage("score", lambda: reply.fact("score", _measured(request, _asked(request, answer))))


def _model(request: Dict[str, Any]) -> Callable[[List[Tuple[str, Any]]], List[Tuple[str, Any]]]:
    """Takes pairs of name and array, in the declared order, and gives such pairs."""
    kind, name = request["model"]
    outputs = request["outputs"]
    if kind == "framework":
        framework = frameworks.load(name)
        model = built(framework, request)[1]
        return lambda given: list(zip(outputs, framework.run(model, [array for _, array in given])))
    runs: Any = targets.load(name) if kind == "targets" else routes.load(name)
    runs.pin_threads(1)
    runner = runs.load(request["artifact"])
    return lambda given: by_name(runner.run(given), outputs)


def _asked(request: Dict[str, Any], answer: Callable[[List[Tuple[str, Any]]], List[Tuple[str, Any]]]) -> Predict:
    import numpy

    takes = request["inputs"]

    def predict(given: Any) -> Dict[str, Any]:
        names = [name for name, _ in takes]
        if not isinstance(given, dict) or sorted(given) != sorted(names):
            got = ", ".join(map(str, given)) if isinstance(given, dict) else "a %s" % type(given).__name__
            raise Refused("Inputs", "predict takes a dict of %s, it was given %s" % (", ".join(names), got or "none"))
        pairs = []
        for name, dtype in takes:
            array = numpy.asarray(given[name])
            if array.dtype.name != dtype:
                raise Refused("Inputs", "%s is %s, the model takes %s" % (name, array.dtype.name, dtype))
            pairs.append((name, array))
        return {name: numpy.asarray(value) for name, value in answer(pairs)}

    return predict


def _measured(request: Dict[str, Any], predict: Predict) -> float:
    """What the person's function makes of the model. Raises what that raises."""
    file, name = request["measure"]
    sys.path[:0] = request["path"]
    measure = getattr(plugins.load(file, __name__), name, None)
    if not callable(measure):
        raise Refused("NoFunction", "there is no function %s" % name)
    found = measure(predict)
    try:
        score = float(found)
    except (TypeError, ValueError):
        raise Refused("NoNumber", "%s returned a %s, not one number" % (name, type(found).__name__)) from None
    if not math.isfinite(score):
        raise Refused("NoNumber", "%s returned %s" % (name, score))
    return score
