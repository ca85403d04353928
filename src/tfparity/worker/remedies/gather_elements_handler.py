"""A handler for GatherElements that accepts a negative axis and, along the last axis, an unknown rank."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.gather_elements import GatherElements

    with changed(GatherElements, {"version_11": gather, "version_13": gather}):
        yield


def gather(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """Data and indices have equal sizes except along the axis."""
    import tensorflow as tf

    data, indices = [kwargs["tensor_dict"][name] for name in node.inputs]
    axis = node.attrs.get("axis", 0)
    rank = data.shape.rank if data.shape.rank is not None else indices.shape.rank
    if rank is not None:
        axis = axis % rank - rank
    order = list(range(rank or 0))
    if axis != -1:
        if rank is None:
            raise Refused("UnknownRank", "GatherElements along axis %d of a tensor of unknown rank" % axis)
        order[axis], order[-1] = order[-1], order[axis]
        data, indices = tf.transpose(data, order), tf.transpose(indices, order)
    size = tf.cast(tf.shape(data)[-1], indices.dtype)
    found = tf.gather(data, tf.where(indices < 0, indices + size, indices), axis=-1, batch_dims=-1)
    return [found if axis == -1 else tf.transpose(found, order)]


REMEDY = Remedy(revision=1, converting=converting)
