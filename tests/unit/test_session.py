"""What a feature holds: cells in their order, why a record fails, whether it worked before, how long a run takes."""

import re
from pathlib import Path
from typing import Any

import builders
import pytest
import small_project
from builders import attempt, broken, not_run
from small_project import RULE, UNSQUEEZE, current, record

from tfparity.engine.store import Store
from tfparity.environments import install
from tfparity.errors import EvidenceError, UsageError
from tfparity.features.session import Session
from tfparity.paths import Project
from tfparity.planning import estimate
from tfparity.planning.options import Choice
from tfparity.records.cells import Attempt, CellId, CellRecord
from tfparity.records.observer import Silent


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def session(toolchain: str = "all", **choice: object) -> Session:
    """Of the whole matrix and zoo if nothing is chosen, read anew each time."""
    return Session(Choice(**{"toolchains": (toolchain,), "tier": "all", **choice}))  # type: ignore[arg-type]


# Explaining


def test_a_record_is_explained_by_the_rule_that_the_evidence_gets(project: Project) -> None:
    failing = record("gru", broken(UNSQUEEZE), broken(UNSQUEEZE, opset=12))
    rule = session().explain(failing)
    assert rule is not None and rule.id == "unsqueeze"
    session().recorder.record([failing])
    assert [cell.limitation for cell in session().query.recorded["old"].cells] == ["unsqueeze"]


@pytest.mark.parametrize(
    "given",
    [
        record("add"),
        record("add", broken(UNSQUEEZE), attempt(12)),
        record("add", broken("another thing went wrong")),
        record("add", attempt(13, "load", "fail", UNSQUEEZE)),
        record("add", broken(UNSQUEEZE, type="InsensitiveCase")),
        not_run("zoo/add", "untested", "the budget was spent", toolchain="old"),
    ],
    ids=["works", "works by a remedy", "another text", "another stage", "a defect of the case", "not run"],
)
def test_what_no_rule_explains_is_not_explained(project: Project, given: CellRecord) -> None:
    assert session().explain(given) is None


def test_a_record_is_explained_whatever_fails_alike_in_the_evidence(project: Project) -> None:
    project.limitations.write_text(RULE.replace("  stage:", '  cases: ["zoo/gru"]\n  stage:'))
    session().recorder.record([record("add", broken(UNSQUEEZE))])
    rule = session().explain(record("gru", broken(UNSQUEEZE)))
    assert rule is not None and rule.id == "unsqueeze"
    assert session().explain(record("add", broken(UNSQUEEZE))) is None


def test_rules_of_ones_own_explain_first(project: Project, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULE.replace("id: unsqueeze", "id: mine"))
    rule = session(limitations=rules).explain(record("gru", broken(UNSQUEEZE)))
    assert rule is not None and rule.id == "mine"


# Remedies of a user's own models


@pytest.mark.parametrize(
    ("attempts", "tried"),
    [
        ((broken(UNSQUEEZE), attempt(13, remedies=("gru-handler",))), True),
        ((broken(UNSQUEEZE), broken(UNSQUEEZE, remedies=("gru-handler",))), True),
        ((broken(UNSQUEEZE),), False),
        ((broken(UNSQUEEZE), attempt(12)), False),
    ],
    ids=["cured", "tried in vain", "not tried", "a lower opset"],
)
def test_remedies_that_a_model_of_ones_own_tried_are_tried_again(
    project: Project, tmp_path: Path, attempts: tuple[Attempt, ...], tried: bool
) -> None:
    """On every toolchain of the choice: what is compared was made alike."""

    models = tmp_path / "models.py"
    models.write_text("".join(path.read_text() for path in project.cases.glob("*.py")))

    def own(**more: object) -> Session:
        mine = {"sources": (str(models),), "results": tmp_path / "mine"}
        return session(**mine, **more)  # type: ignore[arg-type]

    own().recorder.record([record("gru", *attempts)])
    for toolchain in ("old", "all"):
        found = own(toolchain=toolchain).engine(Silent()).context.options.tried_before
        assert found == ({("zoo/gru", "onnx-tf")} if tried else set())


def test_a_case_of_the_zoo_needs_no_memory_of_remedies(project: Project) -> None:
    session().recorder.record([record("gru", broken(UNSQUEEZE), attempt(13, remedies=("gru-handler",)))])
    assert session().engine(Silent()).context.options.tried_before == set()


# What worked before


@pytest.mark.parametrize(
    ("recorded", "regressed"),
    [
        (current, True),
        (lambda made: [made], False),  # of another key: stale
    ],
    ids=["current", "stale"],
)
@pytest.mark.parametrize(
    ("before", "worked"),
    [
        (record("add"), True),
        (record("add", broken(UNSQUEEZE), attempt(12)), True),
        (record("add", broken(UNSQUEEZE)), False),
        (record("gru"), False),
    ],
    ids=["works", "works by a remedy", "broken", "another cell"],
)
def test_a_cell_that_evidence_has_working_has_regressed(
    project: Project, before: CellRecord, worked: bool, recorded: object, regressed: bool
) -> None:
    assert callable(recorded)
    session().recorder.record(recorded(before))
    assert session().regressed(record("add", broken(UNSQUEEZE))) is (worked and regressed)
    assert not session().regressed(record("add"))
    assert not session().regressed(not_run("zoo/add", "untested", toolchain="old"))


def test_a_cell_that_was_not_chosen_has_not_regressed(project: Project) -> None:
    session().recorder.record(current(record("add")))
    asked = session("old", case_globs=("zoo/gru",))
    assert not asked.regressed(record("add", broken(UNSQUEEZE)))


# In which order, and for how long


def test_without_a_budget_cells_come_as_the_plan_has_them(project: Project) -> None:
    asked = session("old")
    assert asked.cells == asked.selection.planned


def test_under_a_budget_what_is_not_known_comes_first(project: Project) -> None:
    made = [record(name) for name in ("add", "gelu", "gru")]
    session().recorder.record([*current(*made[:2]), made[2]])
    asked = session("old", routes=("onnx-tf",), budget=60.0)
    assert [cell.case for cell in asked.cells if cell.applicable] == ["zoo/gru", "zoo/mish", "zoo/add", "zoo/gelu"]


def test_only_recorded_cells_are_taken_where_that_is_asked(project: Project) -> None:
    session().recorder.record([record("add"), record("gru", key="of another revision")])
    assert [cell.case for cell in session(recorded=True).cells] == ["zoo/add", "zoo/gru"]


def test_an_estimate_takes_recorded_seconds_and_the_time_of_what_is_not_installed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    session().recorder.record([record("add", attempt(total_seconds=40.0))])
    asked = session("old", jobs=2, routes=("onnx-tf",), case_globs=("zoo/add", "zoo/gru", "zoo/relu"))
    seconds = (40.0 + 40.0) / 2 + estimate.WARM_SECONDS  # one that was never run is taken as the others of its way
    assert asked.estimate(asked.cells) == seconds + estimate.INSTALL_SECONDS
    environment = asked.selection.matrix.environments["old"]
    place = install.place(environment, asked.selection.keys.locked(environment), asked.selection.cache)
    place.mkdir(parents=True)
    (place / install.COMPLETE).touch()
    assert asked.estimate(asked.cells) == seconds


def test_a_forecast_counts_only_what_is_not_in_the_store(project: Project) -> None:
    def of(*, as_recorded: bool = False, **given: Any) -> str:
        asked = session("old", jobs=1, routes=("onnx-tf",), case_globs=("zoo/add", "zoo/gru"), **given)
        asked.as_recorded = as_recorded
        return asked.forecast(asked.cells, asked.to_run(asked.cells))

    asked = session("old", routes=("onnx-tf",), case_globs=("zoo/add", "zoo/gru"))
    store, keys = Store(asked.selection.cache.store), asked.selection.keys
    install = r", with 1 environment to install \(at most 3\.7 GB\)"
    assert re.fullmatch(rf"2 cells to run: about \d+ (s|min){install}", of())
    store.put_attempt(keys.base(keys.crossing(asked.cells[0])), "opset-13", {}, attempt())
    assert re.fullmatch(rf"1 cell done before, 1 cell to run: about \d+ (s|min){install}", of())
    assert of(again=True).startswith("2 cells to run")
    assert re.search(rf"about 7 s{install}$", of(budget=7.0))
    session("old").recorder.record(current(record("add", broken(UNSQUEEZE))))
    rule = asked.selection.project.limitations
    rule.write_text(RULE + "  remedies: [auto-cast]\n")
    assert of().startswith("2 cells to run")  # of one only the remedy
    assert of(as_recorded=True).startswith("1 cell done before, 1 cell to run")  # no remedy that was not tried then
    rule.write_text(RULE)
    store.put_attempt(keys.base(keys.crossing(asked.cells[1])), "opset-13", {}, attempt())
    assert of() == "2 cells done before"
    assert of(level=2).startswith("2 cells to run")
    for file in asked.selection.cache.store.rglob("attempts.json"):
        file.rename(file.with_name("opset-13.json"))  # as it was once stored
    assert of().startswith("2 cells to run")


def test_what_is_made_as_recorded_is_every_cell_of_the_choice_that_is_recorded(project: Project) -> None:
    session("old").recorder.record([builders.record("zoo/add", attempt(), toolchain="old")])
    asked = session("old")
    assert {place.case: cell.verdict for place, cell in asked.recorded().items()} == {"zoo/add": "works"}
    asked.as_recorded = True
    with asked.engine(Silent()) as engine:
        assert set(engine.context.options.as_recorded) == {CellId("old", "zoo/add", "onnx-tf")}


def test_what_is_wrong_with_the_evidence_is_said_before_anything_runs(project: Project) -> None:
    project.results.mkdir()
    (project.results / "old.json").write_text("{")
    with pytest.raises(EvidenceError):
        session().read()


@pytest.mark.parametrize("name", ["sources", "path", "limitations"])
def test_recording_with_something_of_ones_own_is_refused_before_anything_runs(project: Project, name: str) -> None:
    given = {"sources": (str(project.cases),), "path": (project.root,), "limitations": project.limitations}
    with pytest.raises(UsageError, match="--results my_results"):
        session(record=True, **{name: given[name]}).read()


# The engine of a choice


def test_an_engine_has_what_was_chosen_and_the_keys_of_the_selection(project: Project) -> None:
    asked = session(jobs=3, budget=60.0, again=True, keep=True, all_opsets=True, path=(project.root,))
    context = asked.engine(Silent()).context
    options = context.options
    assert (options.jobs, options.budget, options.again, options.keep, options.all_opsets) == (3, 60.0, *(True,) * 3)
    assert options.path == (project.root,)
    assert context.keys is asked.selection.keys
    assert context.cases is asked.selection.cases
