"""torch.onnx.export(dynamo=True) → ONNX → onnx-tf → SavedModel."""

from tfparity.worker.routes.onnx_tf import ROUTE as _TRACED

ROUTE = _TRACED._replace(
    exporter="onnx-dynamo",
    # 13 is asked for as a guide would; 18 is what this exporter makes natively.
    opsets=(13, 18),
    requires={
        "source": {"torch": ">=2.5", "onnx": ">=1.16", "onnxscript": ">=0.1"},
        "target": {"onnx-tf": ">=1.6", "tensorflow": ">=2.0"},
    },
    imports={"source": [*_TRACED.imports["source"], "onnxscript"], "target": _TRACED.imports["target"]},
    onnx_files=False,
)
