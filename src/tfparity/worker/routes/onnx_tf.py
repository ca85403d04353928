"""torch.onnx.export (tracing) → ONNX → onnx-tf → SavedModel, called through `serving_default`."""

import os
from typing import Any, Dict

from tfparity.worker.routes import Gives, Route
from tfparity.worker.runtimes.saved_model import RUNTIME


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    import onnx
    from onnx_tf.backend import prepare

    prepare(onnx.load(os.path.join(bundle, "model.onnx"))).export_graph(artifact)


ROUTE = Route(
    revision=1,
    sides="split",
    framework="pytorch",
    exporter="onnx-legacy",
    # 13 is what guides say; 12 is the newest that released onnx-tf reads without an Unsqueeze of opset 13;
    # 14 is the first that exports scaled_dot_product_attention; 11 the first with a coordinate mode on Resize.
    opsets=(13, 12, 14, 11),
    requires={
        "source": {"torch": ">=1.7", "onnx": ">=1.7"},
        "target": {"onnx-tf": ">=1.6", "tensorflow": ">=2.0"},
    },
    imports={"source": ["torch", "onnx"], "target": ["tensorflow", "onnx", "onnx_tf.backend"]},
    convert=convert,
    load=RUNTIME.load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(dynamic=True, layout="kept", integers="kept", trainable=False),
    onnx_files=True,
)
