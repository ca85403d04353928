"""What the .tflite subjects share: the interpreter with one thread, tensors set, invoked, and the outputs fetched."""

from typing import Any, Callable, Dict

from tfparity.worker.runtimes import tflite
from tfparity.worker.runtimes.saved_model import numbered
from tfparity.worker.subjects import Prepared, Subject, inputs


def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
    signature = tflite.load(request["artifact"])
    interpreter, details, given = signature.interpreter, signature.inputs, inputs(request)
    del signature  # while its runner lives, the interpreter refuses to have shapes set
    if sorted(details) != sorted(name for name, _ in given):
        given = list(zip(sorted(details, key=numbered), [array for _, array in given]))
    # Shapes are set once: the signature's own runner would do so at each call.
    for name, array in given:
        interpreter.resize_tensor_input(details[name]["index"], array.shape)
    interpreter.allocate_tensors()
    feeds = [(details[name]["index"], tflite.quantized(array, details[name])) for name, array in given]
    outputs = [one["index"] for one in interpreter.get_output_details()]

    def call() -> Any:
        for index, array in feeds:
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in outputs]

    return call


def subject(name: str) -> Subject:
    return Subject(side="target", load=load, packages=("ai_edge_litert", "tensorflow"), target=name)
