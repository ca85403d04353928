"""log_sigmoid, binary_cross_entropy_with_logits and linspace, which the exporter writes so that numbers are lost.

It writes log(sigmoid(x)), log(1 - sigmoid(x)) and a division by the number of steps less one. Here: softplus, as in
https://github.com/pytorch/pytorch/blob/v2.15.0/aten/src/ATen/native/Loss.cpp, and a step that a single one has, too.
"""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import by_name, replaced


def exporting() -> ContextManager[None]:
    import torch

    def logsigmoid(x: Any) -> Any:
        return -torch.nn.functional.softplus(-x)

    def binary_cross_entropy_with_logits(
        x: Any,
        target: Any,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ) -> Any:
        """x, target of one shape; returns a scalar, or the losses of every element with reduction "none"."""
        if size_average is not None or reduce is not None or reduction not in ("none", "mean", "sum"):
            return NotImplemented
        of_ones, of_zeros = torch.nn.functional.softplus(-x), torch.nn.functional.softplus(x)
        if pos_weight is not None:
            of_ones = of_ones * pos_weight
        loss = target * of_ones + (1 - target) * of_zeros
        if weight is not None:
            loss = loss * weight
        return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()

    def linspace(
        start: Any, end: Any, steps: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Any:
        wanted = dtype or torch.get_default_dtype()
        if not wanted.is_floating_point or isinstance(start, torch.Tensor) or isinstance(end, torch.Tensor):
            return NotImplemented
        places = torch.arange(steps, device=device).to(wanted)
        return start + places * ((end - start) / torch.clamp(torch.as_tensor(steps) - 1, min=1).to(wanted))

    return replaced(
        by_name(
            {
                "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
                "linspace": linspace,
                "logsigmoid": logsigmoid,
            }
        )
    )


REMEDY = Remedy(revision=1, exporting=exporting)
