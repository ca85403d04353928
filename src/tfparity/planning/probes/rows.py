"""Rows of a batch in another order, the same row in every place, one row louder than its neighbours."""

from __future__ import annotations

from functools import partial

from tfparity.planning.probes import Call, Change, Kind, Line, Probe, exported, floating, inside
from tfparity.worker.declare import Case

#: Rows of the batches, the fewest first.
ROWS = (2.0, 4.0)


def lines(case: Case) -> tuple[Line, ...]:
    """Whether rows depend on each other is torch's to say: its answer to the same batch is the reference."""
    inputs = [declared for declared in case.inputs if "batch" in declared.shape]
    if not inputs:
        return ()
    changed = {
        "every row the same": tuple(Change(one.name, "repeated", one.shape.index("batch")) for one in inputs),
        "rows in reverse": tuple(Change(one.name, "reversed", one.shape.index("batch")) for one in inputs),
        "the first row at the ends of its range": tuple(
            Change(one.name, "loud", (float(one.shape.index("batch")), *reach))
            for one in inputs
            if floating(one) and (reach := inside(one))
        ),
    }
    base = exported(case)
    return tuple(Line(partial(_of, base, said, changes), ROWS) for said, changes in changed.items() if changes)


def _of(base: dict[str, int], said: str, changes: tuple[Change, ...], rows: float) -> Call:
    return Call(f"batch={int(rows)}, {said}", {**base, "batch": int(rows)}, changes=changes)


PROBE = Probe(revision=1, kind=Kind.DECIDES, lines=lines, small=False)
