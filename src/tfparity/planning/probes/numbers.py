"""The case's own inputs again, held to each element's own rounding error."""

from __future__ import annotations

from tfparity.planning.probes import Call, Kind, Line, Probe, exported, single
from tfparity.worker.declare import SEEDS, Case


def lines(case: Case) -> tuple[Line, ...]:
    """The exported shape with every seed."""
    return tuple(single(Call(f"seed {seed}", exported(case), seed)) for seed in SEEDS)


PROBE = Probe(revision=1, kind=Kind.DECIDES, lines=lines, as_exported=True)
