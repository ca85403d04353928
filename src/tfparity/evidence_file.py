"""The files of the evidence: canonical bytes out, checked documents in. docs/evidence.md describes every key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError, model_validator

from tfparity import compare, judge, paths
from tfparity.errors import EvidenceError
from tfparity.fingerprint import printable
from tfparity.limitations import Stage
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

#: Grades of an answer that is right.
_RIGHT = ("float32-noise", "1e-5")


def _one_of(names: Sequence[str]) -> AfterValidator:
    def known(value: str) -> str:
        if value not in names:
            raise ValueError(f"{value!r} is none of {', '.join(names)}")
        return value

    return AfterValidator(known)


class _Strict(BaseModel):
    """A part of a file: its keys in the file's order, and what each of them may hold."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class _Environment(_Strict):
    python: str
    lock_sha256: str | None
    packages: dict[str, str]
    shims: list[str]
    resolve: str
    install: str
    import_: str = Field(alias="import")


class _Error(_Strict):
    stage: Stage
    type: str
    message: str
    limitation: str | None


class _Attempt(_Strict):
    opset: int | None
    file_opset: int | None
    remedies: list[str]
    stage: Stage
    outcome: str
    error: str | None

    @model_validator(mode="after")
    def _failure_has_an_error(self) -> _Attempt:
        if (self.outcome == "pass") != (self.error is None):
            raise ValueError(f"its outcome is {self.outcome}, with {'no' if self.error is None else 'an'} error")
        return self


class _Cell(_Strict):
    case: str
    route: str
    verdict: Annotated[str, _one_of(STORED)]
    grade: Annotated[str, _one_of(compare.GRADES)] | None
    opset: int | None
    attempts: list[_Attempt]
    remedies: list[str]
    error: str | None
    max_abs: NonNegativeFloat | None
    floor: NonNegativeFloat | None
    dynamic: dict[str, bool]
    signature: bool | None
    targets: dict[str, Any]
    key: str

    @model_validator(mode="after")
    def _verdict_follows(self) -> _Cell:
        """The verdict is what judge.cell makes of the rest."""
        failing = self.verdict in judge.FAILING
        if failing != (self.error is not None):
            raise ValueError(f"is {self.verdict} and has {'no' if self.error is None else 'an'} error")
        doubt = self._why_not_failing() if failing else self._why_not_working()
        if doubt:
            raise ValueError(f"is {self.verdict}, but {doubt}")
        return self

    def _deciding(self) -> list[_Attempt]:
        named = judge.named(self.remedies)
        return [attempt for attempt in self.attempts if attempt.opset == self.opset and attempt.remedies == named]

    def _why_not_working(self) -> str | None:
        lost = [axis for axis, kept in self.dynamic.items() if not kept]
        if not any(attempt.outcome == "pass" for attempt in self._deciding()):
            by = f" by {', '.join(judge.named(self.remedies))}" if judge.named(self.remedies) else ""
            return f"no attempt at opset {self.opset}{by} passed"
        if self.grade not in _RIGHT:
            return f"the grade {self.grade or 'null'} is not right"
        if lost:
            return f"the axis {lost[0]!r} is lost"
        if not self.signature:
            return "the signature is not kept"
        if self.grade == "float32-noise" and (self.max_abs or 0.0) > 1.1 * compare.NOISE_FACTOR * (self.floor or 0.0):
            return f"{self.max_abs} is no noise where the floor is {self.floor}"
        if (self.verdict == "works") != (not self.remedies):
            return f"the remedies are {', '.join(self.remedies) or 'none'}"
        if self.opset != self.attempts[0].opset and f"opset-{self.opset}" not in self.remedies:
            return f"opset {self.opset} is not the first that was tried and stands among no remedies"
        return None

    def _why_not_failing(self) -> str | None:
        if not any(attempt.error == self.error for attempt in self._deciding()):
            return f"no attempt at opset {self.opset} met its error"
        passed = [attempt for attempt in self.attempts if attempt.outcome == "pass"]
        if any(attempt.remedies or attempt in self._deciding() for attempt in passed):
            return "an attempt passed"
        answered = self.grade is not None and self.grade != "diverged"
        if answered != (self.verdict == "partial"):
            return f"the grade is {self.grade or 'null'}"
        return None


class _StageRun(_Strict):
    seconds: NonNegativeFloat | None
    peak_mib: NonNegativeFloat | None


class _Model(_Strict):
    parameters: int | None
    weights: int
    least: str | None
    change: float | None
    operators: list[str]


class _Agreement(_Strict):
    rms: NonNegativeFloat | None
    cosine: float | None
    top_k: NonNegativeFloat | None


class _Artifact(_Strict):
    megabytes: NonNegativeFloat
    seconds: NonNegativeFloat


class _Run(_Strict):
    case: str
    route: str
    ran_at: str | None
    host: str | None
    seconds: NonNegativeFloat
    stages: dict[str, _StageRun]
    model: _Model | None
    agreement: _Agreement | None
    answer: dict[str, str | None] | None
    artifact: _Artifact | None


def _keys_of(part: type[_Strict]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in part.model_fields.items())


_DOCUMENT = ("schema", "toolchain", "environments", "source", "routes", "errors", "cells")
ENVIRONMENT = _keys_of(_Environment)
ERROR = _keys_of(_Error)
_CELL = _keys_of(_Cell)
_ATTEMPT = _keys_of(_Attempt)
_RUN = _keys_of(_Run)

#: Keys that runs of before they were kept have not.
_LATER = ("model", "agreement", "answer", "artifact")


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


def load_one(project: Project, toolchain: str) -> Evidence | None:
    """A toolchain's evidence, None where there is none. Raises EvidenceError with file and line."""
    path = _file(project, toolchain)
    return load(path) if path.is_file() else None


def load_runs(project: Project) -> dict[str, Document]:
    """When, where and how long, by toolchain. Raises EvidenceError with file and line."""
    return {path.stem: _load(path, _check_runs) for path in sorted((project.results / "runs").glob("*.json"))}


def load_runs_of(project: Project, toolchain: str) -> Document | None:
    """A toolchain's runs, None where there are none. Raises EvidenceError with file and line."""
    path = _runs_file(project, toolchain)
    return _load(path, _check_runs) if path.is_file() else None


def save(project: Project, content: Evidence) -> Path:
    """Write results/<toolchain>.json, whole or not at all."""
    return _save(_file(project, content.toolchain), encode(content))


def save_runs(project: Project, content: Document) -> Path:
    """Write results/runs/<toolchain>.json, whole or not at all."""
    return _save(_runs_file(project, content["toolchain"]), encode_runs(content))


def _file(project: Project, toolchain: str) -> Path:
    return project.results / f"{toolchain}.json"


def _runs_file(project: Project, toolchain: str) -> Path:
    return project.results / "runs" / f"{toolchain}.json"


def _save(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    paths.write_bytes(path, data)
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
    except (ValueError, RecursionError) as absurd:  # a number of thousands of digits, thousands of brackets
        raise EvidenceError(f"cannot be read: {absurd}", file=path) from None
    except _Wrong as wrong:
        place = re.search(wrong.near, text) if wrong.near else None
        line = text.count("\n", 0, place.start()) + 1 if place else None
        raise EvidenceError(
            f"{printable(str(wrong))}; record it again rather than mend it", file=path, line=line
        ) from None
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
    if type(schema) is not int or schema != SCHEMA:
        raise _Wrong(f"has schema {schema!r}, this tfparity reads {SCHEMA}", r'"schema"')
    missing = [key for key in keys if key not in content]
    unknown = [key for key in content if key not in keys]
    if missing or unknown:
        named = f"lacks {', '.join(missing)}" if missing else f"has the unknown key {unknown[0]!r}"
        raise _Wrong(f"the file {named}", re.escape(json.dumps(unknown[0])) if unknown else None)
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
        for name in _LATER:
            cell.setdefault(name, None)
        _fits(_Run, cell, f"{cell['case']} by {cell['route']}", _near(cell))


def _check(content: Any, stem: str) -> None:
    _check_head(content, _DOCUMENT, stem)
    if not isinstance(content["source"], str):
        raise _Wrong("source names no environment", '"source"')
    for name in ("environments", "routes", "errors"):
        if not isinstance(content[name], dict):
            raise _Wrong(f"{name} is no object", f'"{name}"')
    for route, id in content["routes"].items():
        if not isinstance(id, str):
            raise _Wrong(f"the route {route!r} names no environment", '"routes"')
    for id, facts in content["environments"].items():
        _fits(_Environment, facts, f"environment {id!r}", _near_key(id))
    for name, error in content["errors"].items():
        _fits(_Error, error, f"error {name}", _near_key(name))
    for cell in content["cells"]:
        what = f"{cell['case']} by {cell['route']}"
        _fits(_Cell, cell, what, _near(cell))
        for name in (cell["error"], *(attempt["error"] for attempt in cell["attempts"])):
            if name is not None and name not in content["errors"]:
                raise _Wrong(f"{what} names the error {name!r}, which the file has not", _near(cell))


def _fits(part: type[_Strict], value: Any, what: str, near: str) -> None:
    """Raises _Wrong with the first thing that does not fit: keys that are missing go first."""
    try:
        part.model_validate(value)
    except ValidationError as invalid:
        faults = [(error["type"], ".".join(map(str, error["loc"])), error["msg"]) for error in invalid.errors()]
        missing = [place for type, place, _ in faults if type == "missing"]
        type, place, message = faults[0]
        if missing:
            said = f"{what} lacks {', '.join(missing)}"
        elif type == "extra_forbidden":
            said = f"{what} has the unknown key {place!r}"
        elif type in ("model_type", "dict_type"):
            said = f"{what}{place and ': '}{place} is no object"
        else:
            text = re.sub("^Value error, ", "", message)
            said = f"{what}: {place}: {text}" if place else f"{what} {text}"
        raise _Wrong(said, near) from None


def _near(cell: Mapping[str, Any]) -> str:
    case, route = (re.escape(json.dumps(cell[key], ensure_ascii=False)) for key in ("case", "route"))
    return rf'"case":\s*{case},\s*"route":\s*{route}'


def _near_key(name: str) -> str:
    return re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:"
