"""A SavedModel by the C API of the library inside TensorFlow's wheel: no TensorFlow is imported into Python.

What loads a SavedModel in C, C++, Go, Java or Rust goes this way too:
https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/c/c_api.h
"""

import ctypes
import importlib.util
import os
import sys
from typing import Any, Dict, List, Tuple

from tfparity.worker.artifacts import Opener, _wire
from tfparity.worker.artifacts._fitting import chosen_signature, fitted
from tfparity.worker.messages import Refused
from tfparity.worker.runtimes.saved_model import numbered

#: Types of TensorFlow by their numbers, as numpy names them:
#: https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/core/framework/types.proto
DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    8: "complex64",
    9: "int64",
    10: "bool",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
NUMBERS = {name: number for number, name in DTYPES.items()}

#: The library that holds the C API; before 2.9 it was part of the extension module.
LIBRARIES = ("libtensorflow_cc.so.2", os.path.join("python", "_pywrap_tensorflow_internal.so"))


class _Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p)]


class _Output(ctypes.Structure):
    _fields_ = [("oper", ctypes.c_void_p), ("index", ctypes.c_int)]


def library() -> Any:
    """The library, its functions typed. Raises Refused where there is none."""
    found = importlib.util.find_spec("tensorflow")
    if found is None or not found.origin:
        raise Refused("NoLibrary", "this environment has no TensorFlow")
    folder = os.path.dirname(found.origin)
    there = [path for path in (os.path.join(folder, name) for name in LIBRARIES) if os.path.exists(path)]
    if not there:
        raise Refused("NoLibrary", "TensorFlow's wheel has none of %s" % ", ".join(LIBRARIES))
    loaded = ctypes.CDLL(there[0])  # of its own symbols alone: seen by other modules, they crash numpy.random
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    pointers = ctypes.POINTER(pointer)
    outputs = ctypes.POINTER(_Output)
    for name, result, arguments in (
        ("TF_NewStatus", pointer, []),
        ("TF_GetCode", number, [pointer]),
        ("TF_Message", ctypes.c_char_p, [pointer]),
        ("TF_NewGraph", pointer, []),
        ("TF_NewSessionOptions", pointer, []),
        ("TF_SetConfig", None, [pointer, ctypes.c_char_p, size, pointer]),
        ("TF_NewBuffer", ctypes.POINTER(_Buffer), []),
        ("TF_GraphOperationByName", pointer, [pointer, ctypes.c_char_p]),
        ("TF_AllocateTensor", pointer, [number, ctypes.POINTER(ctypes.c_int64), number, size]),
        ("TF_TensorData", pointer, [pointer]),
        ("TF_TensorByteSize", size, [pointer]),
        ("TF_TensorType", number, [pointer]),
        ("TF_NumDims", number, [pointer]),
        ("TF_Dim", ctypes.c_int64, [pointer, number]),
        ("TF_DeleteTensor", None, [pointer]),
        (
            "TF_LoadSessionFromSavedModel",
            pointer,
            [
                *(pointer, pointer, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), number, pointer),
                *(ctypes.POINTER(_Buffer), pointer),
            ],
        ),
        (
            "TF_SessionRun",
            None,
            [
                *(pointer, pointer, outputs, pointers, number, outputs, pointers, number),
                *(pointers, number, pointer, pointer),
            ],
        ),
    ):
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


class Session:
    """A session of the SavedModel and the signature that is served."""

    def __init__(self, folder: str, threads: int) -> None:
        self.lib = library()
        self.status = self.lib.TF_NewStatus()
        self.graph = self.lib.TF_NewGraph()
        options = self.lib.TF_NewSessionOptions()
        # ConfigProto: intra_op_parallelism_threads is field 2, inter_op_parallelism_threads field 5, both numbers.
        config = bytes([2 << 3, threads, 5 << 3, threads])
        self.lib.TF_SetConfig(options, config, len(config), self.status)
        self._checked("Config")
        tags = (ctypes.c_char_p * 1)(b"serve")
        meta = self.lib.TF_NewBuffer()
        self.session = self.lib.TF_LoadSessionFromSavedModel(
            options, None, os.fsencode(folder), tags, 1, self.graph, meta, self.status
        )
        self._checked("Load")
        self.inputs, self.outputs = _signature(ctypes.string_at(meta.contents.data, meta.contents.length))
        told = [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras", "tf_keras")]
        if told:
            raise Refused("PythonTensorFlow", "%s was imported, which a C program has not" % told[0])

    def _checked(self, doing: str) -> None:
        if self.lib.TF_GetCode(self.status):
            raise Refused("CApi" + doing, self.lib.TF_Message(self.status).decode("utf-8", "replace"))

    def described(self) -> Dict[str, Any]:
        return {
            "inputs": [[name, one["dtype"], one["shape"]] for name, one in sorted(self.inputs.items())],
            "outputs": [[name, one["dtype"], one["shape"]] for name, one in sorted(self.outputs.items())],
        }

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        arrays = fitted(given, self.described()["inputs"])
        names, wanted = list(arrays), sorted(self.outputs, key=numbered)
        values = (ctypes.c_void_p * len(names))(*[self._tensor(arrays[name]) for name in names])
        answers = (ctypes.c_void_p * len(wanted))()
        try:
            self.lib.TF_SessionRun(
                *(self.session, None),
                *(self._places(self.inputs, names), values, len(names)),
                *(self._places(self.outputs, wanted), answers, len(wanted)),
                *(None, 0, None, self.status),
            )
            self._checked("Run")
            return [(name, self._array(answer)) for name, answer in zip(wanted, answers)]
        finally:
            for tensor in [*values, *answers]:
                if tensor:
                    self.lib.TF_DeleteTensor(tensor)

    def _places(self, side: Dict[str, Any], names: List[str]) -> Any:
        """Where in the graph they are: "operation:index"."""
        places = (_Output * len(names))()
        for place, name in zip(places, names):
            operation, _, index = side[name]["tensor"].partition(":")
            found = self.lib.TF_GraphOperationByName(self.graph, operation.encode())
            if not found:
                raise Refused("CApiGraph", "the graph has no operation %s, which the signature names" % operation)
            place.oper, place.index = found, int(index or 0)
        return places

    def _tensor(self, array: Any) -> Any:
        import numpy

        array = numpy.ascontiguousarray(array).reshape(array.shape)  # it makes a scalar a vector
        sizes = (ctypes.c_int64 * max(1, array.ndim))(*array.shape)
        tensor = self.lib.TF_AllocateTensor(NUMBERS[array.dtype.name], sizes, array.ndim, array.nbytes)
        ctypes.memmove(self.lib.TF_TensorData(tensor), array.ctypes.data, array.nbytes)
        return tensor

    def _array(self, tensor: Any) -> Any:
        import numpy

        kind = self.lib.TF_TensorType(tensor)
        if kind not in DTYPES:
            raise Refused("OutputType", "an output of TensorFlow's type %d" % kind)
        shape = [self.lib.TF_Dim(tensor, axis) for axis in range(self.lib.TF_NumDims(tensor))]
        data = ctypes.string_at(self.lib.TF_TensorData(tensor), self.lib.TF_TensorByteSize(tensor))
        return numpy.frombuffer(data, dtype=DTYPES[kind]).reshape(shape)


def _signature(meta_graph: bytes) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Inputs and outputs of the signature that is served: of MetaGraphDef, `signature_def` is field 5; of SignatureDef,
    `inputs` is 1 and `outputs` 2.
    https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/core/protobuf/meta_graph.proto"""
    signatures = _wire.text_map(_wire.every(meta_graph, 5))
    named = {name: value for name, value in signatures.items() if not name.startswith("__saved_model_")}
    chosen = named[chosen_signature(list(named))]
    inputs, outputs = (_wire.text_map(_wire.every(chosen, number)) for number in (1, 2))
    return {name: _tensor(one) for name, one in inputs.items()}, {name: _tensor(one) for name, one in outputs.items()}


def _tensor(info: bytes) -> Dict[str, Any]:
    """Of TensorInfo: `name` is 1, `dtype` 2, `tensor_shape` 3; of TensorShapeProto: `dim` is 2, `unknown_rank` 3."""
    found = dict(_wire.fields(info))
    kind = found.get(2, 0)
    if kind not in DTYPES:
        raise Refused("SignatureType", "the signature has a tensor of TensorFlow's type %d" % kind)
    shape_ = found.get(3, b"")
    dims = [dict(_wire.fields(dim)).get(1, 0) for dim in _wire.every(shape_, 2)]
    open_axis = 1 << 63
    shape = None if _wire.every(shape_, 3) else [-1 if size >= open_axis else size for size in dims]
    return {"tensor": found.get(1, b"").decode("utf-8"), "dtype": DTYPES[kind], "shape": shape}


def open_artifact(folder: str, settings: Dict[str, Any]) -> Session:
    return Session(folder, int(settings.get("threads", 1)))


OPENER = Opener(revision=1, imports=(("numpy", "numpy"),), open=open_artifact)
