"""What is recorded: by two runs at once, explained by the rules as they now are, and counted so that totals add up."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import attempt, broken, lost_axis

from tfparity import cli
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.errors import UsageError
from tfparity.evidence import files
from tfparity.evidence.document import update
from tfparity.evidence.query import Query, Table
from tfparity.features.session import Session
from tfparity.inputs.matrix import Environment
from tfparity.paths import Cache, Project
from tfparity.planning.keys import entry
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, CellRecord
from tfparity.records.vocabulary import Verdict
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


Make = Callable[[], Session]


@pytest.fixture
def session(project: Project) -> Make:
    """The whole matrix and zoo, read anew each time."""
    return lambda: Session(Choice(toolchains=("all",), tier="all"))


UNSQUEEZE = "Unsqueeze version 13 is not implemented."


def record(case: str, *attempts: Attempt, toolchain: str = "old", key: str = "k", **changed: Any) -> CellRecord:
    return builders.record(f"zoo/{case}", *attempts, toolchain=toolchain, key=key, **changed)


def places(content: Any) -> list[str]:
    return [cell["case"].removeprefix("zoo/") for cell in content["cells"]]


def stored(project: Project, toolchain: str = "old") -> dict[str, Any]:
    return json.loads((project.results / f"{toolchain}.json").read_text())


def stored_runs(project: Project) -> dict[str, Any]:
    return json.loads((project.results / "runs" / "old.json").read_text())


# Recording


def test_two_runs_that_record_keep_each_others_cells(project: Project, session: Make) -> None:
    session().recorder.record([record("add")])
    one, other = session(), session()
    for begun in (one, other):  # both have read what is there before either writes
        assert list(begun.query.recorded) == list(begun.query.runs) == ["old"]
    one.recorder.record([record("gelu")])
    other.recorder.record([record("gru")])
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu", "gru"]


def test_recording_waits_while_another_run_writes(project: Project, session: Make) -> None:
    writing = threading.Thread(target=lambda: session().recorder.record([record("add")]))
    with session().recorder._results():
        writing.start()
        writing.join(0.3)
        assert writing.is_alive()
        assert not project.results.exists()
    writing.join(10)
    assert places(stored(project)) == ["add"]


def test_projects_with_one_cache_do_not_wait_for_each_other(session: Make, tmp_path: Path) -> None:
    another = Session(Choice(), Project(tmp_path / "another"), Cache(session().selection.cache.root))
    locks = [asked.recorder._results().lock_file for asked in (another, session(), session())]
    assert locks[0] != locks[1] == locks[2]


def test_runs_are_those_of_cells_from_the_store_too(project: Project, session: Make) -> None:
    session().recorder.record([record("add", cached=True), record("gelu", cached=False)])
    assert [(cell["seconds"], cell["ran_at"]) for cell in stored_runs(project)["cells"]] == [
        (1.57, "2026-11-22T10:00:00+00:00")
    ] * 2


def test_runs_of_cells_that_are_dropped_are_dropped(project: Project, session: Make) -> None:
    session().recorder.record([record("vanished"), record("add")])
    assert places(stored_runs(project)) == ["add", "vanished"]
    session().recorder.record([record("gelu")], drop_unplanned=True)
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu"]


def test_recording_without_the_further_opsets_keeps_those_recorded(project: Project, session: Make) -> None:
    tried = [attempt(), broken(UNSQUEEZE, 12)]
    session().recorder.record([record("add", *tried)])
    before = (project.results / "old.json").read_bytes()
    session().recorder.record([record("add")])
    assert (project.results / "old.json").read_bytes() == before
    assert [cell["limitation"] for cell in stored(project)["cells"]] == [None]


# Evidence of one's own


def own(project: Project, folder: Path, **more: Any) -> Session:
    given = Choice(toolchains=("old",), sources=(str(project.cases),), results=folder, **more)
    return Session(given)


def test_evidence_of_ones_own_stays_in_its_folder(project: Project, tmp_path: Path) -> None:
    own(project, tmp_path / "mine").recorder.record([record("add")])
    assert (tmp_path / "mine" / "old.json").is_file() and not project.results.exists()
    assert list(own(project, tmp_path / "mine").query.recorded) == ["old"]


def test_recording_ones_own_models_needs_a_folder_of_ones_own(project: Project) -> None:
    asked = Session(Choice(toolchains=("old",), sources=(str(project.cases),), record=True))
    with pytest.raises(UsageError, match="--results my_results"):
        asked.read()


def test_rules_of_ones_own_go_first(project: Project, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULE.replace("id: unsqueeze", "id: mine"))
    asked = own(project, tmp_path / "mine", limitations=rules)
    assert [rule.id for rule in asked.selection.limitations] == ["mine", "unsqueeze"]
    rule = asked.explain(record("gru", broken(UNSQUEEZE)))
    assert rule is not None and rule.id == "mine"


# Explaining


def test_a_record_is_explained_by_the_rule_that_the_evidence_gets(project: Project, session: Make) -> None:
    failing = record("gru", broken(UNSQUEEZE), broken(UNSQUEEZE, 12))
    rule = session().explain(failing)
    assert rule is not None and rule.id == "unsqueeze"
    session().recorder.record([failing])
    assert [cell["limitation"] for cell in stored(project)["cells"]] == ["unsqueeze"]


@pytest.mark.parametrize(
    "given",
    [
        record("add"),
        record("add", broken("another thing went wrong")),
        record("add", attempt(13, "load", "fail", UNSQUEEZE)),
        record("add", broken(UNSQUEEZE, type="InsensitiveCase")),
        CellRecord("old", "zoo/add", "onnx-tf", Verdict.UNTESTED, "the budget was spent"),
    ],
    ids=["works", "another text", "another stage", "a defect of the case", "not run"],
)
def test_what_no_rule_explains_is_not_explained(session: Make, given: CellRecord) -> None:
    assert session().explain(given) is None


@pytest.mark.parametrize(
    ("recorded", "regressed"), [("works", True), ("works-with-remedy", True), ("broken", False), ("stale", False)]
)
def test_a_cell_that_evidence_has_working_has_regressed(
    session: Make, monkeypatch: pytest.MonkeyPatch, recorded: str, regressed: bool
) -> None:
    asked = session()
    monkeypatch.setattr(asked.query, "verdict", lambda _: Verdict(recorded))
    assert asked.regressed(record("add", broken(UNSQUEEZE))) is regressed
    assert not asked.regressed(record("add"))


def test_a_changed_rule_is_reported_then_written_and_nothing_else_is(
    project: Project, session: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    session().recorder.record([record("gru", broken(UNSQUEEZE)), record("add", toolchain="new")])
    assert cli.main(["table", "--check"]) == 0
    before, paths = stored(project), sorted(project.results.glob("*.json"))
    untouched = paths[0].stat().st_ino
    project.limitations.write_text(RULE.replace("id: unsqueeze", "id: renamed"))
    capsys.readouterr()

    assert cli.main(["table", "--check"]) == 1
    told = "old: zoo/gru onnx-tf has the limitation unsqueeze, by limitations.yaml renamed: run `nox -s table`"
    assert capsys.readouterr().out.splitlines() == [told]
    assert stored(project) == before

    assert cli.main(["table"]) == 0
    assert capsys.readouterr().out == f"{project.results / 'old.json'}: written\n"
    before["cells"][0]["limitation"] = "renamed"
    assert stored(project) == before
    assert paths[0].name == "new.json" and paths[0].stat().st_ino == untouched
    assert cli.main(["table", "--check"]) == 0


def test_a_limitation_typed_into_the_results_explains_nothing(
    project: Project, session: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    session().recorder.record([record("gru", broken(UNSQUEEZE)), record("add", broken("another thing went wrong"))])
    path = project.results / "old.json"
    path.write_text(path.read_text().replace('"limitation": null', '"limitation": "unsqueeze"'))
    assert cli.main(["table", "--check"]) == 1
    assert "old zoo/add onnx-tf: fails without a limitation" in capsys.readouterr().out.splitlines()


# Where everything stands


def keyed(session: Session, given: CellRecord) -> CellRecord:
    """The record with the key that it has by the project as it is."""
    assert given.cell is not None and given.deciding is not None
    planned = next(cell for cell in session.cells if cell.place == given.place)
    key = session.selection.keys.cell(planned, given.cell, given.deciding.error)
    return replace(given, cell=replace(given.cell, key=key))


def table(project: Project) -> Table:
    return Table(Query(Selection(Choice(toolchains=("all",), tier="all"), project)))


def test_totals_have_every_planned_cell_once(project: Project, session: Make) -> None:
    asked = session()
    old = [
        keyed(asked, record("add")),
        keyed(asked, record("gelu", broken(UNSQUEEZE), attempt(opset=12))),
        keyed(asked, record("gru", broken(UNSQUEEZE))),
        record("mish", key="of another revision"),
        record("vanished", key="of a case that is no more"),
    ]
    lost = lost_axis("batch")
    session().recorder.record([*old, keyed(asked, record("add", lost, toolchain="new"))])
    standings = table(project)
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
    assert sum(standings.counts().values()) == len(session().cells) == 3 * 2 * len(NAMES)
    by_toolchain = [standings.counts(toolchain.id) for toolchain in standings.toolchains]
    assert [sum(counts.values()) for counts in by_toolchain] == [2 * len(NAMES)] * 3
    assert sum(by_toolchain, start=type(by_toolchain[0])()) == standings.counts()


def test_what_could_be_run_and_never_was_is_untested(project: Project) -> None:
    assert table(project).counts() == {"not-applicable": 11, "unresolvable": 10, "untested": 9}


def test_a_standing_has_the_rule_that_holds_now_and_not_the_one_stored(project: Project, session: Make) -> None:
    session().recorder.record([keyed(session(), record("gru", broken(UNSQUEEZE)))])
    project.limitations.write_text(RULE.replace("id: unsqueeze", "id: renamed"))
    standing = table(project).verdict("old", "zoo/gru")
    assert standing is not None and standing.limitation is not None
    assert standing.limitation.id == "renamed"
    project.limitations.write_text("[]\n")
    standing = table(project).verdict("old", "zoo/gru")
    assert standing is not None and standing.limitation is None
    assert files.load(project.results / "old.json").errors  # the file is as it was


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
    asked = Session(Choice(**choice), Project(tmp_path), Cache(tmp_path / "cache"))
    if not mixes:
        asked.selection.refuse_to_mix()
        return
    with pytest.raises(UsageError, match="a place of its own"):
        asked.selection.refuse_to_mix()


@pytest.mark.parametrize("beside", ["probes", "targets", "runtimes"])
def test_what_stands_beside_a_verdict_makes_no_cell_stale_and_outlives_the_next_record(
    project: Project, session: Make, beside: str
) -> None:
    asked = session()
    given = keyed(asked, record("add"))
    assert given.cell is not None
    asked.recorder.record([given])
    found = builders.entry(key=entry(given.cell.key, beside, "some", 1))
    with_entry = replace(given, cell=replace(given.cell, **{beside: {"some": found}}))
    session().recorder.record([with_entry])
    session().recorder.record([given])
    (cell,) = files.load(project.results / "old.json").cells
    assert getattr(cell, beside) == {"some": found}
    standing = table(project).verdict("old", "zoo/add")
    assert standing is not None and standing.verdict is Verdict.WORKS
    changed = replace(given, cell=replace(given.cell, key="of another revision"))
    fresh = update(files.load(project.results / "old.json"), session().recorder.document("old", [changed]))
    assert getattr(fresh.cells[0], beside) == {}


def test_a_record_that_the_machine_interrupted_leaves_the_evidence_as_it_was(project: Project, session: Make) -> None:
    session().recorder.record([record("add"), record("gru", broken(UNSQUEEZE))])
    before = (project.results / "old.json").read_bytes()
    ended = CellRecord("old", "zoo/add", "onnx-tf", Verdict.UNTESTED, "ended by SIGKILL from outside", interrupted=True)
    session().recorder.record([ended])
    assert (project.results / "old.json").read_bytes() == before
