"""Handlers for Conv with stride and dilation, and for ConvTranspose with dilation: onnx-tf refuses both.

Conv runs with stride 1 and keeps every n-th position; ConvTranspose's kernel is dilated with zeros.
"""

import copy
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.conv import Conv
    from onnx_tf.handlers.backend.conv_transpose import ConvTranspose

    with ExitStack() as stack:
        stack.enter_context(changed(Conv, {"version_1": conv, "version_11": conv}))
        stack.enter_context(changed(ConvTranspose, {"version_1": transposed, "version_11": transposed}))
        yield


def otherwise(node: Any, **attributes: Any) -> Any:
    """The node with these attributes replaced."""
    other = copy.copy(node)
    other.attrs = {**node.attrs, **attributes}
    return other


def conv(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    tensors, strides = kwargs["tensor_dict"], node.attrs.get("strides", [1])
    padded = node.attrs.get("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    if max(strides) == 1 or max(node.attrs.get("dilations", [1])) == 1 or not padded:
        return list(handler.conv(node, tensors))
    (found,) = handler.conv(otherwise(node, strides=[1] * len(strides)), tensors)
    return [found[(slice(None), slice(None), *[slice(None, None, stride) for stride in strides])]]


def transposed(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    tensors, dilations = dict(kwargs["tensor_dict"]), node.attrs.get("dilations", [1])
    if max(dilations) == 1:
        return list(handler.conv(node, tensors, transpose=True))
    kernel = tensors[node.inputs[1]]
    for axis, step in enumerate(dilations, 2):
        shape = list(kernel.shape)
        sides = [(0, 0)] * (axis + 1) + [(0, step - 1)] + [(0, 0)] * (len(shape) - axis - 1)
        shape[axis] *= step
        kernel = tf.reshape(tf.pad(tf.expand_dims(kernel, axis + 1), sides), shape)
        kernel = kernel[(*[slice(None)] * axis, slice(shape[axis] - step + 1))]
    tensors[node.inputs[1]] = kernel
    plain = otherwise(node, dilations=[1] * len(dilations), kernel_shape=list(kernel.shape)[2:])
    return list(handler.conv(plain, tensors, transpose=True))


REMEDY = Remedy(revision=1, converting=converting)
