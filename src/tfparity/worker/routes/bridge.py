"""torch itself, called from TensorFlow's graph by tf.py_function, saved as a SavedModel.

What is saved is the name of a Python function of the process that saved it. The same graph in that process is right
(worker/bridge.py, docs/bridge.md); this route is the judgement on the SavedModel, in another process, where it serves.
"""

from typing import Any, Dict, List

from tfparity.worker import bridge
from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.saved_model import load, pin_threads

__all__ = [
    "EXPORTER",
    "FRAMEWORK",
    "GIVES",
    "IMPORTS",
    "OPSETS",
    "REQUIRES",
    "REVISION",
    "SIDES",
    "convert",
    "load",
    "pin_threads",
]

#: Counts changes of worker/bridge.py, too.
REVISION = 1
SIDES = "together"
FRAMEWORK = "pytorch"
EXPORTER = "torch-module"

#: A module has none; one attempt.
OPSETS = (0,)

_BOTH = {"torch": ">=1.10", "tensorflow": ">=2.4"}
REQUIRES: Dict[str, Dict[str, str]] = {"source": _BOTH, "target": _BOTH}
#: torch._dynamo brings triton, which crashes where TensorFlow is there before it:
#: https://github.com/tensorflow/tensorflow/issues/124205
IMPORTS: Dict[str, List[str]] = {"source": ["torch"], "target": ["torch", "torch._dynamo", "tensorflow"]}
GIVES: Dict[str, Any] = {"targets": ("saved-model",)}


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    import tensorflow as tf

    model, case = rebuild(bundle, request)
    served = tf.Module()
    served.serve = bridge.function(model, *bridge.specs(model, case))
    tf.saved_model.save(served, artifact, signatures={"serving_default": served.serve.get_concrete_function()})
