"""A handler for NonMaxSuppression that takes a limit beyond an int32 for none."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies._handlers import changed

REVISION = 1


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.non_max_suppression import NonMaxSuppression

    with changed(NonMaxSuppression, {"version_10": suppress, "version_11": suppress}):
        yield


def suppress(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    tensors = dict(kwargs["tensor_dict"])
    if len(node.inputs) > 2 and node.inputs[2]:
        limit = tensors[node.inputs[2]]
        tensors[node.inputs[2]] = tf.minimum(limit, tf.constant(tf.int32.max, limit.dtype))
    return list(handler._common(node, tensor_dict=tensors))
