"""Inputs are seeded, as declared, and the same everywhere; files of them are whole and hold no objects."""

from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from tfparity.worker import arrays, declare
from tfparity.worker.declare import Case, Input, boolean, integers, mask, normal, uniform

many = settings(deadline=None, max_examples=50)

SIZES = {"batch": 3, "length": 11}

KINDS = [
    normal("batch", 50, name="n", mean=3.0, std=0.5),
    uniform("batch", 50, name="u", low=-2.0, high=-1.0),
    integers("batch", 50, name="i", low=5, high=9),
    integers("batch", 50, name="p", high=256, dtype="uint8"),
    mask("batch", "length", name="m"),
    boolean("batch", 50, name="b"),
]
NAMES = st.text(min_size=1, max_size=12)
SEEDS = st.integers(0, 2**31)


def array(declared: Input, seed: int = 0, **sizes: int) -> Any:
    return arrays.make(declared, {**SIZES, **sizes}, seed)


@pytest.mark.parametrize("declared", KINDS, ids=lambda declared: declared.kind)
def test_an_array_has_the_declared_dtype_and_shape(declared: Input) -> None:
    made = array(declared)
    assert made.dtype == declared.dtype
    assert made.shape == tuple(SIZES.get(axis, axis) for axis in declared.shape)


@pytest.mark.parametrize("declared", KINDS, ids=lambda declared: declared.kind)
@many
@given(seed=SEEDS)
def test_equal_seeds_give_identical_arrays(declared: Input, seed: int) -> None:
    assert array(declared, seed).tobytes() == array(declared, seed).tobytes()


@many
@given(seed=st.integers(0, 1000), other=st.integers(0, 1000))
def test_different_seeds_give_different_arrays(seed: int, other: int) -> None:
    assert numpy.array_equal(array(KINDS[0], seed), array(KINDS[0], other)) == (seed == other)


@many
@given(name=NAMES, other=NAMES)
def test_inputs_of_different_names_differ(name: str, other: str) -> None:
    one, two = (array(normal(50, name=given), 0) for given in (name, other))
    assert numpy.array_equal(one, two) == (name == other)


def test_the_stream_of_a_seed_is_the_frozen_one() -> None:
    """References are stored: these numbers may not move with numpy."""
    assert array(normal(3, name="input"), 0).tolist() == pytest.approx([0.14904863, -0.39147443, 1.5935776])
    assert array(integers(6, name="ids", high=100), 1).tolist() == [17, 24, 2, 40, 78, 99]


def test_a_normal_input_has_its_mean_and_spread() -> None:
    made = arrays.make(normal(20000, name="x", mean=3.0, std=0.5), {}, 0)
    assert made.mean() == pytest.approx(3.0, abs=0.02)
    assert made.std() == pytest.approx(0.5, abs=0.02)


@many
@given(seed=SEEDS)
def test_values_stay_in_their_bounds(seed: int) -> None:
    low = array(KINDS[1], seed)
    assert ((low >= -2) & (low <= -1)).all()
    tokens = array(KINDS[2], seed)
    assert set(numpy.unique(tokens)) <= {5, 6, 7, 8}


def test_integers_take_every_value_below_high() -> None:
    assert set(arrays.make(integers(1000, name="x", low=5, high=9), {}, 0).tolist()) == {5, 6, 7, 8}


@many
@given(seed=SEEDS, length=st.integers(1, 40), rows=st.integers(1, 6))
def test_a_mask_keeps_at_least_half_of_a_row_and_only_its_end_is_masked(seed: int, length: int, rows: int) -> None:
    made = array(mask("batch", "length", name="m"), seed, batch=rows, length=length)
    assert set(numpy.unique(made)) <= {0, 1}
    assert (made.sum(axis=-1) * 2 >= length).all()
    assert (numpy.diff(made, axis=-1) <= 0).all()


def test_rows_of_a_mask_differ_and_some_are_masked() -> None:
    made = array(mask(40, 20, name="m"))
    assert len(set(made.sum(axis=-1).tolist())) > 1
    assert (made.sum(axis=-1) < 20).any()


def test_booleans_take_both_values_about_equally() -> None:
    assert 0.4 < arrays.make(boolean(2000, name="x"), {}, 0).mean() < 0.6


def test_a_function_gives_an_input_for_a_shape_and_a_seed() -> None:
    def make(shape: tuple[int, ...], seed: int) -> object:
        return numpy.full(shape, seed + 0.5)

    made = arrays.make(declare.given("batch", 3, make=make, name="x"), {"batch": 2}, 4)
    assert made.tolist() == [[4.5] * 3] * 2
    assert made.dtype == "float32"


def test_a_function_that_gives_another_shape_is_named_with_both() -> None:
    def make(shape: tuple[int, ...], seed: int) -> object:
        return numpy.zeros((2, 2))

    with pytest.raises(ValueError, match=r"make gives shape \(2, 2\) for 'x', not \(2, 3\)"):
        arrays.make(declare.given("batch", 3, make=make, name="x"), {"batch": 2}, 0)


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'fractal'"):
        arrays.make(Input("x", "fractal", (2,), "float32", ()), {}, 0)


def test_the_inputs_of_a_sample_come_in_the_order_of_the_model() -> None:
    case = Case("a/b", tuple(KINDS), (), {"batch": (2, 1), "length": (6, 4)}, {}, (), {}, list, "", 1)
    for sample in case.samples():
        given = arrays.inputs(case, sample)
        assert [one.dtype.name for one in given] == [declared.dtype for declared in KINDS]
        assert given[4].shape == (sample.sizes["batch"], sample.sizes["length"])


# One ulp

FLOATS = st.sampled_from(["float16", "float32", "float64"]).flatmap(
    lambda dtype: np_st.arrays(
        dtype,
        np_st.array_shapes(max_dims=3, max_side=5),
        elements=st.floats(-1000, 1000, width=int(dtype[5:])),
    )
)


@many
@given(FLOATS, SEEDS)
def test_every_element_moves_to_its_neighbour(before: Any, seed: int) -> None:
    after = arrays.moved_one_ulp(before, seed)
    infinity = before.dtype.type(numpy.inf)
    assert after.dtype == before.dtype
    assert ((after == numpy.nextafter(before, infinity)) | (after == numpy.nextafter(before, -infinity))).all()
    assert (after != before).all()


@many
@given(SEEDS)
def test_some_elements_move_up_and_some_down_and_the_seed_says_which(seed: int) -> None:
    before = numpy.ones(64, "float32")
    after = arrays.moved_one_ulp(before, seed)
    assert (after > before).any() and (after < before).any()
    assert numpy.array_equal(after, arrays.moved_one_ulp(before, seed))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_what_is_no_float_is_not_moved(dtype: str) -> None:
    before = numpy.ones(8, dtype)
    assert arrays.moved_one_ulp(before, 0) is before


# Files


def test_what_is_written_is_read_back_without_pickle(tmp_path: Path) -> None:
    path = tmp_path / "io.npz"
    arrays.write_npz(str(path), {"input/0/x": numpy.arange(3), "float32/0/file": numpy.ones(2)})
    with numpy.load(path, allow_pickle=False) as stored:
        assert {name: stored[name].tolist() for name in stored.files} == {
            "input/0/x": [0, 1, 2],
            "float32/0/file": [1.0, 1.0],
        }
    assert [file.name for file in tmp_path.iterdir()] == ["io.npz"]


def test_an_array_of_objects_is_refused_by_name_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="float32/0/x"):
        arrays.write_npz(str(tmp_path / "io.npz"), {"float32/0/x": numpy.array([None, {}])})
    assert list(tmp_path.iterdir()) == []
