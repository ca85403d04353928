"""Which way across to take first, by what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tfparity import compare, judge
from tfparity.evidence import Evidence

#: A toolchain and a route.
Way = tuple[str, str]

#: Verdicts of a case that got across, the better first.
ACROSS = ("works", "works-with-remedy")


def ways(
    recorded: Mapping[str, Evidence], possible: Sequence[Way], case: str, like: Collection[str], default: str
) -> list[Way]:
    """`possible`, the most promising first: those on which the case itself is recorded to get across, without a remedy
    before with one, and last those on which it is recorded to fail; among equals the toolchain `default`, then those on
    which most of the cases `like` get across."""

    def verdict(way: Way, of: str) -> str | None:
        content = recorded.get(way[0])
        cell = content.cell(of, way[1]) if content else None
        return cell["verdict"] if cell else None

    def rank(way: Way) -> tuple[int, bool, int]:
        own = verdict(way, case)
        place = ACROSS.index(own) if own in ACROSS else len(ACROSS) + (own in judge.FAILING)
        return place, way[0] != default, -sum(verdict(way, other) in ACROSS for other in like)

    return sorted(possible, key=rank)


def best(recorded: Mapping[str, Evidence], possible: Sequence[Way], case: str, default: str) -> Way | None:
    """The way on which the case is recorded to get across: without a remedy before with one; of equals on the toolchain
    `default`, then on the last of `possible`, which is the newest; None where it is recorded on none. Differences
    within a grade say nothing: another seed would turn them round."""
    found = []
    for place, (toolchain, route) in enumerate(possible):
        content = recorded.get(toolchain)
        cell = content.cell(case, route) if content else None
        if cell and cell["verdict"] in ACROSS:
            grade = compare.rank(cell["grade"])
            found.append((ACROSS.index(cell["verdict"]), grade, toolchain != default, -place, (toolchain, route)))
    return min(found)[-1] if found else None
