"""The same calls many times, between calls of other sizes and of other values: an artifact keeps nothing."""

from __future__ import annotations

from tfparity.planning.probes import Call, Kind, Line, Probe, exported, single
from tfparity.worker.declare import Case

#: How often the first call is made, beside the others.
TIMES = 24


def lines(case: Case) -> tuple[Line, ...]:
    """Two seeds at the exported shape, and every axis at its last size, whose answers are for `sizes` to judge."""
    base = exported(case)
    calls = (Call("the exported shape", base, 0), Call("the exported shape, other values", base, 1))
    others = [Call(f"{axis}={sizes[-1]}", {**base, axis: sizes[-1]}) for axis, sizes in sorted(case.axes.items())]
    return (*map(single, calls), *(single(call, judged=False) for call in others))


def order(count: int) -> tuple[int, ...]:
    """The first call after each of the others, until it was made `TIMES` times."""
    others = max(1, count - 1)
    return tuple(place % count for time in range(TIMES) for place in (0, 1 + time % others))


PROBE = Probe(revision=2, kind=Kind.DECIDES, lines=lines, as_exported=True, order=order)
