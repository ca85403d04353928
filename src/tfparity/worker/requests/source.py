"""The source side of a cell: build, export, check.

"reference", the first request of a case, writes `io.npz` (inputs and references for every sample) and measures its
sensitivity, which proves that the comparison can fail; no code of an exporter runs in it. "source", for every exporter
and opset, builds the same model again from the same seed. "newest-opset" asks an exporter alone.
"""

import os
import sys
import sysconfig
import traceback
from typing import Any, Dict, List, Optional, Tuple

from tfparity.worker import arrays, exporters, frameworks, machine_errors, messages, plugins, remedies, sensitivity
from tfparity.worker.declare import Case, registered
from tfparity.worker.exporters._onnx_files import MODEL
from tfparity.worker.frameworks import Framework
from tfparity.worker.messages import Refused, Reply, StageFailed

#: The folder of our own code in an environment.
WORKER = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def find_case(file: str, id: str) -> Case:
    """The case of that id in a case file. Raises what the file raises, or Refused."""
    plugins.load(file, "")
    cases = registered()
    if id not in cases:
        raise Refused("CaseMissing", "%s declares no case %r" % (file, id))
    return cases[id]


def built(framework: Framework, request: Dict[str, Any]) -> Tuple[Case, Any]:
    """The case that a request names and its model, the same for every request: a user's own whose weights mean nothing
    is enlivened. Raises what find_case and the framework's build raise."""
    sys.path[:0] = request["path"]
    case = find_case(request["case_file"], request["case"])
    framework.pin_threads(1)
    model = framework.build(case)
    if request["own"] and framework.enliven and not case.trained:
        framework.enliven(model, case)
    return case, model


def handle(directory: str, request: Dict[str, Any], reply: Reply) -> None:
    if request["kind"] == "newest-opset":
        reply.stage("ask", lambda: reply.fact("newest_opset", exporters.load(request["exporter"]).newest_opset()))
        return
    framework = frameworks.load(request["framework"])

    def build() -> Any:
        case, model = built(framework, request)
        if request["kind"] == "reference":
            references(case, framework, model, messages.made(request, request["io"]), reply)
        elif request["own"]:  # the zoo's are seeded
            different = _different(case, framework, model, request["io"])
            if different:
                drawn = _drawn_anew(framework, model, built(framework, request)[1])
                said = "built twice, the model gives different %r%s: load its weights, or seed what draws them"
                raise Refused("NotDeterministic", said % (different, drawn))
        return case, model

    try:
        case, model = reply.stage("build", build)
    except StageFailed as failed:
        cause = failed.__cause__
        reply.fact("where", place((cause and cause.__cause__) or cause, request["case_file"]))
        raise
    if request["kind"] == "source":
        _export(case, model, request, reply)


#: How far a model that is built again may be from its references, as a share of the largest element: beyond rounding it
#: is another one.
_ANOTHER = 1e-2


#: Names of weights that a message tells.
_TOLD = 5


def _drawn_anew(framework: Framework, model: Any, again: Any) -> str:
    """Which weights another build of the model has otherwise, as text; empty where their sizes tell of none."""
    before, now = (framework.sizes(one) if framework.sizes else {} for one in (model, again))
    names = [name for name in before if before[name] != now.get(name)]
    if not names:
        return ""
    more = ", …" if len(names) > _TOLD else ""
    return " (%d of %d weights are others: %s%s)" % (len(names), len(before), ", ".join(names[:_TOLD]), more)


def _different(case: Case, framework: Framework, model: Any, io: str) -> Optional[str]:
    """The first output that a model does not answer as the one did that the references are of."""
    import numpy

    again = framework.run(model, arrays.inputs(case, case.samples()[0]))
    with numpy.load(io, allow_pickle=False) as stored:
        for output, value in zip(case.outputs, again):
            before, now = stored["float32/0/%s" % output.name], numpy.asarray(value)
            if before.dtype.kind not in "fc":
                continue
            known = numpy.isfinite(before)
            largest = numpy.abs(before[known]).max(initial=0)
            if before.shape != now.shape or numpy.abs(now[known] - before[known]).max(initial=0) > _ANOTHER * largest:
                return output.name
    return None


def _export(case: Case, model: Any, request: Dict[str, Any], reply: Reply) -> None:
    """Stages export and check, of the exporter alone."""
    import numpy

    example = arrays.inputs(case, case.samples()[0])
    with numpy.load(request["io"], allow_pickle=False) as stored:
        axes = case.output_axes(stored)
    artifact, chosen = messages.made(request, request["artifact"]), request.get("remedies", [])

    def export() -> exporters.Exporter:
        exporter = exporters.load(request["exporter"])
        declared = _by_remedies(case, chosen, exporter)
        os.mkdir(artifact)
        with remedies.around("exporting", chosen):
            exporter.export(
                model, example, declared, axes if declared.axes else [{} for _ in axes], request["opset"], artifact
            )
        rewritten(artifact, chosen)
        return exporter

    exporter = reply.stage("export", export)
    reply.stage("check", lambda: reply.fact("file_opset", exporter.check(artifact)))
    listed = exporter.operators
    if listed:
        try:
            reply.fact("operators", listed(artifact))
        except Exception as unable:  # a list for people, in no verdict
            machine_errors.let_through(unable)


def _by_remedies(case: Case, chosen: List[str], exporter: exporters.Exporter) -> Case:
    """The case as those remedies declare it. Raises Refused where the exporter is not for one."""
    for name in chosen:
        remedy = remedies.load(name)
        if (remedy.exporting or remedy.rewrite) and not exporter.operators:
            raise Refused("RemedyNotHere", "%s is for an export to ONNX, which this route has not" % name)
        if remedy.declare:
            case = remedy.declare(case)
    return case


def rewritten(artifact: str, chosen: List[str]) -> None:
    """Apply the rewriting remedies to the exported ONNX model."""
    rewrites = [rewrite for rewrite in (remedies.load(name).rewrite for name in chosen) if rewrite]
    if rewrites:
        import onnx

        path = os.path.join(artifact, MODEL)
        model = onnx.load(path)
        for rewrite in rewrites:
            rewrite(model)
        onnx.save(model, path)


def place(exception: Optional[BaseException], case_file: str) -> Optional[str]:
    """ "file:line" of the innermost frame in the case's file or in code called from it that is not installed; None if
    the exception did not pass through the file."""
    libraries = (os.path.realpath(path) for path in (sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"]))
    installed = tuple(os.path.join(path, "") for path in (*libraries, WORKER))
    found, inside = None, False
    for frame, line in traceback.walk_tb(exception.__traceback__ if exception else None):
        file = os.path.realpath(frame.f_code.co_filename)
        inside = inside or file == os.path.realpath(case_file)
        if inside and os.path.isfile(file) and not file.startswith(installed):
            found = "%s:%d" % (file, line)
    return found


def references(case: Case, framework: Framework, model: Any, path: str, reply: Reply) -> None:
    """Write io.npz for every sample: float32 references and float64 references (if float64 cannot run, the outputs for
    inputs moved by one ulp). Raises Refused if two runs disagree, or if the model fails at one of the sizes."""
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
        machine_errors.let_through(unable)
        for key in [key for key in stored if key.startswith("float64/")]:
            del stored[key]
        reply.fact("floor", "ulp")
        reply.fact("float64_error", "%s: %s" % (type(unable).__name__, str(unable)[:300]))
        for sample, given in zip(samples, inputs):
            moved = [arrays.moved_one_ulp(array, sample.seed) for array in given]
            keep("ulp", sample.index, framework.run(model, moved))
    arrays.write_npz(path, stored)
    found = sensitivity.measured(case, framework, model, inputs, stored)
    reply.fact("sensitivity", found.changes)
    reply.fact("bounded", found.bounded)
    reply.fact("unseen", found.unseen)
    reply.fact("parameters", framework.parameters(model))


def same(old: Any, new: Any) -> bool:
    """Whether two arrays have the same shape and elements, NaN equal to NaN: numpy.array_equal does so from 1.19 on."""
    return bool(old.shape == new.shape and ((old == new) | ((old != old) & (new != new))).all())
