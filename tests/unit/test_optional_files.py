"""Files that may be absent: a link that leads nowhere or in a circle is no absence, and no evidence is passed over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.errors import InputError
from tfparity.evidence import files, gate_rates, latency
from tfparity.inputs import claims
from tfparity.paths import Project
from tfparity.planning.selection import Choice, Selection


def of_a_project(root: Path) -> Project:
    (root / "matrix.yaml").write_text("schema: 1\ndefault: none\ntoolchains: []\n")
    return paths.project(root)


#: Path below the project → what reads it.
READ: dict[str, Callable[[Project], object]] = {
    "results/old.json": lambda project: files.load_one(project, "old"),
    "results/runs/old.json": lambda project: files.load_runs_of(project, "old"),
    "results/latency/old.json": lambda project: latency.load(project, "old"),
    "results/gate/latency.json": gate_rates.load,
    "claims.yaml": lambda project: claims.load(project.claims),
    "flaky.yaml": lambda project: Selection(Choice(), project).quarantine,
}


@pytest.mark.parametrize("to", ["nowhere", "itself"])
@pytest.mark.parametrize("name", READ)
def test_a_link_that_cannot_be_followed_is_said(tmp_path: Path, name: str, to: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(file.name if to == "itself" else to)
    with pytest.raises(InputError, match=file.name):
        READ[name](of_a_project(tmp_path))


@pytest.mark.parametrize("name", READ)
def test_nothing_at_all_is_an_absence(tmp_path: Path, name: str) -> None:
    READ[name](of_a_project(tmp_path))
