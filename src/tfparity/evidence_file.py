"""The files of the evidence: canonical bytes out, checked documents in. docs/evidence.md describes every key."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfparity import compare, judge
from tfparity.errors import EvidenceError
from tfparity.paths import Project

SCHEMA = 1

#: A file's content as JSON values.
Document = dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """One toolchain's evidence, its parts as in the file. Cells are in the order of case and route."""

    toolchain: str
    environments: dict[str, dict[str, Any]]
    source: str
    routes: dict[str, str]
    errors: dict[str, dict[str, Any]]
    cells: list[dict[str, Any]]

    def cell(self, case: str, route: str) -> dict[str, Any] | None:
        """The cell of that case and route, None without one."""
        return next((cell for cell in self.cells if cell["case"] == case and cell["route"] == route), None)


#: Verdicts that a stored cell can have.
STORED = ("works", "works-with-remedy", "partial", "broken")

_DOCUMENT = ("schema", "toolchain", "environments", "source", "routes", "errors", "cells")
ENVIRONMENT = ("python", "lock_sha256", "packages", "shims", "resolve", "install", "import")
ERROR = ("stage", "type", "message", "limitation")
_CELL = (
    "case", "route", "verdict", "grade", "opset", "attempts", "remedies", "error", "max_abs", "floor", "dynamic",
    "signature", "targets", "key",
)  # fmt: skip
_ATTEMPT = ("opset", "file_opset", "remedies", "stage", "outcome", "error")
_RUN = ("case", "route", "ran_at", "host", "seconds", "stages", "model")


def encode(content: Evidence) -> bytes:
    """Canonical bytes of a toolchain's evidence: a line per environment, error and cell, keys in a fixed order."""
    environments = {id: ordered(facts, ENVIRONMENT) for id, facts in sorted(content.environments.items())}
    errors = {name: ordered(error, ERROR) for name, error in sorted(content.errors.items())}
    lines = [
        "{",
        f' "schema": {SCHEMA},',
        f' "toolchain": {dumps(content.toolchain)},',
        f' "environments": {_block(environments)},',
        f' "source": {dumps(content.source)},',
        f' "routes": {dumps(ordered(content.routes, ()))},',
        f' "errors": {_block(errors)},',
        f' "cells": {_list([canonical_cell(cell) for cell in by_place(content.cells)])}',
        "}",
    ]
    return _bytes(lines)


def encode_runs(content: Document) -> bytes:
    """Canonical bytes of a toolchain's runs."""
    cells = [ordered(cell, _RUN, deep=False) for cell in by_place(content["cells"])]
    lines = [
        "{",
        f' "schema": {content["schema"]},',
        f' "toolchain": {dumps(content["toolchain"])},',
        f' "cells": {_list(cells)}',
        "}",
    ]
    return _bytes(lines)


def load(path: Path) -> Evidence:
    """A toolchain's evidence, checked. Raises EvidenceError with file and line."""
    content = _load(path, _check)
    return Evidence(**{name: value for name, value in content.items() if name != "schema"})


def load_all(project: Project) -> dict[str, Evidence]:
    """The whole evidence of a project, by toolchain; empty where there is none."""
    return {path.stem: load(path) for path in sorted(project.results.glob("*.json"))}


def load_runs(project: Project) -> dict[str, Document]:
    """When, where and how long, by toolchain. Raises EvidenceError with file and line."""
    return {path.stem: _load(path, _check_runs) for path in sorted(_runs_folder(project).glob("*.json"))}


def save(project: Project, content: Evidence) -> Path:
    """Write results/<toolchain>.json, whole or not at all."""
    return _save(project.results / f"{content.toolchain}.json", encode(content))


def save_runs(project: Project, content: Document) -> Path:
    """Write results/runs/<toolchain>.json, whole or not at all."""
    return _save(_runs_folder(project) / f"{content['toolchain']}.json", encode_runs(content))


def _runs_folder(project: Project) -> Path:
    return project.results / "runs"


def _save(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def by_place(cells: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(cells, key=lambda cell: (cell["case"], cell["route"]))


def canonical_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **ordered(cell, _CELL, deep=False),
        "attempts": [ordered(attempt, _ATTEMPT) for attempt in cell["attempts"]],
        "dynamic": ordered(cell["dynamic"], ()),
        "targets": ordered(cell["targets"], ()),
    }


def ordered(value: Mapping[str, Any], keys: Sequence[str], *, deep: bool = True) -> dict[str, Any]:
    """`value` with `keys` first, in their order, then the rest sorted; mappings within (`deep`) sorted too."""
    names = [key for key in keys if key in value] + sorted(key for key in value if key not in keys)
    return {
        name: ordered(value[name], ()) if deep and isinstance(value[name], Mapping) else value[name] for name in names
    }


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _bytes(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _block(entries: Mapping[str, Any]) -> str:
    if not entries:
        return "{}"
    return "{\n" + ",\n".join(f"  {dumps(name)}: {dumps(value)}" for name, value in entries.items()) + "\n }"


def _list(entries: Sequence[Any]) -> str:
    return "[\n" + ",\n".join(f"  {dumps(entry)}" for entry in entries) + "\n ]" if entries else "[]"


class _Wrong(Exception):
    """What is wrong with a document, and a text that stands in the line where it is."""

    def __init__(self, message: str, near: str | None = None) -> None:
        super().__init__(message)
        self.near = near


def _load(path: Path, check: Callable[[Any, str], None]) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise EvidenceError("there is no such file; record it: nox -s compat -- --record", file=path) from None
    except (OSError, UnicodeDecodeError) as unreadable:
        raise EvidenceError(f"cannot be read: {unreadable}", file=path) from None
    try:
        content = json.loads(text, object_pairs_hook=_unique)
        check(content, path.stem)
    except json.JSONDecodeError as broken:
        raise EvidenceError(f"is not JSON: {broken.msg}", file=path, line=broken.lineno) from None
    except _Wrong as wrong:
        place = re.search(wrong.near, text) if wrong.near else None
        line = text.count("\n", 0, place.start()) + 1 if place else None
        raise EvidenceError(f"{wrong}; record it again rather than mend it", file=path, line=line) from None
    assert isinstance(content, dict)
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Wrong(f"the key {twice!r} stands twice", re.escape(json.dumps(twice)))
    return found


def _check_head(content: Any, keys: Sequence[str], stem: str) -> None:
    if not isinstance(content, dict):
        raise _Wrong("is not an object", r"\S")
    schema = content.get("schema")
    if schema != SCHEMA:
        raise _Wrong(f"has schema {schema!r}, this tfparity reads {SCHEMA}", r'"schema"')
    _keys(content, keys, "the file", None)
    if content["toolchain"] != stem:
        raise _Wrong(f"is the evidence of {content['toolchain']!r}, not of {stem!r}", r'"toolchain"')
    if not isinstance(content["cells"], list):
        raise _Wrong("cells is not a list", r'"cells"')
    places: set[tuple[str, str]] = set()
    for cell in content["cells"]:
        if not (isinstance(cell, dict) and isinstance(cell.get("case"), str) and isinstance(cell.get("route"), str)):
            raise _Wrong("a cell is no object with case and route", r'"cells"')
        place = (cell["case"], cell["route"])
        if place in places:
            raise _Wrong(f"{cell['case']} by {cell['route']} stands twice", _near(cell))
        places.add(place)


def _check_runs(content: Any, stem: str) -> None:
    _check_head(content, ("schema", "toolchain", "cells"), stem)
    for cell in content["cells"]:
        cell.setdefault("model", None)  # runs of before it was kept
        _keys(cell, _RUN, f"{cell['case']} by {cell['route']}", _near(cell))


def _check(content: Any, stem: str) -> None:
    _check_head(content, _DOCUMENT, stem)
    for name in ("environments", "routes", "errors"):
        if not isinstance(content[name], dict):
            raise _Wrong(f"{name} is no object", f'"{name}"')
    for id, facts in content["environments"].items():
        _keys(facts, ENVIRONMENT, f"environment {id!r}", re.escape(json.dumps(id)) + ": {")
    for name, error in content["errors"].items():
        _keys(error, ERROR, f"error {name}", f'"{re.escape(name)}": {{')
    for cell in content["cells"]:
        _check_cell(cell, content)


def _check_cell(cell: dict[str, Any], content: Document) -> None:
    near, what = _near(cell), f"{cell['case']} by {cell['route']}"
    _keys(cell, _CELL, what, near)
    if cell["verdict"] not in STORED:
        raise _Wrong(f"{what} has the verdict {cell['verdict']!r}, none of {', '.join(STORED)}", near)
    if cell["grade"] not in (None, *compare.GRADES):
        raise _Wrong(f"{what} has the grade {cell['grade']!r}, none of {', '.join(compare.GRADES)}", near)
    if not isinstance(cell["attempts"], list) or not cell["attempts"]:
        raise _Wrong(f"{what} has no attempts", near)
    for attempt in cell["attempts"]:
        _keys(attempt, _ATTEMPT, f"an attempt of {what}", near)
    for name in (cell["error"], *(attempt["error"] for attempt in cell["attempts"])):
        if name is not None and name not in content["errors"]:
            raise _Wrong(f"{what} names the error {name!r}, which the file has not", near)
    if (cell["verdict"] in judge.FAILING) != (cell["error"] is not None):
        raise _Wrong(f"{what} is {cell['verdict']} and {'has no' if cell['error'] is None else 'has an'} error", near)


def _keys(value: Any, keys: Sequence[str], what: str, near: str | None) -> None:
    if not isinstance(value, dict):
        raise _Wrong(f"{what} is no object", near)
    missing = [key for key in keys if key not in value]
    unknown = [key for key in value if key not in keys]
    if missing or unknown:
        named = f"lacks {', '.join(missing)}" if missing else f"has the unknown key {unknown[0]!r}"
        raise _Wrong(f"{what} {named}", near)


def _near(cell: Mapping[str, Any]) -> str:
    case, route = (re.escape(json.dumps(cell[key], ensure_ascii=False)) for key in ("case", "route"))
    return rf'"case":\s*{case},\s*"route":\s*{route}'
