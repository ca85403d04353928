"""What is recorded stays what it is: digests of the files in results/, of all cases, and keys of all recorded cells.

Run as a program it writes the list anew: python tests/unit/test_golden.py
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.evidence import files, schema
from tfparity.evidence.query import Query
from tfparity.inputs import case_files
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import PlannedCell
from tfparity.records.vocabulary import Verdict

PROJECT = paths.project(Path(__file__).parents[2])
GOLDEN = Path(__file__).with_name("golden.json")
FILES = [path for path in PROJECT.results.rglob("*.json") if path.is_file()]


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def present() -> dict[str, dict[str, str]]:
    """By what it is of: a digest of every case, by file; of every recorded cell's key as it is computed now, by
    toolchain; of every file in results/."""
    selection = Selection(Choice(toolchains=("all",), tier="all"), PROJECT)
    cases: dict[str, dict[str, str]] = {}
    for id, case in selection.cases.items():
        cases.setdefault(Path(case.file).name, {})[id] = case_files.digest(case)
    keys = {}
    for name, content in files.load_all(PROJECT).items():
        found = {}
        for cell in content.cells:
            planned = PlannedCell(name, cell.case, cell.route)
            found[f"{cell.case} {cell.route}"] = selection.keys.cell(planned, cell)
        keys[name] = digest(found)
    results = {path.relative_to(PROJECT.results).as_posix(): paths.digest([path])[:16] for path in sorted(FILES)}
    return {"cases": {name: digest(found) for name, found in sorted(cases.items())}, "keys": keys, "results": results}


def test_no_case_no_key_and_no_recorded_figure_moves_unnoticed() -> None:
    """A new case, new evidence or a raised revision is a reason to write the list anew, and to say so."""
    known = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert present() == known, "if it is meant: python tests/unit/test_golden.py"


def test_no_recorded_cell_is_stale() -> None:
    selection = Selection(Choice(toolchains=("all",), tier="all"), PROJECT)
    query = Query(selection)
    recorded = [cell for cell in selection.planned if query.cell(cell.place) is not None]
    assert len(recorded) > 4000
    assert [cell.id for cell in recorded if query.verdict(cell) is Verdict.STALE] == []


EVIDENCE = sorted(PROJECT.results.glob("*.json"))
RUNS = sorted((PROJECT.results / "runs").glob("*.json"))


@pytest.mark.parametrize("path", EVIDENCE, ids=lambda path: path.stem)
def test_evidence_is_written_as_it_was_read(path: Path) -> None:
    assert schema.encode(files.load(path)) == path.read_bytes()


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_runs_are_written_as_they_were_read(path: Path) -> None:
    found = files.load_runs_of(PROJECT, path.stem)
    assert found is not None
    assert schema.encode_runs(found) == path.read_bytes()


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(present(), indent=1) + "\n", encoding="utf-8")
