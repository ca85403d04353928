"""What moving each weight of a torch model does to its outputs, for all weights at once, by gradients.

Moving a weight tensor w by 1 %, up or down by a coin s per element, moves an output y by about J (0.01 s w). With v of
random signs over the n elements of y, the product of 0.01 s w with the gradient of v·y is v·Δy, whose mean square is
|Δy|²: a backward pass tells it for every weight. The largest |Δy| of an element is |Δy| / √n or more.
"""

import copy
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Sequence, Tuple

#: Random projections of each output.
PASSES = 3

#: A bound is so many times below what the projections tell. Their mean square exceeds |Δy|² 16 times with probability
#: P(χ²₃ > 48) = 2e-10 at most (a sum of random signs has no heavier tail than a normal variable); the rest is for 1 %
#: not being small.
SAFETY = 4.0

#: Up to so many weights, a pass for each takes no longer.
FEW = 24

#: A bound is worth its passes where so many weights or more are left.
WORTH = 2 * PASSES


def bounds(
    model: Any, given: List[Any], before: List[Any], needed: Sequence[float], weights: Dict[str, Tuple[Any, Any]]
) -> Dict[str, List[float]]:
    """Weight → what each output changes by at the least, in units of max(1, max |output|); 0 where that is not known.

    before: the outputs. needed: per output, the change that matters; a weight that reaches it in one is not looked at
    in the next. weights: name → (its tensor, signs as int8). Raises what torch raises where no gradient flows.
    """
    import torch

    # What the model keeps of a pass with gradients (a cache) must not come into an export.
    model, chosen = copy.deepcopy((model, {name: w for name, (w, _) in weights.items() if _takes_gradient(w)}))
    found = {name: [0.0] * len(before) for name in chosen}
    left = set(chosen)
    random = torch.Generator().manual_seed(0)
    steps = {name: (0.01 * weight.detach() * weights[name][1]).reshape(-1) for name, weight in chosen.items()}
    for weight in chosen.values():
        weight.requires_grad_(True)
    with torch.enable_grad(), _differentiable_batch_norm():
        answer = model(*[torch.from_numpy(array.copy()) for array in given])
    outputs = list(answer) if isinstance(answer, (tuple, list)) else [answer]
    for place, (output, old, least) in enumerate(zip(outputs, before, needed)):
        was = torch.from_numpy(old)
        if not output.requires_grad or output.dtype not in (torch.float32, torch.float64) or output.shape != was.shape:
            continue
        finite = torch.isfinite(was)
        scale = max(1.0, float(was[finite].abs().max())) if bool(finite.any()) else 1.0
        off = (output.detach() - was)[finite].abs()
        if not off.numel() or float(off.max()) / scale > least:
            continue  # it takes another way where gradients are asked for
        squares = dict.fromkeys(left, 0.0)
        for _ in range(PASSES if len(left) >= WORTH else 0):
            signs = (torch.randint(0, 2, output.shape, generator=random) * 2 - 1).to(output.dtype) * finite
            names = sorted(left)
            slopes = torch.autograd.grad(
                (torch.where(finite, output, torch.zeros_like(output)) * signs).sum(),
                [chosen[name] for name in names],
                retain_graph=True,
                allow_unused=True,
            )
            for name, slope in zip(names, slopes):
                if slope is not None:
                    squares[name] += float(torch.dot(slope.reshape(-1), steps[name])) ** 2
        for name, square in squares.items():
            found[name][place] = (square / PASSES / off.numel()) ** 0.5 / scale / SAFETY
        left = {name for name in left if not found[name][place] > least}
    return found


def _takes_gradient(tensor: Any) -> bool:
    import torch

    return tensor.dtype in (torch.float32, torch.float64) and tensor.is_leaf and not tensor.requires_grad


@contextmanager
def _differentiable_batch_norm() -> Iterator[None]:
    """One that has a derivative by its statistics, too, in place of torch's own."""
    import torch

    functional = torch.nn.functional
    own = functional.batch_norm

    def batch_norm(
        input: Any,
        running_mean: Any,
        running_var: Any,
        weight: Any = None,
        bias: Any = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Any:
        if training or running_mean is None or running_var is None:
            return own(input, running_mean, running_var, weight, bias, training, momentum, eps)
        shape = [1, -1] + [1] * (input.dim() - 2)
        factor = torch.rsqrt(running_var + eps)
        factor = factor if weight is None else factor * weight
        shift = -running_mean * factor if bias is None else bias - running_mean * factor
        return input * factor.reshape(shape) + shift.reshape(shape)

    functional.batch_norm = batch_norm
    try:
        yield
    finally:
        functional.batch_norm = own
