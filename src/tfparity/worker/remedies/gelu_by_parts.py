"""GELU is written as x · (½ + ½ erf(x / √2)), which no converter takes for an operator that it then lacks.

https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
"""

from typing import Any, ContextManager

from tfparity.worker.remedies._functions import replaced

REVISION = 1


def exporting() -> ContextManager[None]:
    import torch

    return replaced({torch.nn.functional.gelu: gelu})


def gelu(given: Any, approximate: str = "none") -> Any:
    """The exact form; NotImplemented for the one by tanh."""
    import torch

    if approximate != "none":
        return NotImplemented
    return given * (0.5 + 0.5 * torch.erf(given * 0.7071067811865476))
