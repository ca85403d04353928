"""Functions that count, sort or accumulate along an axis, written as comparisons of all elements with all others.

The mask is quadratic in the size of the axis: for short axes, and for finite numbers.
"""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import Found, by_name, replaced


def exporting() -> ContextManager[None]:
    """Along an axis of size n: position j against position i, as (…, i, j)."""
    import torch

    def order(x: Any, axis: int) -> Any:
        return torch.arange(x.size(axis))

    def prefixes(x: Any, dim: int, filler: float) -> Any:
        """The axis `dim` moved last and repeated: row i holds the elements up to i, and `filler` after them."""
        x = x.transpose(dim, -1)
        place = order(x, -1)
        return torch.where(place <= place.unsqueeze(-1), x.unsqueeze(-2), torch.full_like(x, filler).unsqueeze(-2))

    def cumprod(x: Any, dim: int, dtype: Any = None) -> Any:
        return prefixes(x if dtype is None else x.to(dtype), dim, 1).prod(-1).transpose(dim, -1)

    def cummax(x: Any, dim: int) -> Any:
        if not x.dtype.is_floating_point:
            return NotImplemented
        rows = prefixes(x, dim, -float("inf"))
        values = rows.amax(-1)
        last = torch.where(rows == values.unsqueeze(-1), order(rows, -1), torch.zeros_like(rows, dtype=torch.int64))
        return Found(values.transpose(dim, -1), last.amax(-1).transpose(dim, -1))

    def cummin(x: Any, dim: int) -> Any:
        found = cummax(-x, dim)
        return found if found is NotImplemented else Found(-found.values, found.indices)

    def isin(elements: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False) -> Any:
        if not (isinstance(elements, torch.Tensor) and isinstance(test_elements, torch.Tensor)):
            return NotImplemented
        met = (elements.unsqueeze(-1) == test_elements.flatten()).to(torch.int64).sum(-1)
        return met == 0 if invert else met > 0

    def searchsorted(
        sorted_sequence: Any, values: Any, out_int32: bool = False, right: bool = False, side: Any = None
    ) -> Any:
        if not isinstance(values, torch.Tensor) or values.dim() == 0 or (right and side == "left"):
            return NotImplemented
        right = right or side == "right"
        before, each = sorted_sequence.unsqueeze(-2), values.unsqueeze(-1)
        count = ((before <= each) if right else (before < each)).to(torch.int64).sum(-1)
        return count.to(torch.int32) if out_int32 else count

    def bucketize(values: Any, boundaries: Any, out_int32: bool = False, right: bool = False) -> Any:
        return searchsorted(boundaries, values, out_int32, right)

    def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
        if weights is not None:
            return NotImplemented
        bins = torch.arange(torch.clamp(x.max() + 1, min=minlength))
        return (x == bins.unsqueeze(-1)).to(torch.int64).sum(-1)

    def scattered(x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Any:
        """Position i of `dim` takes all of `src` whose index is i: (…, i, j) again."""
        fillers = {"sum": 0, "amax": -float("inf"), "amin": float("inf"), "prod": 1}
        if reduce not in fillers or not include_self or (reduce != "sum" and not x.dtype.is_floating_point):
            return NotImplemented
        if not (x.dtype.is_floating_point or x.dtype == torch.int64) or src.dtype != x.dtype:
            return NotImplemented
        if any(x.dim() != part.dim() for part in (index, src)) or x.dim() == 0:
            return NotImplemented
        wanted = [index if axis == dim % x.dim() else x for axis in range(x.dim())]
        if any(part.size(axis) != one.size(axis) for part in (index, src) for axis, one in enumerate(wanted)):
            return NotImplemented
        at, given = index.transpose(dim, -1).unsqueeze(-2), src.transpose(dim, -1).unsqueeze(-2)
        hit = at == order(x, dim).unsqueeze(-1)
        rows = torch.where(hit, given, torch.full_like(given, fillers[reduce]))
        if reduce == "sum":
            return x + rows.sum(-1).transpose(dim, -1)
        if reduce == "prod":
            return x * rows.prod(-1).transpose(dim, -1)
        met = getattr(rows, reduce)(-1).transpose(dim, -1)
        return torch.max(x, met) if reduce == "amax" else torch.min(x, met)

    def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
        return scattered(x, dim, index, src, "sum")

    def index_add(x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
        hit = (index == order(x, dim).unsqueeze(-1)).to(source.dtype)
        added = torch.matmul(source.transpose(dim, -1), hit.transpose(0, 1))
        return x + alpha * added.transpose(dim, -1)

    def index_add_(x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
        """Not of a view: what is copied into one doesn't reach its base in the trace."""
        return NotImplemented if x._is_view() else x.copy_(index_add(x, dim, index, source, alpha))

    return replaced(
        by_name(
            {
                "bincount": bincount,
                "bucketize": bucketize,
                "cummax": cummax,
                "cummin": cummin,
                "cumprod": cumprod,
                "index_add": index_add,
                "index_add_": index_add_,
                "isin": isin,
                "scatter_add": scatter_add,
                "scatter_reduce": scattered,
                "searchsorted": searchsorted,
            }
        )
    )


REMEDY = Remedy(revision=1, exporting=exporting)
