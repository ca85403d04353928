"""Probes: calls beyond those of level 1, each kind with a revision of its own. A module each, which declares a PROBE.

A probe asks for calls and computes nothing: the source side makes the inputs (tfparity.worker.probing) and answers
them, the converted artifact answers them too, and judging.probed holds the two answers together.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tfparity.records.cells import Cell
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Outcome, Verdict
from tfparity.worker.declare import Case, Input

#: In the order in which they run, the one that tells most first.
NAMES = ("numbers", "repeats", "sizes", "rows", "masks", "values", "domain", "extremes")

#: No sampler of normal numbers in float64 goes beyond so many standard deviations: sqrt(-2 ln 2^-53) is 8.6.
DEVIATIONS = 8.0

#: The farthest that two neighbours in float32 are apart, as a part of the larger.
FLOAT32 = 2.0**-23


class Kind(StrEnum):
    """What a failing probe does: to decide is to change the verdict at level 2, to report is to stand beside it."""

    DECIDES = "decides"
    REPORTS = "reports"


@dataclass(frozen=True)
class Change:
    """How an input differs from the case's own: a function of tfparity.worker.probing and its argument."""

    input: str
    how: str
    argument: float | str | tuple[float, ...] = 0.0


@dataclass(frozen=True)
class Call:
    """One call of the model. said: what is special about it, for a person ("batch=9"). sizes: of every axis. nudged:
    whether its inputs may move by one ulp to measure rounding; exact ties may not."""

    said: str
    sizes: Mapping[str, int]
    seed: int = 0
    changes: tuple[Change, ...] = ()
    nudged: bool = True

    def spec(self) -> dict[str, Json]:
        """As a worker is told of it."""
        return {
            "sizes": dict(self.sizes),
            "seed": self.seed,
            "changes": [[one.input, one.how, one.argument] for one in self.changes],
            "nudged": self.nudged,
        }


@dataclass(frozen=True)
class Line:
    """Calls that differ in one number: `call` makes that at a place, `at` are the places tried, from the nearest to
    the farthest. whole: only whole numbers are places. told: what a person is told of the first place that is wrong,
    where the line is a domain. judged: else it is only made between the others, and what comes of it says nothing."""

    call: Callable[[float], Call]
    at: tuple[float, ...] = (0,)
    whole: bool = True
    told: Callable[[float], str] | None = None
    judged: bool = True

    def between(self, right: float, wrong: float, count: int = 7) -> tuple[float, ...]:
        """Places between one that is right and one that is wrong; none where they are near enough to each other."""
        if self.whole:
            step = max(1, round((wrong - right) / (count + 1)))
            return tuple(float(place) for place in range(int(right) + step, int(wrong), step))
        if wrong <= right * 1.01:
            return ()
        ratio = math.log(wrong / right) / (count + 1)
        return tuple(right * math.exp(ratio * place) for place in range(1, count + 1))


@dataclass(frozen=True)
class Probe:
    """One kind of probe.

    revision: raised by hand when a change can move what it finds: recorded entries of it become stale, and no cell.
    lines: what it asks of a case; none where it has nothing to ask. as_exported: it judges the exported shape alone
    with the case's own inputs, so that a failing one breaks the cell. exact_nan: whether NaN where torch says NaN is
    asked for: elsewhere it is no answer, and says nothing. small: whether numbers of a small magnitude are held to
    themselves: at the ends of a range, where many functions vanish, that is told as a domain instead. order: in which
    order the artifact answers so many calls.
    """

    revision: int
    kind: Kind
    lines: Callable[[Case], tuple[Line, ...]]
    as_exported: bool = False
    exact_nan: bool = False
    small: bool = True
    order: Callable[[int], tuple[int, ...]] = field(default=lambda count: tuple(range(count)))


def load(name: str) -> Probe:
    """The probe of that name (sizes)."""
    probe = importlib.import_module(f"{__name__}.{name}").PROBE
    assert isinstance(probe, Probe)
    return probe


def verdict(cell: Cell) -> Verdict:
    """The verdict at level 2: that of level 1, unless a deciding probe failed: broken where the artifact is wrong on
    the case's own inputs, else partial."""
    if not cell.verdict.works:
        return cell.verdict
    failed = [load(name) for name, entry in cell.probes.items() if name in NAMES and failing(entry.outcome)]
    deciding = [probe for probe in failed if probe.kind is Kind.DECIDES]
    if any(probe.as_exported for probe in deciding):
        return Verdict.BROKEN
    return Verdict.PARTIAL if deciding else cell.verdict


def failing(outcome: Outcome) -> bool:
    """Whether a probe found something: it did not where it had nothing to ask, or where a limit ended it."""
    return outcome in (Outcome.FAIL, Outcome.CRASH)


# What probes ask of a declaration


def exported(case: Case) -> dict[str, int]:
    """The exported size of every axis."""
    return {axis: sizes[0] for axis, sizes in case.axes.items()}


def floating(declared: Input) -> bool:
    """Whether an input's numbers are drawn from a range of reals that the case declares."""
    return declared.kind in ("normal", "uniform")


def inside(declared: Input) -> tuple[float, float] | None:
    """The least and the largest number that an input may hold by its declaration; None where it declares no range."""
    arguments = dict(declared.arguments)
    if declared.kind == "normal":
        reach = DEVIATIONS * arguments["std"]
        return arguments["mean"] - reach, arguments["mean"] + reach
    if declared.kind == "uniform":
        low, high = arguments["low"], arguments["high"]
        return low, high - max(1e-6 * (high - low), FLOAT32 * abs(high))  # below it in float32, too
    if declared.kind == "integers":
        return arguments["low"], arguments["high"] - 1
    if declared.kind == "boolean":
        return 0.0, 1.0
    return None


def single(call: Call, *, judged: bool = True) -> Line:
    """A line of one call."""
    return Line(lambda _: call, judged=judged)
