"""The module `onnx.mapping` (also `onnx.helper.mapping`), gone from onnx 1.19, which onnx-tf imports.

Its tables are built, when first asked for, from the functions of `onnx.helper` that took their place.
Where onnx still has the module, nothing is done.

https://github.com/onnx/onnx/issues/7257
"""

import importlib.util
import os
import sys
import types
from typing import Any, Dict

from tfparity.worker.shims import Shim


def apply() -> None:
    spec = importlib.util.find_spec("onnx")
    if spec is None or spec.origin is None:
        raise ImportError("No module named 'onnx'", name="onnx")
    if os.path.exists(os.path.join(os.path.dirname(spec.origin), "mapping.py")):
        return
    mapping = types.ModuleType("onnx.mapping", __doc__)

    def table(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        vars(mapping).update(tables())
        try:
            return vars(mapping)[name]
        except KeyError:
            raise AttributeError("module 'onnx.mapping' has no attribute %r" % name) from None

    vars(mapping)["__getattr__"] = table  # PEP 562
    # `from package import name` falls back to sys.modules: onnx itself need not be imported yet.
    sys.modules["onnx.mapping"] = mapping
    sys.modules["onnx.helper.mapping"] = mapping


def tables() -> Dict[str, Dict[Any, Any]]:
    """The four tables that onnx-tf reads, keyed by the integers of TensorProto's types or by numpy's dtypes."""
    import numpy
    from onnx import TensorProto, helper

    to_numpy: Dict[Any, Any] = {}
    to_storage: Dict[Any, Any] = {}
    to_field: Dict[Any, Any] = {}
    for kind in TensorProto.DataType.values():
        if kind != TensorProto.UNDEFINED:
            to_numpy[kind] = numpy.dtype(helper.tensor_dtype_to_np_dtype(kind))
            to_storage[kind] = int(helper.tensor_dtype_to_storage_tensor_dtype(kind))
            to_field[kind] = helper.tensor_dtype_to_field(kind)
    by_storage = dict(to_field)
    by_storage.update((to_storage[kind], field) for kind, field in to_field.items())
    from_numpy: Dict[Any, Any] = {}
    for kind, dtype in to_numpy.items():
        from_numpy.setdefault(dtype, kind)
    return {
        "TENSOR_TYPE_TO_NP_TYPE": to_numpy,
        "NP_TYPE_TO_TENSOR_TYPE": from_numpy,
        "TENSOR_TYPE_TO_STORAGE_TENSOR_TYPE": to_storage,
        "STORAGE_TENSOR_TYPE_TO_FIELD": by_storage,
    }


SHIM = Shim(revision=1, apply=apply)
