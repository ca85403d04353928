"""A .tflite file of 8-bit integers throughout, its inputs and outputs too: what compilers for edge devices demand.

https://www.tensorflow.org/lite/performance/post_training_quantization#integer_only
"""

from typing import Any, Dict

from tfparity.worker.targets import Examples, _tflite


def make(artifact: str, folder: str, examples: Examples) -> Dict[str, Any]:
    import tensorflow as tf

    def configure(converter: Any) -> None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _tflite.representative(artifact, examples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8

    return _tflite.make(artifact, folder, configure, select=False)


TARGET = _tflite.target(make, "int8", revision=1, calibrated=True, int8_signature=True)
