"""Values that the declared kind of input holds and seldom draws: the ends of its range, zeros, ties, one sign."""

from __future__ import annotations

from collections.abc import Sequence

from tfparity.planning.probes import Call, Change, Kind, Line, Probe, exported, floating, inside, single
from tfparity.worker.declare import Case, Input

#: Ties are multiples of that part of a standard deviation, or of a range.
GRID = 0.5


def lines(case: Case) -> tuple[Line, ...]:
    """What all inputs can hold at once, then each input alone, the others as they are."""
    ranged = [(declared, reach) for declared in case.inputs if (reach := inside(declared))]
    found: list[Line] = []

    def ask(said: str, changes: Sequence[Change], *, nudged: bool = False) -> None:
        if changes:
            found.append(single(Call(said, exported(case), changes=tuple(changes), nudged=nudged)))

    zero = [Change(one.name, "constant", 0.0) for one, (low, high) in ranged if floating(one) and low <= 0 <= high]
    ask("exact ties", [Change(one.name, "grid", _grid(one)) for one, _ in ranged if floating(one)])
    ask("the whole range", [Change(one.name, "spread", reach) for one, reach in ranged], nudged=True)
    ask("zeros", zero)
    for change in zero if len(case.inputs) > 1 else ():
        ask(f"zeros in {change.input!r}", [change])
    negative = [(one, reach) for one, reach in ranged if floating(one) and reach[0] < 0 < reach[1]]
    ask("nothing negative", [Change(one.name, "spread", (0.0, high)) for one, (_, high) in negative], nudged=True)
    ask("nothing positive", [Change(one.name, "spread", (low, 0.0)) for one, (low, _) in negative], nudged=True)
    whole = [(one, reach) for one, reach in ranged if not floating(one)]
    ask("the lowest integers", [Change(one.name, "constant", low) for one, (low, _) in whole])
    ask("the highest integers", [Change(one.name, "constant", high) for one, (_, high) in whole])
    ask("integers of both ends", [Change(one.name, "ends", reach) for one, reach in whole])
    return tuple(found)


def _grid(declared: Input) -> tuple[float, float]:
    """Where the grid begins, and its step."""
    arguments = dict(declared.arguments)
    if declared.kind == "normal":
        return arguments["mean"], GRID * arguments["std"]
    return arguments["low"], GRID * (arguments["high"] - arguments["low"]) / 2


PROBE = Probe(revision=1, kind=Kind.DECIDES, lines=lines, small=False)
