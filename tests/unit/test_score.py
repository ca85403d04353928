"""A package under test, scored against the evidence of the toolchain beneath."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import builders
import pytest
import small_project
from builders import attempt, broken, lost_axis
from rich.console import Console

from tfparity.features import score as scores
from tfparity.features.score import Score, Scored
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, CellRecord

ROOT = Path(__file__).parents[2]

#: What lies over "old".
MINE = "adhoc_0123456789ab"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def session() -> Session:
    declared = Selection(small_project.EVERYTHING).matrix
    toolchain = declared.toolchains["old"].model_copy(update={"id": MINE, "over": "old"})
    extended = declared.model_copy(update={"toolchains": {**declared.toolchains, MINE: toolchain}})
    return Session(Choice(toolchains=(MINE,), tier="all", packages=("onnx-tf=mine.whl",)), declared=extended)


def recorded(**cells: Sequence[Attempt]) -> None:
    """By toolchain "old", the route onnx-tf and each case's name."""
    records = [small_project.record(case, *attempts) for case, attempts in cells.items()]
    Session(small_project.EVERYTHING).recorder.record(small_project.current(*records))


def scored(*records: CellRecord, plain: bool = False) -> Score:
    return scores.score(session(), records, plain=plain)


def mine(case: str, *attempts: Attempt, **given: object) -> CellRecord:
    return small_project.record(case, *attempts, toolchain=MINE, **given)


def test_each_cell_has_its_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project.root.is_dir()
    for name, version in (("onnxscript", "0.7.2"), ("onnx", "1.17.0")):  # so that there is another route
        monkeypatch.setitem(builders.PACKAGES, name, version)
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
def test_what_differs_is_said(project: Project, was: list[Attempt], now: list[Attempt], kind: str, said: str) -> None:
    assert project.root.is_dir()
    recorded(add=was)
    found = scored(mine("add", *now))
    assert only(found).kind == kind, only(found)
    assert said in only(found).message
    assert found.exit_code == (kind == "newly-failing")


def test_without_remedies_a_cell_that_took_one_counts_as_failing(project: Project) -> None:
    assert project.root.is_dir()
    recorded(add=[broken(), attempt(remedies=["lower-opset"])])
    assert only(scored(mine("add", broken()), plain=True)).kind == "failing"
    assert only(scored(mine("add", broken()))).kind == "newly-failing"
    assert only(scored(mine("add", attempt()), plain=True)).kind == "newly-passing"


def test_what_is_not_known_is_not_compared_and_is_no_green_light(project: Project) -> None:
    assert project.root.is_dir()
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


def test_every_output_says_it_and_shows_no_control(project: Project) -> None:
    assert project.root.is_dir()
    recorded(add=[attempt()])
    found = scored(mine("add", broken("Relu \x1b[31mis broken")))
    out = io.StringIO()
    scores.show(Console(file=out, width=200), found)
    assert "onnx-tf=mine.whl over old: 1 cell compared: 1 newly-failing." in out.getvalue()
    assert "\x1b" not in out.getvalue()
    said = json.loads(scores.as_json(found))
    assert (said["exit_code"], said["counts"]["newly-failing"], said["cells"][0]["was"]) == (1, 1, "works")


def test_every_word_has_a_meaning() -> None:
    assert set(scores.MEANINGS) == set(scores.Kind)


def test_the_committed_schema_is_that_of_the_score() -> None:
    assert json.loads((ROOT / "docs" / "score.schema.json").read_text()) == scores.json_schema()
