"""Since when, until when: three words over releases, and what a person is told."""

import datetime
from dataclasses import replace

import pytest
from builders import attempt, broken, lost_axis, planned, record

from tfparity.evidence import ranges
from tfparity.evidence.query import Standing
from tfparity.evidence.ranges import Reach
from tfparity.inputs.matrix import Environment, Limits, Matrix, Toolchain
from tfparity.records.vocabulary import Verdict
from tfparity.report import ranges as said

NEWEST = "2026-11-20"


def matrix(**environments: tuple[str, str]) -> Matrix:
    """A toolchain of one environment each: its TensorFlow (or "litert 2.3") and its day."""
    made = {}
    for id, (version, day) in environments.items():
        package, _, number = version.rpartition(" ")
        pins = {"torch": "2.1.0" if day < "2025" else "2.15.0", package or "tensorflow": number}
        made[id] = Environment(id=id, python="3.11", as_of=datetime.date.fromisoformat(day), pins=pins)
    toolchains = {id: Toolchain(id=id, source=id, routes={"r": id}) for id in made}
    return Matrix(
        schema_version=1,
        default=next(iter(made)),
        environments=made,
        toolchains=toolchains,
        limits=Limits(seconds=1, memory_gib=1),
    )


#: Of 2.14, 2.16, 2.20 and 2.21; the last has a second row that is meant to fail.
USUAL = matrix(
    a=("2.14.0", "2023-11-05"),
    b=("2.16.1", "2024-05-20"),
    c=("2.20.0", "2025-12-15"),
    plain=("2.21.0", NEWEST),
    d=("2.21.0", NEWEST),
)

ATTEMPTS = {"w": (attempt(),), "o": (broken(), attempt(12)), "b": (broken(),), "p": (lost_axis("batch"),)}


def stands(toolchain: str, how: str) -> Standing:
    """W works, o works at a lower opset, s works by a shim, p is partly right, b is broken; ? - and ~ by the plan."""
    place = planned("f/one", route="r", toolchain=toolchain)
    if how in "?-":
        verdict = {"?": Verdict.UNTESTED, "-": Verdict.NOT_APPLICABLE}[how]
        return Standing(place, verdict)
    if how == "~":
        return Standing(place, Verdict.STALE, record("f/one").cell)
    shims = ["legacy-keras"] if how == "s" else []
    made = record("f/one", *ATTEMPTS.get(how, ATTEMPTS["w"]), route="r", toolchain=toolchain, shims=shims).cell
    assert made is not None
    return Standing(place, made.verdict, made)


def found(matrix: Matrix = USUAL, **how: str) -> ranges.Range:
    return ranges.of([stands(toolchain, one) for toolchain, one in how.items()], matrix)


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"a": "w", "b": "w", "c": "w", "plain": "b", "d": "s"}, "widely"),
        ({"a": "b", "b": "w", "c": "o", "d": "w"}, "widely"),  # the first day of the 30 months is its own
        ({"a": "w", "b": "w", "c": "b", "d": "w"}, "newly"),
        ({"a": "w", "b": "w", "c": "?", "d": "w"}, "newly"),  # what was not run is no evidence
        ({"a": "w", "b": "w", "c": "~", "d": "w"}, "newly"),
        ({"a": "w", "b": "w", "d": "w"}, "newly"),  # the route is not on c
        ({"a": "-", "b": "-", "c": "-", "d": "w"}, "newly"),  # everywhere, for less long
        ({"a": "w", "b": "w", "c": "-", "d": "w"}, "widely"),  # where it cannot be is no gap
        ({"a": "w", "b": "w", "c": "w", "plain": "b", "d": "b"}, "limited"),
        ({"a": "w", "b": "w", "c": "w", "plain": "?", "d": "?"}, "limited"),
        ({"a": "w", "d": "p"}, "limited"),
        ({"a": "b", "d": "p"}, "never"),
        ({"a": "?", "d": "~"}, "untested"),
        ({"a": "-", "d": "-"}, "not-applicable"),
    ],
)
def test_the_word_follows_from_the_releases(how: dict[str, str], word: str) -> None:
    assert found(**how).reach == word


def test_days_and_torch_are_of_the_toolchains_on_which_it_works() -> None:
    one = found(a="b", b="w", c="w", plain="b", d="b")
    assert (str(one.since), str(one.until)) == ("2024-05-20", "2025-12-15")
    assert one.torch == ("2.1.0", "2.15.0")
    assert found(d="w").until is None


def test_a_shim_and_a_lowered_opset_count_and_are_named() -> None:
    text = said.sentence(found(a="w", b="o", c="o", plain="b", d="s"))
    assert text.startswith("widely: TensorFlow 2.14; 2.16 to 2.20 with opset 12; 2.21 with shims (2023-11-05 to today)")


def test_runs_that_take_the_same_stand_together() -> None:
    assert said.where(found(a="w", b="o", c="w", d="w")) == "2.14, 2.20 to 2.21; 2.16 with opset 12"


def test_where_it_cannot_be_parts_no_run() -> None:
    assert said.where(found(a="w", b="-", c="w", d="w")) == "2.14 to 2.21"


def test_partly_always_carries_its_note() -> None:
    lost = found(a="w", d="p")
    assert "partly (the axis batch is lost) with 2.21" in said.sentence(lost)
    cell = stands("d", "p").cell
    assert cell is not None
    bare = Standing(planned("f/one", route="r", toolchain="d"), Verdict.PARTIAL, replace(cell, dynamic={}))
    assert "partly ()" not in said.sentence(ranges.of([bare], USUAL))


def test_broken_and_untested_are_told_apart() -> None:
    text = said.sentence(found(a="w", b="b", c="?", d="~"))
    assert "broken with 2.16" in text
    assert "untested with 2.20, 2.21" in text


def test_a_route_without_tensorflow_is_measured_on_its_own_kind() -> None:
    both = matrix(x=("2.21.0", NEWEST), y=("ai-edge-litert 2.3.0", NEWEST))
    assert found(both, y="w").reach is Reach.NEWLY
    assert said.sentence(found(both, y="w")).startswith("newly: LiteRT 2.3 (")


def test_what_has_neither_is_no_release() -> None:
    nothing = matrix(x=("numpy 1.0", NEWEST))
    assert found(nothing, x="w").reach is Reach.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        ("2026-11-20", 30, "2024-05-20"),
        ("2026-08-31", 30, "2024-02-29"),
        ("2026-01-31", 1, "2025-12-31"),
        ("2025-12-05", 24, "2023-12-05"),
        ("2026-06-30", 6, "2025-12-30"),
    ],
)
def test_months_are_those_of_the_calendar(day: str, months: int, before: str) -> None:
    assert str(ranges.months_before(datetime.date.fromisoformat(day), months)) == before
