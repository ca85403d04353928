"""What changed of the evidence, from a real git log."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.evidence import history
from tfparity.paths import Project
from tfparity.records.cells import CellId

ADD, GRU = CellId("old", "zoo/add", "onnx-tf"), CellId("old", "zoo/gru", "onnx-tf")


class Repository:
    """A clone's results/, one folder below the top of a git repository."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.results = top / "below" / "results"
        self.results.mkdir(parents=True)
        self.git("init", "-q")

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=self.top, check=True, capture_output=True)

    def write(self, name: str, **verdicts: str) -> None:
        cells = [{"case": f"zoo/{case}", "route": "onnx-tf", "verdict": verdict} for case, verdict in verdicts.items()]
        (self.results / name).write_text(json.dumps({"schema": 2, "cells": cells}))

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "evidence")

    def changes(self) -> list[tuple[CellId, str | None, str | None]]:
        project = replace(paths.project(), own_results=self.results)
        return [(one.cell, one.was, one.now) for one in history.changes(project)]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_it_tells_what_became_of_each_cell(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.write("old.json", add="works", gru="broken")
    repository.commit()
    (repository.results / "runs").mkdir()
    repository.write("runs/old.json", add="broken")  # no evidence of verdicts
    (repository.top / "other.json").write_text("{}")
    repository.git("config", "log.showRoot", "false")
    repository.commit()
    repository.write("old.json", add="works", gru="works-with-remedy")
    repository.commit()
    (repository.results / "old.json").write_text("{")  # what no version of ours can read says nothing
    repository.commit()
    repository.write("old.json", gru="partial")
    repository.write("new.json", add="works")
    repository.write("commit x.json")
    repository.commit()
    (repository.results / "new.json").unlink()
    repository.commit()
    new = CellId("new", "zoo/add", "onnx-tf")
    assert repository.changes() == [
        (ADD, None, "works"),
        (GRU, None, "broken"),
        (GRU, "broken", "works-with-remedy"),
        (new, None, "works"),
        (ADD, "works", None),
        (GRU, "works-with-remedy", "partial"),
        (new, "works", None),
    ]
    monkeypatch.setenv("GIT_DIR", str(repository.top / "elsewhere"))
    assert len(repository.changes()) == 7
    dates = [one.when for one in history.changes(replace(paths.project(), own_results=repository.results))]
    assert dates == sorted(dates)


def test_where_the_log_does_not_have_all_it_tells_nothing(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verdict in ("works", "broken"):
        repository.write("old.json", add=verdict)
        repository.commit()
    assert len(repository.changes()) == 2
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", repository.top.as_uri(), shallow], check=True)
    inside = Project(root=shallow, own_results=shallow / "below" / "results")
    assert history.changes(inside) == ()
    plain = tmp_path.parent / f"{tmp_path.name}-plain"
    plain.mkdir()
    assert history.changes(Project(root=plain, own_results=plain)) == ()
    assert history.changes(Project(root=plain, own_results=plain / "none")) == ()
    bare = tmp_path / "bare"
    subprocess.run(["git", "clone", "-q", "--bare", repository.top, bare], check=True)
    subprocess.run(["git", "config", "uploadpack.allowFilter", "true"], cwd=bare, check=True)
    partial = tmp_path / "partial"
    subprocess.run(["git", "clone", "-q", "--filter=blob:none", "--no-checkout", bare.as_uri(), partial], check=True)
    bare.rename(tmp_path / "gone")
    (partial / "below" / "results").mkdir(parents=True)
    assert history.changes(Project(root=partial, own_results=partial / "below" / "results")) == ()
    monkeypatch.setenv("PATH", "")
    assert repository.changes() == []
