"""The referee's own process: `python -I referee_process.py MODEL.onnx IO.npz RESULT.npz OUTPUTS`.

It answers every sample of io.npz and prints one line of JSON: {"failed": {sample: message}}, for samples of other
sizes than the exported ones, {"error": {"type", "message"}}, or {"disk": why} where its answer could not be
written. OUTPUTS is a JSON list of the declared names. Imports
nothing of ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def declared_names(found: Sequence[str], declared: Sequence[str]) -> list[str]:
    """For the file's outputs, the declared ones that they stand for: of the same name, or, of those that have lost
    theirs, in order."""
    missing = iter([name for name in declared if name not in found])
    return [name if name in declared else next(missing, name) for name in found]


def _main(model: str, io: str, result: str, declared: str) -> None:
    import numpy
    import onnxruntime

    stored: dict[str, Any] = {}
    try:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        outputs = [output.name for output in session.get_outputs()]
        names = declared_names(outputs, json.loads(declared))
        wanted = {entry.name for entry in session.get_inputs()}
        with numpy.load(io, allow_pickle=False) as given:
            samples: dict[int, dict[str, Any]] = {}
            for key in given.files:
                kind, index, name = key.split("/", 2)
                if kind == "input" and name in wanted:
                    samples.setdefault(int(index), {})[name] = given[key]
        failed = {}
        for index, feed in sorted(samples.items()):
            try:
                for name, value in zip(names, session.run(outputs, feed), strict=True):
                    stored[f"output/{index}/{name}"] = value
            except Exception as unable:
                if index == 0:
                    raise
                failed[index] = str(unable)[:300]
    except Exception as unable:  # noqa: BLE001 - whatever the runtime raises is its verdict
        print(json.dumps({"error": {"type": type(unable).__name__, "message": str(unable)[:600]}}))
        return
    try:
        with Path(result).open("wb") as file:
            numpy.savez(file, **stored)
    except OSError as full:
        print(json.dumps({"disk": str(full)}))
        return
    print(json.dumps({"failed": failed}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
