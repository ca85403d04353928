"""How far beyond its declared range an input may go, where torch goes along: told beside the verdict."""

from __future__ import annotations

import math
from functools import partial

from tfparity.planning.probes import Call, Change, Kind, Line, Probe, exported, inside
from tfparity.worker.declare import Case, Input

#: How far beyond, in units of the declared reach.
BEYOND = 100.0
#: How near to nothing, in the same units.
BELOW = 1000.0


def lines(case: Case) -> tuple[Line, ...]:
    """For each input upwards and downwards; for reals towards zero, too."""
    found: list[Line] = []
    for declared in case.inputs:
        reach = inside(declared)
        if reach is None or declared.kind == "boolean":
            continue
        found += _integers(case, declared, reach) if declared.kind == "integers" else _reals(case, declared, reach)
    return tuple(found)


def _reals(case: Case, declared: Input, reach: tuple[float, float]) -> list[Line]:
    name, (low, high), unit = declared.name, reach, _unit(declared)
    inner, outer = unit / 10, BEYOND * unit
    up = (inner, *((high,) if high > inner else ()), outer)
    down = (inner, *((-low,) if -low > inner else ()), outer)

    def below(at: float) -> str:
        return f"{name} >= {low:.2g}" if at <= inner and low >= 0 else f"{name} > {-at:.2g}"

    return [
        Line(partial(_spread, case, declared, 1), up, False, lambda at: f"{name} < {at:.2g}"),
        Line(partial(_spread, case, declared, -1), down, False, below),
        Line(partial(_scaled, case, declared), (1.0, BELOW), False, lambda at: f"|{name}| > {unit / at:.2g}"),
    ]


def _unit(declared: Input) -> float:
    arguments = dict(declared.arguments)
    if declared.kind == "normal":
        return max(arguments["std"], abs(arguments["mean"]))
    return max(abs(arguments["low"]), abs(arguments["high"]))


def _spread(case: Case, declared: Input, sign: int, at: float) -> Call:
    ends = (0.0, at) if sign > 0 else (-at, 0.0)
    return Call(f"{declared.name}={sign * at:.2g}", exported(case), changes=(Change(declared.name, "spread", ends),))


def _scaled(case: Case, declared: Input, at: float) -> Call:
    said = f"{declared.name} times {1 / at:.2g}"
    return Call(said, exported(case), changes=(Change(declared.name, "scaled", 1 / at),))


def _integers(case: Case, declared: Input, reach: tuple[float, float]) -> list[Line]:
    """Integers beyond those declared, as far as their type goes; many a model refuses them. One without axes says how
    often, or how large: of 2^62 rounds no model comes back."""
    if not declared.shape:
        return []
    bits = {"int64": 62, "int32": 31, "int16": 15, "int8": 7, "uint8": 8}.get(declared.dtype)
    highest = float(2**bits - 1) if bits else 0.0
    if highest <= 2 * max(reach[1], 1.0) or math.isinf(highest):
        return []
    name = declared.name

    def call(at: float) -> Call:
        return Call(f"{name}={at:.2g}", exported(case), changes=(Change(name, "spread", (reach[0], at)),))

    return [Line(call, (max(reach[1], 1.0), highest), False, lambda at: f"{name} < {at:.2g}")]


PROBE = Probe(revision=1, kind=Kind.REPORTS, lines=lines)
