"""Interpolation and adaptive average pooling of images become products with two matrices, which torch computes.

Both are linear in the image and separable by axis: their effect on unit vectors is the matrix. The matrices are for the
exported height and width.
"""

from typing import Any, ContextManager

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import replaced

#: Modes of interpolation that are linear along each axis (nearest ones pick, which is linear as well).
MODES = ("area", "bicubic", "bilinear", "nearest", "nearest-exact")

#: Pixels: torch 2.15 is wrong with antialias for images of one channel that are one pixel wide.
WIDE = 2


def exporting() -> ContextManager[None]:
    import torch

    interpolation = torch.nn.functional.interpolate
    pooling = torch.nn.functional.adaptive_avg_pool2d

    def along(size: int, resized: Any) -> Any:
        """The matrix (size, new size): `resized` applied to images two pixels wide with one row of ones each."""
        return resized(torch.eye(size).reshape(size, 1, size, 1).repeat(1, 1, 1, WIDE))[..., 0].reshape(size, -1)

    def turned(x: Any, by_height: Any, by_width: Any) -> Any:
        rows = torch.matmul(x, by_width.to(x.dtype))
        return torch.matmul(rows.transpose(2, 3), by_height.to(x.dtype)).transpose(2, 3)

    def interpolate(
        x: Any,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: Any = None,
        recompute_scale_factor: Any = None,
        antialias: bool = False,
    ) -> Any:
        if x.dim() != 4 or mode not in MODES:
            return NotImplemented
        height, width = int(x.size(2)), int(x.size(3))
        sizes = size if isinstance(size, (tuple, list)) or size is None else (size, size)
        scales = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor, scale_factor)
        common = {"mode": mode, "align_corners": align_corners, "antialias": antialias}

        def rows(image: Any, axis: int) -> Any:
            """The image resized along its height only, as `axis` of the real image is."""
            if sizes is not None:
                return interpolation(image, (int(sizes[axis]), WIDE), **common)
            return interpolation(
                image, scale_factor=(scales[axis], 1.0), recompute_scale_factor=recompute_scale_factor, **common
            )

        return turned(x, along(height, lambda image: rows(image, 0)), along(width, lambda image: rows(image, 1)))

    def adaptive_avg_pool2d(x: Any, output_size: Any) -> Any:
        if x.dim() != 4:
            return NotImplemented
        sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
        given = (int(x.size(2)), int(x.size(3)))
        wanted = [given[axis] if sizes[axis] is None else sizes[axis] for axis in (0, 1)]
        matrices = [
            along(given[axis], lambda image, axis=axis: pooling(image, (wanted[axis], WIDE))) for axis in (0, 1)
        ]
        return turned(x, *matrices)

    return replaced({interpolation: interpolate, pooling: adaptive_avg_pool2d})


REMEDY = Remedy(revision=1, exporting=exporting)
