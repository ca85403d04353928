"""torch.onnx.export(dynamo=True) → ONNX → onnx-tf → SavedModel."""

from typing import Dict, List

from tfparity.worker.routes.onnx_tf import GIVES, REVISION, SIDES, convert, load, pin_threads
from tfparity.worker.routes.onnx_tf import IMPORTS as _IMPORTS

__all__ = [
    "EXPORTER",
    "FRAMEWORK",
    "GIVES",
    "IMPORTS",
    "OPSETS",
    "REQUIRES",
    "REVISION",
    "SIDES",
    "convert",
    "load",
    "pin_threads",
]

FRAMEWORK = "pytorch"
EXPORTER = "onnx-dynamo"

#: 13 is asked for as a guide would; 18 is what this exporter makes natively.
OPSETS = (13, 18)

REQUIRES: Dict[str, Dict[str, str]] = {
    "source": {"torch": ">=2.5", "onnx": ">=1.16", "onnxscript": ">=0.1"},
    "target": {"onnx-tf": ">=1.6", "tensorflow": ">=2.0"},
}
IMPORTS: Dict[str, List[str]] = {"source": _IMPORTS["source"] + ["onnxscript"], "target": _IMPORTS["target"]}
