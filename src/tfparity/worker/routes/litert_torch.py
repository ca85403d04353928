"""torch.export → litert-torch → TFLite, run by LiteRT's interpreter: no TensorFlow anywhere."""

import inspect
import os
from typing import Any, Dict

from tfparity.worker import arrays
from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.routes import Gives, Route
from tfparity.worker.runtimes.tflite import MODEL, RUNTIME
from tfparity.worker.targets import OF_TFLITE

_BOTH = {"torch": ">=2.5", "litert-torch": ">=0.10", "ai-edge-litert": ">=2"}


def pin_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """Convert with the case's names for inputs and outputs, and with its axes dynamic."""
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


ROUTE = Route(
    revision=1,
    sides="together",
    framework="pytorch",
    exporter="torch-module",
    # A module has none; one attempt.
    opsets=(0,),
    requires={"source": _BOTH, "target": _BOTH},
    imports={"source": ["torch"], "target": ["torch", "torch._dynamo", "litert_torch"]},
    convert=convert,
    load=RUNTIME.load,
    pin_threads=pin_threads,
    gives=Gives(
        targets=("tflite-float32", *OF_TFLITE),
        dynamic=False,
        layout="kept",
        integers="int32",
        trainable=False,
    ),
)
