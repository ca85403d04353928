"""What is recorded: by two runs at once, explained by the rules as they now are, and nothing that was not run."""

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_project
from builders import attempt, broken, entry, not_run
from small_project import EVERYTHING, RULE, UNSQUEEZE, record

from tfparity import cli
from tfparity.environments import adhoc
from tfparity.errors import UsageError
from tfparity.evidence import files
from tfparity.evidence.document import document, update
from tfparity.evidence.query import Query
from tfparity.evidence.recorder import LOCK, Recorder
from tfparity.evidence.runs import runs, update_runs
from tfparity.features.session import Session
from tfparity.inputs.matrix import Matrix
from tfparity.paths import Cache, Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Artifact, CellRecord
from tfparity.records.vocabulary import Outcome
from tfparity.report import pages


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return small_project.make(tmp_path, monkeypatch)


def recorder(**choice: Any) -> Recorder:
    """Of the whole matrix and zoo if nothing is chosen, read anew each time."""
    return Recorder(Selection(Choice(**choice) if choice else EVERYTHING))


def places(content: dict[str, Any]) -> list[str]:
    return [cell["case"].removeprefix("zoo/") for cell in content["cells"]]


def limitations(content: dict[str, Any]) -> dict[str, str | None]:
    return {cell["case"].removeprefix("zoo/"): cell["limitation"] for cell in content["cells"]}


def stored(project: Project, toolchain: str = "old") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.results / f"{toolchain}.json").read_text())
    return found


def stored_runs(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.results / "runs" / "old.json").read_text())
    return found


def everything_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


# Side by side


def test_two_runs_that_record_keep_each_others_cells(project: Project) -> None:
    recorder().record([record("add")])
    one, other = recorder(), recorder()
    for begun in (one, other):  # both have read what is there before either writes
        query = Query(begun.selection)
        assert list(query.recorded) == list(query.runs) == ["old"]
    one.record([record("gelu")])
    other.record([record("gru")])
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu", "gru"]


def test_recording_waits_while_another_run_writes(project: Project) -> None:
    writing = threading.Thread(target=lambda: recorder().record([record("add")]))
    with recorder()._results():
        writing.start()
        writing.join(0.3)
        assert writing.is_alive()
        assert not files.load_all(project)
    writing.join(10)
    assert places(stored(project)) == ["add"]


def test_who_waits_for_whom_is_told_by_results_and_not_by_the_cache(project: Project, tmp_path: Path) -> None:
    cache = recorder().selection.cache
    beside = Recorder(Selection(Choice(), Project(tmp_path / "another"), Cache(cache.root)))
    with_another_cache = Recorder(Selection(Choice(), project, Cache(tmp_path / "another cache")))
    assert beside._results().lock_file != recorder()._results().lock_file == with_another_cache._results().lock_file


# What is kept


def test_runs_are_those_of_cells_from_the_store_too(project: Project) -> None:
    recorder().record([record("add", cached=True), record("gelu", cached=False)])
    assert [(run["seconds"], run["ran_at"]) for run in stored_runs(project)["cells"]] == [
        (1.57, "2026-11-22T10:00:00+00:00")
    ] * 2


def test_runs_of_cells_that_are_dropped_are_dropped(project: Project) -> None:
    recorder().record([record("vanished"), record("add")])
    assert places(stored_runs(project)) == ["add", "vanished"]
    recorder().record([record("gelu")], drop_unplanned=True)
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu"]


def test_a_cell_that_the_plan_says_cannot_be_is_dropped_too(project: Project) -> None:
    recorder().record([record("relu"), record("add")])  # relu needs torch 2
    recorder().record([record("gelu")], drop_unplanned=True)
    assert places(stored(project)) == ["add", "gelu"]


def test_what_is_not_of_the_zoo_drops_nothing_of_it(project: Project, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    recorder(results=mine).record([record("vanished")])
    recorder(results=mine, sources=(str(project.cases),)).record([record("add")], drop_unplanned=True)
    assert [cell.case for cell in files.load(mine / "old.json").cells] == ["zoo/add", "zoo/vanished"]


def test_recording_without_the_further_opsets_keeps_those_recorded(project: Project) -> None:
    recorder().record([record("add", attempt(), broken(opset=12))])
    before = (project.results / "old.json").read_bytes()
    recorder().record([record("add")])
    assert (project.results / "old.json").read_bytes() == before
    assert [attempt["opset"] for attempt in stored(project)["cells"][0]["attempts"]] == [13, 12]


def test_recording_a_verdict_again_keeps_what_stands_beside_it(project: Project) -> None:
    beside = {"level": 2, "targets": {"tflite-float32": entry()}}
    made = record("add")
    assert made.cell is not None
    recorder().record([replace(made, cell=replace(made.cell, **beside))])
    before = (project.results / "old.json").read_bytes()
    recorder().record([made])
    assert (project.results / "old.json").read_bytes() == before


@pytest.mark.parametrize("interrupted", [True, False])
def test_a_cell_that_was_not_run_to_its_end_keeps_what_was_recorded(project: Project, interrupted: bool) -> None:
    recorder().record([record("add", attempt(artifact=Artifact(1.0, 2.0)))])
    before = everything_below(project.results)
    nothing = not_run("zoo/add", "untested", "SIGKILL from outside, during convert", toolchain="old")
    recorder().record([replace(nothing, interrupted=interrupted)])
    assert everything_below(project.results) == before
    recorder().record([record("gelu"), replace(nothing, interrupted=interrupted)])
    assert places(stored(project)) == ["add", "gelu"]


def test_a_toolchain_that_cannot_be_resolved_is_recorded_without_a_cell(project: Project) -> None:
    recorder().record([not_run("zoo/add", "unresolvable", "no version of torch 2.16", toolchain="never")])
    content = files.load(project.results / "never.json")
    assert content.cells == ()
    assert content.environments["never"].resolve is Outcome.FAIL


def test_nothing_of_an_environment_that_no_matrix_names_is_recorded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = recorder()
    declared = asked.selection.matrix
    hidden = adhoc.declared(
        asked.selection.cache,
        python="3.10",
        pins={"torch": "1.13.1"},
        as_of=declared.environments["old"].as_of,
    )
    toolchain = declared.toolchains["old"].model_copy(update={"id": "trial", "source": hidden.id})
    made: Matrix = adhoc.extended(declared, toolchain, [hidden])
    monkeypatch.setattr(asked.selection, "matrix", made)
    with pytest.raises(UsageError, match=r"stands in no matrix\.yaml"):
        asked.record([record("gelu"), record("add", toolchain="trial")])
    assert not project.results.exists()


# Evidence of one's own


def test_evidence_of_ones_own_stays_in_its_folder(project: Project, tmp_path: Path) -> None:
    mine = {"toolchains": ("old",), "sources": (str(project.cases),), "results": tmp_path / "mine"}
    recorder(**mine).record([record("add")])
    assert (tmp_path / "mine" / "old.json").is_file() and not project.results.exists()
    assert list(Query(recorder(**mine).selection).recorded) == ["old"]


# Explaining


def test_what_is_recorded_is_explained_cell_by_cell(project: Project) -> None:
    recorder().record([record("gru", broken()), record("gelu", broken(), attempt(12)), record("add", broken("odd"))])
    assert limitations(stored(project)) == {"add": None, "gelu": None, "gru": "unsqueeze"}
    assert {tuple(error) for error in stored(project)["errors"].values()} == {("stage", "type", "message")}


def test_recording_one_cell_explains_all_that_its_toolchain_has(project: Project) -> None:
    recorder().record([record("gru", broken())])
    project.limitations.write_text(RULE.replace("id: unsqueeze", "id: renamed"))
    recorder().record([record("add")])
    assert limitations(stored(project)) == {"add": None, "gru": "renamed"}


def test_records_alone_make_evidence_that_is_explained(project: Project) -> None:
    found = recorder().found([record("gru", broken()), record("add", toolchain="new"), record("relu", broken("odd"))])
    assert list(found) == ["old", "new"]
    assert {cell.case: cell.limitation for cell in found["old"].cells} == {"zoo/gru": "unsqueeze", "zoo/relu": None}
    assert not project.results.exists()


def test_a_changed_rule_is_reported_then_written_and_nothing_else_is(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    recorder().record([record("gru", broken(UNSQUEEZE)), record("add", toolchain="new")])
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
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    recorder().record([record("gru", broken(UNSQUEEZE)), record("add", broken("another thing went wrong"))])
    path = project.results / "old.json"
    assert path.read_text().count('"limitation": null') == 1
    path.write_text(path.read_text().replace('"limitation": null', '"limitation": "unsqueeze"'))
    assert cli.main(["table", "--check"]) == 1
    assert "old zoo/add onnx-tf: fails without a limitation" in capsys.readouterr().out.splitlines()


def test_evidence_of_a_package_under_test_is_refused_by_the_table(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    recorder().record([record("gru", broken(UNSQUEEZE)), record("add")])
    path = project.results / "old.json"
    path.write_text(path.read_text().replace('"unlocked": false', '"unlocked": true', 1))
    assert cli.main(["table", "--check"]) == 1
    assert "old: zoo/add onnx-tf is of a package under test, which is not published" in capsys.readouterr().out


def test_a_file_of_schema_1_is_written_anew_when_it_is_explained(project: Project) -> None:
    recorder().record([record("gru", broken(UNSQUEEZE))])
    path = project.results / "old.json"
    content, now = json.loads(path.read_text()), path.read_bytes()
    content["schema"] = 1
    (error,) = content["errors"].values()
    error["limitation"] = "of-old"
    for name in ("limitation", "level", "probes", "runtimes", "unlocked"):
        del content["cells"][0][name]
    path.write_text(json.dumps(content))
    assert recorder().explain_recorded() == [path]
    assert path.read_bytes() == now


# What the plan has no more


def test_a_recorded_cell_that_the_plan_has_no_more_is_told_and_taken_out_by_table(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "write", lambda *_, **__: [])
    project.limitations.write_text("[]\n")
    kept = [record("add"), record("mish", toolchain="new")]
    gone = [record("gone"), record("relu"), record("add", route="hf-from-pt"), record("add", toolchain="vanished")]
    for one in (*kept, *gone):
        recorder_of(project, one)
    lines = {f"{one.place}: is recorded, and planned no more: run `nox -s table`" for one in gone}
    assert cli.main(["table", "--check"]) == 1
    assert {line for line in capsys.readouterr().out.splitlines() if "planned" in line} == lines
    assert cli.main(["table"]) == 0
    assert {line for line in capsys.readouterr().out.splitlines() if "planned" in line} == {
        f"{one.place}: is planned no more: taken out of results/" for one in gone
    }
    assert (places(stored(project)), places(stored(project, "new"))) == (["add"], ["mish"])
    assert [run["case"] for run in stored_runs(project)["cells"]] == ["zoo/add"]
    assert sorted(path.stem for path in project.results.rglob("*.json")) == ["new", "new", "old", "old"]
    assert cli.main(["table", "--check"]) == 0
    assert Query(Selection(EVERYTHING)).unplanned() == []


def recorder_of(project: Project, one: CellRecord) -> None:
    """Write a record into results/ as a plan of before would have."""
    content = document(one.toolchain, source=one.toolchain, routes={one.route: one.toolchain}, records=[one])
    files.save(project, update(files.load_one(project, one.toolchain), content))
    before = files.load_runs_of(project, one.toolchain)
    files.save_runs(project, update_runs(before, runs(one.toolchain, [one]), files.load_one(project, one.toolchain)))  # type: ignore[arg-type]


def test_a_cell_that_cannot_be_resolved_now_stays(project: Project) -> None:
    recorder_of(project, record("add", toolchain="never"))
    assert Query(Selection(EVERYTHING)).unplanned() == []


def test_the_evidence_of_this_repository_has_no_cell_that_is_planned_no_more() -> None:
    project = Project(Path(__file__).parents[2])
    assert Query(Selection(EVERYTHING, project)).unplanned() == []


@pytest.mark.parametrize("place", ["file", "file/below", "loop", "file/../file/results", "lock", "runs"])
@pytest.mark.parametrize("command", [["run", "--record"], ["gate", "--update"]])
def test_results_that_cannot_be_written_are_refused_before_anything_runs(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
    command: list[str],
) -> None:
    (project.root / "file").write_text("")
    (project.root / "loop").symlink_to(project.root / "loop")
    (project.root / "lock" / LOCK).mkdir(parents=True)
    (project.root / "runs").mkdir()
    (project.root / "runs" / "runs").write_text("")
    monkeypatch.setattr(Session, "engine", lambda *_: pytest.fail("something ran"))
    assert cli.main([*command, "--cases", "cases", "--results", str(project.root / place)]) == UsageError.exit_code
    assert "no results can be written there" in capsys.readouterr().err
