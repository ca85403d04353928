"""Ratios of paired samples with intervals that assume no distribution. Pure: a function of the raw samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

#: Confidence of an interval.
CONFIDENCE = 0.95

#: An interval whose upper end is further from its lower one than this factor says too little.
WIDEST = 1.25

#: Fewer pairs than this say nothing: no order statistics of five or fewer bound a median at 95 %.
FEWEST = 10


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, with its interval; `verdict` is "slower", "faster", "equal" (the
    interval holds 1) or "insufficient data"."""

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
    middle, low, high = median(pairs), pairs[k - 1], pairs[count - k]
    if high > low * WIDEST:
        verdict = "insufficient data"
    elif low <= 1 <= high:
        verdict = "equal"
    else:
        verdict = "slower" if low > 1 else "faster"
    return Ratio(middle, low, high, count, verdict)


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
