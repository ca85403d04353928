"""torch.onnx.export by tracing, the exporter of every torch until `dynamo=True` became the default in 2.9."""

import inspect
import os
from typing import Any, Dict, List

from tfparity.worker.declare import Case
from tfparity.worker.exporters import Exporter
from tfparity.worker.exporters._onnx_files import MODEL, check, operators


def newest_opset() -> int:
    """The newest opset that this torch's tracing exporter offers."""
    try:
        from torch.onnx import _constants

        return int(getattr(_constants, "ONNX_TORCHSCRIPT_EXPORTER_MAX_OPSET", _constants.ONNX_MAX_OPSET))
    except ImportError:
        from torch.onnx import symbolic_helper

        offered = list(symbolic_helper._onnx_stable_opsets) + [symbolic_helper._onnx_main_opset]
        return int(max(offered))


def export(
    model: Any, example: List[Any], case: Case, output_axes: List[Dict[int, str]], opset: int, folder: str
) -> None:
    """Export with named inputs and outputs, constant folding and dynamic axes, as guides type it."""
    import torch

    dynamic = {
        declared.name: {d: axis for d, axis in enumerate(declared.shape) if isinstance(axis, str)}
        for declared in case.inputs
    }
    dynamic.update((output.name, axes) for output, axes in zip(case.outputs, output_axes))
    options: Dict[str, Any] = {
        "opset_version": opset,
        "do_constant_folding": True,
        "input_names": [declared.name for declared in case.inputs],
        "output_names": [output.name for output in case.outputs],
        "dynamic_axes": {name: axes for name, axes in dynamic.items() if axes},
    }
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    tensors = tuple(torch.from_numpy(array.copy()) for array in example)
    with torch.no_grad():
        torch.onnx.export(model, tensors, os.path.join(folder, MODEL), **options)


EXPORTER = Exporter(revision=1, newest_opset=newest_opset, export=export, check=check, operators=operators)
