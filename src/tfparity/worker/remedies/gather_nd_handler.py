"""A handler for GatherND with batch dimensions, which the exporter writes."""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.gather_nd import GatherND

    with changed(GatherND, dict.fromkeys(("version_11", "version_12", "version_13"), gather)):
        yield


def gather(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """A negative index counts from the end."""
    import tensorflow as tf

    data, indices = [kwargs["tensor_dict"][name] for name in node.inputs]
    batch = node.attrs.get("batch_dims", 0)
    sizes = tf.shape(data, out_type=indices.dtype)[batch : batch + tf.shape(indices)[-1]]
    return [tf.gather_nd(data, tf.where(indices < 0, indices + sizes, indices), batch_dims=batch)]


REMEDY = Remedy(revision=1, converting=converting)
