"""torch.export → litert-torch → TFLite, run by LiteRT's interpreter: no TensorFlow anywhere."""

import inspect
import os
from typing import Any, Dict, List

from tfparity.worker import arrays
from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.tflite import MODEL, load

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

REVISION = 1
SIDES = "together"
FRAMEWORK = "pytorch"
EXPORTER = "torch-module"

#: A module has none; one attempt.
OPSETS = (0,)

_BOTH = {"torch": ">=2.5", "litert-torch": ">=0.10", "ai-edge-litert": ">=2"}
REQUIRES: Dict[str, Dict[str, str]] = {"source": _BOTH, "target": _BOTH}
IMPORTS: Dict[str, List[str]] = {"source": ["torch"], "target": ["torch", "torch._dynamo", "litert_torch"]}
GIVES: Dict[str, Any] = {
    "targets": ("tflite-float32",),
    "dynamic": False,
    "layout": "kept",
    "integers": "int32",
    "trainable": False,
}


def pin_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """With the case's names for inputs and outputs, and its axes open."""
    import litert_torch
    import torch

    model, case = rebuild(bundle, request)
    taken, names = [one.name for one in case.inputs], [output.name for output in case.outputs]

    class Named(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, **inputs: Any) -> Any:
            answer = self.model(*[inputs[name] for name in taken])
            return dict(zip(names, answer if isinstance(answer, (tuple, list)) else [answer]))

    # torch.export reads the names, which become those of the file's signature, off the parameters of `forward`.
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ["self", *taken]]
    Named.forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    example = {
        one.name: torch.from_numpy(array.copy())
        for one, array in zip(case.inputs, arrays.inputs(case, case.samples()[0]))
    }
    open_ = torch.export.Dim.AUTO
    shapes = {one.name: {d: open_ for d, axis in enumerate(one.shape) if isinstance(axis, str)} for one in case.inputs}
    os.mkdir(artifact)
    converted = litert_torch.convert(Named().eval(), sample_kwargs=example, dynamic_shapes=shapes)
    converted.export(os.path.join(artifact, MODEL))
