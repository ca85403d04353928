"""A stand-in `tensorflow_addons` with `seq2seq.hardmax`, all that onnx-tf uses of it.

tensorflow-addons has ended: no wheel for Python 3.12, and under Keras 3 it fails to import
(`No module named 'keras.src.engine'`). onnx-tf imports it at its top for one function.

https://github.com/tensorflow/addons/issues/2865
"""

import importlib.machinery
import sys
import types
from typing import Any

from tfparity.worker.shims import Shim


def hardmax(logits: Any, name: Any = None) -> Any:
    """1 at the largest entry of the last axis (the first of equals), 0 elsewhere, as tfa.seq2seq.hardmax."""
    import tensorflow

    with tensorflow.name_scope(name or "hardmax"):
        tensor = tensorflow.convert_to_tensor(logits)
        depth = tensor.shape[-1]
        if depth is None:
            depth = tensorflow.shape(tensor)[-1]
        return tensorflow.one_hot(tensorflow.argmax(tensor, -1), depth, dtype=tensor.dtype)


def apply() -> None:
    addons = types.ModuleType("tensorflow_addons", __doc__)
    seq2seq = types.ModuleType("tensorflow_addons.seq2seq")
    # transformers and others look for a package by its spec before they import it.
    addons.__spec__ = importlib.machinery.ModuleSpec("tensorflow_addons", None, is_package=True)
    seq2seq.__spec__ = importlib.machinery.ModuleSpec("tensorflow_addons.seq2seq", None)
    addons.__path__ = []
    vars(seq2seq)["hardmax"] = hardmax
    vars(addons)["seq2seq"] = seq2seq
    sys.modules["tensorflow_addons"] = addons
    sys.modules["tensorflow_addons.seq2seq"] = seq2seq


SHIM = Shim(revision=1, apply=apply)
