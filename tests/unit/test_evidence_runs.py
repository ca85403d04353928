"""Runs: when, where and how long, and what was measured, beside the evidence."""

import json
from pathlib import Path

import pytest
from builders import RECORDS, TOOLCHAIN, attempt, broken, document, not_run, record

from tfparity.errors import EvidenceError
from tfparity.evidence import files, schema
from tfparity.evidence.runs import operators, runs, update_runs
from tfparity.evidence.schema import Agreement, Run, Runs, StageRun
from tfparity.paths import Project
from tfparity.records.cells import Artifact, Model, Note, Said
from tfparity.records.vocabulary import Grade

MODEL = Model(3, 2, "a.bias", 0.012, ("Conv", "Relu"))


def by_case(content: Runs) -> dict[str, Run]:
    return {run.case: run for run in content.cells}


def test_runs_sum_seconds_and_keep_the_peak_per_stage(tmp_path: Path) -> None:
    made = record("a/b", broken(), attempt(12, stages=attempt().stages * 2), attempt(11))
    content = runs(TOOLCHAIN, [made, not_run("a/c", "untested"), record("a/d", toolchain="other")])
    (run,) = content.cells
    assert run.seconds == 4.71
    assert run.stages == {"convert": StageRun(1.25, 512.0), "signature": StageRun(3.75, 512.0)}
    assert list(run.stages) == ["convert", "signature"]
    assert (run.ran_at, run.host) == ("2026-11-22T10:00:00+00:00", "Linux x86_64")
    project = Project(tmp_path)
    files.save_runs(project, content)
    assert files.load_runs(project) == {TOOLCHAIN: content}
    assert files.load_all(project) == {}


def test_runs_keep_how_far_the_deciding_answer_agrees(tmp_path: Path) -> None:
    wrong = attempt(
        13, "parity", "fail", "off", "Diverged", grade=Grade.DIVERGED, rms=None, cosine=0.99987, top_k=2 / 3
    )
    content = runs(
        TOOLCHAIN, [record("a/works", broken(), attempt(12)), record("a/broken", broken()), record("a/wrong", wrong)]
    )
    assert {case: run.agreement for case, run in by_case(content).items()} == {
        "a/works": Agreement(3.14e-7, 1.0, None),
        "a/broken": None,
        "a/wrong": Agreement(None, 1.0, 0.667),
    }
    files.save_runs(Project(tmp_path), content)
    assert files.load_runs_of(Project(tmp_path), TOOLCHAIN) == content
    assert files.load_runs_of(Project(tmp_path), "other") is None


def test_runs_keep_the_measured_figures_that_evidence_rounds_up(tmp_path: Path) -> None:
    made = [
        record("a/works", broken(), attempt(12, max_abs=1.7449e-6, floor=9.149e-7)),
        record("a/broken", broken()),
        record("a/exact", attempt(max_abs=0.0, floor=0.0)),
    ]
    content = runs(TOOLCHAIN, made)
    figures = {case: (run.max_abs, run.floor) for case, run in by_case(content).items()}
    assert figures == {"a/works": (1.7e-6, 9.1e-7), "a/broken": (None, None), "a/exact": (0.0, 0.0)}
    cells = {cell.case: (cell.max_abs, cell.floor) for cell in document(*made).cells}
    assert cells == {"a/works": (1e-5, 1e-6), "a/broken": (None, None), "a/exact": (0.0, 0.0)}
    files.save_runs(Project(tmp_path), content)
    assert files.load_runs_of(Project(tmp_path), TOOLCHAIN) == content


def test_runs_keep_what_the_attempt_that_decided_left() -> None:
    answer, artifact = Said("440 Hz", "441 Hz"), Artifact(1.5, 12.0)
    other = attempt(11, answer=Said("no", "no"), artifact=Artifact(9.0, 9.0))
    made = record("a/b", broken(model=MODEL), attempt(12, answer=answer, artifact=artifact), other)
    (run,) = runs(TOOLCHAIN, [made]).cells
    assert (run.model, run.answer, run.artifact) == (MODEL, answer, artifact)


def test_notes_stand_in_the_runs_that_have_any_and_come_back(tmp_path: Path) -> None:
    notes = (Note("1 of 2 weights: a.gamma", ("a.gamma",)),)
    content = runs(TOOLCHAIN, [record("yours/a", attempt(notes=notes)), record("yours/b")])
    path = files.save_runs(Project(tmp_path), content)
    assert files.load_runs(Project(tmp_path)) == {TOOLCHAIN: content}
    assert content.cells[0].notes == notes
    assert ["notes" in run for run in json.loads(path.read_text(encoding="utf-8"))["cells"]] == [True, False]


def test_the_last_word_on_a_model_is_kept_whoever_said_it() -> None:
    (run,) = runs(TOOLCHAIN, [record("a/b", broken(model=MODEL), broken("no word", opset=12))]).cells
    assert run.model == MODEL


def test_runs_of_before_models_and_figures_were_kept_are_read(tmp_path: Path) -> None:
    path = files.save_runs(Project(tmp_path), runs(TOOLCHAIN, RECORDS[:1]))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["schema"] = 1
    for name in ("model", "agreement", "answer", "artifact", "max_abs", "floor"):
        del content["cells"][0][name]
    path.write_text(json.dumps(content), encoding="utf-8")
    (run,) = files.load_runs(Project(tmp_path))[TOOLCHAIN].cells
    assert (run.model, run.agreement, run.answer, run.artifact, run.max_abs, run.floor) == (None,) * 6
    assert run.seconds == 1.57


def test_runs_recorded_again_take_the_place_of_the_earlier_and_those_without_a_cell_go() -> None:
    old = runs(TOOLCHAIN, [record(name) for name in ("a/b", "a/c", "a/gone")])
    again = attempt(total_seconds=9.0, ran_at="2025-01-01T10:00:00+00:00")
    new = runs(TOOLCHAIN, [record("a/b", again)])
    cells = document(record("a/b"), record("a/c"))
    merged = update_runs(old, new, cells)
    assert [(run.case, run.seconds) for run in merged.cells] == [("a/b", 9.0), ("a/c", 1.57)]
    assert update_runs(None, old, cells).cells == old.cells[:2]
    place = ("a/b", "onnx-tf")
    assert update_runs(old, new, cells, {place}).by_place[place].seconds == 1.57
    assert update_runs(None, new, cells, {place}).by_place[place].seconds == 9.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"host"', '"hast"', "lacks host"),
        ('"host": "Linux x86_64"', '"host": "Linux x86_64", "more": 1', "unknown key 'more'"),
        ('"seconds": 1.57', '"seconds": null', "seconds: Input should be"),
        ('"seconds": 1.57', '"seconds": -1.57', "seconds are below 0"),
        ('"seconds": 1.57', '"seconds": NaN', "seconds: Input should be a finite number"),
        ('"peak_mib": 512.0', '"peak_mib": "much"', "peak_mib: Input should be"),
        ('"model": null', '"model": []', "model is no object"),
        ('"max_abs": 1.7e-06', '"max_abs": true', "max_abs: Input should be a valid number"),
        ('"schema": 2', '"schema": 3', "schema 3, this tfparity reads 2"),
        (f'"toolchain": "{TOOLCHAIN}"', '"toolchain": "other"', "evidence of 'other'"),
        ('"case": "operators/gru"', '"case": "operators/gelu"', "stands twice"),
    ],
)
def test_a_broken_file_of_runs_is_refused_in_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    project = Project(tmp_path)
    path = files.save_runs(project, runs(TOOLCHAIN, RECORDS))
    good = path.read_text(encoding="utf-8")
    assert old in good
    path.write_text(good.replace(old, new), encoding="utf-8")
    with pytest.raises(EvidenceError, match=message) as caught:
        files.load_runs(project)
    assert "\n" not in str(caught.value)


def test_runs_have_a_line_per_cell() -> None:
    text = schema.encode_runs(runs(TOOLCHAIN, RECORDS)).decode()
    content = json.loads(text)
    assert list(content) == ["schema", "toolchain", "cells"]
    assert [cell["case"] for cell in content["cells"]] == sorted(record.case for record in RECORDS)
    lines = [line for line in text.splitlines() if line.startswith('  {"case": ')]
    assert [json.loads(line.rstrip(",")) for line in lines] == content["cells"]


def test_the_model_of_a_run_is_as_the_deciding_attempt_exported_it() -> None:
    without = Model(3, 2, "a.bias", 0.012)
    made = record(
        "a/b", broken(opset=13, model=MODEL), attempt(11, "export", "fail", "no such operator", model=without)
    )
    assert runs(TOOLCHAIN, [made]).cells[0].model == MODEL
    early = record("a/b", attempt(13, "build", "fail", "no model"), attempt(11, "build", "fail", "none", model=without))
    assert runs(TOOLCHAIN, [early]).cells[0].model == without


def test_runs_tell_the_operators_of_exported_files() -> None:
    records = [record("a/b", broken(model=MODEL)), record("a/c", broken())]
    assert operators(runs(TOOLCHAIN, records)) == {("a/b", "onnx-tf"): ("Conv", "Relu")}
    assert operators(None) == {}
