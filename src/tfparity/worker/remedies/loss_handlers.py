"""Handlers for SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss, for which onnx-tf has none."""

from typing import Any, ContextManager, List

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._handlers import added


def converting() -> ContextManager[None]:
    return added({"SoftmaxCrossEntropyLoss": loss, "NegativeLogLikelihoodLoss": loss})


def loss(handler: Any, node: Any, **kwargs: Any) -> List[Any]:
    """Scores (batch, classes, …), labels (batch, …), optionally a weight per class; returns the loss and the log
    softmax."""
    import tensorflow as tf

    given: List[Any] = [kwargs["tensor_dict"][name] if name else None for name in node.inputs]
    scores, labels, weights = given + [None] * (3 - len(given))
    rank = scores.shape.rank
    logs = tf.transpose(scores, [0, *range(2, rank), 1])
    if node.op_type == "SoftmaxCrossEntropyLoss":
        logs = tf.nn.log_softmax(logs)
    kept = tf.ones_like(labels, tf.bool)
    if "ignore_index" in node.attrs:
        kept = labels != node.attrs["ignore_index"]
    places = tf.where(kept, labels, tf.zeros_like(labels))
    counts = tf.cast(kept, scores.dtype)
    if weights is not None:
        counts *= tf.gather(weights, places)
    found = -counts * tf.gather(logs, places, axis=rank - 1, batch_dims=rank - 1)
    found = tf.where(kept, found, tf.zeros_like(found))
    reduction = node.attrs.get("reduction", "mean")
    if reduction != "none":
        found = tf.reduce_sum(found)
    if reduction == "mean":
        found /= tf.reduce_sum(counts)
    return [found, tf.transpose(logs, [0, rank - 1, *range(1, rank - 1)])]


REMEDY = Remedy(revision=1, converting=converting)
