"""Sizes of the open axes beyond those of level 1: alone and together, one, odd, twice the largest declared."""

from __future__ import annotations

from functools import partial

from tfparity.planning.probes import Call, Kind, Line, Probe, exported, single
from tfparity.worker.declare import Case

#: Beyond the batches that level 1 tries.
BATCHES = (3, 9)


def lines(case: Case) -> tuple[Line, ...]:
    """A line for each axis, then all of them at once."""
    base = exported(case)
    found = [Line(partial(_alone, base, axis), _places(axis, sizes)) for axis, sizes in sorted(case.axes.items())]
    if len(case.axes) > 1:
        largest = {axis: max(sizes) for axis, sizes in case.axes.items()}
        found += [
            _together({axis: size + 1 - size % 2 for axis, size in base.items()}),
            _together(largest),
            _together({axis: 2 * size for axis, size in largest.items()}),
            _together(dict.fromkeys(base, 1)),
        ]
    return tuple(found)


def _alone(base: dict[str, int], axis: str, size: float) -> Call:
    return Call(f"{axis}={int(size)}", {**base, axis: int(size)})


def _places(axis: str, sizes: tuple[int, ...]) -> tuple[float, ...]:
    most = max(sizes)
    odd = {size + 1 - size % 2 for size in sizes}
    return tuple(sorted({1, *sizes, *odd, 2 * most - 1, 2 * most, *(BATCHES if axis == "batch" else ())}))


def _together(sizes: dict[str, int]) -> Line:
    return single(Call(", ".join(f"{axis}={size}" for axis, size in sorted(sizes.items())), sizes))


PROBE = Probe(revision=1, kind=Kind.DECIDES, lines=lines)
