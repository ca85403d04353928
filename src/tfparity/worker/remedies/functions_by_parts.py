"""Functions that the exporter does not support, written with others: slices, products, sorts, a convolution.

For any size of a dynamic axis it is assumed that a flat roll shifts by at most the number of elements, and that
affine_grid with aligned corners has sides longer than one.
"""

from typing import Any, ContextManager, Sequence

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import Found, by_name, replaced


def exporting() -> ContextManager[None]:
    import torch

    def cumsum(x: Any, dim: int, dtype: Any = None) -> Any:
        """For booleans, which ONNX's CumSum does not support."""
        return torch.cumsum(x.to(torch.int64), dim) if x.dtype == torch.bool and dtype is None else NotImplemented

    def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
        if x.dtype == torch.bool:
            return NotImplemented
        parts = [part for part in (prepend, x, append) if part is not None]
        x = torch.cat(parts, dim) if len(parts) > 1 else x
        for _ in range(n):
            x = x.narrow(dim, 1, x.size(dim) - 1) - x.narrow(dim, 0, x.size(dim) - 1)
        return x

    def rot90(x: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
        for _ in range(k % 4):
            x = torch.flip(x.transpose(*dims), [dims[0]])
        return x

    def roll(x: Any, shifts: Any, dims: Any = None) -> Any:
        """Over all elements flattened, by at most their number."""
        if dims not in (None, (), []) or not isinstance(shifts, int) or abs(shifts) > x.numel():
            return NotImplemented
        flat = x.flatten()
        return torch.cat((flat[-shifts:], flat[:-shifts])).reshape(x.shape) if shifts else x

    def take_along_dim(x: Any, indices: Any, dim: Any = None) -> Any:
        if dim is None:
            return torch.gather(x.flatten(), 0, indices.flatten())
        across, along = torch.zeros_like(indices.narrow(dim, 0, 1)), torch.zeros_like(x.narrow(dim, 0, 1))
        return torch.gather(x + across.to(x.dtype), dim, indices + along.to(indices.dtype))

    def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
        if (offset, dim1, dim2) != (0, -2, -1):
            return NotImplemented
        place = torch.arange(x.size(-1))
        return x.unsqueeze(-1) * (place.unsqueeze(-1) == place).to(x.dtype)

    def avg_pool2d(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> Any:
        """With divisor_override: the mean over the whole window, rescaled."""
        if divisor_override is None or ceil_mode:
            return NotImplemented
        kernel = kernel_size if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
        if len(kernel) != 2:
            return NotImplemented
        height, width = kernel
        pooled = torch.nn.functional.avg_pool2d(x, kernel_size, stride, padding)
        return pooled * (height * width / divisor_override)

    def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
        """The weight is (out, in1, in2)."""
        left = torch.matmul(input1.unsqueeze(-2).unsqueeze(-2), weight).squeeze(-2)
        product = (left * input2.unsqueeze(-2)).sum(-1)
        return product if bias is None else product + bias

    def rms_norm(x: Any, normalized_shape: Sequence[int], weight: Any = None, eps: Any = None) -> Any:
        axes = list(range(-len(normalized_shape), 0))
        eps = torch.finfo(x.dtype).eps if eps is None else eps
        normal = x / torch.sqrt((x * x).mean(axes, keepdim=True) + eps)
        return normal if weight is None else normal * weight

    def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
        found = [part.narrow(dim, k - 1, 1) for part in torch.topk(x, k, dim, largest=False)]
        return Found(*(part if keepdim else part.squeeze(dim) for part in found))

    def median(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        """The lower of the two middle elements."""
        if dim is None:
            return median(x.flatten(), 0).values
        return kthvalue(x, (x.size(dim) - 1) // 2 + 1, dim, keepdim)

    def affine_grid(theta: Any, size: Sequence[int], align_corners: Any = None) -> Any:
        """For images, theta (batch, 2, 3); volumes are left to torch."""
        if len(size) != 4:
            return NotImplemented
        if align_corners and any(count == 1 and not isinstance(count, int) for count in size[2:]):
            return NotImplemented

        def places(count: Any) -> Any:
            if align_corners and count == 1:  # the middle
                return torch.zeros(1, dtype=theta.dtype)
            at = torch.arange(count).to(theta.dtype)
            return 2 * at / (count - 1) - 1 if align_corners else (2 * at + 1) / count - 1

        across = places(size[3]).unsqueeze(0).expand(size[2], size[3])
        down = places(size[2]).unsqueeze(1).expand(size[2], size[3])
        points = torch.stack((across, down, torch.ones_like(across)), -1)
        return torch.matmul(points.flatten(0, 1), theta.transpose(1, 2)).reshape(-1, size[2], size[3], 2)

    def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
        """Windows (batch, channels · cells, count) → images: a transposed convolution puts each cell in its place."""
        size, kernel, dilation, padding, stride = [
            one if isinstance(one, (tuple, list)) else (one, one)
            for one in (output_size, kernel_size, dilation, padding, stride)
        ]
        if x.dim() != 3 or any(len(pair) != 2 for pair in (size, kernel, dilation, padding, stride)):
            return NotImplemented
        reach = [size[a] + 2 * padding[a] - dilation[a] * (kernel[a] - 1) - 1 for a in (0, 1)]
        counts = [reach[a] // stride[a] + 1 for a in (0, 1)]
        cells = kernel[0] * kernel[1]
        images = x.reshape(-1, cells, counts[0], counts[1])
        put = torch.eye(cells, dtype=x.dtype).reshape(cells, 1, *kernel)
        folded = torch.nn.functional.conv_transpose2d(
            images, put, None, stride, padding, [reach[a] % stride[a] for a in (0, 1)], 1, dilation
        )
        return folded.reshape(-1, x.size(1) // cells, *size)

    return replaced(
        by_name(
            {
                "affine_grid": affine_grid,
                "avg_pool2d": avg_pool2d,
                "bilinear": bilinear,
                "cumsum": cumsum,
                "diag_embed": diag_embed,
                "diff": diff,
                "fold": fold,
                "kthvalue": kthvalue,
                "median": median,
                "rms_norm": rms_norm,
                "roll": roll,
                "rot90": rot90,
                "take_along_dim": take_along_dim,
            }
        )
    )


REMEDY = Remedy(revision=1, exporting=exporting)
