"""Which subjects take longer than in a run before, each beside the torch of its own run. Pure: of two runs' samples.

A process is one observation. Of a subject it gives the median of its calls' ratios to torch; those of the two runs are
held against each other by a rank test (Mann and Whitney, On a Test of Whether one of Two Random Variables is
Stochastically Larger than the Other, 1947; exact), corrected over all that is compared in the run (Benjamini and
Hochberg, Controlling the False Discovery Rate, 1995). What is beyond doubt and small is no finding: the effect has to
be larger than LEAST, and than the processes of one run differ among themselves, where nothing changed (the A/A spread).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import comb, exp, log
from statistics import median, quantiles

from tfparity.evidence.latency import BASELINE, LOADED, Latency
from tfparity.evidence.ratios import process_medians

#: The share of findings that may be false, before anything is seen again.
ALPHA = 0.05

#: Effects below it are none: two builds of one program differ by as much.
LEAST = 0.05

#: Processes that differ by more among themselves say nothing of what is less.
WIDEST = 0.25

#: The word "slower" has the code that it has for an upgrade.
EXIT_CODE = 39


class Word(StrEnum):
    """What comes of one subject of a cell, the worst first."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "as before"
    INSUFFICIENT = "insufficient data"


@dataclass(frozen=True)
class Compared:
    """A subject of a cell beside a run before.

    effect: how much longer it takes, 0.1 for 10 %; spread: the A/A spread, by the run that has more; p: corrected, of
    the direction of the effect; why: where the word says less than the figures seem to.
    """

    case: str
    route: str
    subject: str
    word: Word
    effect: float | None = None
    spread: float | None = None
    p: float | None = None
    why: str | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        return self.case, self.route, self.subject


@dataclass(frozen=True)
class _Pair:
    """What is to be compared: logarithms of the processes' ratios in either run, or why there is nothing to."""

    place: tuple[str, str, str]
    base: tuple[float, ...] = ()
    head: tuple[float, ...] = ()
    why: str | None = None

    @property
    def effect(self) -> float:
        return exp(median(self.head) - median(self.base)) - 1

    @property
    def spread(self) -> float:
        """Of the run that has more of it: twice the distance of the quartiles, 2.7 standard deviations of a normal
        distribution. The range would be that of the one process that something else on the machine met."""
        return max(_spread(run) for run in (self.base, self.head))


def compare(
    base: Sequence[Latency], head: Sequence[Latency], *, among: int = 0, why_not: str | None = None
) -> list[Compared]:
    """Every subject of every cell of `head`, in its order, beside `base`.

    among: at least so many comparisons the correction is for. why_not: a reason for which nothing can be said of any.
    """
    pairs = [replace(pair, why=pair.why or why_not) for pair in _pairs(base, head)]
    ready = [pair for pair in pairs if pair.why is None]
    count = max(among, len(ready))
    able = [pair for pair in ready if reaches(len(pair.base), len(pair.head), count)]
    slower, faster = (_corrected(able, count, way) for way in ("greater", "less"))
    found = []
    for pair in pairs:
        if pair in able:
            at = able.index(pair)
            found.append(_judged(pair, slower[at], faster[at]))
            continue
        why = pair.why or f"{len(pair.base)} processes and {len(pair.head)} cannot tell one of {count} comparisons"
        known = bool(pair.base and pair.head)
        effect, spread = (pair.effect, pair.spread) if known else (None, None)
        found.append(Compared(*pair.place, Word.INSUFFICIENT, effect, spread, None, why))
    return found


def seen_again(found: Sequence[Compared], again: Sequence[Compared]) -> list[Compared]:
    """What stands once all that was slower has been measured again and held against the same base: slower is what was
    so twice."""
    second = {one.place: one for one in again}

    def settled(one: Compared) -> Compared:
        repeated = second.get(one.place)
        if one.word is not Word.SLOWER or repeated is None or repeated.word is Word.SLOWER:
            return one
        if repeated.word is Word.INSUFFICIENT:
            return replace(one, word=Word.INSUFFICIENT, why=f"measured again: {repeated.why}")
        return replace(one, word=Word.SAME, why="slower once, and not when measured again")

    return [settled(one) for one in found]


def reaches(base: int, head: int, comparisons: int) -> bool:
    """Whether so many processes can tell a single slowdown among so many comparisons: the least p of a rank test is one
    in the number of ways in which the processes may be ordered, and the correction divides by the comparisons."""
    return base > 0 and head > 0 and comb(base + head, base) * ALPHA >= comparisons


def needed(base: int, comparisons: int, most: int = 24) -> int | None:
    """The fewest processes of a run beside one of so many; None where `most` do not suffice."""
    return next((head for head in range(1, most + 1) if reaches(base, head, comparisons)), None)


def _pairs(base: Sequence[Latency], head: Sequence[Latency]) -> Iterator[_Pair]:
    before = {(cell.case, cell.route): cell for cell in base}
    for cell in head:
        was = before.get((cell.case, cell.route))
        for name in (*cell.subjects, *cell.failed):
            if name != BASELINE:
                place = (cell.case, cell.route, name)
                yield _pair(place, was, cell) if was else _Pair(place, why="BASE has no such cell")


def _pair(place: tuple[str, str, str], was: Latency, now: Latency) -> _Pair:
    name = place[-1]
    if was.sizes != now.sizes:
        return _Pair(place, why="BASE was measured at other sizes")
    runs: list[tuple[float, ...]] = []
    for run, cell in (("BASE", was), ("this run", now)):
        for needs in (BASELINE, name):
            if needs not in cell.subjects:
                reason = cell.failed.get(needs, "was not measured")
                return _Pair(place, why=f"{needs} has no samples in {run}: {reason}")
        samples = cell.samples
        medians = process_medians(samples[name], samples[BASELINE])
        if not medians:
            return _Pair(place, why=f"too few calls in {run}")
        runs.append(tuple(map(log, medians)))
    pair = _Pair(place, base=runs[0], head=runs[1])
    busy = max(cell.subjects[one].waited for cell in (was, now) for one in (BASELINE, name))
    if busy > LOADED:
        return replace(pair, why=f"the machine was loaded: calls waited {busy:.0%} of their time for the core")
    if pair.spread > WIDEST:
        return replace(pair, why=f"the processes of one run differ by {pair.spread:.0%}")
    return pair


def _spread(run: Sequence[float]) -> float:
    if len(run) < 2:
        return 0.0
    low, _, high = quantiles(run, n=4, method="inclusive")
    return exp(2 * (high - low)) - 1


def _corrected(pairs: Sequence[_Pair], count: int, way: str) -> list[float]:
    """The p of each, corrected for `count` comparisons, of which those that are not there count as nothing found."""
    if not pairs:
        return []
    from scipy.stats import false_discovery_control, mannwhitneyu  # seconds to import, for this alone

    found = [float(mannwhitneyu(pair.head, pair.base, alternative=way, method="exact").pvalue) for pair in pairs]
    return [float(p) for p in false_discovery_control([*found, *[1.0] * (count - len(found))], method="bh")][
        : len(found)
    ]


def _judged(pair: _Pair, slower: float, faster: float) -> Compared:
    effect, spread = pair.effect, pair.spread
    p = slower if effect > 0 else faster
    size = effect if effect > 0 else 1 / (1 + effect) - 1  # as much less as it is more the other way round
    if p > ALPHA or size <= max(LEAST, spread):
        return Compared(*pair.place, Word.SAME, effect, spread, p)
    return Compared(*pair.place, Word.SLOWER if effect > 0 else Word.FASTER, effect, spread, p)


def counted(found: Iterable[Compared]) -> dict[Word, int]:
    """How many there are of each word that there is."""
    listed = list(found)
    counts = {word: sum(one.word is word for one in listed) for word in Word}
    return {word: count for word, count in counts.items() if count}
