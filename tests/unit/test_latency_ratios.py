"""Ratios of paired samples: the interval holds the true median as often as it says, and doubt is said."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tfparity.evidence import ratios
from tfparity.evidence.ratios import Ratio, ratio

many = settings(deadline=None, max_examples=50)

SECONDS = st.floats(1e-6, 1e3)


@pytest.mark.parametrize("count", [10, 15, 30, 51, 100])
def test_an_interval_holds_the_true_median_at_least_as_often_as_it_says(count: int) -> None:
    random = numpy.random.RandomState(count)
    trials = 1000
    truth = 1.3
    held = 0
    for _ in range(trials):
        found = ratio(random.normal(truth, 0.1, count).tolist(), [1.0] * count)
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert binomtest(held, trials, ratios.CONFIDENCE).pvalue > 0.01 or held / trials > ratios.CONFIDENCE


@pytest.mark.parametrize("count", [10, 51, 100, 400])
def test_an_interval_is_no_wider_than_it_must_be(count: int) -> None:
    """One order statistic further in at each end, and the confidence would not be reached."""
    from scipy.stats import binom

    found = ratio([float(number) for number in range(1, count + 1)], [1.0] * count)
    assert found.low is not None and found.high is not None
    rank = int(found.low)
    assert found.high == count + 1 - rank
    assert 1 - 2 * binom.cdf(rank - 1, count, 0.5) >= ratios.CONFIDENCE
    assert 1 - 2 * binom.cdf(rank, count, 0.5) < ratios.CONFIDENCE


def verdict(*, factor: float, spread: float = 0.01, count: int = 40) -> Ratio:
    random = numpy.random.RandomState(0)
    base = random.uniform(0.9, 1.1, count)
    return ratio((base * factor * random.normal(1, spread, count)).tolist(), base.tolist())


def test_twice_the_time_is_slower_by_two() -> None:
    found = verdict(factor=2.0)
    assert (found.verdict, found.pairs) == ("slower", 40)
    assert found.median == pytest.approx(2.0, rel=0.01)


def test_half_the_time_is_faster() -> None:
    assert verdict(factor=0.5).verdict == "faster"


def test_an_interval_that_holds_one_is_equal() -> None:
    assert verdict(factor=1.0).verdict == "equal"


def test_a_wide_spread_is_insufficient_data_with_its_figures() -> None:
    found = verdict(factor=2.0, spread=0.6)
    assert found.verdict == "insufficient data"
    assert found.median is not None


def test_few_pairs_are_insufficient_data_without_figures() -> None:
    assert ratio([2.0] * 9, [1.0] * 9) == Ratio(None, None, None, 9, "insufficient data")
    assert ratio([2.0] * 10, [1.0] * 10).verdict == "slower"


def test_pairs_whose_baseline_took_no_time_do_not_count() -> None:
    assert ratio([2.0] * 12, [1.0] * 10 + [0.0] * 2).pairs == 10


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0] * 20, [1.0] * 19)
    with pytest.raises(ValueError, match="longer"):
        ratio([1.0] * 19, [1.0] * 20)


@many
@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=10, max_size=60))
def test_the_interval_holds_the_median_and_both_ends_are_pairs(pairs: list[tuple[float, float]]) -> None:
    found = ratio([mine for mine, _ in pairs], [other for _, other in pairs])
    seen = {mine / other for mine, other in pairs}
    assert found.low is not None and found.median is not None and found.high is not None
    assert found.low <= found.median <= found.high
    assert {found.low, found.high} <= seen


@many
@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=10, max_size=30), st.randoms())
def test_the_order_of_pairs_does_not_matter(pairs: list[tuple[float, float]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    results = [ratio([mine for mine, _ in some], [other for _, other in some]) for some in (pairs, shuffled)]
    assert results[0] == results[1]


# Of several processes


def drawn(
    random: numpy.random.RandomState, factor: float, processes: int, *, between: float, within: float = 0.02
) -> tuple[list[list[float]], list[list[float]]]:
    """Samples of a subject and of its baseline: a level for each process, and 20 calls around it."""

    def series(level: float) -> list[list[float]]:
        return [(random.normal(own, within * own, 20)).tolist() for own in level * random.normal(1, between, processes)]

    return series(factor), series(1.0)


@pytest.mark.parametrize("processes", [3, 5, 7])
def test_an_interval_over_processes_holds_the_truth_as_often_as_it_says(processes: int) -> None:
    random = numpy.random.RandomState(processes)
    trials, truth, held = 1000, 1.3, 0
    for _ in range(trials):
        found = ratios.across(*drawn(random, truth, processes, between=0.01))
        assert found.low is not None and found.high is not None
        held += found.low <= truth <= found.high
    assert binomtest(held, trials, ratios.CONFIDENCE).pvalue > 0.01 or held / trials > ratios.CONFIDENCE


def test_more_calls_of_one_process_do_not_hide_what_differs_between_processes() -> None:
    """Pooled, the same samples would claim an interval many times too narrow."""
    mine, other = drawn(numpy.random.RandomState(1), 1.1, 5, between=0.04)
    apart = ratios.across(mine, other)
    pooled = ratio([value for one in mine for value in one], [value for one in other for value in one])
    assert apart.low is not None and apart.high is not None and pooled.low is not None and pooled.high is not None
    assert apart.high - apart.low > pooled.high - pooled.low


@pytest.mark.parametrize(("factor", "verdict"), [(1.5, "slower"), (0.6, "faster"), (1.0, "equal")])
def test_over_processes_a_factor_has_its_verdict(factor: float, verdict: str) -> None:
    assert ratios.across(*drawn(numpy.random.RandomState(3), factor, 5, between=0.005)).verdict == verdict


def test_the_inverse_of_a_ratio_says_the_inverse() -> None:
    mine, other = drawn(numpy.random.RandomState(2), 1.4, 5, between=0.01)
    there, back = ratios.across(mine, other), ratios.across(other, mine)
    assert there.median is not None and back.median is not None
    assert there.median * back.median == pytest.approx(1, rel=1e-3)  # medians of an even number of pairs
    assert {there.verdict, back.verdict} == {"slower", "faster"}


def test_one_process_is_what_it_was() -> None:
    values = [1.0 + 0.01 * (n % 5) for n in range(40)]
    assert ratios.across([[2.0] * 40], [values]) == ratio([2.0] * 40, values)


def test_processes_that_differ_much_or_with_few_calls_are_insufficient_data() -> None:
    wide = ratios.across(*drawn(numpy.random.RandomState(4), 2.0, 3, between=0.3))
    assert (wide.verdict, wide.median is None) == ("insufficient data", False)
    few = ratios.across([[2.0] * 20, [2.0] * 9], [[1.0] * 20, [1.0] * 9])
    assert few == Ratio(None, None, None, 29, "insufficient data")


def test_processes_that_are_not_in_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios.across([[1.0] * 20] * 3, [[1.0] * 20] * 2)
