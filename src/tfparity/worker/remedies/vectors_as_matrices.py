"""A product with a vector is written as one with a matrix of one column or row."""

from typing import Any, ContextManager

from tfparity.worker.remedies._functions import replaced

REVISION = 1


def exporting() -> ContextManager[None]:
    import torch

    functions = [torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__]
    functions += [torch.mv, torch.Tensor.mv, torch.dot, torch.Tensor.dot]
    return replaced(dict.fromkeys(functions, product))


def product(left: Any, right: Any) -> Any:
    """The product, where one of them has one dimension; NotImplemented where none has."""
    import torch

    if left.dim() == 1 and right.dim() == 1:
        return (left * right).sum()
    if right.dim() == 1:
        return torch.matmul(left, right.unsqueeze(-1)).squeeze(-1)
    if left.dim() == 1:
        return torch.matmul(left.unsqueeze(0), right).squeeze(-2)
    return NotImplemented
