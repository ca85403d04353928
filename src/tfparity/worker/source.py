"""The source side of a cell: build, export, check.

The first request of a case also writes `io.npz` (inputs and references for every sample) and proves
that the case can fail (sensitivity). A later one, for another exporter or opset, builds the same
model again from the same seed.
"""

import os
import sys
import sysconfig
import traceback
from contextlib import suppress
from typing import Any, Dict, List, Optional

from tfparity.worker import arrays, plugins, remedies
from tfparity.worker.declare import Case, registered
from tfparity.worker.exporters.onnx_files import MODEL
from tfparity.worker.messages import Refused, Reply, StageFailed


def find_case(file: str, id: str) -> Case:
    """The case of that id in a case file. Raises what the file raises, or Refused."""
    plugins.load(file, "")
    cases = registered()
    if id not in cases:
        raise Refused("CaseMissing", "%s declares no case %r" % (file, id))
    return cases[id]


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    framework = plugins.load(request["framework"], "tfparity.worker.frameworks")
    exporter = plugins.load(request["exporter"], "tfparity.worker.exporters")

    def build() -> Any:
        sys.path[:0] = request["path"]
        case = find_case(request["case_file"], request["case"])
        framework.pin_threads(1)
        model = framework.build(case)
        if request["reference"]:
            references(case, framework, model, request["io"], reply)
        return case, model

    try:
        case, model = reply.stage("build", build)
    except StageFailed as failed:
        cause = failed.__cause__
        reply.fact("where", place((cause and cause.__cause__) or cause, request["case_file"]))
        raise
    example = arrays.inputs(case, case.samples()[0])
    axes = output_axes(case, request["io"])
    chosen = request.get("remedies", [])
    for name in chosen:
        case = getattr(remedies.load(name), "declare", lambda same: same)(case)
    if not case.axes:
        axes = [{} for _ in axes]

    for name in chosen:
        tracing = [part for part in ("exporting", "rewrite") if hasattr(remedies.load(name), part)]
        if tracing and not hasattr(exporter, "operators"):
            raise Refused("RemedyNotHere", "%s is for an export to ONNX, which this route has not" % name)

    def export() -> None:
        with remedies.around("exporting", chosen):
            exporter.export(model, example, case, axes, request["opset"], request["artifact"])
        rewritten(request["artifact"], chosen)

    reply.stage("export", export)

    reply.stage("check", lambda: reply.fact("file_opset", exporter.check(request["artifact"])))
    if hasattr(exporter, "operators"):
        with suppress(Exception):  # a list for people, in no verdict
            reply.fact("operators", exporter.operators(request["artifact"]))


def rewritten(artifact: str, chosen: List[str]) -> None:
    """Let those remedies that rewrite an ONNX model do so with the exported one."""
    rewrites = [remedies.load(name).rewrite for name in chosen if hasattr(remedies.load(name), "rewrite")]
    if rewrites:
        import onnx

        path = os.path.join(artifact, MODEL)
        model = onnx.load(path)
        for rewrite in rewrites:
            rewrite(model)
        onnx.save(model, path)


def place(exception: Optional[BaseException], case_file: str) -> Optional[str]:
    """ "file:line" of the innermost frame of the case's file or of code below it that is not installed; None where the
    exception did not come through the file."""
    libraries = (os.path.realpath(path) for path in (sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"]))
    installed = tuple(os.path.join(path, "") for path in (*libraries, os.path.dirname(__file__)))
    found, inside = None, False
    for frame, line in traceback.walk_tb(exception.__traceback__ if exception else None):
        file = os.path.realpath(frame.f_code.co_filename)
        inside = inside or file == os.path.realpath(case_file)
        if inside and os.path.isfile(file) and not file.startswith(installed):
            found = "%s:%d" % (file, line)
    return found


def references(case: Case, framework: Any, model: Any, path: str, reply: Reply) -> None:
    """Write io.npz: float32 references, the float64 truth (or, where that cannot run, the answer to
    inputs moved by one ulp), for every sample. Raises Refused where two runs disagree, and where the model does not run
    at one of the sizes."""
    import numpy

    stored: Dict[str, Any] = {}
    names = [output.name for output in case.outputs]
    samples = case.samples()
    inputs = [arrays.inputs(case, sample) for sample in samples]

    def keep(kind: str, index: int, values: List[Any]) -> None:
        if len(values) != len(names):
            raise Refused("OutputCount", "declares %d outputs, the model gives %d" % (len(names), len(values)))
        for name, value in zip(names, values):
            stored["%s/%d/%s" % (kind, index, name)] = numpy.asarray(value)

    for sample, given in zip(samples, inputs):
        for declared, array in zip(case.inputs, given):
            stored["input/%d/%s" % (sample.index, declared.name)] = array
        try:
            keep("float32", sample.index, framework.run(model, given))
        except Exception as unable:
            if sample.axis is None or isinstance(unable, Refused):
                raise
            size = "%s=%d" % (sample.axis, sample.sizes[sample.axis])
            text = "the model itself fails at %s: %s: %s" % (size, type(unable).__name__, unable)
            raise Refused("SizeRefused", text) from unable
    for name, again in zip(names, framework.run(model, inputs[0])):
        if not same(stored["float32/0/%s" % name], numpy.asarray(again)):
            raise Refused("NotDeterministic", "two runs on the same input give different %r" % name)
    try:
        double = framework.double(model)
        for sample, given in zip(samples, inputs):
            keep("float64", sample.index, framework.run(double, given, double=True))
        reply.fact("floor", "float64")
    except Refused:
        raise
    except Exception as unable:
        for key in [key for key in stored if key.startswith("float64/")]:
            del stored[key]
        reply.fact("floor", "ulp")
        reply.fact("float64_error", "%s: %s" % (type(unable).__name__, str(unable)[:300]))
        for sample, given in zip(samples, inputs):
            moved = [arrays.moved_one_ulp(array, sample.seed) for array in given]
            keep("ulp", sample.index, framework.run(model, moved))
    arrays.write_npz(path, stored)
    reply.fact("sensitivity", sensitivity(case, framework, model, inputs))
    reply.fact("parameters", framework.count(model))


def same(old: Any, new: Any) -> bool:
    """Whether two arrays agree in shape and in every element, NaN with NaN: numpy.array_equal does so from 1.19 on."""
    return bool(old.shape == new.shape and ((old == new) | ((old != old) & (new != new))).all())


def sensitivity(case: Case, framework: Any, model: Any, inputs: List[List[Any]]) -> Dict[str, List[float]]:
    """What each output changes by (see change) when one thing is moved: every weight by 1 % under its name, every
    input to its next seed under "input:<name>", and all inputs at once, seen from one output, under "output:<name>"."""
    before = framework.run(model, inputs[0])

    def changes(given: List[Any]) -> List[float]:
        return [change(old, new) for old, new in zip(before, framework.run(model, given))]

    found: Dict[str, List[float]] = {}
    for place, declared in enumerate(case.inputs):
        moved = list(inputs[0])
        moved[place] = inputs[1][place]
        found["input:" + declared.name] = changes(moved)
    for place, by in enumerate(changes(inputs[1])):
        only = [0.0] * len(before)
        only[place] = by
        found["output:" + case.outputs[place].name] = only
    for name, after in framework.moved_weights(model, inputs[0]):
        found[name] = [change(old, new) for old, new in zip(before, after)]
    return found


def change(old: Any, new: Any) -> float:
    """The largest difference between two answers, relative to max(1, max |old|) over the finite elements.

    A moved integer, another shape, and an element that becomes or ceases to be finite count as 1.
    """
    import numpy

    if old.shape != new.shape:
        return 1.0
    if old.dtype.kind not in "fc":
        return float((old != new).any())
    finite = numpy.isfinite(old)
    if not numpy.array_equal(finite, numpy.isfinite(new)):
        return 1.0
    if not finite.any():
        return 0.0
    kind = "complex128" if old.dtype.kind == "c" else "float64"
    was, now = old[finite].astype(kind), new[finite].astype(kind)
    return float(numpy.abs(was - now).max()) / max(1.0, float(numpy.abs(was).max()))


def output_axes(case: Case, path: str) -> List[Dict[int, str]]:
    """Per output, the dimensions whose size follows a named axis: read off the references."""
    import numpy

    with numpy.load(path, allow_pickle=False) as stored:
        shapes = {key: stored[key].shape for key in stored.files if key.startswith("float32/")}
    found: List[Dict[int, str]] = []
    for output in case.outputs:
        base = shapes["float32/0/%s" % output.name]
        axes: Dict[int, str] = {}
        for sample in case.samples():
            shape = shapes["float32/%d/%s" % (sample.index, output.name)]
            if sample.axis is None or sample.seed != 0 or len(shape) != len(base):
                continue
            for dimension, (size, exported) in enumerate(zip(shape, base)):
                if size != exported:
                    axes.setdefault(dimension, sample.axis)
        found.append(axes)
    return found
