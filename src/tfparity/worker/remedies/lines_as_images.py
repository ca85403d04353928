"""1-D interpolation as 2-D interpolation with height 1."""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import replaced


def exporting() -> ContextManager[None]:
    import torch

    return replaced({torch.nn.functional.interpolate: resize})


def resize(given: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", **others: Any) -> Any:
    """torch.nn.functional.interpolate of (batch, channels, length); NotImplemented for more dimensions."""
    import torch

    if given.dim() != 3 or mode not in ("nearest", "linear"):
        return NotImplemented
    if size is not None:
        size = (1, size[0] if isinstance(size, (tuple, list)) else size)
    if scale_factor is not None:
        scale_factor = (1.0, scale_factor[0] if isinstance(scale_factor, (tuple, list)) else scale_factor)
    others["mode"] = "bilinear" if mode == "linear" else mode
    return torch.nn.functional.interpolate(given.unsqueeze(2), size, scale_factor, **others).squeeze(2)


REMEDY = Remedy(revision=1, exporting=exporting)
