"""torch.onnx.export (tracing) → ONNX → onnx-tf → SavedModel, called through `serving_default`."""

import os
from typing import Any, Dict, List

from tfparity.worker.saved_model import load, pin_threads

__all__ = [
    "EXPORTER",
    "FRAMEWORK",
    "GIVES",
    "IMPORTS",
    "ONNX_FILES",
    "OPSETS",
    "REQUIRES",
    "REVISION",
    "SIDES",
    "convert",
    "load",
    "pin_threads",
]

REVISION = 1
SIDES = "split"
FRAMEWORK = "pytorch"
EXPORTER = "onnx-legacy"
ONNX_FILES = True

#: 13 is what guides say; 12 is the newest that released onnx-tf reads without an Unsqueeze of opset 13;
#: 14 is the first that exports scaled_dot_product_attention; 11 the first with a coordinate mode on Resize.
OPSETS = (13, 12, 14, 11)

REQUIRES: Dict[str, Dict[str, str]] = {
    "source": {"torch": ">=1.7", "onnx": ">=1.7"},
    "target": {"onnx-tf": ">=1.6", "tensorflow": ">=2.0"},
}
IMPORTS: Dict[str, List[str]] = {"source": ["torch", "onnx"], "target": ["tensorflow", "onnx", "onnx_tf.backend"]}
GIVES: Dict[str, Any] = {
    "targets": ("saved-model", "tflite-float32"),
    "dynamic": True,
    "layout": "kept",
    "integers": "kept",
    "trainable": False,
}


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    import onnx
    from onnx_tf.backend import prepare

    prepare(onnx.load(os.path.join(bundle, "model.onnx"))).export_graph(artifact)
