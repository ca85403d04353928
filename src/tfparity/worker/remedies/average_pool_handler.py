"""A handler for AveragePool that divides by the number of cells torch counts, with TensorFlow operators only."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.average_pool import AveragePool

    with changed(AveragePool, {"version_7": pool, "version_10": pool, "version_11": pool}):
        yield


def pool(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """Padding counts with count_include_pad; what ceil_mode adds beyond it never counts, and no window starts there."""
    import tensorflow as tf

    if node.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return list(handler._common(node, **kwargs))
    kernel = list(node.attrs["kernel_shape"])
    rank = len(kernel)
    strides = list(node.attrs.get("strides", [1] * rank))
    pads = list(node.attrs.get("pads", [0] * 2 * rank))
    left = [stride if stride > size else 1 for stride, size in zip(strides, kernel)]  # which tf.nn.pool refuses
    taken = [stride // step for stride, step in zip(strides, left)]
    ceil, all_count = node.attrs.get("ceil_mode", 0), node.attrs.get("count_include_pad", 0)

    def padded(given: Any, sides: Any, value: int = 0) -> Any:
        return tf.pad(given, [(0, 0), *sides, (0, 0)], constant_values=tf.cast(value, given.dtype))

    def means(given: Any) -> Any:
        if ceil:
            given = padded(given, [(0, stride - 1) for stride in strides])
        found = tf.nn.pool(given, kernel, "AVG", taken, "VALID")
        return found[(slice(None), *[slice(None, None, step) for step in left])] if max(left) > 1 else found

    given = kwargs["tensor_dict"][node.inputs[0]]
    given = tf.transpose(given, [0, *range(2, rank + 2), 1])
    sides = list(zip(pads[:rank], pads[rank:]))
    found = means(padded(given, sides))
    if ceil or (any(pads) and not all_count):
        counted = means(padded(tf.ones_like(given[:1, ..., :1]), sides, all_count))
        found = tf.math.divide_no_nan(found, counted)
    if ceil:
        sizes = [given.shape[place] or tf.shape(given)[place] for place in range(1, rank + 1)]
        ends = [-(-(size + begin) // stride) for size, (begin, _), stride in zip(sizes, sides, strides)]
        found = found[(slice(None), *map(slice, ends))]
    return [tf.transpose(found, [0, rank + 1, *range(1, rank + 1)])]


REMEDY = Remedy(revision=1, converting=converting)
