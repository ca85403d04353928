"""A handler for Resize of any rank in modes linear and nearest, with exactly the scale that the file gives."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed
from tfparity.worker.remedies._resize import along, axes, neighbour


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.resize import Resize

    before = Resize.handle

    def handle(handler: Any, node: Any, **kwargs: Any) -> Any:
        given, mode = kwargs["tensor_dict"][node.inputs[0]], node.attrs.get("mode", "nearest")
        down = mode == "nearest" and node.attrs.get("nearest_mode", "round_prefer_floor") == "floor"
        known = node.attrs.get("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize"
        linear = mode == "linear" and given.dtype.is_floating
        if known and (down or linear) and given.shape.rank and handler.SINCE_VERSION in (11, 13):
            return resize(node, kwargs["tensor_dict"])
        return before(node, **kwargs)

    with changed(Resize, {"handle": handle}):
        yield


def resize(node: Any, tensors: Any) -> List[Any]:
    """The lower neighbour, or both neighbours interpolated, along each axis."""
    import tensorflow as tf

    image = tensors[node.inputs[0]]
    dtype = tf.float64 if image.dtype == tf.float64 else tf.float32
    if node.attrs.get("mode", "nearest") == "nearest":
        for axis, old, where in axes(node, tensors, dtype):
            image = neighbour(image, axis, old, tf.floor(where))
        return [image]
    found = tf.cast(image, dtype)
    for axis, old, where in axes(node, tensors, dtype):
        first = tf.floor(where)
        share = along(where - first, axis, image.shape.rank)
        found = neighbour(found, axis, old, first) * (1 - share) + neighbour(found, axis, old, first + 1) * share
    return [tf.cast(found, image.dtype)]


REMEDY = Remedy(revision=1, converting=converting)
