"""A project of three toolchains and five cases for unit tests, and records of its cells under the keys they have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest

from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.inputs.matrix import Environment
from tfparity.paths import Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.cells import Attempt, CellRecord, PlannedCell
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

#: Explains UNSQUEEZE.
RULE = """\
- id: unsqueeze
  stage: convert
  matches: "Unsqueeze version 13 is not implemented"
  cause: The release lacks the handler.
  link: https://example.org/issues/1
  remedy: Export at opset 12.
"""

UNSQUEEZE = "Unsqueeze version 13 is not implemented."

NAMES = ("add", "gelu", "gru", "mish", "relu")

#: Every cell of it.
EVERYTHING = Choice(toolchains=("all",), tier="all")


def make(root: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Write it below `root` and make it the one that commands find: three toolchains by two routes, the last toolchain
    of which cannot be resolved, and five cases, one of which needs torch 2."""
    made = Project(root / "project")
    made.cases.mkdir(parents=True)
    made.matrix.write_text(MATRIX)
    made.limitations.write_text(RULE)
    needs = {"relu": {"torch": ">=2"}}
    cases = "\n".join(ONE.format(name=name, requires=needs.get(name, {})) for name in NAMES)
    (made.cases / "zoo.py").write_text(CASES.format(cases=cases))
    monkeypatch.setattr(declare, "_registry", {})
    monkeypatch.setattr(lock, "status", _locked)
    monkeypatch.setenv("TFPARITY_PROJECT", str(made.root))
    monkeypatch.setenv("TFPARITY_CACHE", str(root / "cache"))
    return made


def _locked(_: Project, environment: Environment) -> LockStatus:
    path = Path(f"lockfiles/{environment.id}.txt")
    if environment.id == "never":
        return LockStatus("unresolvable", path, "00", {}, "no version of torch 2.16")
    packages = {**builders.PACKAGES, "torch": str(environment.pins["torch"])}
    return LockStatus("locked", path, "00", packages, None)


def record(case: str, *attempts: Attempt, toolchain: str = "old", **given: Any) -> CellRecord:
    """The record that these attempts make of zoo/<case> on a toolchain; see builders.record."""
    return builders.record(f"zoo/{case}", *attempts, toolchain=toolchain, **given)


def current(*records: CellRecord) -> list[CellRecord]:
    """The records under the keys that their cells have now."""
    keys = Selection(EVERYTHING).keys
    made = []
    for one in records:
        assert one.cell is not None
        key = keys.cell(PlannedCell(*one.place), one.cell)
        made.append(replace(one, cell=replace(one.cell, key=key)))
    return made
