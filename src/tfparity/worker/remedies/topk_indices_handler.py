"""A handler for TopK that moves the axis back in the indices, too, and finds the smallest integers without negation."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.top_k import TopK

    with changed(TopK, {"version_10": best, "version_11": best}):
        yield


def best(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """Values and indices; equal values keep their order."""
    import tensorflow as tf

    given, number = [kwargs["tensor_dict"][name] for name in node.inputs]
    rank = given.shape.rank
    axis = node.attrs.get("axis", -1) % rank
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]

    def turned(values: Any) -> Any:
        """The order reversed if the smallest are wanted; -x of the least integer would be itself."""
        if node.attrs.get("largest", 1):
            return values
        return tf.bitwise.invert(values) if values.dtype.is_integer else -values

    number = tf.cast(tf.reshape(number, []), tf.int32)
    values, indices = tf.nn.top_k(turned(tf.transpose(given, order)), number, sorted=bool(node.attrs.get("sorted", 1)))
    return [tf.transpose(turned(values), order), tf.cast(tf.transpose(indices, order), tf.int64)]


REMEDY = Remedy(revision=1, converting=converting)
