"""Calls beyond the samples: answered by the source side, then by what was converted. A part for each probe.

"answer" writes an .npz a part with, for each call that the model takes, "input/<call>/<name>" and the outputs of a run
in float32 ("float32/…"), in float64 ("float64/…") and with weights and inputs moved by one ulp ("moved0/…",
"moved1/…"). "probe" writes the artifact's outputs as "output/<turn>/<name>".
"""

from typing import Any, Dict, List

from tfparity.worker import arrays, frameworks, machine_errors, messages, probing, routes
from tfparity.worker.declare import Case
from tfparity.worker.frameworks import Framework
from tfparity.worker.messages import Reply, error
from tfparity.worker.requests.source import built, same
from tfparity.worker.requests.target import by_name

#: Runs with weights and inputs moved by one ulp.
MOVED = 2


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    if request["kind"] == "answer":
        answer(request, reply)
    else:
        probe(request, reply)


def answer(request: Dict[str, Any], reply: Reply) -> None:
    """Build the model and answer every call of every part but those in its "skip"; under the fact "unanswered", by part
    and call, why there is no answer: the model refuses it, or two runs differ. The facts "part" and "turn" say what is
    under way."""
    framework = frameworks.load(request["framework"])
    case, model = reply.stage("build", lambda: built(framework, request))

    def answered() -> None:
        forms = {"float32": model, "float64": _made(framework.double, model)}
        for seed in range(MOVED):
            forms["moved%d" % seed] = _made(framework.nudged, model, seed) if framework.nudged else model
        unanswered: Dict[str, Dict[str, str]] = {}
        for number, part in enumerate(request["parts"]):
            reply.fact("part", number)
            result = messages.made(request, part["result"])
            unanswered[str(number)] = _answered(case, framework, forms, part, result, reply)
            reply.fact("unanswered", unanswered)

    reply.stage("probe", answered)


def _answered(
    case: Case, framework: Framework, forms: Dict[str, Any], part: Dict[str, Any], result: str, reply: Reply
) -> Dict[str, str]:
    """Answer the calls of a part into `result`; by call, why there is no answer."""
    stored: Dict[str, Any] = {}
    refused: Dict[str, str] = dict(part["skip"])
    model = forms["float32"]
    for place, call in enumerate(part["calls"]):
        if str(place) in refused:
            continue
        reply.fact("turn", place)
        try:
            given = probing.inputs(case, call)
            found = framework.run(model, given)
            if len(found) != len(case.outputs) or not all(map(same, found, framework.run(model, given))):
                raise ValueError("two runs on the same input differ")
        except Exception as unable:
            machine_errors.let_through(unable)
            refused[str(place)] = "%s: %s" % (type(unable).__name__, str(unable)[:200])
            continue
        runs = {"float32": found}
        for seed, (kind, other) in enumerate(forms.items()):
            near = [arrays.moved_one_ulp(array, seed) for array in given] if call["nudged"] else given
            if kind == "float64" and other is not None:
                runs[kind] = _run(framework, other, given, double=True)
            elif other is not None and kind != "float32" and (other is not model or call["nudged"]):
                runs[kind] = _run(framework, other, near)
        for declared, array in zip(case.inputs, given):
            stored["input/%d/%s" % (place, declared.name)] = array
        for kind, values in runs.items():
            for output, value in zip(case.outputs, values):
                stored["%s/%d/%s" % (kind, place, output.name)] = value
    arrays.write_npz(result, stored)
    return refused


def _made(make: Any, *given: Any) -> Any:
    """What `make` gives; None where the model has no such form."""
    try:
        return make(*given)
    except Exception as unable:
        machine_errors.let_through(unable)
        return None


def _run(framework: Any, model: Any, given: List[Any], **options: bool) -> List[Any]:
    """The outputs; none where this form of the model does not run."""
    try:
        return list(framework.run(model, given, **options))
    except Exception as unable:
        machine_errors.let_through(unable)
        return []


def probe(request: Dict[str, Any], reply: Reply) -> None:
    """Load the artifact and make the calls of every part in the order of its "turns"; a call that fails is told under
    the fact "failed" by "<part>/<turn>", and the next is made. The facts "part" and "turn" say what is under way."""
    import numpy

    route = routes.load(request["route"])
    route.pin_threads(1)
    runner = reply.stage("load", lambda: route.load(request["artifact"]))

    def called() -> None:
        failed: Dict[str, Any] = {}
        for number, part in enumerate(request["parts"]):
            stored: Dict[str, Any] = {}
            with numpy.load(part["io"], allow_pickle=False) as io:
                given = {key: io[key] for key in io.files if key.startswith("input/")}
            reply.fact("part", number)
            for turn, place in enumerate(part["turns"]):
                reply.fact("turn", turn)
                try:
                    found = runner.run([(name, given["input/%d/%s" % (place, name)]) for name in request["inputs"]])
                    for name, value in by_name(found, request["outputs"]):
                        stored["output/%d/%s" % (turn, name)] = numpy.array(value)
                except Exception as exception:
                    machine_errors.let_through(exception)
                    failed["%d/%d" % (number, turn)] = error(exception)
                    reply.fact("failed", failed)
            arrays.write_npz(messages.made(request, part["result"]), stored)

    reply.stage("probe", called)
