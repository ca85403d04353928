"""Handlers for Squeeze and Unsqueeze of opset 13, whose axes are an input: onnx-tf has none."""

from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.squeeze import Squeeze
    from onnx_tf.handlers.backend.unsqueeze import Unsqueeze

    with ExitStack() as stack:
        stack.enter_context(changed(Squeeze, {"version_13": squeeze}))
        stack.enter_context(changed(Unsqueeze, {"version_13": unsqueeze}))
        yield


def axes(node: Any, tensors: Any) -> List[int]:
    """The constant second input."""
    import tensorflow as tf

    value = tf.get_static_value(tensors[node.inputs[1]])
    if value is None:
        raise Refused("UnknownAxes", "the axes of %s are computed by the model" % node.op_type)
    return [int(axis) for axis in value.reshape(-1)]


def squeeze(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    tensors = kwargs["tensor_dict"]
    given = tensors[node.inputs[0]]
    return [tf.squeeze(given, axis=axes(node, tensors) if len(node.inputs) > 1 and node.inputs[1] else None)]


def unsqueeze(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    import tensorflow as tf

    tensors = kwargs["tensor_dict"]
    given, wanted = tensors[node.inputs[0]], axes(node, tensors)
    rank = len(given.shape) + len(wanted)
    for axis in sorted(axis % rank for axis in wanted):
        given = tf.expand_dims(given, axis)
    return [given]


REMEDY = Remedy(revision=1, converting=converting)
