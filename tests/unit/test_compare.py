"""A faithful answer passes, a wrong one never does, whatever the dtype, the shape and the oddities of the numbers."""

import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.errors import MachineFault
from tfparity.judging.compare import GRADES, compare, floors
from tfparity.records.vocabulary import Grade
from tfparity.worker.declare import Sample, floating, integer, ranking, set_of_boxes

ONE = [Sample(0, 0, {}, None)]
SEEDS = [Sample(seed, seed, {"batch": 2}, None) for seed in range(3)]
BATCHES = [*SEEDS, *(Sample(3 + seed, seed, {"batch": 5}, "batch") for seed in range(3))]

exact = settings(deadline=None, max_examples=60)


def references(truths, name="y", *, floor="float64", dtype="float32"):
    """The bundle's arrays for one output, a truth per sample."""
    made = {f"float32/{index}/{name}": numpy.asarray(truth, dtype=dtype) for index, truth in enumerate(truths)}
    made.update({f"{floor}/{index}/{name}": numpy.asarray(truth) for index, truth in enumerate(truths)})
    return made


def answers(values, name="y"):
    return {f"output/{index}/{name}": numpy.asarray(value) for index, value in enumerate(values)}


def graded(truth, answer, output=None, **kept):
    """The comparison of one output of one sample."""
    return compare([output or floating("y")], ONE, references([truth], **kept), answers([answer]))


def normal(*shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape)


def test_torchs_own_float32_answer_is_noise():
    truth = normal(2, 10)
    found = graded(truth, truth.astype("float32"))
    assert found.grade == "float32-noise"
    assert found.max_abs <= found.floor
    assert found.complete
    assert found.floor_source == "float64"
    assert found.cosine == pytest.approx(1)


def test_the_floor_is_torchs_rounding_error_or_four_ulp():
    truth = numpy.array([1.0, 2.0])
    rounded = graded(truth, truth)
    assert rounded.floor == 4 * numpy.spacing(numpy.float32(2))
    given = references([truth])
    given["float32/0/y"] = (truth + numpy.array([0, 1e-4])).astype("float32")
    noisy = compare([floating("y")], ONE, given, answers([truth]))
    assert noisy.floor == pytest.approx(1e-4, rel=1e-2)


@exact
@given(
    st.integers(0, 10_000),
    st.sampled_from([1e-6, 1e-3, 1.0, 1e3, 1e6]),
    st.sampled_from([(7,), (2, 10), (3, 4, 5, 6)]),
    st.floats(-3.9, 3.9),
)
def test_within_four_floors_is_always_noise(seed, scale, shape, factor):
    truth = normal(*shape, seed=seed) * scale
    floor = graded(truth, truth).floor
    assert graded(truth, truth + factor * floor).grade == "float32-noise"


@exact
@given(st.integers(0, 10_000), st.sampled_from([1e-2, 1.0, 1e3, 1e30]), st.sampled_from([(7,), (2, 10), (3, 4, 5, 6)]))
def test_one_percent_off_never_passes(seed, scale, shape):
    truth = normal(*shape, seed=seed) * scale
    grade = graded(truth, (truth * 1.01).astype("float32")).grade
    assert grade.rank >= Grade.WITHIN_1E3.rank
    if scale >= 1:
        assert grade == "diverged" or numpy.abs(truth).max() * 0.01 <= 1e-3


@pytest.mark.parametrize(
    ("off", "grade"), [(0.0, "float32-noise"), (9e-6, "1e-5"), (2e-5, "1e-3"), (9e-4, "1e-3"), (2e-3, "diverged")]
)
def test_grades_by_absolute_difference_where_numbers_are_small(off, grade):
    truth = numpy.full((2, 3), 0.5)
    assert graded(truth, truth + off).grade == grade


def test_tolerances_follow_the_largest_reference():
    truth = numpy.array([1000.0, 0.5])
    assert graded(truth, truth + numpy.array([9e-3, 0])).grade == "1e-5"
    assert graded(truth, truth + numpy.array([0.9, 0])).grade == "1e-3"
    assert graded(truth, truth + numpy.array([2.0, 0])).grade == "diverged"


def test_the_worst_output_and_the_worst_sample_decide():
    given = {**references([normal(2, 3, seed=s) for s in range(3)], "a"), **references([normal(2, 3)] * 3, "b")}
    right = {**answers([given[f"float64/{s}/a"] for s in range(3)], "a"), **answers([normal(2, 3)] * 3, "b")}
    outputs = [floating("a"), floating("b")]
    assert compare(outputs, SEEDS, given, right).grade == "float32-noise"
    wrong = {**right, "output/2/b": right["output/2/b"] + 0.5}
    found = compare(outputs, SEEDS, given, wrong)
    assert found.grade == "diverged"
    assert found.max_abs == pytest.approx(0.5)
    assert found.detail == "output 'b' diverged"


def test_swapped_outputs_diverge():
    a, b = normal(2, 3, seed=1), normal(2, 3, seed=2)
    given = {**references([a], "a"), **references([b], "b")}
    swapped = {"output/0/a": b, "output/0/b": a}
    found = compare([floating("a"), floating("b")], ONE, given, swapped)
    assert found.grade == "diverged"
    assert found.complete


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_nan_or_infinity_where_the_reference_has_none_diverges(odd):
    truth = normal(2, 3)
    answer = truth.copy()
    answer[1, 2] = odd
    found = graded(truth, answer)
    assert found.grade == "diverged"
    assert found.max_abs == math.inf
    assert "NaN, infinity" in found.detail


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_the_references_own_nan_and_infinity_are_right_and_must_be_there(odd):
    truth = normal(2, 3)
    truth[0, 0] = odd
    assert graded(truth, truth).grade == "float32-noise"
    finite = numpy.where(numpy.isfinite(truth), truth, 0.0)
    assert graded(truth, finite).grade == "diverged"
    assert graded(truth, numpy.where(numpy.isfinite(truth), truth, -1 * numpy.array(odd))).grade == (
        "float32-noise" if math.isnan(odd) else "diverged"
    )


@exact
@given(st.lists(st.sampled_from([1.0, math.nan, math.inf, -math.inf]), min_size=1, max_size=6), st.data())
def test_a_pattern_passes_only_if_it_is_the_references(pattern, data):
    other = data.draw(st.permutations(pattern))
    same = numpy.array_equal(numpy.array(pattern), numpy.array(other), equal_nan=True)
    assert (graded(pattern, other).grade == "float32-noise") == same


def test_an_overflow_that_torch_has_in_float32_too_is_not_blamed():
    truth = numpy.array([1e39, 1.0])
    with numpy.errstate(over="ignore"):
        given = references([truth])
    assert numpy.isinf(given["float32/0/y"][0])
    for answer in ([math.inf, 1.0], [1e39, 1.0]):
        assert compare([floating("y")], ONE, given, answers([answer])).grade == "float32-noise"
    assert compare([floating("y")], ONE, given, answers([[-math.inf, 1.0]])).grade == "diverged"


@pytest.mark.parametrize("huge", [3.4028234e38, 1e300])
def test_huge_values_do_not_overflow_the_comparison(huge):
    truth = numpy.array([huge, -huge])
    with numpy.errstate(over="ignore"):
        given = references([truth])
    same = compare([floating("y")], ONE, given, answers([truth]))
    assert same.grade == "float32-noise"
    assert compare([floating("y")], ONE, given, answers([-truth])).grade == "diverged"


def test_a_masks_fill_does_not_hide_what_stands_beside_it():
    low32, low64 = (float(numpy.finfo(kind).min) for kind in ("float32", "float64"))
    given = {"float64/0/y": numpy.array([0.5, low64]), "float32/0/y": numpy.array([0.5, low32], dtype="float32")}
    for answer, grade in (
        ([0.5, low32], "float32-noise"),
        ([0.505, low32], "diverged"),
        ([0.5, -low32], "diverged"),
        ([0.5, -1e31], "diverged"),
        ([0.5, 0.0], "diverged"),
        ([0.5, -math.inf], "diverged"),
    ):
        found = compare([floating("y")], ONE, given, answers([numpy.array(answer, dtype="float32")]))
        assert found.grade == grade
        assert found.floor < 1e-6


def test_two_zero_arrays_are_equal_and_have_no_angle():
    found = graded(numpy.zeros((2, 3)), numpy.zeros((2, 3)))
    assert found.grade == "float32-noise"
    assert found.cosine is None


@pytest.mark.parametrize("shape", [(), (0,), (0, 6), (3, 0, 2), (1, 1)])
def test_every_shape_can_be_compared(shape):
    truth = numpy.zeros(shape) + 0.5
    found = graded(truth, truth.astype("float32"))
    assert found.grade == "float32-noise"
    assert found.max_abs == 0
    assert found.complete


def test_a_zero_size_answer_to_a_full_reference_is_incomplete():
    found = graded(normal(2, 3), numpy.zeros((0, 3)))
    assert not found.complete
    assert found.grade == "diverged"
    assert "shape (0, 3) instead of (2, 3)" in found.detail


def test_a_missing_output_is_incomplete_and_named():
    found = compare([floating("y")], SEEDS, references([normal(2, 3)] * 3), answers([normal(2, 3)] * 2))
    assert not found.complete
    assert found.grade == "diverged"
    assert found.detail == "output 'y' did not come back"


def test_no_output_at_all_is_incomplete():
    found = compare([floating("y")], BATCHES, references([normal(2, 3)] * 6), {})
    assert (found.grade, found.complete, found.axes) == ("diverged", False, {"batch": False})
    assert found.max_abs == math.inf


def test_an_axis_is_kept_if_all_its_samples_come_back():
    truths = [normal(5 if s.axis else 2, 3, seed=s.seed) for s in BATCHES]
    found = compare([floating("y")], BATCHES, references(truths), answers(truths))
    assert found.axes == {"batch": True}
    assert found.lost == {}


@pytest.mark.parametrize("how", ["missing", "shape"])
def test_an_axis_of_which_one_sample_is_missing_or_misshapen_is_lost_and_the_rest_is_graded(how):
    truths = [normal(5 if s.axis else 2, 3, seed=s.seed) for s in BATCHES]
    got = answers(truths)
    if how == "missing":
        del got["output/4/y"]
    else:
        got["output/4/y"] = got["output/4/y"][:2]
    found = compare([floating("y")], BATCHES, references(truths), got)
    assert found.axes == {"batch": False}
    assert found.lost["batch"].startswith("at batch=5 output 'y'")
    assert found.complete
    assert found.grade == "float32-noise"


def test_wrong_numbers_at_another_size_lose_the_axis_and_not_the_grade():
    truths = [normal(5 if s.axis else 2, 3, seed=s.seed) for s in BATCHES]
    got = answers(truths)
    got["output/4/y"] = got["output/4/y"][::-1]
    found = compare([floating("y")], BATCHES, references(truths), got)
    assert found.grade == "float32-noise"
    assert found.axes == {"batch": False}
    assert found.lost == {"batch": "at batch=5 output 'y' diverged"}
    assert found.max_abs == 0


def test_what_is_as_wrong_at_the_exported_shape_keeps_its_axis():
    truths = [normal(5 if s.axis else 2, 3, seed=s.seed) for s in BATCHES]
    got = {key: value + 1 for key, value in answers(truths).items()}
    found = compare([floating("y")], BATCHES, references(truths), got)
    assert (found.grade, found.axes, found.lost) == ("diverged", {"batch": True}, {})


def test_a_size_that_is_off_a_little_more_within_the_tolerance_keeps_its_axis():
    truths = [normal(5 if s.axis else 2, 3, seed=s.seed) for s in BATCHES]
    got = answers(truths)
    got["output/4/y"] = got["output/4/y"] + numpy.float32(5e-6)
    found = compare([floating("y")], BATCHES, references(truths), got)
    assert (found.grade, found.axes) == ("1e-5", {"batch": True})


@pytest.mark.parametrize(("dtype", "other"), [("int64", "int32"), ("int32", "int64"), ("uint8", "int64")])
def test_integers_compare_by_value_whatever_their_width(dtype, other):
    truth = numpy.array([[1, 2], [3, 250]], dtype=dtype)
    given = {"float32/0/y": truth, "float64/0/y": truth}
    for output in (integer("y"), floating("y")):
        found = compare([output], ONE, given, answers([truth.astype(other)]))
        assert (found.grade, found.complete, found.max_abs, found.cosine) == ("float32-noise", True, 0, None)
        off = compare([output], ONE, given, answers([truth.astype(other) - 1]))
        assert (off.grade, off.max_abs) == ("diverged", 1)


def test_integers_are_exact_beyond_what_float64_can_hold():
    truth = numpy.array([2**60], dtype="int64")
    given = {"float32/0/y": truth, "float64/0/y": truth}
    assert compare([integer("y")], ONE, given, answers([truth])).grade == "float32-noise"
    off = compare([integer("y")], ONE, given, answers([truth + 1]))
    assert off.grade == "diverged"
    assert off.max_abs > 0


def test_an_integer_that_torch_itself_gives_in_one_precision_is_right():
    given = {"float32/0/y": numpy.array([3, 1]), "float64/0/y": numpy.array([3, 2])}
    for answer, grade in (([3, 1], "float32-noise"), ([3, 2], "float32-noise"), ([3, 3], "diverged")):
        assert compare([integer("y")], ONE, given, answers([answer])).grade == grade


def test_booleans_are_exact():
    truth = numpy.array([True, False])
    given = {"float32/0/y": truth, "float64/0/y": truth}
    assert compare([floating("y")], ONE, given, answers([truth])).grade == "float32-noise"
    assert compare([floating("y")], ONE, given, answers([~truth])).grade == "diverged"


@pytest.mark.parametrize("kind", ["float32", "bool"])
def test_integers_that_come_back_as_another_kind_are_incomplete(kind):
    truth = numpy.array([1, 0])
    given = {"float32/0/y": truth, "float64/0/y": truth}
    found = compare([integer("y")], ONE, given, answers([truth.astype(kind)]))
    assert not found.complete
    assert found.grade == "diverged"
    assert "instead of integer" in found.detail


def test_an_output_of_objects_or_text_is_incomplete():
    found = graded(normal(2), numpy.array(["a", "b"]))
    assert not found.complete
    assert "holds no numbers" in found.detail


def test_complex_outputs_compare_by_both_parts():
    truth = normal(2, 3) + 1j * normal(2, 3, seed=1)
    given = references([truth], dtype="complex64")
    assert compare([floating("y")], ONE, given, answers([truth.astype("complex64")])).grade == "float32-noise"
    assert compare([floating("y")], ONE, given, answers([truth.conj()])).grade == "diverged"
    odd = truth.copy()
    odd[0, 0] = complex(1, math.nan)
    assert compare([floating("y")], ONE, given, answers([odd])).grade == "diverged"
    real = compare([floating("y")], ONE, given, answers([truth.real]))
    assert not real.complete


def test_half_precision_has_its_own_ulp():
    truth = numpy.array([1.0, 2.0])
    given = references([truth], dtype="float16")
    found = compare([floating("y")], ONE, given, answers([truth.astype("float16")]))
    assert found.floor == 4 * float(numpy.spacing(numpy.float16(2)))


def test_the_floor_without_float64_comes_from_moved_inputs():
    truth = normal(2, 3).astype("float32")
    given = {"float32/0/y": truth, "ulp/0/y": truth + numpy.float32(1e-4)}
    found = compare([floating("y")], ONE, given, answers([truth + numpy.float32(3e-4)]))
    assert found.floor_source == "ulp"
    assert found.floor == pytest.approx(1e-4, rel=1e-2)
    assert found.grade == "float32-noise"


def boxes(count, seed=0):
    rng = numpy.random.default_rng(seed)
    rows = rng.uniform(0, 100, size=(count, 6))
    rows[:, 4] = rng.uniform(0, 1, size=count)
    rows[:, 5] = rng.integers(0, 5, size=count)
    return rows


@exact
@given(st.integers(0, 12), st.randoms(use_true_random=False))
def test_boxes_in_another_order_are_equal(count, random):
    truth = boxes(count)
    order = list(range(count))
    random.shuffle(order)
    found = graded(truth, truth[order].astype("float32"), set_of_boxes("y"))
    assert found.grade == "float32-noise"
    assert found.complete


def test_rows_in_another_order_diverge_where_they_are_no_set():
    truth = boxes(4)
    assert graded(truth, truth[::-1]).grade == "diverged"


def test_the_floor_of_boxes_survives_another_order_in_float64():
    truth = boxes(6)
    given = {"float64/0/y": truth, "float32/0/y": truth[::-1].astype("float32")}
    found = compare([set_of_boxes("y")], ONE, given, answers([truth.astype("float32")]))
    assert found.grade == "float32-noise"
    assert found.floor < 1e-3


def test_a_moved_box_diverges():
    truth = boxes(6)
    moved = truth.copy()
    moved[3, 0] += 5
    assert graded(truth, moved[::-1], set_of_boxes("y")).grade == "diverged"


@pytest.mark.parametrize("count", [0, 5, 7])
def test_another_number_of_boxes_is_a_wrong_answer(count):
    found = graded(boxes(6), boxes(count), set_of_boxes("y"))
    assert found.grade == "diverged"
    assert found.complete


def test_boxes_with_nan_diverge():
    truth = boxes(6)
    odd = truth.copy()
    odd[2, 4] = math.nan
    assert graded(truth, odd, set_of_boxes("y")).grade == "diverged"


def test_boxes_that_float64_counts_otherwise_are_held_against_float32():
    given = {"float64/0/y": boxes(7), "float32/0/y": boxes(6).astype("float32")}
    found = compare([set_of_boxes("y")], ONE, given, answers([boxes(6).astype("float32")]))
    assert found.grade == "float32-noise"


def test_top_k_is_kept_for_rankings_and_classifiers():
    truth = numpy.array([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0]])
    assert graded(truth, truth).top_k == 1
    assert graded(truth, truth[:, ::-1]).top_k == pytest.approx(3 / 5)
    assert graded(truth[:, :3], truth[:, :3], ranking("y")).top_k == 1
    assert graded(truth[:, :3], truth[:, :3]).top_k is None
    assert graded(normal(2, 3, 8), normal(2, 3, 8)).top_k is None


def test_a_tie_in_the_ranking_is_no_disagreement():
    truth = numpy.array([[1.0, 1.0, 0.0]])
    assert graded(truth, numpy.array([[1.0, 1.0 + 1e-9, 0.0]]), ranking("y")).top_k == 1


@pytest.mark.parametrize("lost", ["float32/0/y", "float64/0/y"])
def test_a_bundle_without_a_reference_is_refused(lost):
    given = references([normal(2)])
    del given[lost]
    with pytest.raises(MachineFault, match="bundle"):
        compare([floating("y")], ONE, given, answers([normal(2)]))


def test_a_detail_of_what_is_wrong_repeats_exactly_under_other_noise():
    truth = normal(2, 10)
    rng = numpy.random.default_rng(5)
    details = {graded(truth, truth + 0.3 + rng.normal(size=truth.shape) * 1e-7).detail for _ in range(5)}
    assert details == {"output 'y' diverged"}


@exact
@given(st.integers(0, 2**32 - 1))
def test_a_faithful_answer_over_many_seeds_and_sizes_is_noise(seed):
    """A matrix product summed in another order and in float32 throughout, as another framework would."""
    rng = numpy.random.default_rng(seed)
    weights = rng.normal(size=(64, 10))
    given, got = {}, {}
    for sample in BATCHES:
        x = rng.normal(size=(5 if sample.axis else 2, 64)).astype("float32")
        narrow = weights.astype("float32")
        given[f"float64/{sample.index}/y"] = x.astype("float64") @ narrow.astype("float64")
        given[f"float32/{sample.index}/y"] = x @ narrow
        got[f"output/{sample.index}/y"] = sum(
            x[:, i : i + 8] @ narrow[i : i + 8] for i in reversed(range(0, 64, 8))
        ).astype("float32")
    assert compare([floating("y")], BATCHES, given, got).grade == "float32-noise"


# How coarse a case is


def own(truths, noise, name="y"):
    """References whose float32 answers are off by that noise."""
    return references(truths, name) | {
        f"float64/{index}/{name}": numpy.asarray(truth, "float32").astype("float64") + noise
        for index, truth in enumerate(truths)
    }


@exact
@given(st.floats(1e-5, 1e-3), st.sampled_from([0.1, 1.0, 50.0, 1e4]))
def test_the_floor_of_a_case_is_relative_to_its_answer_or_to_one(relative, scale):
    largest = max(1.0, scale)
    found = floors([floating("y")], ONE, own([[0.0, scale]], relative * largest))
    assert found == {"y": pytest.approx(relative, rel=1e-2)}


def test_the_floor_of_a_case_is_the_noisiest_sample_against_the_first_answer():
    given = own([[10.0]], 0) | {"float32/1/y": numpy.ones(1, "float32"), "float64/1/y": numpy.array([1.5])}
    assert floors([floating("y")], SEEDS[:2], given) == {"y": pytest.approx(0.05)}


def test_each_output_of_a_case_has_a_floor_of_its_own():
    whole = {"float32/0/c": numpy.array([1, 2]), "float64/0/c": numpy.array([1, 3])}
    found = floors(
        [floating("a"), floating("b"), integer("c")], ONE, own([[1.0]], 1e-3, "a") | own([[1.0]], 0, "b") | whole
    )
    assert found == {"a": pytest.approx(1e-3, rel=1e-2), "b": 4 * numpy.spacing(numpy.float32(1)), "c": 0.0}


@pytest.mark.parametrize("lost", ["float32/1/y", "float64/1/y"])
def test_a_floor_of_a_damaged_bundle_is_refused(lost):
    given = references([normal(2)] * 2)
    del given[lost]
    with pytest.raises(MachineFault, match="bundle"):
        floors([floating("y")], SEEDS[:2], given)


def test_grades_are_in_order():
    assert [grade.rank for grade in GRADES] == list(range(6))
    assert GRADES == ("float32-noise", "1e-5", "precision", "1e-3", "form", "diverged")
    assert [grade for grade in GRADES if grade.of_float32] == ["float32-noise", "1e-5"]


@pytest.mark.parametrize("kind", [floating, ranking, integer, set_of_boxes])
@pytest.mark.parametrize("wanted", ["float32", "float16", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("came", ["float32", "float16", "longdouble", "int8", "bool", "complex64", "U3", "M8[s]", "V4"])
def test_whatever_dtype_comes_back_is_compared_or_refused(kind, wanted, came):
    truth = numpy.arange(12).reshape(2, 6)
    answer = numpy.zeros((2, 6), came) if came[0] in "UMV" else truth.astype(came)
    kept = references([truth.astype(wanted)], dtype=wanted)
    found = compare([kind("y")], ONE, kept, answers([answer]))
    if came[0] in "UMV" or ("complex64" in (wanted, came) and wanted != came):
        assert not found.complete
