"""The inputs of a probe's call: the case's own, changed as planning.probes asks.

A call is {"sizes": {axis: size}, "seed": n, "changes": [[input, how, argument], …], "nudged": bool}.
"""

import zlib
from typing import Any, Callable, Dict, List, Mapping

from tfparity.worker import arrays
from tfparity.worker.declare import Case, Sample


def inputs(case: Case, call: Mapping[str, Any]) -> List[Any]:
    """The arrays of a call, in the model's order. Raises what the case's own function raises."""
    given = dict(
        zip([one.name for one in case.inputs], arrays.inputs(case, Sample(0, call["seed"], call["sizes"], None)))
    )
    for name, how, argument in call["changes"]:
        dtype = given[name].dtype
        random = _random(name, call["seed"])
        given[name] = _CHANGES[how](given[name], argument, random).astype(dtype)
    return list(given.values())


def _random(name: str, seed: int) -> Any:
    import numpy

    return numpy.random.RandomState((zlib.crc32(name.encode()) + 7919 + seed) % 2**32)


def _constant(array: Any, argument: Any, random: Any) -> Any:
    import numpy

    return numpy.full(array.shape, argument, dtype="int64" if array.dtype.kind in "iu" else "float64")


def _scaled(array: Any, argument: Any, random: Any) -> Any:
    return array.astype("float64") * argument


def _grid(array: Any, argument: Any, random: Any) -> Any:
    """Rounded down to multiples of a step, for the upper end may be no value: (where the grid begins, its step)."""
    import numpy

    origin, step = argument
    return origin + numpy.floor((array.astype("float64") - origin) / step) * step


def _spread(array: Any, argument: Any, random: Any) -> Any:
    """Uniform between two ends, both of which are there where there are two elements or more."""
    import numpy

    low, high = argument
    values = random.uniform(low, high, size=array.shape)
    if array.dtype.kind in "iu":
        values = numpy.clip(numpy.rint(values), low, high)
    flat = values.reshape(-1)
    if flat.size:
        farthest = (high, low) if abs(high) >= abs(low) else (low, high)
        places = random.permutation(flat.size)
        flat[places[: max(1, flat.size // 16)]] = farthest[0]
        if flat.size > 1:
            flat[places[-1]] = farthest[1]
    return flat.reshape(array.shape).astype("int64") if array.dtype.kind in "iu" else flat.reshape(array.shape)


def _ends(array: Any, argument: Any, random: Any) -> Any:
    import numpy

    return numpy.asarray(argument, dtype="int64")[random.randint(0, 2, size=array.shape)]


def _one(array: Any, argument: Any, random: Any) -> Any:
    changed = array.copy()
    if changed.size:
        changed.reshape(-1)[changed.size // 2] = float(argument)
    return changed


def _repeated(array: Any, argument: Any, random: Any) -> Any:
    import numpy

    axis = int(argument)
    return numpy.repeat(numpy.take(array, [0], axis=axis), array.shape[axis], axis=axis)


def _reversed(array: Any, argument: Any, random: Any) -> Any:
    import numpy

    return numpy.flip(array, int(argument)).copy()


def _loud(array: Any, argument: Any, random: Any) -> Any:
    """The first row of an axis spread between two ends: (the axis, the ends)."""
    axis, ends = int(argument[0]), argument[1:]
    changed = array.copy()
    place = tuple([slice(None)] * axis + [0])
    changed[place] = _spread(changed[place], ends, random)
    return changed


def _ones(array: Any, argument: Any, random: Any) -> Any:
    return array * 0 + 1


def _zeros(array: Any, argument: Any, random: Any) -> Any:
    return array * 0


def _flipped(array: Any, argument: Any, random: Any) -> Any:
    """A mask with its zeros at the start of each row: at least one, where there is room."""
    import numpy

    flipped = numpy.flip(array, -1).copy()
    if flipped.shape[-1] > 1:
        flipped[..., 0] = 0
    return flipped


def _holed(array: Any, argument: Any, random: Any) -> Any:
    """Ones but for a zero inside of each row."""
    holed = _ones(array, argument, random)
    if holed.shape[-1] > 2:
        holed[..., holed.shape[-1] // 2] = 0
    return holed


def _first(array: Any, argument: Any, random: Any) -> Any:
    """A one at the start of each row, zeros after it."""
    first = array * 0
    first[..., 0] = 1
    return first


_CHANGES: Dict[str, Callable[[Any, Any, Any], Any]] = {
    "constant": _constant,
    "scaled": _scaled,
    "grid": _grid,
    "spread": _spread,
    "ends": _ends,
    "one": _one,
    "repeated": _repeated,
    "reversed": _reversed,
    "loud": _loud,
    "ones": _ones,
    "zeros": _zeros,
    "flipped": _flipped,
    "holed": _holed,
    "first": _first,
}
