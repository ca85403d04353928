"""Whether a converted model takes longer on HEAD, by what was measured on each toolchain in a run of its own.

The two runs are never compared second by second: a machine is busier on one day than on another. A model counts as
slower where its seconds are more and also their ratio to torch in the same run, each beyond doubt: a busy machine moves
the seconds alone, a faster torch the ratio alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tfparity.evidence import latency
from tfparity.evidence.ratios import FEWEST, ratio
from tfparity.features.upgrade.compare import Place, Times, no_times
from tfparity.paths import Project

#: Medians that differ by less are the same.
LEAST = 1.10


@dataclass(frozen=True)
class Recording:
    """What was measured on a toolchain. machine: what the samples depend on, in one text; cells: place → seconds of
    torch and of the SavedModel, in pairs."""

    machine: str
    cells: Mapping[Place, tuple[Sequence[float], Sequence[float]]]


def recorded(project: Project, base: str, head: str) -> Times:
    """What the recorded latency of two toolchains says. Raises EvidenceError for a file that cannot be read."""
    return times(_recording(project, base), _recording(project, head))


def _recording(project: Project, toolchain: str) -> Recording | None:
    document = latency.load(project, toolchain)
    if document is None:
        return None
    pairs = {
        (cell.case, cell.route): (cell.samples["torch"], cell.samples["saved-model"])
        for cell in latency.cells(project, toolchain)
        if {"torch", "saved-model"} <= cell.samples.keys()
    }
    return Recording(json.dumps(document.get("machine"), sort_keys=True), pairs)


def times(base: Recording | None, head: Recording | None) -> Times:
    """What may be said of cells that both recordings have, of one kind of machine."""
    if base is None or head is None or base.machine != head.machine:
        return no_times

    def of(place: Place) -> tuple[str, bool] | None:
        was, now = base.cells.get(place), head.cells.get(place)
        return _changed(was, now) if was and now else None

    return of


def _changed(
    was: tuple[Sequence[float], Sequence[float]], now: tuple[Sequence[float], Sequence[float]]
) -> tuple[str, bool] | None:
    if min(map(len, (*was, *now, _ratios(*was), _ratios(*now)))) < FEWEST:
        return None
    seconds = _factor(was[1], now[1])
    beside = _factor(_ratios(*was), _ratios(*now))
    if seconds is None or beside is None or (seconds > 1) is not (beside > 1):
        return None
    return f"{seconds:.2f} times as long as on BASE, {beside:.2f} times as long beside torch", seconds > 1


def _ratios(torch: Sequence[float], model: Sequence[float]) -> list[float]:
    return [mine / other for other, mine in zip(torch, model, strict=True) if other > 0]


def _factor(was: Sequence[float], now: Sequence[float]) -> float | None:
    """How many times as large the median is, where the intervals of both medians lie apart by LEAST; else None."""
    (low, high), (new_low, new_high) = _interval(was), _interval(now)
    apart = new_low > high * LEAST or new_high * LEAST < low
    return median(now) / median(was) if apart else None


def _interval(samples: Sequence[float]) -> tuple[float, float]:
    """The interval of the median, as judging.ratios has it."""
    found = ratio(samples, [1.0] * len(samples))
    assert found.low is not None and found.high is not None  # there are FEWEST or more
    return found.low, found.high
