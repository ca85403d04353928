"""Source coordinates of Resize: https://onnx.ai/onnx/operators/onnx__Resize.html"""

from typing import Any, Iterator, List, Optional, Tuple

from tfparity.worker.messages import Refused


def axes(node: Any, tensors: Any, dtype: Any) -> Iterator[Tuple[int, Any, Any]]:
    """For every spatial axis: the axis, its size, and the source coordinate of each position of the result.

    The new size is the scaled size rounded down if scales are given, else the given size.
    """
    import tensorflow as tf

    given: List[Any] = [tensors[name] if name else None for name in node.inputs]
    image, _, scales, sizes = given + [None] * (4 - len(given))
    mode = node.attrs.get("coordinate_transformation_mode", "half_pixel")
    for axis in range(2, image.shape.rank or 4):
        old = tf.shape(image)[axis]
        scale = scales[axis] if sizes is None else None
        new = tf.cast(sizes[axis] if scale is None else tf.floor(tf.cast(old, scale.dtype) * scale), tf.int32)
        yield axis, old, positions(mode, old, new, scale, dtype)


def positions(mode: str, old: Any, new: Any, scale: Optional[Any], dtype: Any) -> Any:
    import tensorflow as tf

    places, before, after = tf.cast(tf.range(new), dtype), tf.cast(old, dtype), tf.cast(new, dtype)
    if mode == "align_corners":
        return places * ((before - 1) / tf.maximum(after - 1, 1))
    step = before / after if scale is None else 1 / tf.cast(scale, dtype)
    if mode == "asymmetric":
        return places * step
    if mode not in ("half_pixel", "pytorch_half_pixel"):
        raise Refused("OtherResize", "coordinates %s are not spelt out here" % mode)
    halves = (places + 0.5) * step - 0.5
    return halves if mode == "half_pixel" else tf.where(new > 1, halves, tf.zeros_like(halves))


def neighbour(given: Any, axis: int, old: Any, places: Any) -> Any:
    """The values at these positions of an axis, clamped to its ends."""
    import tensorflow as tf

    return tf.gather(given, tf.clip_by_value(tf.cast(places, tf.int32), 0, old - 1), axis=axis)


def along(weight: Any, axis: int, rank: Optional[int]) -> Any:
    """A vector of weights, shaped to broadcast along that axis."""
    import tensorflow as tf

    return tf.reshape(weight, [-1] + [1] * ((rank or 4) - 1 - axis))
