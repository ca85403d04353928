"""A product with a vector is written as a product with a matrix of one column or row."""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import replaced


def exporting() -> ContextManager[None]:
    import torch

    functions = [torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__]
    functions += [torch.mv, torch.Tensor.mv, torch.dot, torch.Tensor.dot]
    return replaced(dict.fromkeys(functions, product))


def product(left: Any, right: Any) -> Any:
    """The product if one operand has one dimension; NotImplemented otherwise."""
    import torch

    if left.dim() == 1 and right.dim() == 1:
        return (left * right).sum()
    if right.dim() == 1:
        return torch.matmul(left, right.unsqueeze(-1)).squeeze(-1)
    if left.dim() == 1:
        return torch.matmul(left.unsqueeze(0), right).squeeze(-2)
    return NotImplemented


REMEDY = Remedy(revision=1, exporting=exporting)
