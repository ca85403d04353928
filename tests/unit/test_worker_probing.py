"""The inputs of a probe's call, as the worker makes them."""

from typing import Any

import builders
import numpy
import pytest

from tfparity.planning import probes
from tfparity.worker import probing
from tfparity.worker.declare import Input, boolean, integers, mask, normal, uniform

CASE = builders.case(
    "y",
    inputs=(normal("batch", 6, name="x"), integers("batch", 6, high=9, name="ids"), mask("batch", 6, name="mask")),
    axes={"batch": (2, 1, 5)},
)


def made(*changes: tuple[str, str, Any], batch: int = 4) -> dict[str, Any]:
    call = {"sizes": {"batch": batch}, "seed": 0, "changes": [list(change) for change in changes], "nudged": True}
    return dict(zip(("x", "ids", "mask"), probing.inputs(CASE, call), strict=True))


def test_a_call_without_changes_is_the_cases_own() -> None:
    assert {name: array.dtype.name for name, array in made().items()} == {
        "x": "float32",
        "ids": "int64",
        "mask": "int64",
    }
    assert made()["x"].shape == (4, 6)


@pytest.mark.parametrize("how", sorted(probing._CHANGES))
def test_every_change_keeps_shape_and_type(how: str) -> None:
    arguments = {"grid": (0.0, 0.5), "spread": (-8.0, 8.0), "ends": (0, 1), "one": "nan", "loud": (0.0, -8.0, 8.0)}
    name = "x" if how in ("one", "grid", "loud", "scaled") else "mask"
    changed = made((name, how, arguments.get(how, 0.0)))[name]
    assert changed.shape == (4, 6)
    assert changed.dtype == made()[name].dtype


def test_spread_holds_both_ends_and_stays_between_them() -> None:
    for ends in ((-8.0, 8.0), (0.0, 100.0), (-5.0, 0.0)):
        x = made(("x", "spread", ends))["x"]
        assert (x.min(), x.max()) == tuple(numpy.float32(end) for end in ends)
    ids = made(("ids", "spread", (0, 2**40)))["ids"]
    assert (ids.min(), ids.max()) == (0, 2**40)


def test_a_grid_has_exact_ties_across_inputs_of_one_kind() -> None:
    x = made(("x", "grid", (0.0, 0.5)), batch=32)["x"]
    assert (x * 2 == numpy.rint(x * 2)).all()
    assert len(numpy.unique(x)) < x.size / 4


@pytest.mark.parametrize(
    "declared",
    [
        uniform("batch", 64, name="x"),
        uniform("batch", 64, name="x", low=-1.0, high=0.0),
        uniform("batch", 64, name="x", low=1000.0, high=1001.0),
        uniform("batch", 64, name="x", low=0.1, high=0.7),
        normal("batch", 64, name="x"),
        normal("batch", 64, name="x", mean=3.0, std=0.1),
        integers("batch", 64, name="x", low=3, high=9),
    ],
)
def test_values_as_they_are_made_stay_inside_the_declaration(declared: Input) -> None:
    case = builders.case("y", inputs=(declared,), axes={"batch": (64, 1)})
    given = dict(declared.arguments)
    reach = probes.DEVIATIONS * given.get("std", 0.0)
    low, high = given.get("low", given.get("mean", 0.0) - reach), given.get("high", given.get("mean", 0.0) + reach)
    lines = probes.load("values").lines(case)
    assert len(lines) >= 2
    for call in (line.call(at) for line in lines for at in line.at):
        (x,) = probing.inputs(case, call.spec())
        assert numpy.float32(low) <= x.min(), call.said
        assert x.max() <= numpy.float32(high), call.said
        assert declared.kind == "normal" or x.max() < numpy.float32(high), call.said


def test_constants_keep_large_integers() -> None:
    assert (made(("ids", "constant", 2**40 + 1))["ids"] == 2**40 + 1).all()


def test_rows() -> None:
    plain = made()["x"]
    assert (made(("x", "reversed", 0))["x"] == plain[::-1]).all()
    assert (made(("x", "repeated", 0))["x"] == plain[:1]).all()
    loud = made(("x", "loud", (0.0, -8.0, 8.0)))["x"]
    assert abs(loud[0]).max() == 8
    assert (loud[1:] == plain[1:]).all()


def test_masks() -> None:
    assert (made(("mask", "ones", 0))["mask"] == 1).all()
    assert not made(("mask", "zeros", 0))["mask"].any()
    assert (made(("mask", "first", 0))["mask"].sum(1) == 1).all()
    left = made(("mask", "flipped", 0))["mask"]
    assert not left[:, 0].any()
    assert (numpy.diff(left) >= 0).all()
    holed = made(("mask", "holed", 0))["mask"]
    assert (holed[:, [0, -1]] == 1).all()
    assert (holed.sum(1) == 5).all()


@pytest.mark.parametrize(("word", "check"), [("nan", numpy.isnan), ("inf", numpy.isposinf), ("-inf", numpy.isneginf)])
def test_one_element_is_not_finite(word: str, check: Any) -> None:
    assert check(made(("x", "one", word))["x"]).sum() == 1


def test_denormals_are_not_rounded_to_zero() -> None:
    x = made(("x", "scaled", 1e-40))["x"]
    assert x.any()
    assert abs(x).max() < numpy.finfo("float32").tiny


def test_booleans_take_both_ends() -> None:
    case = builders.case("y", inputs=(boolean("batch", 8, name="x"),), axes={"batch": (2, 1, 5)})
    call = {"sizes": {"batch": 2}, "seed": 0, "changes": [["x", "ends", [0, 1]]], "nudged": False}
    (x,) = probing.inputs(case, call)
    assert x.dtype == bool
    assert set(x.reshape(-1)) == {True, False}
