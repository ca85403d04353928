"""A handler for Resize in mode cubic as torch defines it: borders are repeated, any cubic coefficient is supported."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed
from tfparity.worker.remedies._resize import along, axes, neighbour


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.resize import Resize

    before = Resize.handle

    def handle(handler: Any, node: Any, **kwargs: Any) -> Any:
        cubic = node.attrs.get("mode", "nearest") == "cubic" and not node.attrs.get("exclude_outside", 0)
        if cubic and handler.SINCE_VERSION in (11, 13):
            return resize(node, kwargs["tensor_dict"])
        return before(node, **kwargs)

    with changed(Resize, {"handle": handle}):
        yield


def resize(node: Any, tensors: Any) -> List[Any]:
    """Four neighbours along each axis, weighted by (a + 2)d³ - (a + 3)d² + 1 at distance d < 1, else by ad³ - 5ad² +
    8ad - 4a."""
    import tensorflow as tf

    image, a = tensors[node.inputs[0]], node.attrs.get("cubic_coeff_a", -0.75)
    if image.shape.rank not in (4, None) or not image.dtype.is_floating:
        raise Refused("OtherResize", "bicubic of %s of rank %s" % (image.dtype.name, image.shape.rank))
    dtype = tf.float64 if image.dtype == tf.float64 else tf.float32
    found = tf.cast(image, dtype)
    for axis, old, where in axes(node, tensors, dtype):
        first, total = tf.floor(where), 0
        for step in (-1, 0, 1, 2):
            d = tf.abs(where - first - step)
            weight = (
                ((a + 2) * d - (a + 3)) * d * d + 1 if step in (0, 1) else ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
            )
            total += neighbour(found, axis, old, first + step) * along(weight, axis, image.shape.rank)
        found = total
    return [tf.cast(found, image.dtype)]


REMEDY = Remedy(revision=1, converting=converting)
