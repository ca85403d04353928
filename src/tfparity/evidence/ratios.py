"""Ratios of paired samples with intervals. Pure: a function of the raw samples.

Of one process the interval assumes no distribution. Of several it is made from one figure a process, since the layout
of a process's memory moves all its samples together: more samples of one process say nothing of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, log, sqrt
from statistics import fmean, median, stdev

#: Confidence of an interval.
CONFIDENCE = 0.95

#: An interval whose upper end is further from its lower one than this factor says too little.
WIDEST = 1.25

#: Fewer pairs than this say nothing: no order statistics of five or fewer bound a median at 95 %.
FEWEST = 10


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, with its interval; `verdict` is "slower", "faster", "equal" (the
    interval holds 1) or "insufficient data". Of several processes `median` is the geometric mean of theirs, and `pairs`
    counts those of all."""

    median: float | None
    low: float | None
    high: float | None
    pairs: int
    verdict: str


def ratio(samples: Sequence[float], baseline: Sequence[float]) -> Ratio:
    """How many times as long as `baseline` the `samples` take, pair by pair (seconds, same length).

    The interval is the distribution-free one for a median: order statistics k and n+1-k, where
    P(k <= B < n+1-k) >= 95 % for B binomial(n, 1/2). Source: Conover, Practical Nonparametric
    Statistics, section 3.2. Raises ValueError for lists of different length.
    """
    pairs = sorted(mine / other for mine, other in zip(samples, baseline, strict=True) if other > 0)
    count = len(pairs)
    if count < FEWEST:
        return Ratio(None, None, None, count, "insufficient data")
    k = max(1, _order(count))
    low, high = pairs[k - 1], pairs[count - k]
    return Ratio(median(pairs), low, high, count, _verdict(low, high))


def across(mine: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]]) -> Ratio:
    """How many times as long as `baseline` it takes, by the samples of processes that ran beside each other, in pairs
    (seconds, same lengths).

    Of one process: `ratio`. Of more: Student's interval of the mean of the logarithms of their medians. Source:
    Kalibera and Jones, Rigorous Benchmarking in Reasonable Time (ISMM 2013): the interval is made at the highest level
    at which a measurement was repeated; logarithms, since a ratio and its inverse have to say the same. Raises
    ValueError for lists of different length.
    """
    if len(mine) == 1 and len(baseline) == 1:
        return ratio(mine[0], baseline[0])
    medians = process_medians(mine, baseline)
    count = sum(map(len, mine))
    if len(medians) < len(mine) or len(medians) < 2:
        return Ratio(None, None, None, count, "insufficient data")
    from scipy.special import stdtrit  # a second to import, and most of our commands have no use for it

    logs = [log(one) for one in medians]
    half = float(stdtrit(len(logs) - 1, (1 + CONFIDENCE) / 2)) * stdev(logs) / sqrt(len(logs))
    middle, low, high = (exp(fmean(logs) + by) for by in (0.0, -half, half))
    return Ratio(middle, low, high, count, _verdict(low, high))


def process_medians(mine: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]]) -> list[float]:
    """Of each process beside its baseline the median of the paired ratios; those with fewer pairs than FEWEST are left
    out. Raises ValueError for lists of different length."""
    paired = [
        [one / other for one, other in zip(own, against, strict=True) if other > 0]
        for own, against in zip(mine, baseline, strict=True)
    ]
    return [median(pairs) for pairs in paired if len(pairs) >= FEWEST]


def _verdict(low: float, high: float) -> str:
    if high > low * WIDEST:
        return "insufficient data"
    if low <= 1 <= high:
        return "equal"
    return "slower" if low > 1 else "faster"


def _order(count: int) -> int:
    """The smallest k with P(B <= k) of at least half of what the interval may miss; B: binomial(count, 1/2). By whole
    numbers: scipy's quantile is the same, and takes a second to import."""
    missed = (1 - CONFIDENCE) / 2 * 2**count
    below = 0
    for k in range(count + 1):
        below += comb(count, k)
        if below >= missed:
            return k
    return count
