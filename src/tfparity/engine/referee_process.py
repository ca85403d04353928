"""The referee's own process: `python -I referee_process.py MODEL.onnx IO.npz RESULT.npz OUTPUTS RUNTIME`.

It answers every sample of io.npz and prints one line of JSON: {"failed": {sample: message}}, for samples of other
sizes than the exported ones, {"error": {"type", "message"}}, or {"machine": why} where this machine let it not answer.
OUTPUTS is a JSON list of the declared names, RUNTIME one of RUNTIMES. Of ours it loads worker.machine_errors alone.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


_SPEC = importlib.util.spec_from_file_location(
    "machine_errors", Path(__file__).resolve().parents[1] / "worker" / "machine_errors.py"
)
assert _SPEC is not None and _SPEC.loader is not None
machine_errors = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(machine_errors)


def declared_names(found: Sequence[str], declared: Sequence[str]) -> list[str]:
    """For the file's outputs, the declared ones that they stand for: of the same name, or, of those that have lost
    theirs, in order."""
    missing = iter([name for name in declared if name not in found])
    return [name if name in declared else next(missing, name) for name in found]


class _OnnxRuntime:
    """The file in ONNX Runtime, in one thread."""

    def __init__(self, model: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.inputs = [entry.name for entry in self._session.get_inputs()]
        self.outputs = [output.name for output in self._session.get_outputs()]

    def run(self, feed: dict[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        return list(self._session.run(self.outputs, feed))


class _Evaluator:
    """The file in onnx's own evaluator: plain numpy, slow, written apart from ONNX Runtime.

    Many of its operators are those of the newest opset, whatever the file says (RoiAlign's default mode is another from
    16 on), so that the file is upgraded first, by onnx's own converter.
    """

    def __init__(self, model: str) -> None:
        import onnx
        from onnx import defs, version_converter
        from onnx.reference import ReferenceEvaluator

        upgraded = version_converter.convert_version(onnx.load(model), defs.onnx_opset_version())
        self._evaluator = ReferenceEvaluator(upgraded)
        self.inputs, self.outputs = list(self._evaluator.input_names), list(self._evaluator.output_names)

    def run(self, feed: dict[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        return list(self._evaluator.run(self.outputs, feed))


RUNTIMES: dict[str, Callable[[str], _OnnxRuntime | _Evaluator]] = {"onnxruntime": _OnnxRuntime, "onnx": _Evaluator}


def _main(model: str, io: str, result: str, declared: str, runtime: str) -> None:
    print(json.dumps(_said(model, io, result, declared, runtime)))


def _said(model: str, io: str, result: str, declared: str, runtime: str) -> dict[str, object]:
    try:
        import numpy

        stored, failed = _answers(model, io, declared, runtime)
    except Exception as unable:  # noqa: BLE001 - whatever the runtime raises is its verdict
        caused = machine_errors.of(unable)
        if caused:
            return {"machine": caused}
        return {"error": {"type": type(unable).__name__, "message": str(unable)[:600]}}
    try:
        with Path(result).open("wb") as file:
            numpy.savez(file, **stored)
    except OSError as full:
        return {"machine": machine_errors.of(full) or str(full)}
    return {"failed": failed}


def _answers(model: str, io: str, declared: str, runtime: str) -> tuple[dict[str, Any], dict[int, str]]:
    """The arrays of every sample, and by sample why it could not be run."""
    import numpy

    stored: dict[str, Any] = {}
    failed: dict[int, str] = {}
    session = RUNTIMES[runtime](model)
    names = declared_names(session.outputs, json.loads(declared))
    wanted = set(session.inputs)
    with numpy.load(io, allow_pickle=False) as given:
        samples: dict[int, dict[str, NDArray[Any]]] = {}
        for key in given.files:
            kind, index, name = key.split("/", 2)
            if kind == "input" and name in wanted:
                samples.setdefault(int(index), {})[name] = given[key]
    for index, feed in sorted(samples.items()):
        try:
            for name, value in zip(names, session.run(feed), strict=True):
                stored[f"output/{index}/{name}"] = value
        except Exception as unable:
            if index == 0 or machine_errors.of(unable):
                raise
            failed[index] = str(unable)[:300]
    return stored, failed


def _end_with_parent() -> None:
    """Nobody holds this process to its limits once who asks is gone: its input ends then."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    _end_with_parent()
    _main(*sys.argv[1:])
