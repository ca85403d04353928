"""A handler for Pad with sides of both signs, without a value, and in modes edge and reflect."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.pad import Pad

    with changed(Pad, {"version_11": pad, "version_13": pad}):
        yield


def pad(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    tensors = kwargs["tensor_dict"]
    given, sides = tensors[node.inputs[0]], tf.cast(tf.reshape(tensors[node.inputs[1]], [2, -1]), tf.int32)
    mode = node.attrs.get("mode", "constant")
    if mode == "constant":
        value = tensors[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else 0
        return [filled(given, sides, tf.cast(tf.reshape(value, []), given.dtype))]
    if given.shape.rank is None or mode not in ("edge", "reflect"):
        raise Refused("OtherPad", "Pad by %s of a tensor of rank %s" % (mode, given.shape.rank))
    known = tf.get_static_value(sides)
    for axis in range(given.shape.rank):
        if known is None or known[:, axis].any():
            given = tf.gather(given, places(given, axis, sides[0, axis], sides[1, axis], mode), axis=axis)
    return [given]


def filled(given: Any, sides: Any, value: Any) -> Any:
    """Negative sides are cropped."""
    import tensorflow as tf

    cut = tf.maximum(-sides, 0)
    padded = tf.pad(given, tf.transpose(tf.maximum(sides, 0)), constant_values=value)
    return tf.strided_slice(padded, cut[0], tf.where(cut[1] > 0, -cut[1], tf.int32.max))


def places(given: Any, axis: int, begin: Any, end: Any, mode: str) -> Any:
    """The source position of every position of the padded axis."""
    import tensorflow as tf

    size = tf.shape(given)[axis] if given.shape[axis] is None else given.shape[axis]
    wanted = tf.range(-begin, size + end)
    if mode == "edge":
        return tf.clip_by_value(wanted, 0, size - 1)
    period = tf.maximum(2 * size - 2, 1)
    return tf.minimum(wanted % period, period - wanted % period)


REMEDY = Remedy(revision=1, converting=converting)
