"""The model traced by torch.jit.trace, saved, and loaded as it is deployed."""

import os
from typing import Any, Callable, Dict

from tfparity.worker.subjects import Prepared, Subject, _torch


def prepare(request: Dict[str, Any]) -> Prepared:
    model = _torch.module(request)
    import torch

    path = os.path.join(request["folder"], "model.pt")
    with torch.no_grad():
        traced = torch.jit.trace(model, tuple(_torch.tensors(request)), check_trace=False, strict=False)
    traced.save(path)
    return Prepared((path,))


def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
    import torch

    model, tensors = torch.jit.load(prepared.files[0]), _torch.tensors(request)

    def call() -> Any:
        with torch.no_grad():
            return model(*tensors)

    return call


SUBJECT = Subject(side="source", load=load, packages=("torch",), prepare=prepare)
