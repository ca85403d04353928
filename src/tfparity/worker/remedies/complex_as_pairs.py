"""Complex numbers, which ONNX hardly supports, become two real tensors; Fourier transforms become matrix products.

The matrices are for the exported size of the axis: https://docs.pytorch.org/docs/stable/generated/torch.fft.fft.html A
complex tensor made by a function that is not handled here is treated as a constant of the model.
"""

import math
import operator
from typing import Any, Callable, ContextManager, Dict, Optional, Sequence

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy
from tfparity.worker.remedies._functions import asked, function_mode

#: What moves elements about and does the same to both parts.
_MOVES = """
chunk contiguous clone expand flatten flip index_select movedim narrow permute repeat reshape select split
squeeze t transpose unflatten unsqueeze view
"""
MOVES = frozenset(_MOVES.split())

#: By the names of torch's functions, without underscores around them.
OPERATORS: Dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "div": operator.truediv,
    "mul": operator.mul,
    "multiply": operator.mul,
    "radd": operator.add,
    "rmul": operator.mul,
    "rsub": lambda first, second: second - first,
    "sub": operator.sub,
    "true_divide": operator.truediv,
    "truediv": operator.truediv,
}

HALVES = ("real", "imag")

#: Of these a complex tensor, a table of the model's, becomes a Pair; others, such as detach, are as they were.
KNOWN = MOVES | frozenset((*OPERATORS, *HALVES, "abs", "cat", "conj", "getitem", "stack", "view_as_real"))


def _is_complex(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.is_complex()


def _name(function: Any) -> str:
    """The function's name without leading and trailing underscores; a trailing one alone marks an in-place function and
    stays."""
    name: str = function.__name__
    return name[2:-2] if name.startswith("__") and name.endswith("__") else name.lstrip("_")


def _unknown(name: str) -> Refused:
    return Refused("ComplexFunction", "complex-as-pairs knows no %s of complex numbers" % name)


class Pair:
    """A complex tensor as `real` and `imag` of the same shape."""

    def __init__(self, real: Any, imag: Any) -> None:
        self.real = real
        self.imag = imag

    @classmethod
    def of(cls, value: Any) -> Any:
        """`value`, or its Pair where it is a complex number or tensor: a constant of the trace."""
        import torch

        if isinstance(value, complex):
            return cls(value.real, value.imag)
        if not _is_complex(value):
            return value
        known = value.detach().resolve_conj().numpy()
        return cls(torch.from_numpy(known.real.copy()), torch.from_numpy(known.imag.copy()))

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _apply(function, args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        if name in MOVES:
            return lambda *args, **kwargs: self._moved(name, *args, **kwargs)
        if name in ("shape", "size", "dim", "ndim", "device"):
            return getattr(self.real, name)
        raise _unknown(name)

    def _moved(self, name: str, *args: Any, **kwargs: Any) -> Any:
        import torch

        if any(isinstance(one, torch.dtype) for one in (*args, *kwargs.values())):
            raise _unknown(name + " as another type")
        real, imag = [getattr(part, name)(*args, **kwargs) for part in (self.real, self.imag)]
        if isinstance(real, (tuple, list)):
            return tuple(Pair(*both) for both in zip(real, imag))
        return Pair(real, imag)

    def __getitem__(self, place: Any) -> Any:
        return Pair(self.real[place], self.imag[place])

    def __mul__(self, other: Any) -> Any:
        other = Pair.of(other)
        if isinstance(other, Pair):
            return Pair(
                self.real * other.real - self.imag * other.imag, self.real * other.imag + self.imag * other.real
            )
        return Pair(self.real * other, self.imag * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        other = Pair.of(other)
        if isinstance(other, Pair):
            size = other.real * other.real + other.imag * other.imag
            return self * Pair(other.real / size, -other.imag / size)
        return Pair(self.real / other, self.imag / other)

    def __add__(self, other: Any) -> Any:
        other = Pair.of(other)
        if isinstance(other, Pair):
            return Pair(self.real + other.real, self.imag + other.imag)
        return Pair(self.real + other, self.imag)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return Pair(-self.real, -self.imag)

    def __sub__(self, other: Any) -> Any:
        return self + (-Pair.of(other))

    def __rsub__(self, other: Any) -> Any:
        return (-self) + other

    def conj(self) -> Any:
        return Pair(self.real, -self.imag)

    def abs(self) -> Any:
        import torch

        return torch.sqrt(self.real * self.real + self.imag * self.imag)

    def is_complex(self) -> bool:
        return True


def _as_pair(value: Any) -> Pair:
    """A tensor as a Pair; the imaginary part of a real tensor is zero."""
    import torch

    value = Pair.of(value)
    return value if isinstance(value, Pair) else Pair(value, torch.zeros_like(value))


def _concerns(args: Sequence[Any], known: bool) -> bool:
    """Whether a Pair, or for a known function a complex tensor, is among the arguments or in a list among them."""
    flat = [one for arg in args for one in (arg if isinstance(arg, (tuple, list)) else (arg,))]
    return any(isinstance(one, Pair) or (known and _is_complex(one)) for one in flat)


def _apply(function: Any, args: Sequence[Any], kwargs: Dict[str, Any]) -> Any:
    """A torch function with at least one Pair among its arguments."""
    import torch

    name = _name(function)
    args = [Pair.of(one) for one in args]
    if name in OPERATORS:
        if len(args) != 2 or any(name not in ("add", "sub") or option != "alpha" for option in kwargs):
            raise _unknown("%s with such arguments" % name)
        first, second = args
        if kwargs.get("alpha", 1) != 1:
            second = second * kwargs["alpha"]
        return OPERATORS[name](_as_pair(first) if isinstance(first, torch.Tensor) else first, second)
    if name in ("cat", "stack") and args:
        parts = [_as_pair(one) for one in args[0]]
        return Pair(*(function([getattr(one, half) for one in parts], *args[1:], **kwargs) for half in HALVES))
    first = args[0] if args else None
    if not isinstance(first, Pair):
        raise _unknown(name)
    if name == "view_as_real":
        return torch.stack((first.real, first.imag), -1)
    if name == "get":
        return getattr(first, function.__self__.__name__)
    found = getattr(first, "__getitem__" if name == "getitem" else name)
    return found if name in HALVES else found(*args[1:], **kwargs)


def exporting() -> ContextManager[None]:

    made = _makers()

    class Pairs(function_mode()):  # type: ignore[misc]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if function in made:
                answer = asked(made[function], args, kwargs)
                if answer is not NotImplemented:
                    return answer
            if _concerns(args, _name(function) in KNOWN):
                return _apply(function, args, kwargs)
            return function(*args, **kwargs)

    return Pairs()


def _makers() -> Dict[Any, Callable[..., Any]]:
    """The torch functions that make complex numbers from real ones."""
    import torch

    def polar(size: Any, angle: Any) -> Any:
        return Pair(size * torch.cos(angle), size * torch.sin(angle))

    def turn(given: Any, count: int, size: int, sign: int, scale: float, dim: int) -> Any:
        """The first `count` of the `size` Fourier sums along `dim`: Σ x_t exp(sign 2πi k t / size) · scale."""
        given = Pair.of(given)
        pair = given if isinstance(given, Pair) else Pair(given, None)
        length = int(pair.real.size(dim))
        if size != length:
            raise Refused("PaddedTransform", "complex-as-pairs pads and cuts nothing for a Fourier transform")
        places = torch.arange(length).reshape(-1, 1) * torch.arange(count) % size
        angles = places.to(torch.float64) * (2 * math.pi / size)
        kind = pair.real.dtype
        cosines, sines = (torch.cos(angles) * scale).to(kind), (torch.sin(angles) * (sign * scale)).to(kind)

        def product(part: Any, matrix: Any) -> Any:
            return torch.matmul(part.transpose(dim, -1), matrix).transpose(dim, -1)

        real, imag = product(pair.real, cosines), product(pair.real, sines)
        if pair.imag is not None:
            real, imag = real - product(pair.imag, sines), imag + product(pair.imag, cosines)
        return Pair(real, imag)

    def scale_of(norm: Optional[str], size: int, inverse: bool) -> float:
        if norm == "ortho":
            return 1 / math.sqrt(size)
        return 1 / size if inverse == (norm != "forward") else 1.0

    def fft(x: Any, n: Optional[int] = None, dim: int = -1, norm: Optional[str] = None) -> Any:
        size = int(x.size(dim)) if n is None else n
        return turn(x, size, size, -1, scale_of(norm, size, False), dim)

    def ifft(x: Any, n: Optional[int] = None, dim: int = -1, norm: Optional[str] = None) -> Any:
        size = int(x.size(dim)) if n is None else n
        return turn(x, size, size, 1, scale_of(norm, size, True), dim)

    def rfft(x: Any, n: Optional[int] = None, dim: int = -1, norm: Optional[str] = None) -> Any:
        size = int(x.size(dim)) if n is None else n
        return turn(x, size // 2 + 1, size, -1, scale_of(norm, size, False), dim)

    def irfft(x: Any, n: Optional[int] = None, dim: int = -1, norm: Optional[str] = None) -> Any:
        """The upper half of the spectrum is the lower one's mirror, so that each but the ends counts twice."""
        pair = Pair.of(x)
        half = int(pair.real.size(dim))
        size = 2 * (half - 1) if n is None else n
        if size // 2 + 1 != half:
            raise Refused("PaddedTransform", "complex-as-pairs pads and cuts nothing for a Fourier transform")
        places = torch.arange(half).reshape(-1, 1) * torch.arange(size) % size
        angles = places.to(torch.float64) * (2 * math.pi / size)
        weights = torch.full((half, 1), 2 * scale_of(norm, size, True), dtype=torch.float64)
        weights[0] /= 2
        if size % 2 == 0:
            weights[-1] /= 2
        kind = pair.real.dtype

        def product(part: Any, matrix: Any) -> Any:
            return torch.matmul(part.transpose(dim, -1), matrix.to(kind)).transpose(dim, -1)

        return product(pair.real, torch.cos(angles) * weights) - product(pair.imag, torch.sin(angles) * weights)

    def over_axes(one: Callable[..., Any], axes: Optional[Sequence[int]]) -> Callable[..., Any]:
        def several(x: Any, s: Any = None, dim: Optional[Sequence[int]] = axes, norm: Optional[str] = None) -> Any:
            if s is not None:
                return NotImplemented
            for axis in range(x.dim()) if dim is None else dim:
                x = one(x, dim=axis, norm=norm)
            return x

        return several

    def stft(
        x: Any,
        n_fft: int,
        hop_length: Optional[int] = None,
        win_length: Optional[int] = None,
        window: Any = None,
        center: bool = True,
        pad_mode: str = "reflect",
        normalized: bool = False,
        onesided: Optional[bool] = None,
        return_complex: Optional[bool] = None,
        **rest: Any,
    ) -> Any:
        """A convolution along time, so that the time axis stays dynamic."""
        if normalized or onesided is False or any(value for value in rest.values()):
            return NotImplemented
        length = n_fft if win_length is None else win_length
        taps = torch.ones(length, dtype=x.dtype) if window is None else window
        before = (n_fft - length) // 2
        taps = torch.nn.functional.pad(taps, (before, n_fft - length - before))
        places = torch.arange(n_fft // 2 + 1).reshape(-1, 1) * torch.arange(n_fft) % n_fft
        angles = places.to(torch.float64) * (2 * math.pi / n_fft)
        sound = x.unsqueeze(1) if x.dim() == 2 else x.reshape(1, 1, -1)
        if center:
            sound = torch.nn.functional.pad(sound, (n_fft // 2, n_fft // 2), mode=pad_mode)
        step = n_fft // 4 if hop_length is None else hop_length
        parts = [
            torch.nn.functional.conv1d(sound, (wave.to(x.dtype) * taps).unsqueeze(1), stride=step)
            for wave in (torch.cos(angles), -torch.sin(angles))
        ]
        if x.dim() == 1:
            parts = [part.squeeze(0) for part in parts]
        return Pair(*parts) if return_complex else torch.stack(parts, -1)

    return {
        torch.complex: Pair,
        torch.fft.fft: fft,
        torch.fft.fft2: over_axes(fft, (-2, -1)),
        torch.fft.fftn: over_axes(fft, None),
        torch.fft.ifft: ifft,
        torch.fft.ifft2: over_axes(ifft, (-2, -1)),
        torch.fft.ifftn: over_axes(ifft, None),
        torch.fft.irfft: irfft,
        torch.fft.rfft: rfft,
        torch.polar: polar,
        torch.stft: stft,
        torch.Tensor.stft: stft,
        torch.view_as_complex: lambda x: Pair(x[..., 0], x[..., 1]),
    }


REMEDY = Remedy(revision=1, exporting=exporting)
