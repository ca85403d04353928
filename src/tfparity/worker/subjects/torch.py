"""The model in eager mode, without gradients; its weights are read from a file into the model as it was built."""

import os
from typing import Any, Callable, Dict

from tfparity.worker.subjects import Prepared, Subject, _torch, inputs


def prepare(request: Dict[str, Any]) -> Prepared:
    framework, model = _torch.model(request)
    if not hasattr(model, "state_dict"):  # an .onnx file's, which the framework evaluates
        return Prepared((), (framework, model))
    import torch

    path = os.path.join(request["folder"], "weights.pt")
    torch.save(model.state_dict(), path)
    return Prepared((path,), (framework, model))


def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
    framework, model = prepared.held
    for path in prepared.files:
        model.load_state_dict(_read(path))
    return framework.timed(model, [array for _, array in inputs(request)])  # type: ignore[no-any-return]


def _read(path: str) -> Any:
    import torch

    try:  # of our own making: what a module keeps by get_extra_state may be any object
        return torch.load(path, weights_only=False)  # nosec B614
    except TypeError:  # weights_only came with torch 1.13
        return torch.load(path)  # nosec B614


SUBJECT = Subject(side="source", load=load, packages=("torch", "onnx", "numpy"), prepare=prepare)
