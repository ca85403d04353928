"""A small project that tests of recorded evidence share: three toolchains, five cases, one rule."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import PACKAGES
from builders import record as made

from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.features.session import Session
from tfparity.inputs.matrix import Environment
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.records.cells import Attempt, CellRecord
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

UNSQUEEZE = "Unsqueeze version 13 is not implemented."


def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
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


def everything() -> Session:
    """The whole matrix and zoo, read anew."""
    return Session(Choice(toolchains=("all",), tier="all"))


def record(case: str, *attempts: Attempt, toolchain: str = "old", **changed: Any) -> CellRecord:
    """The record of a cell of the zoo that these attempts make; one that works without any."""
    return made(f"zoo/{case}", *attempts, toolchain=toolchain, **changed)


def current(case: str, *attempts: Attempt, toolchain: str = "old", **changed: Any) -> CellRecord:
    """A record with the key that it has now."""
    found = record(case, *attempts, toolchain=toolchain, **changed)
    assert found.cell is not None
    session = everything()
    planned = next(cell for cell in session.cells if cell.place == found.place)
    error = found.deciding.error if found.deciding else None
    return replace(found, cell=replace(found.cell, key=session.selection.keys.cell(planned, found.cell, error)))


def places(content: Any) -> list[str]:
    return [cell["case"].removeprefix("zoo/") for cell in content["cells"]]


def stored(project: Project, toolchain: str = "old") -> dict[str, Any]:
    return json.loads((project.results / f"{toolchain}.json").read_text())


def stored_runs(project: Project) -> dict[str, Any]:
    return json.loads((project.results / "runs" / "old.json").read_text())
