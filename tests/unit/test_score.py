"""A package under test, scored against the evidence of the toolchain beneath."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import builders
import pytest
import small_project
from builders import attempt, broken, lost_axis
from rich.console import Console

from tfparity.features import score as scores
from tfparity.features import score_terminal
from tfparity.features.score import Score, Scored
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, CellRecord
from tfparity.records.vocabulary import Grade

ROOT = Path(__file__).parents[2]

#: What lies over "old".
MINE = "adhoc_0123456789ab"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def session(**given: object) -> Session:
    declared = Selection(small_project.EVERYTHING).matrix
    toolchain = declared.toolchains["old"].model_copy(update={"id": MINE, "over": "old"})
    extended = declared.model_copy(update={"toolchains": {**declared.toolchains, MINE: toolchain}})
    choice = Choice(toolchains=(MINE,), tier="all", packages=("onnx-tf=mine.whl",))
    return Session(replace(choice, **given), declared=extended)  # type: ignore[arg-type]


def recorded(**cells: Sequence[Attempt]) -> None:
    """By toolchain "old", the route onnx-tf and each case's name."""
    records = [small_project.record(case, *attempts) for case, attempts in cells.items()]
    Session(small_project.EVERYTHING).recorder.record(small_project.current(*records))


def scored(*records: CellRecord, plain: bool = False) -> Score:
    return scores.score(session(), records, plain=plain)


def mine(case: str, *attempts: Attempt, **given: object) -> CellRecord:
    return small_project.record(case, *attempts, toolchain=MINE, **given)


@pytest.fixture
def another_route(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("onnxscript", "0.7.2"), ("onnx", "1.17.0")):
        monkeypatch.setitem(builders.PACKAGES, name, version)


@pytest.mark.usefixtures("another_route")
def test_each_cell_has_its_word() -> None:
    recorded(
        add=[attempt()],
        gelu=[broken()],
        gru=[broken()],
        mish=[attempt()],
    )
    other = small_project.record("gru", attempt(), toolchain="new", route="onnx-tf-dynamo")
    Session(small_project.EVERYTHING).recorder.record(small_project.current(other))
    found = scored(
        mine("add", broken("Relu is broken")),
        mine("gelu", attempt()),
        mine("gru", broken()),
        mine("mish", attempt()),
    )
    assert {cell.case: str(cell.kind) for cell in found.cells} == {
        "zoo/add": "newly-failing",
        "zoo/gelu": "newly-passing",
        "zoo/gru": "failing-alone",
        "zoo/mish": "passing",
    }
    assert [cell.elsewhere for cell in found.cells if cell.case == "zoo/gru"] == ["onnx-tf-dynamo on new"]
    assert (found.exit_code, found.compared, found.toolchains) == (1, 4, ("old",))


def only(found: Score) -> Scored:
    (cell,) = found.cells
    return cell


@pytest.mark.parametrize(
    ("was", "now", "kind", "said"),
    [
        ([attempt()], [lost_axis()], "newly-failing", "partial instead of works"),
        ([lost_axis()], [broken()], "newly-failing", "broken instead of partial"),
        ([attempt()], [broken(opset=13), attempt(opset=12)], "newly-failing", "works-with-remedy instead of works"),
        ([broken(opset=13), attempt(opset=12)], [attempt()], "newly-passing", "works instead of works-with-remedy"),
        ([broken()], [lost_axis()], "newly-passing", "partial instead of broken"),
        ([broken()], [broken()], "failing", "Unsqueeze version 13"),
        ([broken()], [broken("Gelu is not there at all")], "failing", "for another reason now: "),
        ([attempt()], [attempt()], "passing", ""),
    ],
)
def test_what_differs_is_said(was: list[Attempt], now: list[Attempt], kind: str, said: str) -> None:
    recorded(add=was)
    found = scored(mine("add", *now))
    assert only(found).kind == kind, only(found)
    assert said in only(found).message
    assert found.exit_code == (kind == "newly-failing")


WORSE = Grade.WITHIN_1E5


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (attempt(grade=WORSE, max_abs=8e-5), "newly-failing"),
        (attempt(grade=WORSE, max_abs=2e-6), "passing"),  # another processor's rounding
        (attempt(max_abs=8e-5), "passing"),
    ],
)
def test_a_drift_is_newly_failing(now: Attempt, kind: str) -> None:
    recorded(add=[attempt()])
    found = scored(mine("add", now))
    assert (only(found).kind, found.exit_code) == (kind, kind == "newly-failing"), only(found)
    if found.exit_code:
        assert only(found).message == f"grade {WORSE} instead of {Grade.FLOAT32_NOISE}"


def test_a_grade_that_rises_again_is_no_loss() -> None:
    recorded(add=[attempt(grade=WORSE, max_abs=8e-5)])
    assert only(scored(mine("add", attempt()))).kind == "passing"


@pytest.mark.usefixtures("another_route")
def test_results_of_ones_own_that_have_nothing_of_the_toolchain_are_no_baseline(tmp_path: Path) -> None:
    recorded(add=[attempt()], gelu=[broken()])
    other = small_project.record("gelu", attempt(), toolchain="new", route="onnx-tf-dynamo")
    Session(small_project.EVERYTHING).recorder.record(small_project.current(other))
    own = tmp_path / "own"
    asked = session(record=True, results=own)
    records = [mine("add", broken()), mine("gelu", broken())]
    found = scores.score(asked, records)
    assert {cell.case: str(cell.kind) for cell in found.cells} == {
        "zoo/add": "newly-failing",
        "zoo/gelu": "failing-alone",
    }
    assert found.exit_code == 1
    mixed = replace(small_project.EVERYTHING, results=own)
    Session(mixed).recorder.record(small_project.current(small_project.record("add", broken())))
    found = scores.score(session(record=True, results=own), records)
    assert {cell.case: str(cell.kind) for cell in found.cells} == {"zoo/add": "failing", "zoo/gelu": "not-compared"}


def test_without_remedies_a_cell_that_took_one_counts_as_failing() -> None:
    recorded(add=[broken(), attempt(remedies=["lower-opset"])])
    assert only(scored(mine("add", broken()), plain=True)).kind == "failing"
    assert only(scored(mine("add", broken()))).kind == "newly-failing"
    assert only(scored(mine("add", attempt()), plain=True)).kind == "newly-passing"


def test_what_is_not_known_is_not_compared_and_is_no_green_light() -> None:
    stale = small_project.record("gelu", attempt(), key="of another time")
    Session(small_project.EVERYTHING).recorder.record([stale])
    late = builders.not_run("zoo/mish", "untested", "the budget was spent", toolchain=MINE)
    never = builders.not_run("zoo/relu", "not-applicable", "needs torch >=2", toolchain=MINE)
    found = scored(mine("add", attempt()), mine("gelu", attempt()), late, never)
    assert {cell.case: str(cell.kind) for cell in found.cells} == dict.fromkeys(
        ("zoo/add", "zoo/gelu", "zoo/mish"), "not-compared"
    )
    assert (found.exit_code, found.compared) == (41, 0)
    assert scores.ending(found).startswith("score: exit code 41, no answer")


def test_a_cell_that_works_beneath_and_cannot_be_any_more_is_lost() -> None:
    recorded(add=[attempt()], gru=[broken()])
    gone = [
        builders.not_run(f"zoo/{name}", "not-applicable", "needs onnx <1.18", toolchain=MINE) for name in ("add", "gru")
    ]
    found = scored(*gone)
    (cell,) = found.cells
    assert (cell.case, str(cell.kind), found.exit_code) == ("zoo/add", "newly-failing", 1)
    assert cell.message == "not applicable any more: needs onnx <1.18"


def test_every_output_says_it_and_shows_no_control() -> None:
    recorded(add=[attempt()])
    found = scored(mine("add", broken("Relu \x1b[31mis broken")))
    out = io.StringIO()
    score_terminal.show(Console(file=out, width=200), found)
    assert "onnx-tf=mine.whl over old: 1 cell compared: 1 newly-failing." in out.getvalue()
    assert "\x1b" not in out.getvalue()
    said = json.loads(scores.as_json(found))
    assert (said["exit_code"], said["counts"]["newly-failing"], said["cells"][0]["was"]) == (1, 1, "works")


def test_every_word_has_a_meaning() -> None:
    assert set(scores.MEANINGS) == set(scores.Kind)


def test_the_committed_schema_is_that_of_the_score() -> None:
    assert json.loads((ROOT / "docs" / "score.schema.json").read_text()) == scores.json_schema()
