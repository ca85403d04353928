"""A handler for CumSum that takes the axis of a vector of one, as the exporter writes it."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies._handlers import changed

REVISION = 1


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.cumsum import CumSum

    with changed(CumSum, {"version_11": total, "version_14": total}):
        yield


def total(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    tensors, axis = kwargs["tensor_dict"], node.inputs[1]
    return list(handler._common(node, tensor_dict={**tensors, axis: tf.reshape(tensors[axis], [])}))
