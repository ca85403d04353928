"""Padding elsewhere than at the end: at the start, none at all, all but one, everything."""

from __future__ import annotations

from tfparity.planning.probes import Call, Change, Kind, Line, Probe, exported, single
from tfparity.worker.declare import Case

SAID = {
    "no padding": "ones",
    "padding on the left": "flipped",
    "padding in the middle": "holed",
    "all but one padded": "first",
    "all padded": "zeros",
}


def lines(case: Case) -> tuple[Line, ...]:
    """A call for each kind of padding; none where the case has no mask."""
    masks = [declared.name for declared in case.inputs if declared.kind == "mask"]
    if not masks:
        return ()
    return tuple(
        single(Call(said, exported(case), changes=tuple(Change(name, how) for name in masks)))
        for said, how in SAID.items()
    )


PROBE = Probe(revision=1, kind=Kind.DECIDES, lines=lines)
