"""A .tflite file as it is served: loaded by an interpreter, and called through its signature.

The interpreter is that of ai-edge-litert if it is installed, else the one inside TensorFlow.
"""

import os
from typing import Any, Dict, List, Tuple

from tfparity.worker.messages import Refused
from tfparity.worker.runtimes import Runtime
from tfparity.worker.runtimes.saved_model import numbered

#: What a route writes into its artifact's folder.
MODEL = "model.tflite"


def interpreter(path: str) -> Any:
    """An interpreter with one thread for the file."""
    try:
        from ai_edge_litert import interpreter as lite
    except ImportError:
        import tensorflow as tf

        lite = tf.lite
    return lite.Interpreter(model_path=path, num_threads=1)


def quantized(array: Any, details: Dict[str, Any]) -> Any:
    """The array as the input takes it: real = scale · (integer - zero point)
    (https://www.tensorflow.org/lite/performance/quantization_spec)."""
    import numpy

    scale, zero = details["quantization"]
    if not scale or array.dtype.kind != "f":
        return array.astype(details["dtype"])
    limits = numpy.iinfo(details["dtype"])
    return numpy.clip(numpy.round(array / scale) + zero, limits.min, limits.max).astype(details["dtype"])


def dequantized(array: Any, details: Dict[str, Any]) -> Any:
    """The array as real numbers where the output is quantized, else as it is."""
    scale, zero = details["quantization"]
    return (array.astype("float32") - zero) * scale if scale and array.dtype.kind in "iu" else array


class Signature:
    """The only signature of a .tflite file."""

    def __init__(self, path: str) -> None:
        self.interpreter = interpreter(path)
        names = list(self.interpreter.get_signature_list())
        if len(names) != 1:
            raise Refused("NoSignature", "the file has %d signatures" % len(names))
        self.name = names[0]
        self.runner = self.interpreter.get_signature_runner(self.name)
        self.inputs: Dict[str, Any] = self.runner.get_input_details()

    def feeds(self, given: List[Tuple[str, Any]]) -> Dict[str, Any]:
        """Inputs under the signature's names, by position if these are not the declared names; integers are cast to the
        signature's width, which the stage "signature" reports. Where the signature has quantized integers for the
        model's floats, these go in."""
        if sorted(self.inputs) == sorted(name for name, _ in given):
            pairs = given
        else:
            pairs = list(zip(sorted(self.inputs, key=numbered), [array for _, array in given]))
        return {name: quantized(array, self.inputs[name]) for name, array in pairs}

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        """What comes of inputs; as real numbers where the signature has quantized integers for the model's floats."""
        answer = self.runner(**self.feeds(given))
        outputs = self.runner.get_output_details()
        return [(name, dequantized(answer[name], outputs[name])) for name in sorted(answer, key=numbered)]

    def signature(self) -> Dict[str, Any]:
        import numpy

        def described(details: Dict[str, Any]) -> List[List[str]]:
            return [[name, numpy.dtype(one["dtype"]).name] for name, one in details.items()]

        return {
            "inputs": described(self.inputs),
            "outputs": described(self.runner.get_output_details()),
            "ordered": False,
        }


def load(folder: str) -> Signature:
    """The file of the artifact in `folder`."""
    return Signature(os.path.join(folder, MODEL))


def pin_threads(count: int) -> None:
    """The interpreter has one thread, whatever else the process does."""


RUNTIME = Runtime(revision=1, load=load, pin_threads=pin_threads)
