"""save_pretrained: a Hugging Face model's configuration and weights, with the names that the case uses."""

import json
import os
from typing import Any, Dict, List

from tfparity.worker.declare import Case
from tfparity.worker.exporters import Exporter
from tfparity.worker.messages import NotApplicable, Refused

CHECKPOINT = "checkpoint"
DESCRIPTION = "model.json"


def newest_opset() -> int:
    """A checkpoint has no opset."""
    return 0


def export(
    model: Any, example: List[Any], case: Case, output_axes: List[Dict[int, str]], opset: int, folder: str
) -> None:
    """Save the transformers model inside `model`, and the names to call it with. Raises NotApplicable if there is none
    of transformers' own classes, or weights beside it."""
    inside = _pretrained(model)
    inside.save_pretrained(os.path.join(folder, CHECKPOINT))
    description = {
        "class": type(inside).__name__,
        "inputs": [
            {"name": i.name, "dtype": i.dtype, "shape": [None if isinstance(d, str) else d for d in i.shape]}
            for i in case.inputs
        ],
        "outputs": [output.name for output in case.outputs],
    }
    with open(os.path.join(folder, DESCRIPTION), "w") as file:
        json.dump(description, file)


def _pretrained(model: Any) -> Any:
    try:
        from transformers import PreTrainedModel
    except ImportError:
        raise NotApplicable("takes models of transformers alone, and there is none") from None
    inside = next((module for module in model.modules() if isinstance(module, PreTrainedModel)), None)
    if inside is None:
        raise NotApplicable("takes models of transformers alone, and none is inside this one")
    kind = type(inside)
    if kind.__module__.partition(".")[0] != "transformers":
        raise NotApplicable("takes classes of transformers alone, not %s of %s" % (kind.__name__, kind.__module__))
    held = {id(weight) for weight in inside.parameters()}
    beside = [name for name, weight in model.named_parameters() if id(weight) not in held]
    if beside:
        raise NotApplicable("takes models of transformers alone, without %s beside them" % ", ".join(beside[:3]))
    return inside


def check(folder: str) -> None:
    """Check that weights were written, in one of the two formats."""
    kinds = (".bin", ".safetensors")
    if not any(name.endswith(kinds) for name in os.listdir(os.path.join(folder, CHECKPOINT))):
        raise Refused("NoWeights", "save_pretrained wrote no weights")


EXPORTER = Exporter(revision=1, newest_opset=newest_opset, export=export, check=check)
