"""A handler for CumSum that accepts the axis as a vector of one element, which is what the exporter writes."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.cumsum import CumSum

    with changed(CumSum, {"version_11": total, "version_14": total}):
        yield


def total(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    tensors, axis = kwargs["tensor_dict"], node.inputs[1]
    return list(handler._common(node, tensor_dict={**tensors, axis: tf.reshape(tensors[axis], [])}))


REMEDY = Remedy(revision=1, converting=converting)
