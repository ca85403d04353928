"""A .tflite file by the interpreter that is installed: ai-edge-litert's, tflite-runtime's or the one in TensorFlow."""

import importlib
from typing import Any, Dict, List, Tuple

from tfparity.worker.artifacts import Opener
from tfparity.worker.artifacts._fitting import chosen_signature, fitted
from tfparity.worker.messages import Refused
from tfparity.worker.runtimes.saved_model import numbered

#: Where an interpreter may be, the one that is nothing else first.
INTERPRETERS = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")


def module() -> Any:
    """The interpreter's module. Raises Refused without one."""
    for name in INTERPRETERS:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if (missing.name or "").split(".")[0] != name.split(".")[0]:
                raise
    raise Refused("NoInterpreter", "this environment has no interpreter of .tflite files")


def interpreter(path: str, settings: Dict[str, Any]) -> Any:
    """An interpreter for the file. XNNPACK is what an interpreter takes unless it is told not to:
    https://www.tensorflow.org/api_docs/python/tf/lite/experimental/OpResolverType"""
    lite = module()
    options = {"model_path": path, "num_threads": int(settings.get("threads", 1))}
    if not settings.get("xnnpack", True):
        options["experimental_op_resolver_type"] = lite.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return lite.Interpreter(**options)


class BySignature:
    """The signature that is served."""

    def __init__(self, loaded: Any) -> None:
        self.interpreter = loaded
        self.runner = loaded.get_signature_runner(chosen_signature(list(loaded.get_signature_list())))

    def described(self) -> Dict[str, Any]:
        details = {"inputs": self.runner.get_input_details(), "outputs": self.runner.get_output_details()}
        return {side: [_described(name, one) for name, one in sorted(named.items())] for side, named in details.items()}

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        answer = self.runner(**fitted(given, self.described()["inputs"]))
        return [(name, answer[name]) for name in sorted(answer, key=numbered)]


class ByTensor:
    """A file without a signature: its tensors by their own names."""

    def __init__(self, loaded: Any) -> None:
        self.interpreter = loaded

    def described(self) -> Dict[str, Any]:
        details = {"inputs": self.interpreter.get_input_details(), "outputs": self.interpreter.get_output_details()}
        return {side: [_described(one["name"], one) for one in found] for side, found in details.items()}

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        arrays = fitted(given, self.described()["inputs"])
        for one in self.interpreter.get_input_details():
            self.interpreter.resize_tensor_input(one["index"], arrays[one["name"]].shape, strict=True)
        self.interpreter.allocate_tensors()
        for one in self.interpreter.get_input_details():
            self.interpreter.set_tensor(one["index"], arrays[one["name"]])
        self.interpreter.invoke()
        outputs = self.interpreter.get_output_details()
        return [(one["name"], self.interpreter.get_tensor(one["index"])) for one in outputs]


def _described(name: str, details: Dict[str, Any]) -> List[Any]:
    import numpy

    # Without an open axis the signature of a shape is empty in some releases.
    shape = details.get("shape_signature")
    shape = details["shape"] if shape is None or len(shape) != len(details["shape"]) else shape
    return [name, numpy.dtype(details["dtype"]).name, [int(size) for size in shape]]


def open_artifact(path: str, settings: Dict[str, Any]) -> Any:
    loaded = interpreter(path, settings)
    return BySignature(loaded) if loaded.get_signature_list() else ByTensor(loaded)


OPENER = Opener(
    revision=1,
    imports=(
        ("ai-edge-litert", "ai_edge_litert.interpreter"),
        ("tflite-runtime", "tflite_runtime.interpreter"),
        ("tensorflow-cpu", "tensorflow"),
        ("tensorflow", "tensorflow"),
    ),
    open=open_artifact,
)
