"""A handler for NonMaxSuppression that treats a limit beyond int32 as no limit."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


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


REMEDY = Remedy(revision=1, converting=converting)
