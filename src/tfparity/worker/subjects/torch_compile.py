"""The model compiled by torch.compile, as it is without options; the first call compiles."""

import os
from typing import Any, Callable, Dict

from tfparity.worker.messages import Refused
from tfparity.worker.subjects import Prepared, Subject, _torch


def prepare(request: Dict[str, Any]) -> Prepared:
    model = _torch.module(request)
    import torch

    if not hasattr(torch, "compile"):
        raise Refused("NoCompiler", "torch %s has no torch.compile, which came with 2.0" % torch.__version__)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no pool of processes on the one core
    return Prepared((), model)


def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
    import torch

    model, tensors = torch.compile(prepared.held), _torch.tensors(request)

    def call() -> Any:
        with torch.no_grad():
            return model(*tensors)

    return call


SUBJECT = Subject(side="source", load=load, packages=("torch",), prepare=prepare)
