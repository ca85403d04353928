"""onnx2tf's other backend (-tb tf_converter), which builds the model in Keras: slower, with more operators."""

from contextlib import contextmanager
from typing import Any, Iterator

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy


@contextmanager
def converting() -> Iterator[None]:
    import inspect

    from onnx2tf import onnx2tf

    kept = onnx2tf.convert
    if "tflite_backend" not in inspect.signature(kept).parameters:
        raise Refused("NoSuchBackend", "this onnx2tf has one backend, the one that builds the model in Keras")

    def convert(flatbuffer_direct_output_saved_model: bool = True, **options: Any) -> Any:
        return kept(tflite_backend="tf_converter", **options)

    onnx2tf.convert = convert
    try:
        yield
    finally:
        onnx2tf.convert = kept


REMEDY = Remedy(revision=1, converting=converting)
