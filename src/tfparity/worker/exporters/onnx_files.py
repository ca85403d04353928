"""What the ONNX exporters share: where the file is, and the checker."""

import os

MODEL = "model.onnx"


def check(folder: str) -> int:
    """Run the environment's own onnx checker on the file; returns the opset of the default domain."""
    import onnx

    path = os.path.join(folder, MODEL)
    model = onnx.load(path)
    onnx.checker.check_model(path if model.ByteSize() > 2**30 else model)
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            return int(entry.version)
    raise ValueError("the file imports no opset of the default domain")
