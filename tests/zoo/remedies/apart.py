"""How far the functions that a remedy puts in the place of torch's answer from torch's, as one line of JSON: remedy →
function → largest difference, relative to the largest value; null where the shapes differ, where the remedy has let
torch's own function be called (of FUNCTIONS) or has not (of LEFT), and where it refuses nothing (of REFUSED); text
where something was raised. Runs inside the environment:

apart.py <src>
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

import torch
import torch.nn.functional as functional
from torch.overrides import TorchFunctionMode

from tfparity.worker import remedies
from tfparity.worker.messages import Refused

torch.manual_seed(0)
A, B, POSITIVE = torch.randn(2, 4, 5), torch.randn(2, 4, 5), torch.rand(2, 4, 5)
IMAGES, SOUND, WINDOW = torch.randn(2, 3, 7, 9), torch.randn(2, 256), torch.hann_window(64)
INDEX, INDEX_OF_ROWS = torch.randint(0, 3, (2, 4, 5)), torch.randint(0, 4, (2, 3, 1))
TURNS = torch.polar(torch.ones(5, 2), torch.arange(10.0).reshape(5, 2))
POINTS, FEW = torch.rand(2, 4, 5, 2) * 2.4 - 1.2, torch.randint(0, 3, (1, 4, 2))
THETA, EDGES, PLACES = torch.randn(2, 2, 3), torch.arange(5.0) / 5, torch.tensor([0, 2, 0, 1, 1])


def pairs():
    return torch.view_as_complex(A.reshape(2, 5, 2, 2))


def numbers():
    product = pairs() * TURNS
    many = (product, TURNS * product, product / TURNS, product - TURNS, TURNS + product, 1.5 * product, product.conj())
    return torch.view_as_real(torch.cat(many, 1)).flatten(3)


def spectrum(**options):
    return torch.stft(SOUND, 64, window=WINDOW, return_complex=True, **options)


def folded(**options):
    windows = functional.unfold(torch.randn(2, 3, 7, 8, generator=torch.Generator().manual_seed(1)), **options)
    return lambda: functional.fold(windows, (7, 8), **options)


def resized(*size, image=IMAGES, **options):
    return lambda: functional.interpolate(image, *size, **options)


def sampled(**options):
    return lambda: functional.grid_sample(IMAGES, POINTS, **options)


def moved_in_place():
    table = torch.from_numpy(TURNS.numpy().copy())
    table.add_(1.0)
    return torch.from_numpy(table.numpy().real.copy())


FUNCTIONS = {
    "elementary-functions": {
        **{name: lambda name=name: getattr(torch, name)(A) for name in ("asinh", "cosh", "sinh", "erfc", "expm1")},
        **{name: lambda name=name: getattr(A, name)() for name in ("trunc", "frac")},
        "acosh": lambda: torch.acosh(1 + POSITIVE),
        "addcdiv": lambda: torch.addcdiv(A, B, 1 + POSITIVE, value=0.5),
        "atanh": lambda: torch.atanh(POSITIVE * 0.9),
        "hardswish": lambda: functional.hardswish(A * 3),
        "logaddexp": lambda: torch.logaddexp(A, B),
        "logsigmoid of extremes": lambda: functional.logsigmoid(A * 100),
        "mish": lambda: functional.mish(A),
        "silu": lambda: functional.silu(A),
        "threshold": lambda: functional.threshold(A, 0.1, 0.3),
    },
    "functions-by-masks": {
        "bincount": lambda: torch.bincount(INDEX.flatten(), minlength=9),
        "bincount beyond its least": lambda: torch.bincount(INDEX.flatten(), minlength=1),
        "bucketize": lambda: torch.bucketize(POSITIVE, EDGES, right=True),
        "cummax with ties": lambda: torch.cummax(torch.round(A), -1),
        "cummin": lambda: A.cummin(0),
        "cumprod": lambda: A.cumprod(1),
        "index_add": lambda: torch.zeros(3, 4).index_add(0, PLACES, IMAGES.flatten()[:20].reshape(5, 4), alpha=2),
        "isin": lambda: torch.isin(INDEX, torch.tensor([1, 2]), invert=True),
        "scatter_add": lambda: torch.ones(2, 6, 5).scatter_add(1, INDEX, A),
        **{
            "scatter_reduce " + how: lambda how=how: torch.full((2, 6, 5), 0.3).scatter_reduce(1, INDEX, A, how)
            for how in ("sum", "amax", "amin", "prod")
        },
        "scatter_add of few": lambda: torch.ones(2, 6, 5).scatter_add(-2, INDEX[:, :1], A[:, :1]),
        "scatter_add of integers": lambda: torch.ones(2, 6, 5, dtype=torch.int64).scatter_add(1, INDEX, INDEX),
        "searchsorted": lambda: torch.searchsorted(EDGES, POSITIVE),
        "searchsorted by row": lambda: torch.searchsorted(B.sort().values, A, out_int32=True),
        **{
            "searchsorted by side: " + side: lambda side=side: torch.searchsorted(EDGES, EDGES + 0, side=side)
            for side in ("left", "right")
        },
    },
    "functions-by-parts": {
        "affine_grid": lambda: functional.affine_grid(THETA, [2, 1, 4, 5], align_corners=False),
        "affine_grid by corners": lambda: functional.affine_grid(THETA, [2, 1, 4, 5], align_corners=True),
        "affine_grid by corners of one row": lambda: functional.affine_grid(THETA, [2, 1, 1, 5], align_corners=True),
        "affine_grid by corners of one column": lambda: functional.affine_grid(THETA, [2, 1, 4, 1], align_corners=True),
        "avg_pool2d": lambda: functional.avg_pool2d(IMAGES, (3, 2), 2, 1, divisor_override=5),
        "bilinear": lambda: functional.bilinear(A, B, torch.ones(3, 5, 5) + THETA[0, 0, 0], torch.ones(3)),
        "cumsum of booleans": lambda: (A > 0).cumsum(1),
        "diag_embed": lambda: torch.diag_embed(A),
        "diff": lambda: torch.diff(A, 2, 1),
        "diff after a first": lambda: torch.diff(A, dim=1, prepend=B[:, :1]),
        "fold": folded(kernel_size=(3, 2), stride=2, padding=1),
        "fold dilated": folded(kernel_size=2, dilation=2, stride=(1, 3)),
        "kthvalue": lambda: A.kthvalue(2, 1),
        "median": lambda: A.median(-1),
        "median of all": A.median,
        "rms_norm": lambda: functional.rms_norm(A, (5,), torch.arange(5.0)),
        "roll": lambda: torch.roll(A, 7),
        "roll back": lambda: torch.roll(A, -3),
        "roll by all": lambda: torch.roll(A, 40),
        "rot90": lambda: torch.rot90(A, 3, (0, 2)),
        "take_along_dim": lambda: torch.take_along_dim(A, INDEX_OF_ROWS, 1),
    },
    "resizing-by-matrices": {
        "adaptive_avg_pool2d": lambda: functional.adaptive_avg_pool2d(IMAGES, (3, None)),
        **{
            f"{mode} {size} {corners}": resized(*size, mode=mode, align_corners=corners)
            for mode in ("bilinear", "bicubic")
            for size in ((5,), ((5, 12),), (None, 1.7))
            for corners in (False, True)
        },
        **{mode + " antialiased": resized((5, 4), mode=mode, antialias=True) for mode in ("bilinear", "bicubic")},
        **{mode: resized(None, 1.5, mode=mode) for mode in ("nearest", "nearest-exact", "area")},
    },
    "norms-by-parts": {
        "batch_norm": lambda: functional.batch_norm(IMAGES, None, None, torch.ones(3), torch.ones(3), training=True),
        "group_norm": lambda: functional.group_norm(A, 2, torch.arange(4.0), torch.ones(4)),
        "instance_norm": lambda: functional.instance_norm(IMAGES, weight=torch.arange(3.0)),
        "instance_norm by statistics": lambda: functional.instance_norm(
            IMAGES, torch.ones(3), torch.full((3,), 2.0), use_input_stats=False
        ),
        "layer_norm": lambda: functional.layer_norm(A, (4, 5), B[0], B[1]),
    },
    "complex-as-pairs": {
        "add with a factor": lambda: torch.view_as_real(torch.add(pairs(), TURNS, alpha=2)),
        "arithmetic": numbers,
        "complex": lambda: torch.complex(A, B).transpose(1, 2).abs(),
        "fft": lambda: torch.fft.fft(torch.fft.fft(A, dim=-1), dim=1).real,
        "fft2": lambda: torch.fft.fft2(A, norm="ortho").imag,
        "fftn": lambda: torch.fft.fftn(A, dim=(1, 2)).real,
        "ifft": lambda: torch.fft.ifft(torch.fft.fft(A)).real,
        "irfft odd": lambda: torch.fft.irfft(torch.fft.rfft(A) * torch.fft.rfft(B), n=5),
        "irfft even": lambda: torch.fft.irfft(torch.fft.rfft(A, dim=1) * torch.fft.rfft(B, dim=1), dim=1),
        "real times complex": lambda: (A[..., None] * torch.polar(torch.ones(3), torch.arange(3.0))).imag,
        "times a complex number": lambda: (pairs() * (1 - 2j)).real,
        "sub with a factor": lambda: torch.sub(TURNS, pairs(), alpha=0.5).abs(),
        "stft": lambda: spectrum(hop_length=32, center=False).abs(),
        "stft centred": lambda: spectrum(hop_length=16).real,
    },
    "explicit-attention": {
        "grouped": lambda: functional.scaled_dot_product_attention(
            A.reshape(1, 4, 2, 5), B.reshape(1, 2, 4, 5), B.reshape(1, 2, 4, 5), enable_gqa=True, scale=0.3
        ),
        "masked by numbers": lambda: functional.scaled_dot_product_attention(A, B, B, attn_mask=POSITIVE[:, :, :4]),
        "causal": lambda: functional.scaled_dot_product_attention(A[None], B[None], B[None], is_causal=True),
        "masked": lambda: functional.scaled_dot_product_attention(A, B, B, attn_mask=POSITIVE[:, :, :4] > 0.2),
    },
    "gelu-by-parts": {"gelu": lambda: functional.gelu(A)},
    "lines-as-images": {
        "linear": resized(9, image=A, mode="linear"),
        "linear by corners": resized(None, 1.5, image=A, mode="linear", align_corners=True),
        "nearest": resized([3], image=A),
    },
    "sampling-by-gathers": {
        f"{mode} {padding} {corners}": sampled(mode=mode, padding_mode=padding, align_corners=corners)
        for mode in ("bilinear", "nearest")
        for padding in ("zeros", "border")
        for corners in (False, True)
    },
    "stable-functions": {
        **{
            f"binary_cross_entropy_with_logits, {kind} of {told}": lambda kind=kind, x=x: (
                functional.binary_cross_entropy_with_logits(x, POSITIVE, reduction=kind)
            )
            for kind in ("mean", "sum", "none")
            for told, x in (("values", A), ("extremes", A * 100))
        },
        "binary_cross_entropy_with_logits, weighted": lambda: functional.binary_cross_entropy_with_logits(
            A * 100, POSITIVE, 1 + POSITIVE, pos_weight=torch.arange(1.0, 6)
        ),
        "linspace": lambda: torch.linspace(-1, 2.5, 7),
        "linspace of one": lambda: torch.linspace(-1, 2.5, 1),
        "logsigmoid": lambda: functional.logsigmoid(A),
        "logsigmoid of extremes": lambda: functional.logsigmoid(A * 100),
    },
    "vectors-as-matrices": {
        "dot": lambda: A[0, 0].dot(B[0, 0]),
        "from the left": lambda: B[0, 0, :4] @ A,
        "from the right": lambda: torch.matmul(A, B[0, 0]),
        "mv": lambda: torch.mv(A[0], B[0, 0]),
    },
}

#: What a remedy does not spell out.
LEFT = {
    "complex-as-pairs": {"add_ to a table": moved_in_place},
    "elementary-functions": {"frac by the argument's name": lambda: torch.frac(input=A)},
    "functions-by-masks": {
        "bucketize one number": lambda: torch.bucketize(0.5, EDGES),
        "cummax of integers": lambda: torch.cummax(INDEX, 1),
        "isin one number": lambda: torch.isin(INDEX, 2),
        "isin of one number": lambda: torch.isin(2, INDEX),
        "scatter_add of small integers": lambda: torch.ones(2, 6, 5, dtype=torch.int32).scatter_add(
            1, INDEX, INDEX.int()
        ),
        "scatter_add with a small index": lambda: torch.ones(2, 6, 5).scatter_add(1, FEW, A),
        "scatter_add with a smaller index": lambda: torch.ones(2, 6, 5).scatter_add(1, FEW[..., :1], A[:1, :, :1]),
        "scatter_reduce with a small index": lambda: torch.ones(2, 6, 5).scatter_reduce(1, FEW, A, "amax"),
        "searchsorted of one number": lambda: torch.searchsorted(EDGES, torch.tensor(0.5)),
        "searchsorted out of order": lambda: torch.searchsorted(EDGES.flip(0), A, sorter=torch.arange(4, -1, -1)),
    },
    "functions-by-parts": {
        "diff of booleans": lambda: torch.diff(A > 0),
        "roll along the first axis": lambda: torch.roll(A, 1, dims=0),
        "roll along two axes": lambda: torch.roll(A, (1, 2), (0, 2)),
        "roll by more than all": lambda: torch.roll(A, 47),
        "roll by the arguments' names": lambda: torch.roll(input=A, shifts=1),
        "roll back by more than all": lambda: torch.roll(A, -47),
    },
    "gelu-by-parts": {"gelu by tanh": lambda: functional.gelu(A, approximate="tanh")},
    "sampling-by-gathers": {"reflected": sampled(padding_mode="reflection", align_corners=False)},
    "stable-functions": {
        "binary_cross_entropy_with_logits of older arguments": lambda: functional.binary_cross_entropy_with_logits(
            A, POSITIVE, reduce=False
        ),
        "linspace of integers": lambda: torch.linspace(0, 8, 5, dtype=torch.int64),
        "linspace between tensors": lambda: torch.linspace(EDGES[0], EDGES[4], 5),
    },
    "vectors-as-matrices": {"two matrices": lambda: A @ B.transpose(1, 2)},
}

#: What a remedy cannot leave to torch, which knows no Pair.
REFUSED = {
    "complex-as-pairs": {
        "division that rounds": lambda: torch.div(pairs(), A.reshape(2, 5, 2, 2)[..., 0], rounding_mode="floor"),
        "exp": lambda: torch.exp(pairs()),
        "view as numbers": lambda: pairs().view(torch.float32),
    },
}


def apart(wanted, got):
    """Of one function's answers; None where the shapes differ."""
    both = [(value if isinstance(value, tuple) else (value,)) for value in (wanted, got)]
    found = []
    for right, given in zip(*both, strict=True):
        if right.shape != given.shape or right.dtype != given.dtype:
            return None
        size = max(1.0, float(right.abs().max())) if right.dtype != torch.bool else 1.0
        found.append(float((right.to(torch.float64) - given.to(torch.float64)).abs().max()) / size)
    return float(torch.tensor(found, dtype=torch.float64).max())  # NaN where there is one


class Called(TorchFunctionMode):
    """Which functions of torch were called, on what."""

    def __init__(self):
        super().__init__()
        self.calls = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.calls.add((function, str(args), str(kwargs or {})))
        return function(*args, **(kwargs or {}))


def answer(remedy, function, left):
    """How far the function's answers are apart; None also where torch's own is called though it is not to be `left`, or
    the other way round."""
    with Called() as plainly:
        wanted = function()
    with Called() as instead, remedies.around("exporting", [remedy]):
        got = function()
    return apart(wanted, got) if (plainly.calls <= instead.calls) == left else None


def refusal(remedy, function):
    try:
        with remedies.around("exporting", [remedy]):
            function()
    except Refused:
        return 0.0
    return None


answers = {remedy: {} for remedy in FUNCTIONS}
for asked in (FUNCTIONS, LEFT, REFUSED):
    for remedy, named in asked.items():
        for name, function in named.items():
            try:
                by = refusal(remedy, function) if asked is REFUSED else answer(remedy, function, asked is LEFT)
            except Exception as raised:  # noqa: BLE001 -- a function that fails is one of the answers
                by = f"{type(raised).__name__}: {raised}"
            answers[remedy][name] = by
print(json.dumps(answers))
