"""What a plant is, how its outcome is told, and the sum of them."""

from __future__ import annotations

import enum
import fnmatch
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ground import Ground

#: How many plants that take longest are named.
SLOWEST = 12


class Point(enum.Enum):
    """What tfparity promises of hostile cells, signals and damaged files."""

    MACHINE = "what this machine or the index does never becomes a toolchain's verdict"
    FORGED = "a converter cannot forge its verdict, nor break the verdict of another cell"
    HANGS = "nothing under test holds a run for longer than its limits"
    REACH = "a cell reads and touches no more than its own folder"
    SIGNALS = "a signal ends a run, its children and its files"
    FILES = "a damaged or odd file ends in one message or is made again"
    TERMINALS = "any terminal and any encoding shows what came out, without raw escapes"


class Missed(Exception):
    """A plant that was not contained, and what came of it."""


class NotHere(Exception):
    """A plant that cannot be set here, and why: it counts as not run, never as contained."""


@dataclass
class Tally:
    """What came of the plants of a job, and the seconds that they took."""

    seconds: float = 0.0
    contained: int = 0
    missed: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)

    def one(self, name: str, plant: Callable[[], None]) -> None:
        """Set one plant and count what came of it."""
        try:
            plant()
        except NotHere as why:
            self.not_run.append(f"{name}: {why}")
        except Missed as what:
            self.missed.append(f"{name}: {what}")
        except Exception as broken:  # noqa: BLE001 - a plant that breaks has shown nothing
            self.missed.append(f"{name}: the plant itself broke: {type(broken).__name__}: {broken}")
        else:
            self.contained += 1

    @property
    def planted(self) -> int:
        return self.contained + len(self.missed) + len(self.not_run)


@dataclass(frozen=True)
class Plant:
    """An entry of the catalogue.

    function: sets the plant `times` times on a ground, by that chance, and tells the tally. batch: how many of them a
    job sets; all where there is none. slow: seconds that one takes on a quiet core, about; for the order of jobs.
    whole: set only where everything is, since CI sets it anyway.
    """

    name: str
    kind: str
    point: Point
    function: Callable[[Ground, Tally, random.Random, int], None]
    times: int = 1
    batch: int | None = None
    slow: float = 1.0
    whole: bool = False


def plant(
    name: str,
    kind: str,
    point: Point,
    function: Callable[[Ground, random.Random], None],
    *,
    times: int = 1,
    slow: float = 1.0,
) -> Plant:
    """A plant that is set anew each time: `function` raises Missed or NotHere, or it was contained."""

    def several(ground: Ground, tally: Tally, chance: random.Random, times: int) -> None:
        for _ in range(times):
            missed = len(tally.missed)
            tally.one(name, lambda: function(ground, chance))
            if len(tally.missed) > missed:
                ground.clear()

    return Plant(name, kind, point, several, times, 1, slow)


@dataclass(frozen=True)
class Job:
    """Some of a plant's times, by a seed of their own."""

    plant: Plant
    times: int
    seed: str

    def done(self, ground: Ground) -> Tally:
        tally, began = Tally(), time.monotonic()
        try:
            self.plant.function(ground, tally, random.Random(self.seed), self.times)
        except Exception as broken:  # noqa: BLE001 - likewise
            tally.missed.append(f"{self.plant.name}: the plant itself broke: {type(broken).__name__}: {broken}")
        if not tally.planted:
            tally.missed.append(f"{self.plant.name}: nothing was planted")
        tally.seconds = time.monotonic() - began
        return tally


def jobs(plants: Sequence[Plant], *, part: float, seed: int, only: str) -> list[Job]:
    """The jobs of those plants, the longest first. `part`: that share of each kind's plants, one at least, drawn by the
    seed."""
    made = []
    plants = [plant for plant in plants if part >= 1 or not plant.whole]
    chosen = [plant for plant in plants if fnmatch.fnmatch(plant.name, only) or fnmatch.fnmatch(plant.kind, only)]
    for kind in dict.fromkeys(plant.kind for plant in chosen):
        for plant, times in _shares([plant for plant in chosen if plant.kind == kind], part, seed):
            batch = plant.batch or times
            for first in range(0, times, batch):
                made.append(Job(plant, min(batch, times - first), f"{seed}/{plant.name}/{first}"))
    return sorted(made, key=lambda job: -job.plant.slow * job.times)


def _shares(plants: Sequence[Plant], part: float, seed: int) -> Iterator[tuple[Plant, int]]:
    """How often each plant of a kind is set."""
    if part >= 1:
        yield from ((plant, plant.times) for plant in plants)
        return
    total = sum(plant.times for plant in plants)
    urn = [plant for plant in plants for _ in range(plant.times)]
    drawn = Counter(random.Random(f"{seed}/{plants[0].kind}").sample(urn, math.ceil(total * part)))
    yield from drawn.items()


@dataclass
class Score:
    """The tallies of jobs, by kind and by point; the seconds of each plant."""

    seconds: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, Tally] = field(default_factory=dict)
    points: dict[Point, Tally] = field(default_factory=dict)

    def add(self, plant: Plant, tally: Tally) -> None:
        self.seconds[plant.name] = self.seconds.get(plant.name, 0.0) + tally.seconds
        for sums, place in ((self.kinds, plant.kind), (self.points, plant.point)):
            into = sums.setdefault(place, Tally())  # type: ignore[attr-defined]
            into.seconds += tally.seconds
            into.contained += tally.contained
            into.missed += tally.missed
            into.not_run += tally.not_run

    @property
    def total(self) -> Tally:
        return _sum(self.kinds.values())

    def lines(self) -> Iterator[str]:
        """The table, as text."""
        head = ("", "planted", "contained", "missed", "not run", "seconds")
        rows = [(kind, tally) for kind, tally in sorted(self.kinds.items())]
        rows.append(("in total", self.total))
        points = [
            (f"{point.name.lower()}: {point.value}", self.points[point]) for point in Point if point in self.points
        ]
        width = max(len(name) for name, _ in rows + points)
        yield f"{head[0]:{width}}" + "".join(f"{word:>11}" for word in head[1:])
        for block in (rows, points):
            for name, tally in block:
                figures = (tally.planted, tally.contained, len(tally.missed), len(tally.not_run), round(tally.seconds))
                yield f"{name:{width}}" + "".join(f"{figure:>11}" for figure in figures)
            yield ""
        slowest = sorted(self.seconds.items(), key=lambda one: -one[1])[:SLOWEST]
        yield "the longest: " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in slowest)


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.seconds += tally.seconds
        total.contained += tally.contained
        total.missed += tally.missed
        total.not_run += tally.not_run
    return total
