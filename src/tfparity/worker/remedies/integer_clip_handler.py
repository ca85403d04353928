"""A handler for Clip that casts the bounds to the type of the tensor."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.clip import Clip

    with changed(Clip, {"version_11": clip, "version_12": clip, "version_13": clip}):
        yield


def clip(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """Clip from opset 11 on: the bounds are optional inputs."""
    import tensorflow as tf

    tensors = kwargs["tensor_dict"]
    clipped = tensors[node.inputs[0]]
    for place, bound in ((1, tf.maximum), (2, tf.minimum)):
        if len(node.inputs) > place and node.inputs[place]:
            clipped = bound(clipped, tf.cast(tensors[node.inputs[place]], clipped.dtype))
    return [clipped]


REMEDY = Remedy(revision=1, converting=converting)
