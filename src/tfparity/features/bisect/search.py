"""The smallest set of changes that makes a test fail, and the first release that does. Pure: the test is given.

Delta debugging as Zeller and Hildebrandt have it (Simplifying and Isolating Failure-Inducing Input, 2002), with a third
outcome for sets of which nothing can be told: they are neither good nor bad, and no smaller set is concluded from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar


class Outcome(Enum):
    """What a test says of a set of changes."""

    GOOD = "converts"
    BAD = "fails"
    UNKNOWN = "can't tell"


Change = TypeVar("Change")
Release = TypeVar("Release")

#: Says what comes of a set of changes.
Test = Callable[[tuple[Change, ...]], Outcome]


@dataclass(frozen=True)
class Smallest(Generic[Change]):
    """A set of changes that fails. together: whether of some smaller set nothing can be told, so that its members are
    blamed together. good: the largest set below it that was seen to work."""

    changes: tuple[Change, ...]
    together: bool
    good: tuple[Change, ...]
    tests: int


def smallest(changes: Sequence[Change], test: Test[Change], suspects: Sequence[Change] = ()) -> Smallest[Change]:
    """A set of changes that fails, and none of whose members can be left out so that it still does.

    changes: together they fail, and none of them works; this is not tested. suspects: tried alone, in their order,
    before all else.
    """
    asked = _Asked(changes, test)
    current = list(changes)
    for suspect in suspects:
        if len(current) > 1 and asked([suspect]) is Outcome.BAD:
            current = [suspect]
    parts = 2
    while len(current) > 1:
        chunks = _split(current, parts)
        rests = [[one for one in current if one not in chunk] for chunk in chunks]
        failing = next((part for part in (*chunks, *rests) if asked(part) is Outcome.BAD), None)
        if failing is not None:
            parts = 2 if failing in chunks else max(parts - 1, 2)
            current = failing
        elif parts >= len(current):
            break
        else:
            parts = min(len(current), 2 * parts)
    without = [tuple(other for other in current if other != one) for one in current] if len(current) > 1 else []
    good = [part for part in without if asked(part) is Outcome.GOOD]
    return Smallest(tuple(current), len(good) < len(without), good[0] if good else (), asked.tests)


def _split(items: Sequence[Change], parts: int) -> list[list[Change]]:
    """So many parts of nearly equal length, none empty, in order."""
    bounds = [round(number * len(items) / parts) for number in range(parts + 1)]
    return [list(items[start:end]) for start, end in itertools.pairwise(bounds) if end > start]


class _Asked(Generic[Change]):
    """Asks the test of each set once; nothing at all works, and everything fails."""

    def __init__(self, changes: Sequence[Change], test: Test[Change]) -> None:
        self._order, self._test = list(changes), test
        self._known: dict[tuple[Change, ...], Outcome] = {(): Outcome.GOOD, tuple(changes): Outcome.BAD}
        self.tests = 0

    def __call__(self, changes: Sequence[Change]) -> Outcome:
        ordered = tuple(change for change in self._order if change in changes)
        if ordered not in self._known:
            self.tests += 1
            self._known[ordered] = self._test(ordered)
        return self._known[ordered]


@dataclass(frozen=True)
class First(Generic[Release]):
    """The first release that fails and the last that works before it; between: those of which nothing can be told."""

    good: Release
    bad: Release
    between: tuple[Release, ...]


def first_bad(releases: Sequence[Release], test: Callable[[Release], Outcome]) -> First[Release]:
    """Where it begins among releases in their order, of which the first works and the last fails; neither is tested.
    One of which nothing can be told is passed over for its neighbours, the nearest to the middle first."""
    good, bad = 0, len(releases) - 1
    unknown: set[int] = set()
    while True:
        inside = [place for place in range(good + 1, bad) if place not in unknown]
        if not inside:
            return First(releases[good], releases[bad], tuple(releases[good + 1 : bad]))
        middle = (good + bad) / 2
        place = min(inside, key=lambda one: abs(one - middle))
        outcome = test(releases[place])
        if outcome is Outcome.UNKNOWN:
            unknown.add(place)
        elif outcome is Outcome.GOOD:
            good = place
        else:
            bad = place
