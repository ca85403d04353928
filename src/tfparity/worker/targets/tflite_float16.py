"""A .tflite file whose weights are 16-bit floats; a CPU computes in 32 bits.

https://www.tensorflow.org/lite/performance/post_training_quantization#float16_quantization
"""

from typing import Any, Dict

from tfparity.worker.targets import Examples, _tflite


def configure(converter: Any) -> None:
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def make(artifact: str, folder: str, examples: Examples) -> Dict[str, Any]:
    return _tflite.make(artifact, folder, configure)


TARGET = _tflite.target(make, "float16", revision=1)
