"""A handler for Trilu that selects by a mask: onnx-tf subtracts, which is wrong for booleans and infinities."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.trilu import Trilu

    with changed(Trilu, {"version_14": triangle}):
        yield


def triangle(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """The upper or the lower triangle of matrices, from the k-th diagonal on."""
    import tensorflow as tf

    tensors = kwargs["tensor_dict"]
    given = tensors[node.inputs[0]]
    first = tf.reshape(tensors[node.inputs[1]], []) if len(node.inputs) > 1 and node.inputs[1] else 0
    sizes = tf.shape(given, out_type=tf.int64)
    right = tf.range(sizes[-1]) - tf.range(sizes[-2])[:, tf.newaxis]
    kept = right >= first if node.attrs.get("upper", 1) else right <= first
    return [tf.where(kept, given, tf.zeros_like(given))]


REMEDY = Remedy(revision=1, converting=converting)
