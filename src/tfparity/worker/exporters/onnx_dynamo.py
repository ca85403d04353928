"""torch.onnx.export(dynamo=True): through torch.export, the default from torch 2.9 on."""

import os
from typing import Any, Dict, List

from tfparity.worker.declare import Case
from tfparity.worker.exporters import Exporter
from tfparity.worker.exporters._onnx_files import MODEL, check, operators


def newest_opset() -> int:
    """The newest opset that the installed onnx knows: this exporter converts to any of them, or fails."""
    import onnx

    return int(onnx.defs.onnx_opset_version())


def export(
    model: Any, example: List[Any], case: Case, output_axes: List[Dict[int, str]], opset: int, folder: str
) -> None:
    """Export with named inputs and outputs and dynamic shapes, weights inside the file."""
    import torch

    dimensions = {axis: torch.export.Dim(axis) for axis in sorted(case.axes)}
    shapes = tuple(
        {d: dimensions[axis] for d, axis in enumerate(declared.shape) if isinstance(axis, str)}
        for declared in case.inputs
    )
    tensors = tuple(torch.from_numpy(array.copy()) for array in example)
    program = torch.onnx.export(
        model,
        tensors,
        dynamo=True,
        opset_version=opset,
        input_names=[declared.name for declared in case.inputs],
        output_names=[output.name for output in case.outputs],
        dynamic_shapes=shapes,
    )
    program.save(os.path.join(folder, MODEL))


EXPORTER = Exporter(
    revision=1,
    newest_opset=newest_opset,
    export=export,
    check=check,
    operators=operators,
    # What the first export imports, 5 s of it: imported ahead where the version has it.
    preload=(
        "torch.export._trace",
        "torch._export.passes",
        "torch._dynamo",
        "torch._inductor.decomposition",
        "torch.onnx._internal.exporter._torchlib.ops",
        "onnxscript.function_libs.torch_lib.ops",
        "onnxscript.version_converter",
    ),
)
