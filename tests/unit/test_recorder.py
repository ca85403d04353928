"""What is recorded: by two runs at once, into a place of its own, explained by the rules as they now are."""

import threading
from pathlib import Path
from typing import Any

import pytest
from builders import attempt, broken
from small_zoo import RULE, UNSQUEEZE, everything, places, record, stored, stored_runs, written

from tfparity import cli
from tfparity.features.session import Session
from tfparity.paths import Cache, Project
from tfparity.planning.options import Choice


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return written(tmp_path, monkeypatch)


def test_two_runs_that_record_keep_each_others_cells(project: Project) -> None:
    everything().recorder.record([record("add")])
    one, other = everything(), everything()
    for begun in (one, other):  # both have read what is there before either writes
        assert list(begun.query.recorded) == list(begun.query.runs) == ["old"]
    one.recorder.record([record("gelu")])
    other.recorder.record([record("gru")])
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu", "gru"]


def test_recording_waits_while_another_run_writes(project: Project) -> None:
    writing = threading.Thread(target=lambda: everything().recorder.record([record("add")]))
    with everything().recorder._results():
        writing.start()
        writing.join(0.3)
        assert writing.is_alive()
        assert not project.results.exists()
    writing.join(10)
    assert places(stored(project)) == ["add"]


def test_projects_with_one_cache_do_not_wait_for_each_other(tmp_path: Path) -> None:
    another = Session(Choice(), Project(tmp_path / "another"), Cache(everything().selection.cache.root))
    mine = everything().recorder._results().lock_file
    assert another.recorder._results().lock_file != mine == everything().recorder._results().lock_file


def test_runs_are_those_of_cells_from_the_store_too(project: Project) -> None:
    everything().recorder.record([record("add", cached=True), record("gelu", cached=False)])
    assert [(cell["seconds"], cell["ran_at"]) for cell in stored_runs(project)["cells"]] == [
        (1.57, "2026-11-22T10:00:00+00:00")
    ] * 2


def test_runs_of_cells_that_are_dropped_are_dropped(project: Project) -> None:
    everything().recorder.record([record("vanished"), record("add")])
    assert places(stored_runs(project)) == ["add", "vanished"]
    everything().recorder.record([record("gelu")], drop_unplanned=True)
    assert places(stored(project)) == places(stored_runs(project)) == ["add", "gelu"]


def test_recording_without_the_further_opsets_keeps_those_recorded(project: Project) -> None:
    tried = [attempt(), broken(UNSQUEEZE, 12)]
    everything().recorder.record([record("add", *tried)])
    before = (project.results / "old.json").read_bytes()
    everything().recorder.record([record("add")])
    assert (project.results / "old.json").read_bytes() == before
    assert [error["message"] for error in stored(project)["errors"].values()] == [UNSQUEEZE]


# Evidence of one's own


def own(project: Project, folder: Path, **more: Any) -> Session:
    given = Choice(toolchains=("old",), sources=(str(project.cases),), results=folder, **more)
    return Session(given)


def test_evidence_of_ones_own_stays_in_its_folder(project: Project, tmp_path: Path) -> None:
    own(project, tmp_path / "mine").recorder.record([record("add")])
    assert (tmp_path / "mine" / "old.json").is_file() and not project.results.exists()
    assert list(own(project, tmp_path / "mine").query.recorded) == ["old"]


# Explaining


def test_a_changed_rule_is_reported_then_written_and_nothing_else_is(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tfparity.report.pages.write", lambda *_, **__: [])
    everything().recorder.record([record("gru", broken(UNSQUEEZE)), record("add", toolchain="new")])
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
    everything().recorder.record([record("gru", broken(UNSQUEEZE)), record("add", broken("another thing went wrong"))])
    path = project.results / "old.json"
    path.write_text(path.read_text().replace('"limitation": null', '"limitation": "unsqueeze"'))
    assert cli.main(["table", "--check"]) == 1
    assert "old zoo/add onnx-tf: fails without a limitation" in capsys.readouterr().out.splitlines()
