"""How far an output moved, for each input and each weight, and which weights need not be moved."""

import math
from collections.abc import Collection, Iterator
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from tfparity.judging import arrays, compare
from tfparity.judging import sensitivity as judging
from tfparity.worker import sensitivity
from tfparity.worker.declare import Case, floating, integer, normal

many = settings(deadline=None, max_examples=50)

FLOATS = np_st.arrays("float32", 6, elements=st.floats(-100, 100, width=32))


def case(*outputs: str, axes: dict[str, tuple[int, ...]]) -> Case:
    shape = (normal(*axes, name="x"),)
    return Case("a/b", shape, tuple(floating(name) for name in outputs), axes, {}, (), {}, dict, "", 1)


def array(*values: complex, dtype: str = "float32") -> Any:
    return numpy.array(values, dtype)


class Framework:
    """A framework of numpy: the model is a function from inputs to outputs. weights: (name, outputs when it is moved);
    bounds: what slopes tell, or what they raise."""

    def __init__(self, *, weights: Any = (), bounds: Any = None, sizes: Any = None) -> None:
        self.weights, self.bounds = weights, bounds
        self.slopes = None if bounds is None else self._slopes
        self.sizes = sizes
        self.moved: list[str] = []

    def run(self, model: Any, given: list[Any]) -> list[Any]:
        return [numpy.asarray(output) for output in model(*given)]

    def moved_weights(self, model: Any, given: Any, skipped: Collection[str] = ()) -> Iterator[Any]:
        for name, outputs in self.weights:
            if name not in skipped:
                self.moved.append(name)
                yield name, outputs

    def _slopes(self, model: Any, given: Any, before: Any, needed: Any) -> Any:
        if isinstance(self.bounds, Exception):
            raise self.bounds
        return self.bounds


def references(declared: Case, noise: float = 0.0) -> dict[str, Any]:
    found = {}
    for sample in declared.samples():
        for output in declared.outputs:
            one = array(0.5, 1, dtype="int64" if output.kind == "integer" else "float32")
            found[f"float32/{sample.index}/{output.name}"] = one
            found[f"float64/{sample.index}/{output.name}"] = one + noise
    return found


def measured(declared: Case, framework: Any, model: Any, inputs: list[list[Any]]) -> dict[str, list[float]]:
    found = sensitivity.measured(declared, framework, model, inputs, references(declared))
    assert found.bounded == []
    return found.changes


# How far an output moved


@many
@given(FLOATS)
def test_what_did_not_move_changed_by_nothing(before: Any) -> None:
    assert sensitivity.change(before, before.copy()) == 0.0


@many
@given(FLOATS, FLOATS)
def test_a_change_is_relative_to_the_largest_element_or_to_one(before: Any, after: Any) -> None:
    found = sensitivity.change(before, after)
    moved = numpy.abs(before.astype(float) - after).max()
    assert found == pytest.approx(moved / max(1.0, numpy.abs(before).max()))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (array(1, 2, dtype="int64"), array(1, 3, dtype="int64"), 1.0),
        (array(1, 2, dtype="int64"), array(1, 2, dtype="int64"), 0.0),
        (array(1, 0, dtype="bool"), array(1, 1, dtype="bool"), 1.0),
        (array(1, 2), array(1, 2, 3), 1.0),
        (array(), array(), 0.0),
        (array(dtype="int64"), array(dtype="int64"), 0.0),
        (array(-numpy.inf, 1), array(-numpy.inf, 1.5), 0.5),
        (array(numpy.nan, 1), array(numpy.nan, 1.5), 0.5),
        (array(numpy.nan, numpy.inf), array(numpy.nan, numpy.inf), 0.0),
        (array(1, 1), array(1, numpy.inf), 1.0),
        (array(numpy.nan, 1), array(1, 1), 1.0),
        (array(3 + 4j, dtype="complex64"), array(3 + 3j, dtype="complex64"), 0.2),
        (array(60000, dtype="float16"), array(-60000, dtype="float16"), 2.0),
    ],
)
def test_a_change_where_numbers_are_not_plain(before: Any, after: Any, expected: float) -> None:
    assert sensitivity.change(before, after) == expected


@many
@given(FLOATS, FLOATS, st.sampled_from([1, 1j, -1, -1j]))
def test_a_complex_number_changes_by_its_distance_whichever_way_it_points(before: Any, after: Any, turn: Any) -> None:
    found = sensitivity.change((before * turn).astype("complex64"), (after * turn).astype("complex64"))
    assert found == pytest.approx(sensitivity.change(before, after))


@many
@given(np_st.arrays("complex64", 4, elements=st.complex_numbers(max_magnitude=100, width=64)))
def test_a_complex_number_that_loses_its_imaginary_part_has_changed_by_that(before: Any) -> None:
    found = sensitivity.change(before, before.real.astype("complex64"))
    assert found == pytest.approx(numpy.abs(before.imag).max() / max(1.0, numpy.abs(before).max()))


# What is moved


def test_a_moved_weight_is_seen_by_each_output_on_its_own() -> None:
    declared = case("y", "z", axes={"batch": (2, 1)})
    framework = Framework(weights=[("a", [array(1, 0), array(2, 2)]), ("b", [array(0, 0), array(2, 3)])])
    found = measured(declared, framework, lambda x: [x, x + 2], [[array(0, 0)], [array(4, 0)]])
    assert found == {
        "input:x": [4.0, 2.0],
        "output:y": [4.0, 0.0],
        "output:z": [0.0, 2.0],
        "a": [1.0, 0.0],
        "b": [0.0, 0.5],
    }


def test_an_input_is_moved_to_its_next_seed_and_the_first_sample_stays() -> None:
    declared = case("y", axes={"batch": (2, 1)})
    met: list[Any] = []
    measured(declared, Framework(), lambda x: [met.append(x) or x], [[array(number)] for number in range(4)])
    assert [given.tolist() for given in met] == [[0], [1], [1]]


def test_inputs_are_moved_one_by_one_and_outputs_seen_one_by_one() -> None:
    declared = case("sum", "second", axes={"batch": (2, 1)})
    declared = declared._replace(inputs=(normal("batch", name="one"), normal("batch", name="two")))
    inputs = [[array(0, 0), array(0, 0)], [array(1, 1), array(0.5, 0.5)]]
    found = measured(declared, Framework(), lambda one, two: [one + two, two], inputs)
    assert found == {
        "input:one": [1.0, 0.0],
        "input:two": [0.5, 0.5],
        "output:sum": [1.5, 0.0],
        "output:second": [0.0, 0.5],
    }


# What gradients spare

AXES = {"batch": (2, 1)}

#: Twenty weights that move the output by 0.1 to 2, and one that does not.
MOVED = [(f"w{number:02}", 0.1 * number) for number in range(1, 21)]


def by_gradients(
    bounds: Any, weights: Any = (*MOVED, ("dead", 0.0)), noise: float = 0.0
) -> tuple[dict[str, list[float]], list[str], list[str]]:
    """The changes of weights, the names of those that are bounded, and of those that were moved."""
    framework = Framework(weights=[(name, [array(by, 1)]) for name, by in sorted(weights)], bounds=bounds)
    declared, inputs = case("y", axes=AXES), [[array(0, 0)], [array(1, 0)]]
    found, bounded, _ = sensitivity.measured(
        declared,
        framework,
        lambda x: [array(0, 1)],
        inputs,
        references(declared, noise),  # type: ignore[arg-type]
    )
    return {name: by for name, by in found.items() if ":" not in name}, bounded, framework.moved


def exact(found: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [pytest.approx(by)] for name, by in [*MOVED, ("dead", 0.0)]}


BOUNDS = {name: [by / 12] for name, by in MOVED} | {"dead": [0.0]}


def test_what_gradients_show_is_not_moved_but_for_some() -> None:
    found, bounded, moved = by_gradients(BOUNDS)
    assert list(found) == sorted(found)
    assert set(bounded) | set(moved) == set(found)
    assert not set(bounded) & set(moved)
    assert {"dead", "w01", "w02", "w03", "w20"} <= set(moved)
    assert len(moved) == 1 + sensitivity.LEAST + sensitivity.SPREAD
    assert all(found[name] == BOUNDS[name] for name in bounded)
    assert {name: found[name] for name in moved} == {name: by for name, by in exact(found).items() if name in moved}


@pytest.mark.parametrize("bound", [0.0, 1e-6, 1e-5, math.nan])
def test_a_weight_is_moved_where_gradients_do_not_show_it(bound: float) -> None:
    _, bounded, moved = by_gradients({**BOUNDS, "w10": [bound]})
    assert "w10" in moved
    assert bounded


def test_a_bound_within_the_noise_shows_nothing() -> None:
    _, bounded, _ = by_gradients({name: [3e-3] for name in BOUNDS if name != "dead"}, noise=1e-3)
    assert not bounded
    _, bounded, _ = by_gradients({name: [5e-3] for name in BOUNDS if name != "dead"}, noise=1e-3)
    assert bounded


@pytest.mark.parametrize("wrong", ["w01", "w02", "w20"])
def test_where_a_weight_does_not_reach_its_bound_all_are_moved(wrong: str) -> None:
    """As by a straight-through gradient: rounding hides what it tells."""
    weights = [(name, 0.0 if name == wrong else by) for name, by in MOVED]
    found, bounded, moved = by_gradients(BOUNDS, [*weights, ("dead", 0.0)])
    assert not bounded
    assert sorted(moved) == sorted(found)
    assert found[wrong] == [0.0]


@pytest.mark.parametrize("bounds", [None, {}, RuntimeError("element 0 of tensors does not require grad")])
def test_without_gradients_all_are_moved(bounds: Any) -> None:
    found, bounded, moved = by_gradients(bounds)
    assert found == exact(found)
    assert not bounded
    assert moved == sorted(found)


def test_few_weights_are_checked_once_each() -> None:
    found, bounded, moved = by_gradients({"a": [0.01], "b": [0.01]}, [("a", 0.5), ("b", 0.5)])
    assert (list(found), bounded, moved) == (["a", "b"], [], ["a", "b"])


def test_weights_that_do_not_show_are_told_with_their_size() -> None:
    weights = [("a", [array(1.5, 1)]), ("b", [array(0, 1)]), ("c", [array(0, 1)])]
    framework: Any = Framework(weights=weights, sizes=lambda model: {"a": 1.0, "b": 1e-6})
    declared, inputs = case("y", axes=AXES), [[array(0, 0)], [array(1, 0)]]
    found = sensitivity.measured(declared, framework, lambda x: [array(0, 1)], inputs, references(declared))
    assert found.unseen == {"b": 1e-6}


# How much is enough


def test_what_is_enough_here_is_what_a_judge_asks_for() -> None:
    assert sensitivity.SENSITIVE == judging.SENSITIVE
    assert (sensitivity.NOISE_FACTOR, sensitivity.ULPS) == (compare.NOISE_FACTOR, compare.ULPS)
    assert sensitivity.FILL == arrays.FILL


@many
@given(
    np_st.arrays("float32", (9, 4), elements=st.floats(-1e4, 1e4, width=32)),
    np_st.arrays("float64", (9, 4), elements=st.floats(-1e-2, 1e-2)),
    st.sampled_from(["float64", "ulp"]),
    st.sampled_from([None, numpy.inf, numpy.nan, 3e38]),
)
def test_enough_is_not_less_than_a_judge_asks_for(values: Any, noise: Any, kind: str, odd: float | None) -> None:
    declared = case("y", axes={"batch": (2, 1, 3)})
    stored = {}
    for sample in declared.samples():
        one = values[sample.index].copy()
        if odd:
            one[0] = odd
        stored[f"float32/{sample.index}/y"] = one
        other = one.astype("float64") + noise[sample.index]
        stored[f"{kind}/{sample.index}/y"] = other if kind == "float64" else other.astype("float32")
    (enough,) = sensitivity.enough(declared, stored)
    floor = compare.floors(declared.outputs, declared.samples(), stored)["y"]
    assert enough >= max(judging.SENSITIVE, compare.NOISE_FACTOR * floor) * (1 - 1e-9)


def test_of_integers_any_change_is_enough() -> None:
    declared = case("y", axes=AXES)._replace(outputs=(integer("y"),))
    assert sensitivity.enough(declared, references(declared)) == [sensitivity.SENSITIVE]
