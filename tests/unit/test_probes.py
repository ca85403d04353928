"""What probes ask of a case, and what they make of its verdict."""

from dataclasses import replace
from typing import Any

import builders
import pytest
from builders import attempt, entry

from tfparity.planning import keys, probes, revisions
from tfparity.planning.probes import Call, Kind, Line
from tfparity.records.cells import Cell
from tfparity.records.vocabulary import Outcome, Verdict
from tfparity.worker.declare import Case, boolean, given, integers, mask, normal, uniform


def case(*inputs: Any, **axes: tuple[int, ...]) -> Case:
    named = [one if one.name else one._replace(name="x") for one in inputs]
    return builders.case("y", inputs=tuple(named), axes={"batch": (2, 1, 5), **axes})


SEQUENCE = case(normal("batch", "sequence", 4), sequence=(16, 7, 24))


def asked(name: str, of: Case) -> list[Call]:
    return [line.call(at) for line in probes.load(name).lines(of) for at in line.at]


@pytest.mark.parametrize("name", probes.NAMES)
def test_every_probe_has_a_revision_and_asks_calls_of_a_full_size(name: str) -> None:
    probe = probes.load(name)
    assert probe.revision >= 1
    for call in asked(name, SEQUENCE):
        assert call.sizes.keys() == SEQUENCE.axes.keys()
        assert call.said
        assert {change.input for change in call.changes} <= {"x"}
        assert set(call.spec()) == {"sizes", "seed", "changes", "nudged"}


def test_what_decides_and_what_is_only_told() -> None:
    told = {name for name in probes.NAMES if probes.load(name).kind is Kind.REPORTS}
    assert told == {"domain", "extremes"}


def test_sizes_go_to_twice_the_largest_and_no_further_alone_and_together() -> None:
    sizes = [dict(call.sizes) for call in asked("sizes", SEQUENCE)]
    assert {"batch": 9, "sequence": 16} in sizes
    assert {"batch": 2, "sequence": 1} in sizes
    assert {"batch": 2, "sequence": 48} in sizes
    assert {"batch": 10, "sequence": 48} in sizes
    assert {"batch": 1, "sequence": 1} in sizes
    assert any(one["sequence"] % 2 for one in sizes if one["sequence"] > 1)
    assert max(one["batch"] for one in sizes) == 10
    assert max(one["sequence"] for one in sizes) == 48


def test_a_case_without_axes_masks_or_ranges_is_asked_nothing_of_that_kind() -> None:
    fixed = builders.case("y", inputs=(given(4, make=lambda shape, seed: shape)._replace(name="x"),), axes={})
    empty = {name for name in probes.NAMES if not probes.load(name).lines(fixed)}
    assert empty == {"sizes", "rows", "masks", "values", "domain", "extremes"}


def test_masks_are_asked_for_every_kind_of_padding() -> None:
    masked = case(normal("batch", 8), mask("batch", 8, name="mask"))
    said = {call.said for call in asked("masks", masked)}
    assert said == {
        "no padding",
        "padding on the left",
        "padding in the middle",
        "all but one padded",
        "all padded",
    }


def test_values_stay_inside_the_declaration() -> None:
    for declared in (uniform("batch", 4), normal("batch", 4), integers("batch", 4, high=9, low=3), boolean("batch", 4)):
        reach = probes.inside(declared)
        assert reach is not None
        for call in asked("values", case(declared)):
            for change in call.changes:
                numbers = change.argument if isinstance(change.argument, tuple) else (change.argument,)
                if change.how in ("constant", "spread", "ends"):
                    assert all(reach[0] <= float(number) <= reach[1] for number in numbers), call


def test_an_integer_without_axes_goes_no_farther_than_declared() -> None:
    """It may say how often to go round."""
    times = integers(high=7, low=1, name="times")
    asked_for = [change for call in asked("domain", case(normal("batch", 4), times)) for change in call.changes]
    assert asked_for
    assert "times" not in {change.input for change in asked_for}


def test_nothing_negative_is_asked_where_the_declaration_has_none() -> None:
    assert not any(
        "positive" in call.said or "negative" in call.said for call in asked("values", case(uniform("batch", 4)))
    )
    assert any("positive" in call.said for call in asked("values", case(normal("batch", 4))))


def test_zeros_are_asked_of_each_input_alone_too() -> None:
    said = [call.said for call in asked("values", case(normal("batch", 4, name="a"), normal("batch", 4, name="b")))]
    assert {"zeros", "zeros in 'a'", "zeros in 'b'"} <= set(said)


def test_integers_are_asked_at_both_ends() -> None:
    calls = asked("values", case(integers("batch", 4, high=9, low=3)))
    assert {(change.how, change.argument) for call in calls for change in call.changes} >= {
        ("constant", 3),
        ("constant", 8),
        ("ends", (3, 8)),
    }


@pytest.mark.parametrize("name", [name for name in probes.NAMES if probes.load(name).as_exported])
def test_only_what_is_wrong_at_the_exported_shape_breaks_a_cell(name: str) -> None:
    for line in probes.load(name).lines(SEQUENCE):
        if line.judged:
            assert {tuple(line.call(at).sizes.items()) for at in line.at} == {(("batch", 2), ("sequence", 16))}
            assert not any(line.call(at).changes for at in line.at)


def test_repeats_make_the_first_call_between_the_others_again_and_again() -> None:
    order = probes.load("repeats").order(3)
    assert order[:6] == (0, 1, 0, 2, 0, 1)
    assert order.count(0) == len(order) / 2 >= 16
    assert set(probes.load("repeats").order(1)) == {0}


@pytest.mark.parametrize(
    ("declared", "at", "told"),
    [
        (normal("batch", 4), 89.2, "x < 89"),
        (uniform("batch", 4), 89.2, "x < 89"),
        (integers("batch", 4, high=9), 2.0**31, "x < 2.1e+09"),
    ],
)
def test_a_domain_is_told_by_the_first_place_that_is_wrong(declared: Any, at: float, told: str) -> None:
    line = probes.load("domain").lines(case(declared))[0]
    assert line.told is not None
    assert line.told(at) == told


def test_a_domain_that_ends_where_the_declaration_does_is_told_so() -> None:
    line = probes.load("domain").lines(case(uniform("batch", 4)))[1]
    assert line.told is not None
    assert line.told(line.at[0]) == "x >= 0"
    assert line.told(3.0) == "x > -3"


def test_between_closes_in_on_the_first_wrong_place() -> None:
    def first(line: Line, right: float, wrong: float, limit: float) -> float:
        for _ in range(6):
            for place in line.between(right, wrong):
                right, wrong = (max(right, place), wrong) if place < limit else (right, min(wrong, place))
        return wrong

    def call(_: float) -> Call:
        return Call("", {})

    assert first(Line(call), 5, 48, 25) == 25
    assert Line(call).between(5, 6) == ()
    assert first(Line(call, whole=False), 8, 100, 88.7) == pytest.approx(88.7, rel=0.02)


def cell(verdict: Verdict = Verdict.WORKS, **found: Outcome) -> Cell:
    made = builders.cell("a/b", attempt() if verdict.works else builders.broken())
    return replace(made, level=2, probes={name: entry(outcome=outcome) for name, outcome in found.items()})


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ({}, Verdict.WORKS),
        ({"sizes": Outcome.PASS, "masks": Outcome.SKIPPED}, Verdict.WORKS),
        ({"sizes": Outcome.FAIL}, Verdict.PARTIAL),
        ({"values": Outcome.CRASH}, Verdict.PARTIAL),
        ({"values": Outcome.TIMEOUT, "rows": Outcome.OUT_OF_MEMORY, "sizes": Outcome.UNTESTED}, Verdict.WORKS),
        ({"numbers": Outcome.FAIL}, Verdict.BROKEN),
        ({"repeats": Outcome.FAIL, "sizes": Outcome.FAIL}, Verdict.BROKEN),
        ({"domain": Outcome.FAIL, "extremes": Outcome.FAIL}, Verdict.WORKS),
        ({"a-probe-that-is-gone": Outcome.FAIL}, Verdict.WORKS),
    ],
)
def test_the_verdict_at_level_2(found: dict[str, Outcome], verdict: Verdict) -> None:
    assert probes.verdict(cell(**found)) is verdict


def test_a_cell_that_fails_at_level_1_keeps_its_verdict() -> None:
    assert probes.verdict(cell(Verdict.BROKEN, sizes=Outcome.FAIL)) is Verdict.BROKEN


def test_a_probes_revision_moves_its_own_entries_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: keys.probe("cell", name) for name in probes.NAMES}
    assert len(set(before.values())) == len(probes.NAMES)
    plain = probes.load
    monkeypatch.setattr(
        probes, "load", lambda name: replace(plain(name), revision=99) if name == "rows" else plain(name)
    )
    assert [name for name in probes.NAMES if keys.probe("cell", name) != before[name]] == ["rows"]
    monkeypatch.setitem(revisions.STAGES, "probe", 99)
    assert all(keys.probe("cell", name) != before[name] for name in probes.NAMES)
    assert keys.probe("another", "sizes") != keys.probe("cell", "sizes")
