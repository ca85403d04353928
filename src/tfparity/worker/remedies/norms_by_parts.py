"""Normalization layers are written as a mean, a variance and a division, so that no input size has to be static.

(x - mean) / √(variance + eps) · weight + bias: https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
"""

from typing import Any, ContextManager, Sequence

from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import replaced


def exporting() -> ContextManager[None]:
    import torch

    functions = torch.nn.functional

    def normal(x: Any, axes: Sequence[int], eps: float) -> Any:
        centred = x - x.mean(axes, keepdim=True)
        return centred / torch.sqrt((centred * centred).mean(axes, keepdim=True) + eps)

    def by_channel(x: Any, weight: Any, bias: Any) -> Any:
        """X (batch, channels, …), scaled and shifted by one number per channel."""
        each = [1, -1] + [1] * (x.dim() - 2)
        x = x if weight is None else x * weight.reshape(each)
        return x if bias is None else x + bias.reshape(each)

    def layer_norm(
        x: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-5
    ) -> Any:
        answer = normal(x, list(range(-len(normalized_shape), 0)), eps)
        answer = answer if weight is None else answer * weight
        return answer if bias is None else answer + bias

    def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
        groups = x.reshape(x.size(0), num_groups, -1)
        return by_channel(normal(groups, [-1], eps).reshape(x.shape), weight, bias)

    def instance_norm(
        x: Any,
        running_mean: Any = None,
        running_var: Any = None,
        weight: Any = None,
        bias: Any = None,
        use_input_stats: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Any:
        if not use_input_stats:
            scale = 1 / torch.sqrt(running_var + eps)
            return by_channel(by_channel(x, scale, -running_mean * scale), weight, bias)
        return by_channel(normal(x, list(range(2, x.dim())), eps), weight, bias)

    def batch_norm(
        x: Any,
        running_mean: Any,
        running_var: Any,
        weight: Any = None,
        bias: Any = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Any:
        if not training:
            return NotImplemented
        return by_channel(normal(x, [0, *range(2, x.dim())], eps), weight, bias)

    return replaced(
        {
            functions.batch_norm: batch_norm,
            functions.group_norm: group_norm,
            functions.instance_norm: instance_norm,
            functions.layer_norm: layer_norm,
        }
    )


REMEDY = Remedy(revision=1, exporting=exporting)
