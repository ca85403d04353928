"""A .tflite file of 8-bit integers where TFLite has an operator of them, its inputs and outputs as they were.

https://www.tensorflow.org/lite/performance/post_training_quantization#integer_with_float_fallback_using_default_float_inputoutput
"""

from typing import Any, Dict

from tfparity.worker.targets import Examples, _tflite


def make(artifact: str, folder: str, examples: Examples) -> Dict[str, Any]:
    import tensorflow as tf

    def configure(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _tflite.representative(artifact, examples)

    return _tflite.make(artifact, folder, configure)


TARGET = _tflite.target(make, "int8", revision=1, calibrated=True)
