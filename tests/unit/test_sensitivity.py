"""A case that cannot tell a right answer from a wrong one is refused, with what it does not see."""

from collections.abc import Mapping, Sequence
from typing import Any

import builders
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.judging import compare
from tfparity.judging.sensitivity import insensitive
from tfparity.worker.declare import Case

KEY_BIAS = "softmax does not see it"


def case(*outputs: str, **globs: str) -> Case:
    """A case of these outputs, insensitive to what each glob matches."""
    return builders.case(*outputs, insensitive={glob.replace("_any_", "*."): why for glob, why in globs.items()})


def references(noise: float = 0.0, **outputs: Any) -> dict[str, Any]:
    """The arrays of io.npz for `case`: every output the same at every sample, float64 beside it by that noise."""
    found = {}
    for sample in case().samples():
        for name, value in outputs.items():
            float32 = numpy.asarray(value, None if isinstance(value, numpy.ndarray) else "float32")
            found[f"float32/{sample.index}/{name}"] = float32
            if float32.dtype.kind == "f":
                found[f"float64/{sample.index}/{name}"] = float32.astype("float64") + noise
    return found


#: What moves where all is well: the input, the output, one weight.
ALIVE = {"input:input": (0.5,), "output:output": (0.5,), "a.weight": (0.1,)}


def refused(declared: Case, changes: Mapping[str, Sequence[float]], noise: float = 0.0, **outputs: Any) -> str | None:
    return insensitive(declared, changes, references(noise, **(outputs or {"output": [0.0, 1.0]})))


def test_a_case_that_answers_to_its_input_and_its_weights_is_fine() -> None:
    assert refused(case(), {**ALIVE, "a.bias": [2e-5]}) is None


def test_a_case_without_weights_need_only_answer_to_its_input() -> None:
    assert refused(case(), {"input:input": [0.5], "output:output": [0.5]}) is None


@pytest.mark.parametrize("change", [0.0, 1e-7, 1e-5, float("nan")])
def test_an_output_that_ignores_the_inputs_is_named(change: float) -> None:
    changes = {"output:output": [0.5, 0.0], "output:anchors": [0.0, change]}
    found = refused(case("output", "anchors"), changes, output=[1.0], anchors=[1.0])
    assert found == "an output does not change with the inputs: anchors"


def test_an_input_that_moves_no_output_is_named() -> None:
    found = refused(case(), {**ALIVE, "input:mask": [1e-6]})
    assert found == "the outputs do not change with an input: mask"


def test_an_output_that_cannot_follow_is_declared() -> None:
    declared = case("output", "anchors")._replace(insensitive={"output:anchors": "made from sizes alone"})
    changes = {"output:output": [0.5, 0.0], "output:anchors": [0.0, 0.0]}
    assert refused(declared, changes, output=[1.0], anchors=[1.0]) is None


def test_a_trained_model_may_have_a_weight_that_does_nothing_and_no_dead_input_or_output() -> None:
    trained = case()._replace(trained=True)
    assert refused(case(), {**ALIVE, "a.bias": [0.0]}) is not None
    assert refused(trained, {**ALIVE, "a.bias": [0.0]}) is None
    assert refused(trained, {**ALIVE, "input:input": [0.0]}) is not None
    assert refused(trained, {**ALIVE, "output:output": [0.0]}) is not None


def test_an_input_need_move_one_of_the_outputs() -> None:
    changes = {"input:input": [0.0, 0.5], "output:output": [0.5, 0.0], "output:other": [0.0, 0.5]}
    assert refused(case("output", "other"), changes, output=[1.0], other=[1.0]) is None


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("input:mask", None),
        ("input:*", None),
        ("*mask", None),
        ("mask", "the outputs do not change with an input: mask"),
        ("output:mask", "the outputs do not change with an input: mask"),
    ],
)
def test_an_input_that_nothing_can_follow_is_declared_by_its_full_name(glob: str, found: str | None) -> None:
    declared = case()._replace(insensitive={glob: "a mask of ones"})
    assert refused(declared, {**ALIVE, "input:mask": [0.0]}) == found


@pytest.mark.parametrize(
    ("glob", "why"),
    [
        ("input:input", "all that it matches moves the output; take it out"),
        ("output:output", "all that it matches moves the output; take it out"),
        ("input:gone", "no weight, input or output has such a name; mend the glob"),
        ("output:gone", "no weight, input or output has such a name; mend the glob"),
        ("input:output", "no weight, input or output has such a name; mend the glob"),
    ],
)
def test_a_declaration_of_an_input_or_an_output_must_be_true(glob: str, why: str) -> None:
    found = refused(case()._replace(insensitive={glob: "once"}), ALIVE)
    assert found is not None
    assert found.startswith(f"declares {glob!r} insensitive, but ")
    assert found.endswith(why)


def test_of_all_that_is_wrong_the_noise_is_told_first_and_a_declaration_last() -> None:
    dead = {"output:output": [0.0], "input:input": [0.0], "a.weight": [0.0]}
    declared = case(_any_gone="once")
    told = [refused(declared, dead, noise=1.0)]
    for name in (None, *dead):
        if name:
            dead[name] = [1.0]
        told.append(refused(declared, dead))
    beginnings = ["float32 rounds", "an output does", "the outputs do not", "moving a weight", "declares '*.gone'"]
    assert [text and text.startswith(begin) for text, begin in zip(told, beginnings, strict=True)] == [True] * 5


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 2.4e-4), st.floats(0, 2e-3)), min_size=1, max_size=3),
    st.sampled_from([1.0, 100.0]),
)
def test_a_weight_is_alive_where_one_output_moves_by_more_than_a_grade_and_its_noise(
    met: list[tuple[float, float]], scale: float
) -> None:
    names = [f"y{number}" for number in range(len(met))]
    arrays: dict[str, Any] = {}
    changes: dict[str, list[float]] = {"input:input": [1.0] * len(met), "a.weight": [change for _, change in met]}
    for place, (name, (noise, _)) in enumerate(zip(names, met, strict=True)):
        arrays |= references(noise * scale, **{name: [0.0, scale]})
        changes[f"output:{name}"] = [float(place == other) for other in range(len(met))]
    floors = compare.floors(case(*names).outputs, case().samples(), arrays)
    alive = any(change > max(1e-5, 4 * floors[name]) for name, (_, change) in zip(names, met, strict=True))
    assert (insensitive(case(*names), changes, arrays) is None) == alive


@pytest.mark.parametrize("change", [0.0, 1e-7, 1e-5, float("nan")])
def test_a_weight_that_moves_nothing_is_named(change: float) -> None:
    found = refused(case(), {**ALIVE, "a.bias": [change]})
    assert found is not None
    assert "does not move the output: a.bias;" in found


@pytest.mark.parametrize(("change", "fine"), [(3.9e-4, False), (4.1e-4, True)])
def test_what_moves_the_output_moves_it_beyond_its_noise(change: float, fine: bool) -> None:
    assert (refused(case(), {**ALIVE, "a.bias": [change]}, noise=1e-4) is None) == fine


def test_each_output_has_a_noise_of_its_own() -> None:
    arrays = {**references(1e-4, output=[1.0]), **references(0.0, other=[1.0])}
    changes = {"output:output": [0.5, 0.0], "output:other": [0.0, 0.5]}
    declared = case("output", "other")
    assert insensitive(declared, {**changes, "a.bias": [0.0, 2e-5]}, arrays) is None
    assert insensitive(declared, {**changes, "a.bias": [2e-5, 0.0]}, arrays) is not None


@pytest.mark.parametrize(("noise", "fine"), [(2.4e-4, True), (2.6e-4, False)])
def test_a_case_in_whose_noise_a_wrong_answer_would_pass_is_refused(noise: float, fine: bool) -> None:
    found = refused(case(), {name: [1.0] for name in ALIVE}, noise=noise)
    assert (found is None) == fine
    assert fine or found == "float32 rounds output so coarsely that a wrong answer would pass for noise"


def test_noise_counts_relative_to_the_answer() -> None:
    assert refused(case(), ALIVE, noise=2e-4, output=[1000.0]) is None


def test_an_output_that_is_compared_exactly_has_no_noise() -> None:
    assert refused(case(), ALIVE, output=numpy.array([1, 2])) is None


def test_many_dead_weights_are_counted() -> None:
    found = refused(case(), {**ALIVE, **{f"{number}.bias": [0.0] for number in range(7)}})
    assert found is not None
    assert "0.bias, 1.bias, 2.bias, 3.bias and 3 more" in found


def test_a_dead_weight_that_is_declared_insensitive_is_fine() -> None:
    declared = case(_any_key_bias=KEY_BIAS)
    assert refused(declared, {**ALIVE, "0.key_bias": [1e-7], "1.key_bias": [0.0]}) is None


def test_a_dead_weight_beside_the_declared_ones_is_named_alone() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS), {**ALIVE, "0.key_bias": [0.0], "0.bias": [0.0]})
    assert found is not None
    assert "output: 0.bias;" in found


def test_a_declaration_that_matches_nothing_is_refused() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS), ALIVE)
    assert found == "declares '*.key_bias' insensitive, but no weight, input or output has such a name; mend the glob"


def test_a_declaration_of_what_moves_the_output_is_refused() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS), {**ALIVE, "0.key_bias": [0.1], "1.key_bias": [0.2]})
    assert found == "declares '*.key_bias' insensitive, but all that it matches moves the output; take it out"


def test_a_declaration_holds_where_one_of_its_weights_is_dead() -> None:
    assert refused(case(_any_key_bias=KEY_BIAS), {**ALIVE, "0.key_bias": [0.1], "1.key_bias": [0.0]}) is None


def test_each_declaration_is_looked_at() -> None:
    found = refused(case(_any_key_bias=KEY_BIAS, _any_gone="once"), {**ALIVE, "0.key_bias": [0.0]})
    assert found is not None
    assert "'*.gone'" in found


@pytest.mark.parametrize("side", ["float32", "float64"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_case_whose_references_contradict_each_other_by_nan_is_refused(side: str, place: int) -> None:
    """Both count as right, so that a converter that answers NaN everywhere would pass."""
    arrays = references(output=[1.0, 2.0])
    sample = case().samples()[place]
    arrays[f"{side}/{sample.index}/output"] = numpy.asarray([numpy.nan, 2.0], side)
    found = insensitive(case(), ALIVE, arrays)
    assert found is not None
    assert found.startswith("one of float32 and float64 is NaN")


def test_nan_that_both_references_have_is_an_answer() -> None:
    arrays = references(output=[numpy.nan, 2.0])
    assert insensitive(case(), ALIVE, arrays) is None
