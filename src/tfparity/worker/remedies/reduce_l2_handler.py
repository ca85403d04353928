"""A handler for ReduceL2 that takes the root of the sum of squares: tf.norm over two axes is another norm."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.reduce_l2 import ReduceL2

    with changed(ReduceL2, {"version_1": norm, "version_11": norm, "version_13": norm}):
        yield


def norm(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    given = kwargs["tensor_dict"][node.inputs[0]]
    kept = node.attrs.get("keepdims", 1) == 1
    return [tf.sqrt(tf.reduce_sum(tf.square(given), axis=node.attrs.get("axes"), keepdims=kept))]


REMEDY = Remedy(revision=1, converting=converting)
