"""A .tflite file of 32-bit floats, by TensorFlow's own converter."""

from typing import Any, Dict

from tfparity.worker.targets import Examples, _tflite


def make(artifact: str, folder: str, examples: Examples) -> Dict[str, Any]:
    return _tflite.make(artifact, folder, lambda converter: None)


TARGET = _tflite.target(make, "float32", revision=1)
