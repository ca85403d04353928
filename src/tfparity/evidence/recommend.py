"""Which way to try first, by what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from tfparity.records.vocabulary import Grade, Verdict

#: A toolchain and a route.
Way = tuple[str, str]

#: The verdict and the grade of a case by a way, where current evidence has it.
Known = Mapping[Way, tuple[Verdict, Grade | None]]


def ways(
    possible: Sequence[Way], known: Known, like: Mapping[Way, int], default: str, direct: Collection[Way] = ()
) -> list[Way]:
    """`possible`, which counts from old to new, the most promising first.

    Those by which the case itself converts, without a remedy before with one, the better grade first; of equals the
    toolchain `default`, then the newest. Next those that are not known, and last those by which the case fails: of
    both first where any of the models like it convert (`like`: how many), on the toolchain `default` before
    others, then those that make what is wanted without a model between (`direct`), then where most do. Differences
    within a grade say nothing: another seed would turn them round.
    """

    def rank(place: int) -> tuple[int, bool | int, bool, bool, int, int]:
        way = possible[place]
        other = way[0] != default
        verdict, grade = known.get(way, (Verdict.UNTESTED, None))
        if verdict.works:
            assert grade is not None  # what converts has one
            return verdict.position, grade.rank, other, False, 0, -place
        converted = like.get(way, 0)
        return len(Verdict) + verdict.failing, converted == 0, other, way not in direct, -converted, -place

    return [possible[place] for place in sorted(range(len(possible)), key=rank)]


def varied(ordered: Sequence[Way], converter: Callable[[str], str]) -> list[Way]:
    """The same ways, those first that differ in their converter: what one gets wrong, it gets wrong in another
    environment too. `converter`: of a route's name."""
    first: dict[str, Way] = {}
    for way in ordered:
        first.setdefault(converter(way[1]), way)
    return [*first.values(), *(way for way in ordered if way not in first.values())]


def best(possible: Sequence[Way], known: Known, default: str) -> Way | None:
    """The first of `ways` by which the case converts; None where it does by none."""
    converting = [way for way in possible if known.get(way, (Verdict.UNTESTED, None))[0].works]
    return ways(converting, known, {}, default)[0] if converting else None
