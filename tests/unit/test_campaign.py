"""What is recorded: by two runs at once, explained by the rules as they now are, and counted so that totals add up."""

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tfparity import cli, evidence, judge
from tfparity.campaign import Campaign
from tfparity.crossing import Crossing
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.errors import UsageError
from tfparity.matrix import Environment
from tfparity.options import Choice
from tfparity.paths import Cache, Project
from tfparity.report.standing import Standings
from tfparity.run import CellRecord, Silent
from tfparity.sides import Sides
from tfparity.worker import declare

MATRIX = """\
schema: 1
default: old
toolchains:
  - {id: old, python: "3.10", as-of: 2023-07-15, pins: {torch: 1.13.1}}
  - {id: new, python: "3.11", as-of: 2026-11-20, pins: {torch: 2.15.0}}
  - {id: never, python: "3.11", as-of: 2026-11-20, pins: {torch: 2.16.0}}
"""

CASES = """\
from tfparity import case, normal

{cases}
"""

ONE = """
@case("zoo/{name}", inputs=[normal("batch", 4)], requires={requires}, tags={{"smoke"}})
def {name}():
    \"\"\"One of them.\"\"\"
"""

RULE = """\
- id: unsqueeze
  stage: convert
  matches: "Unsqueeze version 13 is not implemented"
  cause: The release lacks the handler.
  link: none found
  remedy: Export at opset 12.
"""

NAMES = ("add", "gelu", "gru", "mish", "relu")
PACKAGES = {"torch": "1.13.1", "onnx": "1.13.1", "onnx-tf": "1.10.0", "tensorflow": "2.12.1"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Three toolchains, the last of which cannot be resolved, and five cases, one of which needs torch 2."""
    made = Project(tmp_path / "project")
    made.cases.mkdir(parents=True)
    made.matrix.write_text(MATRIX)
    made.limitations.write_text(RULE)
    needs = {"relu": {"torch": ">=2"}}
    cases = "\n".join(ONE.format(name=name, requires=needs.get(name, {})) for name in NAMES)
    (made.cases / "zoo.py").write_text(CASES.format(cases=cases))

    def status(_: Project, environment: Environment) -> LockStatus:
        path = Path(f"lockfiles/{environment.id}.txt")
        if environment.id == "never":
            return LockStatus("unresolvable", path, "00", {}, "no version of torch 2.16")
        return LockStatus("locked", path, "00", {**PACKAGES, "torch": str(environment.pins["torch"])}, None)

    monkeypatch.setattr(declare, "_registry", {})
    monkeypatch.setattr(lock, "status", status)
    monkeypatch.setenv("TFPARITY_PROJECT", str(made.root))
    monkeypatch.setenv("TFPARITY_CACHE", str(tmp_path / "cache"))
    return made


Make = Callable[[], Campaign]


@pytest.fixture
def campaign(project: Project) -> Make:
    """The whole matrix and zoo, read anew each time."""
    return lambda: Campaign(Choice(toolchains=("all",), tier="all"))


def attempt(message: str | None = None, *, opset: int = 13, stage: str = "convert", type: str = "RuntimeError") -> Any:
    where = stage if message else "signature"
    return {
        "opset": opset,
        "file_opset": opset,
        "remedies": [],
        "stage": where,
        "outcome": "fail" if message else "pass",
        "error": {"type": type, "message": message, "stage": where} if message else None,
        "grade": None if message else "float32-noise",
        "max_abs": None if message else 1e-6,
        "rms": None if message else 1e-7,
        "cosine": None if message else 1.0,
        "top_k": None,
        "floor": None if message else 1e-6,
        "dynamic": {} if message else {"batch": True},
        "signature": None if message else True,
        "stages": [],
    }


UNSQUEEZE = "Unsqueeze version 13 is not implemented."


def record(case: str, *attempts: Any, toolchain: str = "old", key: str = "k", **changed: Any) -> CellRecord:
    made = list(attempts) or [attempt()]
    cell = judge.cell(toolchain, f"zoo/{case}", "onnx-tf", made, shims=[], key=key)
    facts = {
        "python": "3.10",
        "lock_sha256": "00",
        "packages": PACKAGES,
        "shims": [],
        "resolve": "pass",
        "install": "pass",
        "import": "pass",
    }
    given: dict[str, Any] = {
        "cell": cell,
        "attempts": made,
        "environments": {toolchain: facts},
        "seconds": 2.5,
        "ran_at": "2026-11-22T10:00:00+00:00",
        "host": "Linux x86_64",
    }
    return CellRecord(toolchain, f"zoo/{case}", "onnx-tf", cell["verdict"], **{**given, **changed})


def places(content: Any) -> list[str]:
    return [cell["case"].removeprefix("zoo/") for cell in content["cells"]]


def stored(project: Project, toolchain: str = "old") -> dict[str, Any]:
    return json.loads((project.results / f"{toolchain}.json").read_text())


def stored_runs(project: Project) -> dict[str, Any]:
    return json.loads((project.results / "runs" / "old.json").read_text())


# Recording


def test_two_runs_that_record_keep_each_others_cells(project: Project, campaign: Make) -> None:
    campaign().record([record("add")])
    one, other = campaign(), campaign()
    for begun in (one, other):  # both have read what is there before either writes
        assert list(begun.recorded) == list(begun.runs) == ["old"]
    one.record([record("gelu")])
    other.record([record("gru")])
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu", "gru"]


def test_recording_waits_while_another_run_writes(project: Project, campaign: Make) -> None:
    writing = threading.Thread(target=lambda: campaign().record([record("add")]))
    with campaign()._results():
        writing.start()
        writing.join(0.3)
        assert writing.is_alive()
        assert not project.results.exists()
    writing.join(10)
    assert places(stored(project)) == ["add"]


def test_projects_with_one_cache_do_not_wait_for_each_other(campaign: Make, tmp_path: Path) -> None:
    another = Campaign(Choice(), Project(tmp_path / "another"), Cache(campaign().cache.root))
    assert another._results().lock_file != campaign()._results().lock_file == campaign()._results().lock_file


def test_runs_are_those_of_cells_from_the_store_too(project: Project, campaign: Make) -> None:
    campaign().record([record("add", cached=True), record("gelu", cached=False)])
    assert [(cell["seconds"], cell["ran_at"]) for cell in stored_runs(project)["cells"]] == [
        (2.5, "2026-11-22T10:00:00+00:00")
    ] * 2


def test_runs_of_cells_that_are_dropped_are_dropped(project: Project, campaign: Make) -> None:
    campaign().record([record("vanished"), record("add")])
    assert places(stored_runs(project)) == ["add", "vanished"]
    campaign().record([record("gelu")], drop_unplanned=True)
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu"]


def test_recording_without_the_further_opsets_keeps_those_recorded(project: Project, campaign: Make) -> None:
    tried = [attempt(), attempt(UNSQUEEZE, opset=12)]
    campaign().record([record("add", *tried)])
    before = (project.results / "old.json").read_bytes()
    campaign().record([record("add")])
    assert (project.results / "old.json").read_bytes() == before
    assert [error["limitation"] for error in stored(project)["errors"].values()] == ["unsqueeze"]


# Evidence of one's own


def own(project: Project, folder: Path, **more: Any) -> Campaign:
    given = Choice(toolchains=("old",), sources=(str(project.cases),), results=folder, **more)
    return Campaign(given)


def test_evidence_of_ones_own_stays_in_its_folder(project: Project, tmp_path: Path) -> None:
    own(project, tmp_path / "mine").record([record("add")])
    assert (tmp_path / "mine" / "old.json").is_file() and not project.results.exists()
    assert list(own(project, tmp_path / "mine").recorded) == ["old"]


def test_recording_ones_own_models_needs_a_folder_of_ones_own(project: Project) -> None:
    asked = Campaign(Choice(toolchains=("old",), sources=(str(project.cases),), record=True))
    with pytest.raises(UsageError, match="--results my_results"):
        asked.read()


def test_rules_of_ones_own_go_first(project: Project, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULE.replace("id: unsqueeze", "id: mine"))
    asked = own(project, tmp_path / "mine", limitations=rules)
    assert [rule.id for rule in asked.limitations] == ["mine", "unsqueeze"]
    rule = asked.explain(record("gru", attempt(UNSQUEEZE)))
    assert rule is not None and rule.id == "mine"


# Explaining


def test_a_record_is_explained_by_the_rule_that_the_evidence_gets(project: Project, campaign: Make) -> None:
    failing = record("gru", attempt(UNSQUEEZE), attempt(UNSQUEEZE, opset=12))
    rule = campaign().explain(failing)
    assert rule is not None and rule.id == "unsqueeze"
    campaign().record([failing])
    assert [error["limitation"] for error in stored(project)["errors"].values()] == ["unsqueeze"]


@pytest.mark.parametrize(
    "given",
    [
        record("add"),
        record("add", attempt("another thing went wrong")),
        record("add", attempt(UNSQUEEZE, stage="load")),
        record("add", attempt(UNSQUEEZE, type="InsensitiveCase")),
        CellRecord("old", "zoo/add", "onnx-tf", "untested", "the budget was spent"),
    ],
    ids=["works", "another text", "another stage", "a defect of the case", "not run"],
)
def test_what_no_rule_explains_is_not_explained(campaign: Make, given: CellRecord) -> None:
    assert campaign().explain(given) is None


@pytest.mark.parametrize(
    ("recorded", "regressed"), [("works", True), ("works-with-remedy", True), ("broken", False), ("stale", False)]
)
def test_a_cell_that_evidence_has_working_has_regressed(
    campaign: Make, monkeypatch: pytest.MonkeyPatch, recorded: str, regressed: bool
) -> None:
    asked = campaign()
    monkeypatch.setattr(asked, "verdicts", lambda cells: {(c.toolchain, c.case, c.route): recorded for c in cells})
    assert asked.regressed(record("add", attempt(UNSQUEEZE))) is regressed
    assert not asked.regressed(record("add"))


def test_a_changed_rule_is_reported_then_written_and_nothing_else_is(
    project: Project, campaign: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    campaign().record([record("gru", attempt(UNSQUEEZE)), record("add", toolchain="new")])
    assert cli.main(["table", "--check"]) == 0
    before, paths = stored(project), sorted(project.results.glob("*.json"))
    untouched = paths[0].stat().st_ino
    project.limitations.write_text(RULE.replace("id: unsqueeze", "id: renamed"))
    capsys.readouterr()

    assert cli.main(["table", "--check"]) == 1
    (name,) = before["errors"]
    told = f"old: the error {name} has the limitation unsqueeze, by limitations.yaml renamed: run `nox -s table`"
    assert capsys.readouterr().out.splitlines() == [told]
    assert stored(project) == before

    assert cli.main(["table"]) == 0
    assert capsys.readouterr().out == f"{project.results / 'old.json'}: written\n"
    before["errors"][name]["limitation"] = "renamed"
    assert stored(project) == before
    assert paths[0].name == "new.json" and paths[0].stat().st_ino == untouched
    assert cli.main(["table", "--check"]) == 0


def test_a_limitation_typed_into_the_results_explains_nothing(
    project: Project, campaign: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    campaign().record([record("gru", attempt(UNSQUEEZE)), record("add", attempt("another thing went wrong"))])
    path = project.results / "old.json"
    path.write_text(path.read_text().replace('"limitation": null', '"limitation": "unsqueeze"'))
    assert cli.main(["table", "--check"]) == 1
    assert "old zoo/add onnx-tf: fails without a limitation" in capsys.readouterr().out.splitlines()


# Where everything stands


def keys(campaign: Campaign) -> dict[tuple[str, str], str]:
    """The content key of every cell that can be run."""
    setting = campaign.engine(Silent()).setting
    sides = Sides(setting, ExitStack())
    return {
        (cell.toolchain, cell.case.removeprefix("zoo/")): Crossing(setting, cell, sides).key
        for cell in campaign.cells
        if cell.applicable
    }


def test_totals_have_every_planned_cell_once(project: Project, campaign: Make) -> None:
    key = keys(campaign())
    old = [
        record("add", key=key["old", "add"]),
        record("gelu", attempt(UNSQUEEZE), attempt(opset=12), key=key["old", "gelu"]),
        record("gru", attempt(UNSQUEEZE), key=key["old", "gru"]),
        record("mish", key="of another revision"),
        record("vanished", key="of a case that is no more"),
    ]
    lost = {**attempt("axis 'batch' is lost", stage="dynamic-shape"), "grade": "1e-5", "dynamic": {"batch": False}}
    campaign().record([*old, record("add", lost, toolchain="new", key=key["new", "add"])])
    standings = Standings(project)
    assert standings.counts() == {
        "works": 1,
        "works-with-remedy": 1,
        "partial": 1,
        "broken": 1,
        "not-applicable": 1 + 2 * len(NAMES),  # the other route, which needs what none of them has
        "unresolvable": 2 * len(NAMES),
        "untested": 4,
        "stale": 1,
    }
    assert sum(standings.counts().values()) == len(campaign().cells) == 3 * 2 * len(NAMES)
    by_toolchain = [standings.counts(toolchain.id) for toolchain in standings.toolchains]
    assert [sum(counts.values()) for counts in by_toolchain] == [2 * len(NAMES)] * 3
    assert sum(by_toolchain, start=type(by_toolchain[0])()) == standings.counts()


def test_what_could_be_run_and_never_was_is_untested(project: Project) -> None:
    assert Standings(project).counts() == {"not-applicable": 11, "unresolvable": 10, "untested": 9}


def test_a_standing_has_the_rule_that_holds_now_and_not_the_one_stored(project: Project, campaign: Make) -> None:
    campaign().record([record("gru", attempt(UNSQUEEZE), key=keys(campaign())["old", "gru"])])
    project.limitations.write_text(RULE.replace("id: unsqueeze", "id: renamed"))
    standing = Standings(project).verdict("old", "zoo/gru")
    assert standing is not None and standing.limitation is not None
    assert standing.limitation.id == "renamed"
    project.limitations.write_text("[]\n")
    standing = Standings(project).verdict("old", "zoo/gru")
    assert standing is not None and standing.limitation is None
    assert evidence.load(project.results / "old.json").errors  # the file is as it was


@pytest.mark.parametrize(
    ("choice", "mixes"),
    [
        ({}, False),
        ({"sources": ("mine.py",)}, True),
        ({"path": (Path("vendor"),)}, True),
        ({"limitations": Path("mine.yaml")}, True),
        ({"sources": ("mine.py",), "results": Path("results")}, True),
        ({"sources": ("mine.py",), "results": Path("mine")}, False),
    ],
)
def test_evidence_with_something_of_ones_own_needs_a_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: dict[str, Any], mixes: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = Campaign(Choice(**choice), Project(tmp_path), Cache(tmp_path / "cache"))
    if not mixes:
        asked.refuse_to_mix()
        return
    with pytest.raises(UsageError, match="a place of its own"):
        asked.refuse_to_mix()
