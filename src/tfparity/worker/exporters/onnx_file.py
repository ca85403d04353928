"""An ONNX file as it is, or converted to another opset by onnx's version converter."""

import os
from typing import Any, Dict, List

from tfparity.worker.declare import Case
from tfparity.worker.exporters import Exporter
from tfparity.worker.exporters._onnx_files import MODEL, check, operators


def newest_opset() -> int:
    """The newest opset that the installed onnx knows."""
    import onnx

    return int(onnx.defs.onnx_opset_version())


def export(
    model: Any, example: List[Any], case: Case, output_axes: List[Dict[int, str]], opset: int, folder: str
) -> None:
    """Write the file into the folder. `model`: see frameworks.onnx_file."""
    import onnx
    from onnx import version_converter

    proto = model.proto
    if opset != case.onnx_opset:
        proto = version_converter.convert_version(proto, opset)
    onnx.save(proto, os.path.join(folder, MODEL))


EXPORTER = Exporter(revision=1, newest_opset=newest_opset, export=export, check=check, operators=operators)
