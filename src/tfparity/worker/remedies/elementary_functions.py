"""Elementwise functions that the exporter does not support, written with exp, log, erf, floor and arithmetic.

The formulas are the definitions: https://dlmf.nist.gov/4.28, https://dlmf.nist.gov/4.37, https://dlmf.nist.gov/7.2
"""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import by_name, replaced


def exporting() -> ContextManager[None]:
    import torch

    def trunc(x: Any) -> Any:
        return torch.sign(x) * torch.floor(torch.abs(x))

    def asinh(x: Any) -> Any:
        size = torch.abs(x)
        return torch.sign(x) * torch.log(size + torch.sqrt(size * size + 1))

    def logaddexp(x: Any, other: Any) -> Any:
        return torch.max(x, other) + torch.log(1 + torch.exp(-torch.abs(x - other)))

    def addcdiv(x: Any, tensor1: Any, tensor2: Any, value: float = 1) -> Any:
        return x + value * tensor1 / tensor2

    def logsigmoid(x: Any) -> Any:
        return torch.clamp(x, max=0) - torch.log(1 + torch.exp(-torch.abs(x)))

    def threshold(x: Any, threshold: float, value: float, inplace: bool = False) -> Any:
        return torch.where(x > threshold, x, torch.full_like(x, value))

    def silu(x: Any, inplace: bool = False) -> Any:
        return x * torch.sigmoid(x)

    def mish(x: Any, inplace: bool = False) -> Any:
        return x * torch.tanh(torch.clamp(x, min=0) + torch.log(1 + torch.exp(-torch.abs(x))))

    def hardswish(x: Any, inplace: bool = False) -> Any:
        return x * torch.clamp(x + 3, 0, 6) / 6

    return replaced(
        by_name(
            {
                "acosh": lambda x: torch.log(x + torch.sqrt(x * x - 1)),
                "addcdiv": addcdiv,
                "asinh": asinh,
                "atanh": lambda x: 0.5 * torch.log((1 + x) / (1 - x)),
                "cosh": lambda x: 0.5 * (torch.exp(x) + torch.exp(-x)),
                "erfc": lambda x: 1 - torch.erf(x),
                "expm1": lambda x: torch.exp(x) - 1,
                "fix": trunc,
                "frac": lambda x: x - trunc(x),
                "hardswish": hardswish,
                "logaddexp": logaddexp,
                "logsigmoid": logsigmoid,
                "mish": mish,
                "silu": silu,
                "sinh": lambda x: 0.5 * (torch.exp(x) - torch.exp(-x)),
                "threshold": threshold,
                "trunc": trunc,
            }
        )
    )


REMEDY = Remedy(revision=1, exporting=exporting)
