"""NaN, infinities and denormals among the inputs: what becomes of them is told beside the verdict."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tfparity.planning.probes import Call, Change, Kind, Line, Probe, exported, floating, single
from tfparity.worker.declare import Case

SAID = {"NaN": "nan", "infinity": "inf", "-infinity": "-inf"}

#: Below the smallest normal float32.
DENORMAL = 1e-40


def lines(case: Case) -> tuple[Line, ...]:
    """One such element in every input of reals; denormals in all of them."""
    names = [declared.name for declared in case.inputs if floating(declared)]
    if not names:
        return ()
    calls = {said: tuple(Change(name, "one", word) for name in names) for said, word in SAID.items()}
    calls["denormals"] = tuple(Change(name, "scaled", DENORMAL) for name in names)
    return tuple(
        replace(single(Call(said, exported(case), changes=changes, nudged=False)), told=partial(_without, said))
        for said, changes in calls.items()
    )


def _without(said: str, _: float) -> str:
    return f"inputs without {said}"


PROBE = Probe(revision=1, kind=Kind.REPORTS, lines=lines, exact_nan=True)
