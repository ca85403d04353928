"""The target side of a cell: convert, then, in a process of its own, load, parity, dynamic-shape, signature.

The artifact is loaded by another process than the one that made it, as in deployment. The stages say only that a run
returned; our side compares what it returned.
"""

from typing import Any, Callable, Dict, Iterator, List

from tfparity.worker import arrays, machine_errors, messages, pickles, remedies, routes, targets
from tfparity.worker.messages import Refused, Reply, error


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    if request.get("package") == "targets":
        target = targets.load(request["route"])
        target.pin_threads(1)
        if request["kind"] == "target":
            reply.stage("target", lambda: reply.fact("target", made(target, request)))
        else:
            execute(request, reply, target.load)
        return
    route = routes.load(request["route"])
    route.pin_threads(1)
    if request["kind"] == "convert":

        def convert() -> None:
            if request.get("handed_on"):
                pickles.forbid()
            with remedies.around("converting", request.get("remedies", [])):
                route.convert(request["bundle"], messages.made(request, request["artifact"]), request)

        reply.stage("convert", convert)
    else:
        execute(request, reply, route.load)


def made(target: targets.Target, request: Dict[str, Any]) -> Dict[str, Any]:
    """Make a target of a SavedModel, by what the arrays of an .npz ("examples") have for those "samples"."""
    import numpy

    def examples() -> Iterator[Dict[str, Any]]:
        with numpy.load(request["examples"], allow_pickle=False) as stored:
            for index in request["samples"]:
                yield {name: stored["input/%d/%s" % (index, name)] for name in request["inputs"]}

    assert target.make is not None
    return target.make(request["artifact"], messages.made(request, request["folder"]), examples)


def execute(request: Dict[str, Any], reply: Reply, load: Callable[[str], Any]) -> None:
    """Load the artifact and run every sample; whatever outputs come back are written to `result` (.npz).

    An error at the exported shape ends the request; an error at another size is recorded under the fact "failed" by
    sample index, and the next sample runs.
    """
    import numpy

    runner = reply.stage("load", lambda: load(request["artifact"]))
    inputs, outputs, result = request["inputs"], request["outputs"], messages.made(request, request["result"])
    stored: Dict[str, Any] = {}
    with numpy.load(request["io"], allow_pickle=False) as io:
        given = {key: io[key] for key in io.files if key.startswith("input/")}

    def run(index: int) -> None:
        answer = runner.run([(name, given["input/%d/%s" % (index, name)]) for name in inputs])
        for name, value in by_name(answer, outputs):
            stored["output/%d/%s" % (index, name)] = numpy.asarray(value)

    def exported() -> None:
        try:
            for sample in request["samples"]:
                if sample["axis"] is None:
                    run(sample["index"])
        finally:
            arrays.write_npz(result, stored)

    def others() -> None:
        failed: Dict[str, Any] = {}
        for sample in request["samples"]:
            if sample["axis"] is not None:
                try:
                    run(sample["index"])
                except Exception as exception:
                    machine_errors.let_through(exception)
                    failed[str(sample["index"])] = error(exception)
        arrays.write_npz(result, stored)
        reply.fact("failed", failed)

    reply.stage("parity", exported)
    reply.stage("dynamic-shape", others)
    reply.stage("signature", lambda: reply.fact("signature", runner.signature()))


def by_name(answer: Any, declared: List[str]) -> List[Any]:
    """Pairs of declared output name and value.

    Values under undeclared names are assigned, in their order, to the declared names that are missing, so that they can
    be compared; the signature stage reports the names.
    """
    values = dict(answer)
    if len(values) != len(declared):
        raise Refused("OutputCount", "%d outputs came back, %d are declared" % (len(values), len(declared)))
    others = iter([value for name, value in values.items() if name not in declared])
    return [(name, values[name] if name in values else next(others)) for name in declared]
