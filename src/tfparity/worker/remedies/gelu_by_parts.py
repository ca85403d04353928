"""GELU is written as x · (½ + ½ erf(x / √2)), so that no converter fuses it into an operator that it does not support.

https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
"""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import replaced


def exporting() -> ContextManager[None]:
    import torch

    return replaced({torch.nn.functional.gelu: gelu})


def gelu(given: Any, approximate: str = "none") -> Any:
    """The exact form; NotImplemented for the tanh approximation."""
    import torch

    if approximate != "none":
        return NotImplemented
    return given * (0.5 + 0.5 * torch.erf(given * 0.7071067811865476))


REMEDY = Remedy(revision=1, exporting=exporting)
