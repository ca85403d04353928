"""Element by element: what is equal, how large, which is near, for arrays with NaN, infinities, fills and sets of rows.
Pure: numpy in, numbers out; arithmetic in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy

Array = numpy.ndarray[Any, Any]

#: From here on a number is what masking fills in (torch.finfo.min), not what a network computes. Such elements must be
#: there as in the reference, to 1e-5 of themselves, and have no part in scales and floors: four ulp of 3e38 would
#: pass anything.
FILL = 1e30
_FILL_TOLERANCE = 1e-5


def as_real(array: Array) -> Array:
    """Complex arrays as pairs of reals along a new last axis; half precision as it is (its ulp is needed)."""
    real: Array = numpy.stack([array.real, array.imag], axis=-1) if array.dtype.kind == "c" else array
    return real


def class_of(array: Array) -> Array:
    """Per element: 0 a number, 1 NaN, ±2 infinity, ±3 a fill."""
    if array.dtype.kind != "f":
        return numpy.zeros(array.shape, dtype=numpy.int8)
    size = numpy.abs(array.astype(numpy.float64))
    beyond = numpy.where(numpy.isinf(array), 2, numpy.where(size >= FILL, 3, 0)) * numpy.where(array < 0, -1, 1)
    classes: Array = numpy.where(numpy.isnan(array), 1, beyond)
    return classes


def agrees(array: Array, reference: Array) -> Array:
    """Where both are of one class, and fills are equal."""
    classes = class_of(array)
    one, other = (x.astype(numpy.float64) for x in (array, reference))
    with numpy.errstate(all="ignore"):
        equal = numpy.abs(one - other) <= _FILL_TOLERANCE * numpy.abs(other)
    agreed: Array = (classes == class_of(reference)) & (equal | (numpy.abs(classes) != 3))
    return agreed


def same(a: Array, b: Array) -> Array:
    """Equal elements, NaN being equal to NaN, exact between integers of different widths."""
    equal: Array = numpy.equal(a, b)
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        equal |= numpy.isnan(a) & numpy.isnan(b)
    return equal


def largest(array: Array) -> float:
    """The largest magnitude of a finite element that is no fill, 0 for none."""
    if array.size == 0:
        return 0.0
    with numpy.errstate(all="ignore"):
        magnitudes = numpy.abs(array.astype(numpy.float64))
    return float(numpy.where(magnitudes < FILL, magnitudes, 0.0).max())


def cosine(a: Array, b: Array) -> float | None:
    """The cosine of the angle between two flat float64 arrays; None where one of them is zero or empty."""
    if not a.size:
        return None
    scale_a, scale_b = float(numpy.abs(a).max()), float(numpy.abs(b).max())
    if not (0 < scale_a < math.inf and 0 < scale_b < math.inf):
        return None
    a, b = a / scale_a, b / scale_b
    return float(numpy.clip(numpy.dot(a, b) / (numpy.linalg.norm(a) * numpy.linalg.norm(b)), -1.0, 1.0))


def ulp(dtype: numpy.dtype[Any], magnitude: float) -> float:
    """The spacing of `dtype` at `magnitude`. float64 outputs count as float32: the weights behind them are."""
    kind = numpy.float16 if dtype == numpy.float16 else numpy.float32
    return float(numpy.spacing(kind(min(magnitude, float(numpy.finfo(kind).max) / 2))))


def nearest_rows(truth: Array, rows: Array) -> Array:
    """`rows` (n, columns) in the order in which they lie closest to `truth` (the sum over columns, each in units of its
    largest magnitude); left alone where the counts differ, which the grade then sees."""
    if truth.shape != rows.shape or not rows.size:
        return rows
    far = 1e30
    a = numpy.nan_to_num(truth.astype(numpy.float64), nan=far, posinf=far, neginf=-far)
    b = numpy.nan_to_num(rows.astype(numpy.float64), nan=far, posinf=far, neginf=-far)
    cost: Array = numpy.zeros((len(a), len(b)))
    with numpy.errstate(all="ignore"):
        for column in range(a.shape[1]):
            scale = max(float(numpy.abs(a[:, column]).max()), 1 / far)
            cost += numpy.abs(a[:, None, column] - b[None, :, column]) / scale
    from scipy.optimize import linear_sum_assignment  # half a second to import, and few cases have boxes

    _, order = linear_sum_assignment(numpy.minimum(cost, far))
    matched: Array = rows[order]
    return matched
