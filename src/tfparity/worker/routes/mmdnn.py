"""torch → MMdnn's IR → code of TensorFlow 1 → SavedModel, called through `serving_default` in a session.

The SavedModel takes and returns images in TensorFlow's layout, channels last; its user transposes. `load` transposes
everything of four dimensions, so that the comparison is in torch's layout.
https://github.com/microsoft/MMdnn/tree/main/mmdnn/conversion/pytorch
"""

import os
import tempfile
from typing import Any, Dict, List, Optional, Tuple

from tfparity.worker import arrays, plugins
from tfparity.worker.declare import Case
from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.messages import Refused
from tfparity.worker.routes import Gives, Route
from tfparity.worker.runtimes.saved_model import RUNTIME

_BOTH = {"torch": ">=1.4", "mmdnn": ">=0.3", "tensorflow": ">=1.15,<2"}

_SIGNATURE = "serving_default"

#: Where channels go in a batch of pictures.
LAST = (0, 2, 3, 1)
FIRST = (0, 3, 1, 2)


def refusal(case: Case) -> Optional[str]:
    """Why the route cannot take a case; None if it may."""
    if len(case.inputs) != 1 or len(case.inputs[0].shape) != 4:
        return "takes convolutional networks alone, of one input with four dimensions"
    return None


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """Convert as mmtoir and mmtocode do, with the case's names in the signature.

    Raises Refused if the code has another number of outputs.
    """
    import tensorflow as tf
    import torch
    from mmdnn.conversion.pytorch.pytorch_parser import PytorchParser151
    from mmdnn.conversion.tensorflow.tensorflow_emitter import TensorflowEmitter

    model, case = rebuild(bundle, request)
    shape = list(arrays.inputs(case, case.samples()[0])[0].shape)
    with tempfile.TemporaryDirectory() as folder:
        pickled, ir, code = (os.path.join(folder, name) for name in ("model.pth", "ir", "code.py"))
        torch.save(model, pickled)
        # 151 is what MMdnn takes for every torch but 0.4.0
        PytorchParser151(pickled, shape[1:]).run(ir)
        TensorflowEmitter((ir + ".pb", ir + ".npy")).run(code, None, "test")
        graph = tf.Graph()
        with graph.as_default():
            made = plugins.load(code, "").KitModel(ir + ".npy")
            given, answer = made[0], made[1:]
            if len(answer) != len(case.outputs):
                raise Refused("OutputCount", "%d outputs in the code, %d declared" % (len(answer), len(case.outputs)))
            with tf.compat.v1.Session(graph=graph, config=_one_thread()) as session:
                session.run(tf.compat.v1.global_variables_initializer())
                tf.compat.v1.saved_model.simple_save(
                    session,
                    artifact,
                    inputs={case.inputs[0].name: given},
                    outputs=dict(zip([output.name for output in case.outputs], answer)),
                )


def _one_thread() -> Any:
    import tensorflow as tf

    return tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)


class Served:
    """The `serving_default` signature of a SavedModel of TensorFlow 1, in a session of its own, channels first."""

    def __init__(self, folder: str) -> None:
        import tensorflow as tf

        self.session = tf.compat.v1.Session(graph=tf.Graph(), config=_one_thread())
        loaded = tf.compat.v1.saved_model.load(self.session, ["serve"], folder)
        self.described = loaded.signature_def[_SIGNATURE]

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        fed = {self.described.inputs[name].name: laid_out(array, LAST) for name, array in given}
        names = sorted(self.described.outputs)
        answer = self.session.run([self.described.outputs[name].name for name in names], fed)
        return [(name, laid_out(array, FIRST)) for name, array in zip(names, answer)]

    def signature(self) -> Dict[str, Any]:
        import tensorflow as tf

        def described(tensors: Any) -> List[List[str]]:
            return [[name, tf.as_dtype(tensors[name].dtype).name] for name in sorted(tensors)]

        return {
            "inputs": described(self.described.inputs),
            "outputs": described(self.described.outputs),
            "ordered": False,
        }


def laid_out(array: Any, order: Tuple[int, ...]) -> Any:
    return array.transpose(order) if array.ndim == len(order) else array


def load(folder: str) -> Served:
    return Served(folder)


ROUTE = Route(
    revision=1,
    sides="together",
    framework="pytorch",
    exporter="torch-module",
    # The IR has none; one attempt.
    opsets=(0,),
    requires={"source": _BOTH, "target": _BOTH},
    imports={
        "source": ["torch"],
        "target": [
            "torch",
            "tensorflow",
            "mmdnn.conversion.pytorch.pytorch_parser",
            "mmdnn.conversion.tensorflow.tensorflow_emitter",
        ],
    },
    convert=convert,
    load=load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(targets=("saved-model",), dynamic=True, layout="channels-last", integers="kept", trainable=False),
    refusal=refusal,
)
