"""Handlers for Elu and Celu that exponentiate no large number, where onnx-tf gives NaN for x from about 89 on.

It computes both branches and multiplies by 0 the one that it doesn't choose: exp(x) is infinite there, and 0 times
infinity is NaN.
"""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.celu import Celu
    from onnx_tf.handlers.backend.elu import Elu

    with changed(Elu, {"version_1": elu, "version_6": elu}), changed(Celu, {"version_12": celu}):
        yield


def elu(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    return [_bent(node, kwargs["tensor_dict"][node.inputs[0]], 1.0)]


def celu(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    return [_bent(node, kwargs["tensor_dict"][node.inputs[0]], node.attrs.get("alpha", 1.0))]


def _bent(node: Any, x: Any, scale: float) -> Any:
    """Return x where it is positive, alpha (exp(x / scale) - 1) elsewhere, in x's dtype."""
    import tensorflow as tf

    below = tf.minimum(x, tf.zeros([], x.dtype))
    return tf.where(x > 0, x, node.attrs.get("alpha", 1.0) * tf.math.expm1(below / scale))


REMEDY = Remedy(revision=1, converting=converting)
