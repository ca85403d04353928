"""A case says what it is: samples follow from its axes, and a wrong declaration is refused at its place."""

import json
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfparity.worker import declare
from tfparity.worker.declare import (
    Case,
    DeclarationError,
    boolean,
    case,
    floating,
    integer,
    integers,
    mask,
    normal,
    ranking,
    registered,
    set_of_boxes,
    uniform,
)

many = settings(deadline=None, max_examples=50)


@pytest.fixture(autouse=True)
def _an_empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declare, "_registry", {})


def model() -> Any:
    raise AssertionError("a declaration calls no factory")


def made(id: str = "family/name", **given: Any) -> Case:
    case(id, **{"inputs": [normal("batch", 4)], **given})(model)
    return registered()[id]


def refusal(register: Callable[[], Any]) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        register()
    return caught.value


def test_a_factory_comes_back_as_it_was() -> None:
    assert case("family/name", inputs=[normal(2)])(model) is model
    assert registered()["family/name"].factory is model


def test_a_case_knows_its_place() -> None:
    line = model.__code__.co_firstlineno
    assert (made().file, made("family/other").line) == (model.__code__.co_filename, line)


def test_a_sole_input_is_called_input() -> None:
    assert [i.name for i in made().inputs] == ["input"]


def test_a_name_that_is_given_stays() -> None:
    assert [i.name for i in made(inputs=[normal(2, name="images")]).inputs] == ["images"]


def test_outputs_given_by_name_are_compared_as_numbers() -> None:
    outputs = made(outputs=["a", integer("b"), ranking("c"), set_of_boxes("d"), floating("e")]).outputs
    assert [(o.name, o.kind) for o in outputs] == [
        ("a", "float"),
        ("b", "integer"),
        ("c", "ranking"),
        ("d", "set-of-boxes"),
        ("e", "float"),
    ]


def test_the_batch_is_tried_at_2_1_and_5_without_saying() -> None:
    assert made().axes == {"batch": (2, 1, 5)}


def test_a_batch_that_is_given_stays() -> None:
    assert made(axes={"batch": (4, 3)}).axes == {"batch": (4, 3)}


def test_a_declaration_is_json_and_holds_no_factory() -> None:
    told = made(
        inputs=[integers("batch", 3, high=7, name="ids"), uniform(2, low=-1, name="pixels")],
        requires={"b": ">=1", "a": ">=2"},
        tags={"y", "x"},
        insensitive={"*.bias": "why"},
    ).declaration()
    assert json.loads(json.dumps(told)) == told
    assert told["tags"] == ["x", "y"]
    assert told["inputs"][0] == {
        "name": "ids",
        "kind": "integers",
        "shape": ["batch", 3],
        "dtype": "int64",
        "arguments": {"high": 7, "low": 0},
    }


def test_what_registered_gives_is_a_copy() -> None:
    made()
    registered().clear()
    assert list(registered()) == ["family/name"]


# Samples

AXES = st.dictionaries(
    st.sampled_from(["batch", "height", "width"]),
    st.lists(st.integers(1, 64), min_size=2, max_size=4, unique=True).map(tuple),
    max_size=3,
)


@many
@given(AXES)
def test_samples_cover_every_size_of_every_axis_with_every_seed(axes: dict[str, tuple[int, ...]]) -> None:
    declare._registry.clear()
    samples = made(inputs=[normal(3, *axes)], axes=axes).samples()
    exported = {axis: sizes[0] for axis, sizes in axes.items()}
    assert [sample.index for sample in samples] == list(range(len(samples)))
    first = samples[: len(declare.SEEDS)]
    assert [(s.seed, s.sizes, s.axis) for s in first] == [(seed, exported, None) for seed in declare.SEEDS]
    others = {(s.axis, s.sizes[s.axis], s.seed) for s in samples[len(declare.SEEDS) :] if s.axis is not None}
    assert others == {(axis, size, seed) for axis in axes for size in axes[axis][1:] for seed in declare.SEEDS}
    assert len(samples) == len(first) + len(others)


@many
@given(AXES)
def test_a_sample_differs_from_the_exported_shape_on_its_own_axis_alone(axes: dict[str, tuple[int, ...]]) -> None:
    declare._registry.clear()
    for sample in made(inputs=[normal(3, *axes)], axes=axes).samples():
        differing = {axis for axis, sizes in axes.items() if sample.sizes[axis] != sizes[0]}
        assert differing == ({sample.axis} if sample.axis else set())


# Refusals


def test_a_refusal_carries_file_and_line() -> None:
    wrong = refusal(lambda: made("family"))
    assert (wrong.file, wrong.line) == (__file__, model.__code__.co_firstlineno)


@pytest.mark.parametrize(
    "id",
    ["", "name", "family/", "/name", "Family/name", "family/na me", "family/../name", "a/.b", "a//b", "family/né!"],
)
def test_an_id_that_is_no_family_and_name_is_refused(id: str) -> None:
    assert "family/name" in str(refusal(lambda: made(id)))


def test_a_second_case_of_an_id_is_refused_with_the_place_of_the_first() -> None:
    made()
    assert f"{__file__}:{model.__code__.co_firstlineno}" in str(refusal(made))


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"inputs": []}, "at least one input and one output"),
        ({"outputs": []}, "at least one input and one output"),
        ({"outputs": "logits"}, r"outputs takes a list: ['logits']"),
        ({"tags": "smoke"}, r"tags takes a list: ['smoke']"),
        ({"tags": {"sm\ud800"}}, "tags holds half of a surrogate pair"),
        ({"operators": ["\udc00"]}, "operators holds half of a surrogate pair"),
        ({"requires": {"torch\ud800": ">=2"}}, "requires holds half of a surrogate pair"),
        ({"inputs": [normal(2), normal(2)]}, "each needs name="),
        ({"inputs": [normal(2, name="a"), mask(2)]}, "each needs name="),
        ({"inputs": [normal(2, name="a"), boolean(2, name="a")]}, "stands twice"),
        ({"outputs": ["a", "a"]}, "stands twice"),
        ({"outputs": ["input"]}, "stands twice"),
        ({"outputs": [""]}, "name="),
        ({"inputs": [normal("height")]}, "axis 'height' needs axes="),
        ({"axes": {"batch": (2,)}}, "two or more different sizes"),
        ({"axes": {"batch": (2, 2)}}, "two or more different sizes"),
        ({"axes": {"batch": (2, 0)}}, "two or more different sizes"),
        ({"axes": {"batch": (2, 2.5)}}, "two or more different sizes"),
        ({"axes": {"batch": 3}}, "two or more different sizes"),
        ({"axes": {"width": (2, 3)}}, "axes names width, which no input has"),
        ({"inputs": [normal(0)]}, "input 0: sizes are 1 or more"),
        ({"inputs": [normal(2.5)]}, "sizes are 1 or more"),  # type: ignore[arg-type]
        ({"inputs": [integers(2, high="a")]}, "bounds are numbers"),  # type: ignore[arg-type]
        ({"inputs": [integers(2, high=0)]}, "high is above low"),
        ({"inputs": ["images"]}, "input 0: 'images' is no input"),
        ({"outputs": [3]}, "3 is no output"),
        ({"requires": {"torch": 2}}, "requires holds texts only"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_cause(given: dict[str, Any], cause: str) -> None:
    assert cause in str(refusal(lambda: made(**given)))


def test_what_is_refused_is_not_registered() -> None:
    refusal(lambda: made(outputs=[]))
    assert registered() == {}


@pytest.mark.parametrize(
    "damage",
    [
        {"axes": {}},
        {"axes": {"batch": []}},
        {"axes": {"batch": "21"}},
        {"axes": {"batch": [2, 1], "other": [2, 1]}},
        {"inputs": []},
        {"outputs": []},
        {"outputs": [{"name": "y", "kind": "lol"}]},
        {"id": "../up"},
    ],
)
def test_a_declaration_from_elsewhere_is_checked(damage: dict[str, Any]) -> None:
    case = Case("a/b", (normal("batch", 2, name="x"),), (floating("y"),), {"batch": (2, 1)}, {}, (), {}, dict, "", 1)
    told = case.declaration()
    assert declare.declared(told).axes == {"batch": (2, 1)}
    with pytest.raises(ValueError, match=r"axes|inputs|kind|id"):
        declare.declared({**told, **damage})


# Which dimensions follow an axis


def followed(axes: dict[str, tuple[int, ...]], **shapes: Callable[..., tuple[int, ...]]) -> list[dict[int, str]]:
    """The axes of outputs whose shapes are functions of the sizes."""
    declared = made(inputs=[normal(*axes, name="x")], outputs=list(shapes), axes=axes)
    return declared.output_axes(
        {
            f"float32/{sample.index}/{name}": numpy.zeros(shape(**sample.sizes))
            for sample in declared.samples()
            for name, shape in shapes.items()
        }
    )


def test_a_dimension_that_changes_with_an_axis_follows_it() -> None:
    axes = {"batch": (2, 1, 5), "width": (8, 6)}
    found = followed(axes, y=lambda batch, width: (3, width // 2, batch), z=lambda batch, width: (batch, 4))
    assert found == [{1: "width", 2: "batch"}, {0: "batch"}]


def test_an_output_of_fixed_size_follows_nothing() -> None:
    assert followed({"batch": (2, 1)}, y=lambda batch: (4, 4)) == [{}]


def test_a_dimension_that_changes_at_the_last_size_alone_follows_too() -> None:
    assert followed({"n": (2, 3, 40)}, y=lambda n: (max(n, 10),)) == [{0: "n"}]


def test_an_output_whose_rank_changes_does_not_break_the_others() -> None:
    found = followed({"batch": (2, 1)}, y=lambda batch: (4,) * batch, z=lambda batch: (batch,))
    assert found == [{}, {0: "batch"}]


def test_a_dimension_that_changes_with_the_seed_alone_follows_no_axis() -> None:
    declared = made(outputs=["boxes"], axes={"batch": (2, 1)})
    rows = {sample.index: 4 + sample.seed for sample in declared.samples()}
    assert declared.output_axes({f"float32/{n}/boxes": numpy.zeros((count, 6)) for n, count in rows.items()}) == [{}]
