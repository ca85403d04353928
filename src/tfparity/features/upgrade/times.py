"""Whether a converted model takes longer on HEAD, by what was measured on each toolchain in a run of its own.

The two runs are never compared second by second: a machine is busier on one day than on another. A model counts as
slower where its seconds are more and also their ratio to torch in the same run, each beyond doubt: a busy machine moves
the seconds alone, a faster torch the ratio alone. (`nox -s latency -- --compare` is the stricter test, of a run now.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfparity.evidence import latency
from tfparity.evidence.ratios import Ratio, across
from tfparity.features.upgrade.compare import Place, Times, no_times
from tfparity.paths import Project

#: Seconds of each process of a subject.
Samples = Sequence[Sequence[float]]

#: Those of torch and of the SavedModel, process by process and call by call.
Pair = tuple[Samples, Samples]

#: Medians that differ by less are the same.
LEAST = 1.10


@dataclass(frozen=True)
class Recording:
    """What was measured on a toolchain. machine: what the samples depend on, in one text; cells: place → seconds of
    torch and of the SavedModel by process, in pairs."""

    machine: str
    cells: Mapping[Place, Pair]


def recorded(project: Project, base: str, head: str) -> Times:
    """What the recorded latency of two toolchains says. Raises EvidenceError for a file that cannot be read."""
    return times(_recording(project, base), _recording(project, head))


def _recording(project: Project, toolchain: str) -> Recording | None:
    found = latency.load(project, toolchain)
    if found is None:
        return None
    pairs: dict[Place, Pair] = {
        (cell.case, cell.route): (cell.samples["torch"], cell.samples["saved-model"])
        for cell in found.cells
        if {"torch", "saved-model"} <= cell.samples.keys()
        and max(cell.subjects[name].waited for name in ("torch", "saved-model")) <= latency.LOADED
    }
    return Recording(json.dumps(found.machine, sort_keys=True), pairs)


def times(base: Recording | None, head: Recording | None) -> Times:
    """What may be said of cells that both recordings have, of one kind of machine."""
    if base is None or head is None or base.machine != head.machine:
        return no_times

    def of(place: Place) -> tuple[str, bool] | None:
        was, now = base.cells.get(place), head.cells.get(place)
        return _changed(was, now) if was and now else None

    return of


def _changed(was: Pair, now: Pair) -> tuple[str, bool] | None:
    seconds = _factor(_seconds(was[1]), _seconds(now[1]))
    beside = _factor(across(was[1], was[0]), across(now[1], now[0]))
    if seconds is None or beside is None or (seconds > 1) is not (beside > 1):
        return None
    return f"{seconds:.2f} times as long as on BASE, {beside:.2f} times as long beside torch", seconds > 1


def _seconds(samples: Samples) -> Ratio:
    """The seconds themselves, with their interval."""
    return across(samples, [[1.0] * len(one) for one in samples])


def _factor(was: Ratio, now: Ratio) -> float | None:
    """How many times as large it is, where the intervals lie apart by LEAST; else None, also with too few samples."""
    if was.median is None or was.low is None or was.high is None:
        return None
    if now.median is None or now.low is None or now.high is None:
        return None
    apart = now.low > was.high * LEAST or now.high * LEAST < was.low
    return now.median / was.median if apart else None
