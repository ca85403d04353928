"""Since when, until when: the versions with which a case gets across by a route, and a word for it. Pure.

Toolchains are taken together by the TensorFlow that they end in (2.15 of 2.15.1; of routes that have none by their
LiteRT), and the best cell counts: the matrix holds rows that are meant to fail. A remedy or a shim counts as working,
and is named. What was never run is neither, and breaks a stretch.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from packaging.version import Version

from tfparity.evidence.query import Standing
from tfparity.evidence.recommend import Way
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.records.vocabulary import Verdict

#: How long it must have worked to be `widely`, counted back from the matrix's newest day.
MONTHS = 30

#: The package that a release is named after, the first that an environment pins, and what a person calls it.
NAMED_AFTER = (
    ("tensorflow", "TensorFlow"),
    ("tensorflow-cpu", "TensorFlow"),
    ("ai-edge-litert", "LiteRT"),
)


class Reach(StrEnum):
    """How far it reaches. The first three say that it works somewhere."""

    WIDELY = "widely"  # on every release of the last MONTHS, and without a gap for as long
    NEWLY = "newly"  # on the newest release, for less long or with a gap
    LIMITED = "limited"  # somewhere, and not, as far as is known, on the newest release
    NEVER = "never"  # was run, and works nowhere
    UNTESTED = Verdict.UNTESTED.value  # was never run as it now is
    NOT_APPLICABLE = Verdict.NOT_APPLICABLE.value  # cannot be anywhere

    @property
    def works(self) -> bool:
        return self in (Reach.WIDELY, Reach.NEWLY, Reach.LIMITED)


class ReleaseId(NamedTuple):
    """A TensorFlow of the matrix by its first two numbers: ("TensorFlow", "2.15")."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def order(self) -> Version:
        return Version(self.version)


@dataclass(frozen=True)
class Release:
    """What stands under one TensorFlow. last: the day of its newest toolchain. best: the cell that counts, None where
    the route is on none of its toolchains. days: of the oldest and the newest toolchain on which it works."""

    id: ReleaseId
    last: datetime.date
    best: Standing | None
    days: tuple[datetime.date, datetime.date] | None

    @property
    def works(self) -> bool:
        return self.best is not None and self.best.verdict.works

    @property
    def possible(self) -> bool:
        """False where the plan knows that the case or the environment cannot be there."""
        return self.best is None or self.best.verdict not in (Verdict.NOT_APPLICABLE, Verdict.UNRESOLVABLE)

    @property
    def remedies(self) -> tuple[str, ...]:
        """What its best cell took to work: remedies, a lowered opset, shims."""
        return self.best.cell.remedies if self.works and self.best and self.best.cell else ()


@dataclass(frozen=True)
class Range:
    """Where one case works by one route. releases: all of the matrix of the kind that the route ends in, the oldest
    first. `torch`: the oldest and the newest torch with which it works."""

    reach: Reach
    releases: tuple[Release, ...]
    torch: tuple[str, str] | None

    @property
    def working(self) -> list[Release]:
        return [release for release in self.releases if release.works]

    @property
    def partly(self) -> list[Release]:
        """Those on which it is only partly right: whoever says so says what is lost (report.why.lost)."""
        return self._of(Verdict.PARTIAL)

    @property
    def broken(self) -> list[Release]:
        return self._of(Verdict.BROKEN)

    @property
    def unknown(self) -> list[Release]:
        """Those for which the plan has a cell that was not run as it now is."""
        return self._of(Verdict.UNTESTED, Verdict.STALE)

    def _of(self, *verdicts: Verdict) -> list[Release]:
        return [release for release in self.releases if release.best and release.best.verdict in verdicts]

    @property
    def since(self) -> datetime.date | None:
        """The day of the oldest toolchain on which it works."""
        return min((one.days[0] for one in self.working if one.days), default=None)

    @property
    def until(self) -> datetime.date | None:
        """The day of the newest toolchain on which it works; None where it works on the newest release: until today."""
        if self.releases and self.releases[-1].works:
            return None
        return max((one.days[1] for one in self.working if one.days), default=None)

    def stretches(self, takes: Callable[[tuple[str, ...]], object] = frozenset) -> list[tuple[Release, Release]]:
        """First and last release of every unbroken run of working ones that take the same; `takes`: what of their
        remedies tells runs apart. A release on which the case cannot be breaks none."""
        possible = [one for one in self.releases if one.possible]
        grouped = itertools.groupby(possible, key=lambda one: (one.works, takes(one.remedies)))
        return [(run[0], run[-1]) for (works, _), found in grouped if works and (run := list(found))]


def release(environment: Environment) -> ReleaseId | None:
    """The release that an environment ends in; None of one that has neither TensorFlow nor LiteRT."""
    for package, name in NAMED_AFTER:
        if package in environment.pins:
            major, minor, *_ = Version(environment.pins[package]).release
            return ReleaseId(name, f"{major}.{minor}")
    return None


def release_of(matrix: Matrix, way: Way) -> ReleaseId | None:
    """The release that a way ends in."""
    return release(matrix.environments[matrix.toolchains[way[0]].routes[way[1]]])


def releases(matrix: Matrix) -> dict[ReleaseId, list[datetime.date]]:
    """Every release of the matrix, the oldest version first, with the days of the environments that hold it."""
    found: dict[ReleaseId, list[datetime.date]] = {}
    for toolchain in matrix.toolchains.values():
        for target in dict.fromkeys(toolchain.routes.values()):
            id = release(matrix.environments[target])
            if id:
                found.setdefault(id, []).append(matrix.environments[target].as_of)
    return dict(sorted(found.items(), key=lambda item: (item[0].name, item[0].order)))


def of(cells: Iterable[Standing], matrix: Matrix) -> Range:
    """The range of one case by one route; `cells`: its cells on all toolchains."""
    by_release: dict[ReleaseId, list[Standing]] = {}
    for cell in cells:
        id = release_of(matrix, (cell.planned.toolchain, cell.planned.route))
        if id:
            by_release.setdefault(id, []).append(cell)
    kinds = {id.name for id in by_release}
    found = tuple(
        Release(id, max(days), best(mine := by_release.get(id, ())), _days(mine, matrix))
        for id, days in releases(matrix).items()
        if id.name in kinds
    )
    newest = max((environment.as_of for environment in matrix.environments.values()), default=datetime.date.min)
    return Range(reach(found, months_before(newest, MONTHS)), found, _torch(by_release.values(), matrix))


def best(cells: Sequence[Standing]) -> Standing | None:
    """Of cells of one case by one route the best that was run; else one that could be, else one that cannot."""

    def rank(cell: Standing) -> tuple[bool, bool, int]:
        unknown = cell.verdict in (Verdict.UNTESTED, Verdict.STALE)
        return not cell.verdict.ran, not unknown, cell.verdict.position

    return min(cells, key=rank, default=None)


def reach(found: Sequence[Release], begin: datetime.date) -> Reach:
    """The word for releases, the oldest first; `begin`: the day from which on it must work to be `widely`."""
    if not any(one.works for one in found):
        there = [one.best for one in found if one.best and one.possible]
        ran = any(cell.verdict.ran for cell in there)
        return Reach.NEVER if ran else Reach.UNTESTED if there else Reach.NOT_APPLICABLE
    if not found[-1].works:
        return Reach.LIMITED
    possible = [one for one in found if one.possible]
    unbroken = list(itertools.takewhile(lambda one: one.works, reversed(possible)))
    everywhere = all(one.works for one in possible if one.last >= begin)
    since = min(one.days[0] for one in unbroken if one.days)
    return Reach.WIDELY if everywhere and since <= begin else Reach.NEWLY


def months_before(day: datetime.date, months: int) -> datetime.date:
    """The same day so many months earlier, the month's last where it has no such day."""
    month = day.year * 12 + day.month - 1 - months
    year, month = divmod(month, 12)
    after = datetime.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return datetime.date(year, month + 1, min(day.day, (after - datetime.timedelta(days=1)).day))


def _days(cells: Iterable[Standing], matrix: Matrix) -> tuple[datetime.date, datetime.date] | None:
    """The days of the oldest and the newest target environment of the cells that work."""
    ways = [(cell.planned.toolchain, cell.planned.route) for cell in cells if cell.verdict.works]
    days = [matrix.environments[matrix.toolchains[toolchain].routes[route]].as_of for toolchain, route in ways]
    return (min(days), max(days)) if days else None


def _torch(groups: Iterable[Sequence[Standing]], matrix: Matrix) -> tuple[str, str] | None:
    """The oldest and the newest torch of the cells that work."""
    sources = (
        matrix.environments[matrix.toolchains[cell.planned.toolchain].source]
        for cells in groups
        for cell in cells
        if cell.verdict.works
    )
    versions = sorted({source.pins["torch"] for source in sources if "torch" in source.pins}, key=Version)
    return (versions[0], versions[-1]) if versions else None
