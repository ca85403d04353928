"""An artifact of anybody's, opened and run once: what it takes and gives, and its answers to given inputs."""

from typing import Any, Dict, List, Tuple

from tfparity.worker import arrays, artifacts, messages
from tfparity.worker.declare import Input
from tfparity.worker.messages import Refused, Reply


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    """`describe`: stages load and describe, fact "takes". `answer-artifact`: then run, on the arrays "inputs/NAME" of
    `io` or on those that `make` declares; the arrays "inputs/…" and "outputs/…" go to `result`, and with `twice` also
    "twice/…": the outputs of a batch of twice the size, where every axis 0 is open."""
    opener = artifacts.load(request["opener"])
    runner = reply.stage("load", lambda: opener.open(request["artifact"], request["settings"]))
    described = reply.stage("describe", runner.described)
    reply.fact("takes", described)
    if request["kind"] == "describe":
        return

    def run() -> None:
        given = _given(request)
        stored = {"inputs/" + name: array for name, array in given}
        stored.update(("outputs/" + name, value) for name, value in runner.run(given))
        twice = request.get("twice") and _open(described)
        if twice:
            stored.update(("twice/" + name, value) for name, value in runner.run(_twice(given)))
        arrays.write_npz(messages.made(request, request["result"]), stored)

    reply.stage("run", run)


def _given(request: Dict[str, Any]) -> List[Tuple[str, Any]]:
    import numpy

    if request.get("io"):
        with numpy.load(request["io"], allow_pickle=False) as io:
            return [(key[len("inputs/") :], io[key]) for key in io.files if key.startswith("inputs/")]
    made = []
    for name, kind, shape, dtype, arguments in request["make"]:
        declared = Input(name, kind, tuple(shape), dtype, tuple((word, value) for word, value in arguments))
        made.append((name, arrays.make(declared, {}, request["seed"])))
    return made


def _open(described: Dict[str, Any]) -> bool:
    """Whether the first axis of every input and output is open."""
    shapes = [shape for side in ("inputs", "outputs") for _, _, shape in described[side]]
    return all(shape is not None and len(shape) > 0 and shape[0] == -1 for shape in shapes)


def _twice(given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
    import numpy

    if any(array.ndim == 0 for _, array in given):
        raise Refused("InputShape", "an input without axes has no batch")
    return [(name, numpy.concatenate([array, array])) for name, array in given]
