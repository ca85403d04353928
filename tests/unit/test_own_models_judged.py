"""A user's own model is judged whatever it is; notes say what its verdict does not tell, why, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import pytest
from test_sensitivity import ALIVE, case, references

from tfparity.judging import own_models
from tfparity.judging.sensitivity import insensitive
from tfparity.records.cells import Note
from tfparity.worker.declare import Case


def noted(
    changes: Mapping[str, Sequence[float]],
    sizes: Mapping[str, float] | None = None,
    declared: Case | None = None,
    noise: float = 0.0,
    **outputs: Any,
) -> list[Note]:
    arrays = references(noise, **(outputs or {"output": [0.0, 1.0]}))
    return list(own_models.notes(declared or case(), {**ALIVE, **changes}, sizes or {}, arrays))


def text(*args: Any, **more: Any) -> str:
    (note,) = noted(*args, **more)
    return note.text


def dead(*names: str) -> dict[str, list[float]]:
    return {name: [0.0] for name in names}


def test_a_model_all_of_which_shows_has_no_note() -> None:
    assert noted({"a.bias": [2e-5]}) == []


def test_weights_that_do_not_show_are_counted_and_all_named() -> None:
    names = [f"blocks.{number}.bias" for number in range(9)]
    (note,) = noted(dead(*names))
    assert note.names == tuple(names)
    assert note.text.startswith(
        "9 of 10 weights move the answer less than rounding: blocks.0.bias, blocks.1.bias, blocks.2.bias, "
        "blocks.3.bias and 5 more"
    )
    assert note.shortened
    (note,) = noted(dead("a.bias", "b.bias"))
    assert not note.shortened


@pytest.mark.parametrize(
    ("trained", "do"), [(False, "declare the case trained=True"), (True, "if these are initial values, load the check")]
)
def test_it_says_what_to_do(trained: bool, do: str) -> None:
    assert do in text(dead("a.bias"), declared=case()._replace(trained=trained))


@pytest.mark.parametrize(
    ("scale", "size", "reason"),
    [
        ("blocks.0.ls1.gamma", 1e-6, "a layer scale of 1e-06"),
        ("blocks.0.gamma_1", 1e-5, "a layer scale of 1e-05"),
        ("blocks.0.layer_scale.weight", 1e-6, "a layer scale of 1e-06"),
        ("blocks.0.layer_scale_2", 1e-6, "a layer scale of 1e-06"),
        ("blocks.0.norm2.weight", 0.0, "what begins at zero"),
        ("blocks.0.alpha", 0.0, "what begins at zero"),
        ("blocks.0.mix.weight", 1e-6, "of 1e-06 at most, or behind such"),
    ],
)
def test_what_hides_a_branch_is_named(scale: str, size: float, reason: str) -> None:
    found = text(dead(scale, "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc1.bias"), {scale: size, "blocks.0.x": 0.5})
    assert "3 in or behind " + reason in found or f"3 {reason}" in found


def test_of_several_reasons_each_is_counted_and_what_has_none_has_none() -> None:
    sizes = {"blocks.0.gamma": 1e-6, "cls_token": 3e-6, "head.bias": 0.0, "blocks.0.fc.weight": 0.3, "stem.weight": 0.2}
    found = text(dead(*sizes), sizes)
    assert "; 2 in or behind a layer scale of 1e-06, " in found
    assert "1 in or behind what begins at zero" in found
    assert "1 of 3e-06 at most, or behind such" in found


def test_a_bias_hides_nothing_behind_it() -> None:
    found = text(dead("blocks.0.fc.bias", "blocks.0.fc.weight"), {"blocks.0.fc.bias": 0.0, "blocks.0.fc.weight": 0.3})
    assert "1 in or behind what begins at zero" in found


@pytest.mark.parametrize(
    "name", ["attention.self.key.bias", "attn.k_proj.bias", "to_k.bias", "k_lin.bias", "attn.proj_l.bias"]
)
def test_biases_of_keys_are_as_they_have_to_be(name: str) -> None:
    found = text(dead(f"layer.0.{name}"), {f"layer.0.{name}": 0.1})
    assert found.endswith("1 as biases of an attention's keys or scores, which softmax cancels")


def test_what_is_declared_insensitive_is_no_news() -> None:
    declared = case()._replace(insensitive={"*.bias": "why"})
    assert noted(dead("a.bias"), declared=declared) == []


@pytest.mark.parametrize(
    ("changes", "insensitive_", "said"),
    [
        ({"input:mask": [0.0]}, {}, "the outputs do not change with an input, so that nothing of it is compared: mask"),
        ({"output:output": [0.0]}, {}, "an output does not change with the inputs, so that nothing of it"),
        ({}, {"*.gone": "once"}, "the case declares '*.gone' insensitive, but nothing has such a name"),
        ({}, {"a.weight": "once"}, "the case declares 'a.weight' insensitive, but all that it matches moves"),
    ],
)
def test_what_the_zoo_refuses_is_noted(changes: Any, insensitive_: Any, said: str) -> None:
    declared = case()._replace(insensitive=insensitive_)
    assert insensitive(declared, {**ALIVE, **changes}, references(output=[0.0, 1.0])) is not None
    assert text(changes, declared=declared).startswith(said)


@pytest.mark.parametrize(
    ("noise", "judged", "told"), [(1e-6, True, 0), (1e-3, True, 1), (0.2, True, 1), (0.4, False, 1)]
)
def test_noise_is_told_until_zeros_would_pass_for_it(noise: float, judged: bool, told: int) -> None:
    arrays = references(noise, output=[0.0, 1.0])
    why = own_models.unjudgeable(case(), arrays)
    assert (why is None) == judged
    assert judged or "an answer of zeros would pass" in str(why)
    alive = dict.fromkeys(ALIVE, (1e3,))
    found = own_models.notes(case(), alive, {}, arrays)
    assert len(found) == told


def test_references_that_contradict_each_other_cannot_be_judged() -> None:
    arrays = references(output=[1.0, 2.0])
    arrays["float64/0/output"] = numpy.asarray([numpy.nan, 2.0])
    assert str(own_models.unjudgeable(case(), arrays)).startswith("one of float32 and float64 is NaN")


def test_a_name_reaches_no_terminal_as_it_is() -> None:
    (note,) = noted(dead("a\x1b[31m.bias"))
    assert "\x1b" not in note.text + "".join(note.names)
