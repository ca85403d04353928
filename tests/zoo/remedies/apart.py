"""How far the functions that a remedy puts in the place of torch's answer from torch's, as one line of JSON: remedy →
function → largest difference, relative to the largest value; null where the shapes differ, or where the remedy has let
torch's own function be called. Runs inside the environment:

apart.py <src>
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

import torch
import torch.nn.functional as functional
from torch.overrides import TorchFunctionMode

from tfparity.worker import remedies

torch.manual_seed(0)
A, B, POSITIVE = torch.randn(2, 4, 5), torch.randn(2, 4, 5), torch.rand(2, 4, 5)
IMAGES, SOUND, WINDOW = torch.randn(2, 3, 7, 9), torch.randn(2, 256), torch.hann_window(64)
INDEX, INDEX_OF_ROWS = torch.randint(0, 3, (2, 4, 5)), torch.randint(0, 4, (2, 3, 1))
TURNS = torch.polar(torch.ones(5, 2), torch.arange(10.0).reshape(5, 2))
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


def resized(*size, **options):
    return lambda: functional.interpolate(IMAGES, *size, **options)


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
        "searchsorted": lambda: torch.searchsorted(EDGES, POSITIVE),
    },
    "functions-by-parts": {
        "affine_grid": lambda: functional.affine_grid(THETA, [2, 1, 4, 5], align_corners=False),
        "affine_grid by corners": lambda: functional.affine_grid(THETA, [2, 1, 4, 5], align_corners=True),
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
        "arithmetic": numbers,
        "complex": lambda: torch.complex(A, B).transpose(1, 2).abs(),
        "fft": lambda: torch.fft.fft(torch.fft.fft(A, dim=-1), dim=1).real,
        "fft2": lambda: torch.fft.fft2(A, norm="ortho").imag,
        "fftn": lambda: torch.fft.fftn(A, dim=(1, 2)).real,
        "ifft": lambda: torch.fft.ifft(torch.fft.fft(A)).real,
        "irfft odd": lambda: torch.fft.irfft(torch.fft.rfft(A) * torch.fft.rfft(B), n=5),
        "irfft even": lambda: torch.fft.irfft(torch.fft.rfft(A, dim=1) * torch.fft.rfft(B, dim=1), dim=1),
        "real times complex": lambda: (A[..., None] * torch.polar(torch.ones(3), torch.arange(3.0))).imag,
        "stft": lambda: spectrum(hop_length=32, center=False).abs(),
        "stft centred": lambda: spectrum(hop_length=16).real,
    },
    "explicit-attention": {
        "causal": lambda: functional.scaled_dot_product_attention(A[None], B[None], B[None], is_causal=True),
        "masked": lambda: functional.scaled_dot_product_attention(A, B, B, attn_mask=POSITIVE[:, :, :4] > 0.2),
    },
    "gelu-by-parts": {"gelu": lambda: functional.gelu(A)},
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
    return max(found)


class Called(TorchFunctionMode):
    """Which functions of torch were called, on what."""

    def __init__(self):
        super().__init__()
        self.calls = set()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.calls.add((function, str(args), str(kwargs)))
        return function(*args, **(kwargs or {}))


answers = {}
for remedy, named in FUNCTIONS.items():
    answers[remedy] = {}
    for name, function in named.items():
        with Called() as plainly:
            wanted = function()
        with Called() as instead, remedies.around("exporting", [remedy]):
            got = function()
        answers[remedy][name] = apart(wanted, got) if plainly.calls - instead.calls else None
print(json.dumps(answers))
