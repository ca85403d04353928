"""torch itself, called from TensorFlow's graph by tf.py_function, saved as a SavedModel.

The SavedModel holds only the name of a Python function of the process that saved it. In that process the graph gives
torch's outputs (routes/_bridge.py, docs/bridge.md); this route records what the SavedModel does in another process, as
in deployment.
"""

from typing import Any, Dict

from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.routes import Gives, Route
from tfparity.worker.routes import _bridge as bridge
from tfparity.worker.runtimes.saved_model import RUNTIME

_BOTH = {"torch": ">=1.10", "tensorflow": ">=2.4"}


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    import tensorflow as tf

    model, case = rebuild(bundle, request)
    served = tf.Module()
    served.serve = bridge.function(model, *bridge.specs(model, case))
    tf.saved_model.save(served, artifact, signatures={"serving_default": served.serve.get_concrete_function()})


ROUTE = Route(
    revision=1,
    sides="together",
    framework="pytorch",
    exporter="torch-module",
    # A module has none; one attempt.
    opsets=(0,),
    requires={"source": _BOTH, "target": _BOTH},
    # torch._dynamo brings triton, which crashes where TensorFlow is there before it:
    # https://github.com/tensorflow/tensorflow/issues/124205
    imports={"source": ["torch"], "target": ["torch", "torch._dynamo", "tensorflow"]},
    convert=convert,
    load=RUNTIME.load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(targets=("saved-model",)),
)
