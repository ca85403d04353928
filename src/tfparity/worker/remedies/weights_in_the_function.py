"""onnx-tf's function holds its weights as constants of its own graph instead of capturing each of them.

TensorFlow before 2.13 infers the shapes of a saved function again for every captured tensor: minutes for a ResNet 101
(https://github.com/tensorflow/tensorflow/issues/54681).
"""

from contextlib import contextmanager
from typing import Any, Iterator

from tfparity.worker.remedies import Remedy


@contextmanager
def converting() -> Iterator[None]:
    import tensorflow as tf
    from onnx_tf.backend_rep import TensorflowRep
    from onnx_tf.backend_tf_module import BackendTFModule

    captured = BackendTFModule.__call__

    def call(self: Any, **given: Any) -> Any:
        weights = self.initializer_dict
        self.initializer_dict = {name: tf.constant(weight.numpy()) for name, weight in weights.items()}
        try:
            return captured.python_function(self, **given)
        finally:
            self.initializer_dict = weights

    def export(self: Any, path: str) -> None:
        """One function under both names: two would hold the weights twice."""
        self.tf_module.is_export = True
        holder = tf.Module()
        holder.handler_variables = self.tf_module.handler_variables
        holder.__call__ = self.tf_module.__call__.get_concrete_function(**self.signatures)
        tf.saved_model.save(holder, path, signatures=holder.__call__)

    exported = TensorflowRep.export_graph
    BackendTFModule.__call__, TensorflowRep.export_graph = tf.function(call), export
    try:
        yield
    finally:
        BackendTFModule.__call__, TensorflowRep.export_graph = captured, exported


REMEDY = Remedy(revision=1, converting=converting)
