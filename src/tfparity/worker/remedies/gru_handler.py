"""A handler for GRU as torch defines it (linear_before_reset), as a scan over time.

h' = (1 - z) · tanh(W_h x + b_h + r · (R_h h + c_h)) + z · h: https://onnx.ai/onnx/operators/onnx__GRU.html
"""

from contextlib import contextmanager
from typing import Any, Iterator, List

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import changed


@contextmanager
def converting() -> Iterator[None]:
    from onnx_tf.handlers.backend.gru import GRU

    with changed(GRU, {"args_check": lambda handler, node, **kwargs: None, "version_7": gru, "version_14": gru}):
        yield


def gru(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """Outputs Y (time, directions, batch, hidden) and Y_h (directions, batch, hidden)."""
    import tensorflow as tf

    if not node.attrs.get("linear_before_reset", 0) or node.attrs.get("layout", 0) or "activations" in node.attrs:
        raise Refused("OtherGRU", "only the GRU of torch is spelt out here")
    tensors = kwargs["tensor_dict"]
    given: List[Any] = [tensors[name] if name else None for name in node.inputs]
    given += [None] * (6 - len(given))
    steps, kernels, recurrent, biases, lengths, initial = given
    if lengths is not None:
        raise Refused("OtherGRU", "sequences of lengths of their own are not spelt out here")
    hidden = int(node.attrs["hidden_size"])
    direction = node.attrs.get("direction", "forward")
    backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    outputs, lasts = [], []
    for place, reverse in enumerate(backwards[direction.decode() if isinstance(direction, bytes) else direction]):
        kernel, loop = tf.transpose(kernels[place]), tf.transpose(recurrent[place])
        bias = biases[place] if biases is not None else tf.zeros([6 * hidden], steps.dtype)
        across = tf.matmul(tf.reshape(steps, [-1, tf.shape(steps)[2]]), kernel) + bias[: 3 * hidden]
        across = tf.reshape(across, tf.concat([tf.shape(steps)[:2], [3 * hidden]], 0))
        start = initial[place] if initial is not None else tf.zeros([tf.shape(steps)[1], hidden], steps.dtype)

        def step(before: Any, at: Any, loop: Any = loop, added: Any = bias[3 * hidden :]) -> Any:
            update, reset, new = tf.split(at, 3, axis=-1)
            update_h, reset_h, new_h = tf.split(tf.matmul(before, loop) + added, 3, axis=-1)
            update = tf.sigmoid(update + update_h)
            return (1 - update) * tf.tanh(new + tf.sigmoid(reset + reset_h) * new_h) + update * before

        found = tf.scan(step, across, initializer=start, reverse=reverse)
        outputs.append(found)
        lasts.append(found[0] if reverse else found[-1])
    return [tf.stack(outputs, axis=1), tf.stack(lasts, axis=0)]


REMEDY = Remedy(revision=1, converting=converting)
