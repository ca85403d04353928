"""Which way across to take first, by what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfparity import compare, judge

#: A toolchain and a route.
Way = tuple[str, str]

#: The verdict and the grade of a case by a way, where current evidence has it.
Standing = Mapping[Way, tuple[str, str | None]]

#: Verdicts of a case that got across, the better first.
ACROSS = ("works", "works-with-remedy")


def ways(possible: Sequence[Way], standing: Standing, like: Mapping[Way, int], default: str) -> list[Way]:
    """`possible`, which counts from old to new, the most promising first.

    Those on which the case itself gets across, without a remedy before with one, the better grade first; of equals the
    toolchain `default`, then the newest. Next those that are not known, and last those on which the case fails: of
    both first where any of the models like it get across (`like`: how many), on the toolchain `default` before
    others, then where most do. Differences within a grade say nothing: another seed would turn them round.
    """

    def rank(place: int) -> tuple[int, bool | int, bool, int, int]:
        way = possible[place]
        other = way[0] != default
        verdict, grade = standing.get(way, ("untested", None))
        if verdict in ACROSS:
            assert grade is not None  # what gets across has one
            return ACROSS.index(verdict), compare.rank(grade), other, 0, -place
        across = like.get(way, 0)
        return len(ACROSS) + (verdict in judge.FAILING), across == 0, other, -across, -place

    return [possible[place] for place in sorted(range(len(possible)), key=rank)]


def best(possible: Sequence[Way], standing: Standing, default: str) -> Way | None:
    """The first of `ways` on which the case gets across; None where it does on none."""
    across = [way for way in possible if standing.get(way, ("", None))[0] in ACROSS]
    return ways(across, standing, {}, default)[0] if across else None
