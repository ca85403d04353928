"""A handler for Resize in the mode cubic as torch means it: the border is repeated, and any coefficient is taken.

A neighbour at distance d weighs (a + 2)d³ - (a + 3)d² + 1 up to 1, ad³ - 5ad² + 8ad - 4a up to 2:
https://onnx.ai/onnx/operators/onnx__Resize.html
"""

from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

from tfparity.worker.messages import Refused
from tfparity.worker.remedies._handlers import changed

REVISION = 1


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
    """Images of (batch, channels, height, width), to the sizes or by the scales that are given."""
    import tensorflow as tf

    given: List[Any] = [tensors[name] if name else None for name in node.inputs]
    image, _, scales, sizes = given + [None] * (4 - len(given))
    if image.shape.rank not in (4, None) or not image.dtype.is_floating:
        raise Refused("OtherResize", "bicubic of %s of rank %s" % (image.dtype.name, image.shape.rank))
    mode = node.attrs.get("coordinate_transformation_mode", "half_pixel")
    found = tf.cast(image, tf.float64 if image.dtype == tf.float64 else tf.float32)
    for axis in (2, 3):
        old = tf.shape(image)[axis]
        scale = scales[axis] if sizes is None else None
        new = tf.cast(sizes[axis] if scale is None else tf.floor(tf.cast(old, scale.dtype) * scale), tf.int32)
        found = along(found, axis, old, new, positions(mode, old, new, scale, found.dtype), node)
    return [tf.cast(found, image.dtype)]


def positions(mode: str, old: Any, new: Any, scale: Optional[Any], dtype: Any) -> Any:
    """Where in the old axis each place of the new one lies."""
    import tensorflow as tf

    places, before, after = tf.cast(tf.range(new), dtype), tf.cast(old, dtype), tf.cast(new, dtype)
    if mode == "align_corners":
        return places * (before - 1) / tf.maximum(after - 1, 1)
    step = before / after if scale is None else 1 / tf.cast(scale, dtype)
    if mode == "asymmetric":
        return places * step
    if mode not in ("half_pixel", "pytorch_half_pixel"):
        raise Refused("OtherResize", "bicubic in coordinates %s" % mode)
    halves = (places + 0.5) * step - 0.5
    return halves if mode == "half_pixel" else tf.where(new > 1, halves, tf.zeros_like(halves))


def along(given: Any, axis: int, old: Any, new: Any, where: Any, node: Any) -> Any:
    """The sums of four neighbours each, along one axis."""
    import tensorflow as tf

    a = node.attrs.get("cubic_coeff_a", -0.75)
    first = tf.floor(where)
    found: Any = 0
    for step in (-1, 0, 1, 2):
        far = tf.abs(where - first - step)
        near_weight = ((a + 2) * far - (a + 3)) * far * far + 1
        weight = near_weight if step in (0, 1) else ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
        neighbour = tf.gather(given, tf.clip_by_value(tf.cast(first, tf.int32) + step, 0, old - 1), axis=axis)
        found += neighbour * tf.reshape(weight, [-1] + [1] * (3 - axis))
    return found
