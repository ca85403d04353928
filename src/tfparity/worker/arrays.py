"""Seeded input arrays, by numpy's legacy RandomState: its streams are frozen across versions.

https://numpy.org/neps/nep-0019-rng-policy.html
"""

import zlib
from typing import Any, Dict, List, Mapping

from tfparity.worker.declare import Case, Input, Sample


def make(declared: Input, sizes: Mapping[str, int], seed: int) -> Any:
    """The array of one input for one sample: dtype and kind as declared, shape from `sizes`.

    Raises ValueError if the case's own function returns an array of another shape.
    """
    import numpy

    shape = tuple(sizes[axis] if isinstance(axis, str) else axis for axis in declared.shape)
    random = numpy.random.RandomState((zlib.crc32(declared.name.encode()) + seed) % 2**32)
    arguments = dict(declared.arguments)
    values: Any
    if declared.kind == "normal":
        values = random.normal(arguments["mean"], arguments["std"], size=shape)
    elif declared.kind == "uniform":
        values = random.uniform(arguments["low"], arguments["high"], size=shape)
    elif declared.kind == "integers":
        values = random.randint(int(arguments["low"]), int(arguments["high"]), size=shape)
    elif declared.kind == "boolean":
        values = random.randint(0, 2, size=shape)
    elif declared.kind == "mask":
        length = shape[-1]
        kept = random.randint((length + 1) // 2, length + 1, size=shape[:-1] + (1,))
        values = numpy.arange(length).reshape((1,) * (len(shape) - 1) + (length,)) < kept
    elif declared.kind == "given" and declared.make:
        values = numpy.asarray(declared.make(shape, seed))
        if values.shape != shape:
            raise ValueError(
                "%s gives shape %s for %r, not %s" % (declared.make.__name__, values.shape, declared.name, shape)
            )
    else:
        raise ValueError("unknown kind of input %r" % declared.kind)
    return numpy.asarray(values).astype(declared.dtype)


def inputs(case: Case, sample: Sample) -> List[Any]:
    """The arrays of one sample, in the model's order."""
    return [make(declared, sample.sizes, sample.seed) for declared in case.inputs]


def moved_one_ulp(array: Any, seed: int) -> Any:
    """A floating array with every element moved to its neighbour, up or down by a seeded coin."""
    import numpy

    if array.dtype.kind != "f":
        return array
    up = numpy.random.RandomState(seed).randint(0, 2, size=array.shape).astype(bool)
    towards = numpy.where(up, numpy.inf, -numpy.inf).astype(array.dtype)
    return numpy.nextafter(array, towards)


def write_npz(path: str, arrays: Dict[str, Any]) -> None:
    """Write an .npz whole or not at all. Object arrays are refused: our side reads without pickle."""
    import os

    import numpy

    for name, array in arrays.items():
        if numpy.asarray(array).dtype.hasobject:
            raise TypeError("%s is an array of objects" % name)
    temporary = "%s.%d" % (path, os.getpid())
    with open(temporary, "wb") as file:
        numpy.savez(file, **arrays)
    os.replace(temporary, path)
