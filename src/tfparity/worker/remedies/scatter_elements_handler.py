"""A handler for ScatterElements with dynamic sizes."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.scatter_elements import ScatterElements

    versions = ("version_11", "version_13", "version_16", "version_18")
    with changed(ScatterElements, dict.fromkeys(versions, scatter)):
        yield


def scatter(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """Indices and updates have the same shape; along the axis the index is the position of the update."""
    import tensorflow as tf

    data, indices, updates = [kwargs["tensor_dict"][name] for name in node.inputs]
    ways = {
        "none": tf.tensor_scatter_nd_update,
        "add": tf.tensor_scatter_nd_add,
        "max": tf.tensor_scatter_nd_max,
        "min": tf.tensor_scatter_nd_min,
    }
    way = node.attrs.get("reduction", "none")
    ranks = [tensor.shape.rank for tensor in (data, indices, updates) if tensor.shape.rank is not None]
    if way not in ways or not ranks:
        raise Refused("OtherScatter", "ScatterElements by %s of a tensor of rank %s" % (way, (ranks or [None])[0]))
    axis = node.attrs.get("axis", 0) % ranks[0]
    sizes = tf.shape(indices, out_type=indices.dtype)
    places = tf.meshgrid(*[tf.range(sizes[place]) for place in range(ranks[0])], indexing="ij")
    size = tf.shape(data, out_type=indices.dtype)[axis]
    places[axis] = tf.where(indices < 0, indices + size, indices)
    return [ways[way](data, tf.stack(places, axis=-1), updates)]


REMEDY = Remedy(revision=1, converting=converting)
