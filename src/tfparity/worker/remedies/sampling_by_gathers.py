"""grid_sample of images, bilinear or nearest, is written as gathers of the neighbouring pixels and their weights.

https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
"""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import replaced


def exporting() -> ContextManager[None]:
    import torch

    return replaced({torch.nn.functional.grid_sample: sample})


def sample(
    given: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: Any = None
) -> Any:
    """Samples `given` (batch, channels, height, width) at `grid` (batch, rows, columns, 2), x and y from -1 to 1.
    NotImplemented for volumes, bicubic interpolation and reflection padding."""
    import torch

    if given.dim() != 4 or mode not in ("bilinear", "nearest") or padding_mode not in ("zeros", "border"):
        return NotImplemented
    height, width = given.size(2), given.size(3)

    def pixels(place: Any, size: Any) -> Any:
        at = (place + 1) / 2 * (size - 1) if align_corners else ((place + 1) * size - 1) / 2
        return torch.clamp(at, min=0).minimum((size - 1) * torch.ones_like(at)) if padding_mode == "border" else at

    x, y = pixels(grid[..., 0], width), pixels(grid[..., 1], height)
    flat = given.flatten(2)

    def gathered(row: Any, column: Any) -> Any:
        """The pixels at whole rows and columns, (batch, channels, rows, columns); zeros outside."""
        last_row, last_column = torch.ones_like(row) * (height - 1), torch.ones_like(column) * (width - 1)
        inside = (row >= 0) & (row <= last_row) & (column >= 0) & (column <= last_column)
        row, column = torch.clamp(row, min=0).minimum(last_row), torch.clamp(column, min=0).minimum(last_column)
        index = (row * width + column).to(torch.int64).flatten(1).unsqueeze(1).expand(-1, given.size(1), -1)
        found = torch.gather(flat, 2, index).reshape(given.size(0), given.size(1), grid.size(1), grid.size(2))
        return found * inside.unsqueeze(1).to(given.dtype)

    if mode == "nearest":
        return gathered(torch.round(y), torch.round(x))
    left, top = torch.floor(x), torch.floor(y)
    across, down = (x - left).unsqueeze(1), (y - top).unsqueeze(1)
    upper = gathered(top, left) * (1 - across) + gathered(top, left + 1) * across
    lower = gathered(top + 1, left) * (1 - across) + gathered(top + 1, left + 1) * across
    return upper * (1 - down) + lower * down


REMEDY = Remedy(revision=1, exporting=exporting)
