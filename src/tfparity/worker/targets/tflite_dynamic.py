"""A .tflite file whose weights are 8-bit integers; what flows through it is quantized while it runs.

https://www.tensorflow.org/lite/performance/post_training_quantization#dynamic_range_quantization
"""

from typing import Any, Dict

from tfparity.worker.targets import Examples, _tflite


def configure(converter: Any) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def make(artifact: str, folder: str, examples: Examples) -> Dict[str, Any]:
    return _tflite.make(artifact, folder, configure)


TARGET = _tflite.target(make, "dynamic", revision=1)
