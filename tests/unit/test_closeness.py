"""One call's answer, beyond its largest element: what is caught, and what a faithful answer never is."""

from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.judging import closeness
from tfparity.worker.declare import floating, integer, set_of_boxes

OUTPUT = floating("y")


def runs(truth: Any, noise: float = 1e-7) -> dict[str, Any]:
    """Torch's runs about a float64 answer: each off by rounding relative to each element."""
    random = numpy.random.RandomState(0)
    found = {"float64": numpy.asarray(truth, "float64")}
    for kind in ("float32", "moved0", "moved1"):
        found[kind] = (found["float64"] * (1 + noise * random.uniform(-1, 1, found["float64"].shape))).astype("float32")
    return found


def wrong(known: dict[str, Any], candidate: Any, output: Any = OUTPUT, **options: bool) -> str | None:
    return closeness.hold(output, known, numpy.asarray(candidate), **options).wrong


def normal(*shape: int) -> Any:
    return numpy.random.RandomState(1).normal(size=shape)


def probabilities(rows: int = 4, classes: int = 200) -> Any:
    logits = 6 * normal(rows, classes)
    exponents = numpy.exp(logits - logits.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True)


def table() -> Any:
    """Boxes within 640, and a score."""
    random = numpy.random.RandomState(2)
    return numpy.concatenate([random.uniform(0, 640, (2, 20, 4)), random.uniform(0, 1, (2, 20, 1))], -1)


def fills() -> Any:
    scores = normal(4, 32)
    scores[:, 20:] = -1e4
    return scores


SHAPES = {
    "table": table(),
    "probabilities": probabilities(),
    "fills": fills(),
    "picture": normal(2, 3, 8, 8),
    "rectified": numpy.maximum(normal(4, 64), 0),
    "one": normal(1, 1),
    "empty": normal(0, 4),
}


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_an_answer_that_is_one_ulp_off_is_right(name: str, seed: int) -> None:
    known = runs(SHAPES[name])
    up = numpy.random.RandomState(seed).randint(0, 2, known["float32"].shape).astype(bool)
    assert wrong(known, numpy.nextafter(known["float32"], numpy.where(up, numpy.inf, -numpy.inf).astype("f4"))) is None


def test_probabilities_that_vanish_are_wrong() -> None:
    known = runs(probabilities(8, 1000))
    lost = known["float32"].copy()
    lost[lost < 9e-6] = 0
    assert "small magnitude" in str(wrong(known, lost)) or "column" in str(wrong(known, lost))


def test_numbers_of_a_small_magnitude_are_held_to_themselves() -> None:
    small = 1e-7 * normal(1, 1, 64)
    known = runs(numpy.concatenate([normal(1, 1, 64), small], -1))
    lost = known["float32"].copy()
    lost[..., 64:] = 0
    assert "small magnitude" in str(wrong(known, lost))
    assert wrong(known, lost, small=False) is None


def test_a_score_that_is_off_beside_boxes_is_wrong() -> None:
    known = runs(table())
    off = known["float32"].copy()
    off[..., 4] += 0.004
    assert "column" in str(wrong(known, off))


@pytest.mark.parametrize("boxes", [2, 3, 7, 8])
@pytest.mark.parametrize("classes", [1, 3, 80])
def test_scores_that_are_off_beside_few_and_noisy_boxes_are_wrong(boxes: int, classes: int) -> None:
    random = numpy.random.RandomState(3)
    noise = numpy.array([2e-3] * 4 + [1e-7] * classes)
    truth = numpy.concatenate([random.uniform(100, 640, (boxes, 4)), random.uniform(0.1, 1, (boxes, classes))], -1)
    known = {kind: (truth + noise * random.uniform(-1, 1, truth.shape)).astype("f4") for kind in closeness.RUNS}
    known["float64"] = truth
    off = known["float32"].copy()
    assert wrong(known, off) is None
    off[:, 4:] += 0.004
    assert "column" in str(wrong(known, off))
    boxes_off = known["float32"].copy()
    boxes_off[:, :4] += 0.003  # no more than four times what torch's own boxes are off
    assert wrong(known, boxes_off) is None


@pytest.mark.parametrize("shape", [(1, 200), (2, 100), (1, 1000), (300, 2)])
def test_logits_of_few_rows_that_another_backend_rounds_are_right(shape: tuple[int, int]) -> None:
    """Each is off by as much, however small it is: those near zero have lost their digits."""
    for seed in range(50):
        random = numpy.random.RandomState(seed)
        truth = random.normal(size=shape)
        known = {kind: (truth + 1e-6 * random.normal(size=shape)).astype("f4") for kind in closeness.RUNS}
        known["float64"] = truth
        assert wrong(known, (truth + 1e-6 * random.normal(size=shape)).astype("f4")) is None
        alone = {kind: known[kind] for kind in ("float32", "float64")}
        assert wrong(alone, (truth + 1e-6 * random.normal(size=shape)).astype("f4")) is None


def test_logits_that_are_coarse_beside_the_fill_of_a_mask_are_wrong() -> None:
    known = runs(fills())
    coarse = (numpy.rint(known["float32"] / 0.1) * 0.1).astype("float32")
    assert wrong(known, coarse)


def test_a_row_that_is_lost_beside_a_louder_one_is_wrong() -> None:
    truth = normal(2, 8)
    truth[0] *= 1e5
    known = runs(truth)
    lost = known["float32"].copy()
    lost[1] *= 1.01
    lost[1] += 0.01
    assert "row" in str(wrong(known, lost))


def test_one_number_that_lost_its_digits_by_cancellation_is_right() -> None:
    truth = normal(4, 64)
    truth[1, 7] = 1e-6
    known = runs(truth)
    off = known["float32"].copy()
    off[1, 7] += 3e-7
    assert wrong(known, off) is None


def test_where_torch_itself_rounds_as_coarsely_nothing_is_wrong() -> None:
    """Far below zero nothing of float32's x * (1 + erf(x)) is right."""
    truth = numpy.concatenate([normal(64), numpy.full(64, -5e-15)])[None]
    known = runs(truth)
    for kind in ("float32", "moved0", "moved1"):
        known[kind][:, 64:] = 0
    candidate = known["float32"].copy()
    candidate[:, 64:] = -1e-15
    assert wrong(known, candidate) is None


def test_where_torchs_runs_differ_nothing_is_wrong_and_elsewhere_it_is() -> None:
    known = runs(normal(4, 8))
    known["float64"][0, 0] += 1
    candidate = known["float32"].copy()
    candidate[0, 0] = 77
    assert wrong(known, candidate) is None
    candidate[0, 1] = 77
    assert "diverged" in str(wrong(known, candidate))


def test_most_of_an_answer_undetermined_is_silence() -> None:
    known = runs(normal(4, 8))
    known["float64"] = known["float64"] + 1
    found = closeness.hold(OUTPUT, known, known["float32"] * 0)
    assert (found.wrong, found.silent) == (None, True)


def test_nan_is_an_answer_only_where_it_is_asked_for() -> None:
    truth = normal(4, 8)
    truth[0, 0] = numpy.nan
    known = runs(truth)
    kept = known["float32"].copy()
    swallowed = numpy.nan_to_num(kept)
    assert wrong(known, swallowed) is None
    assert "NaN" in str(wrong(known, swallowed, exact_nan=True))
    assert wrong(known, kept, exact_nan=True) is None
    kept[1, 1] = numpy.nan
    assert "NaN" in str(wrong(known, kept))


def test_an_infinity_is_held_exactly() -> None:
    truth = normal(4, 8)
    truth[0, 0] = -numpy.inf
    known = runs(truth)
    assert wrong(known, known["float32"]) is None
    assert wrong(known, numpy.where(numpy.isinf(known["float32"]), -3e38, known["float32"]).astype("f4"))


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_integers_are_exact_where_every_run_says_the_same(dtype: str) -> None:
    truth = numpy.array([[1, 0, 1, 0]], dtype)
    known = {"float32": truth, "float64": truth, "moved0": truth}
    assert wrong(known, truth, integer("y")) is None
    other = truth.copy()
    other[0, 1] = 1
    assert "diverged" in str(wrong(known, other, integer("y")))
    assert wrong({**known, "moved0": other}, other, integer("y")) is None


def test_boxes_are_matched_as_rows_of_one_set() -> None:
    rows = numpy.concatenate([table()[0], numpy.ones((20, 1))], -1)
    known = runs(rows)
    assert wrong(known, known["float32"][::-1], set_of_boxes("y")) is None
    off = known["float32"][::-1].copy()
    off[:, 4] += 0.004
    assert "column" in str(wrong(known, off, set_of_boxes("y")))
    assert wrong(known, known["float32"][:-1], set_of_boxes("y"))
    assert closeness.hold(set_of_boxes("y"), {**known, "moved0": known["moved0"][:-1]}, off).silent


def test_another_shape_kind_or_nothing_is_wrong() -> None:
    known = runs(normal(4, 8))
    assert "shape" in str(wrong(known, known["float32"][:2]))
    assert "integer" in str(wrong(known, known["float32"].astype("int64")))
    assert "did not come back" in str(closeness.hold(OUTPUT, known, None).wrong)


def test_complex_answers_are_held_by_their_parts() -> None:
    truth = normal(4, 8) + 1j * normal(4, 8)
    known = {"float32": truth.astype("complex64"), "float64": truth}
    assert wrong(known, known["float32"]) is None
    assert wrong(known, known["float32"].conj())
