"""The files of results/: read and checked, written whole or not at all."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.evidence import schema
from tfparity.evidence.schema import Evidence, EvidenceFile, Runs, RunsFile
from tfparity.inputs.read_cache import ReadCache
from tfparity.paths import Project
from tfparity.records.cells import Cell, Failure
from tfparity.records.fingerprint import printable
from tfparity.records.keys import Json

File = TypeVar("File", EvidenceFile, RunsFile)


def load(path: Path) -> Evidence:
    """A toolchain's evidence, checked. Raises EvidenceError with file and line."""
    data = _read(path)
    try:
        content = EvidenceFile.model_validate_json(data).evidence
    except (ValidationError, ValueError):
        return _carefully(path, data)
    if _checked().get(path, data) is not None:
        return content
    canonical = schema.encode(content) == data  # which has no key twice
    if not canonical or not _own(content, path) or _fault(content):
        return _carefully(path, data)
    _checked().put(path, data, b"")
    return content


@functools.cache
def _checked() -> ReadCache:
    """Of files that were found right, by the code of all that has a say: checks take as long as reading."""
    code = sorted(path for room in ("evidence", "records") for path in (paths.PACKAGE / room).glob("*.py"))
    return ReadCache("evidence", paths.digest(code))


def load_all(project: Project) -> dict[str, Evidence]:
    """The whole evidence of a project, by toolchain; empty where there is none."""
    return {path.stem: load(path) for path in sorted(project.results.glob("*.json"))}


def load_one(project: Project, toolchain: str) -> Evidence | None:
    """A toolchain's evidence, None where there is none. Raises EvidenceError with file and line."""
    path = _file(project, toolchain)
    return load(path) if paths.stands(path) else None


def load_runs(project: Project) -> dict[str, Runs]:
    """When, where and how long, by toolchain. Raises EvidenceError with file and line."""
    return {path.stem: _load_runs(path) for path in sorted((project.results / "runs").glob("*.json"))}


def load_runs_of(project: Project, toolchain: str) -> Runs | None:
    """A toolchain's runs, None where there are none. Raises EvidenceError with file and line."""
    path = _runs_file(project, toolchain)
    return _load_runs(path) if paths.stands(path) else None


def save(project: Project, content: Evidence) -> Path:
    """Write results/<toolchain>.json, whole or not at all."""
    return _save(_file(project, content.toolchain), schema.encode(content))


def save_runs(project: Project, content: Runs) -> Path:
    """Write results/runs/<toolchain>.json, whole or not at all."""
    return _save(_runs_file(project, content.toolchain), schema.encode_runs(content))


def remove(project: Project, toolchain: str) -> None:
    """Remove a toolchain's evidence and runs."""
    for path in (_file(project, toolchain), _runs_file(project, toolchain)):
        path.unlink(missing_ok=True)


def _file(project: Project, toolchain: str) -> Path:
    return project.results / f"{toolchain}.json"


def _runs_file(project: Project, toolchain: str) -> Path:
    return project.results / "runs" / f"{toolchain}.json"


def _save(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    paths.write_bytes(path, data)
    return path


class _Wrong(Exception):
    """What is wrong with a document, and a pattern of the text that stands in the line where it is."""

    def __init__(self, message: str, near: str | None = None) -> None:
        super().__init__(message)
        self.near = near


def _read(path: Path) -> bytes:
    try:
        return paths.read_bytes(path)
    except FileNotFoundError:
        raise EvidenceError("there is no such file; record it: nox -s compat -- --record", file=path) from None
    except OSError as unreadable:
        raise EvidenceError(f"cannot be read: {unreadable}", file=path) from None


def _fault(content: Evidence) -> _Wrong | None:
    """What no key tells by itself: an error that is not there, a verdict that does not follow from the rest."""
    for cell in content.cells:
        why = schema.doubt(cell)
        what = f"{cell.case} by {cell.route}"
        if why:
            return _Wrong(f"{what}{':' if why.split(' ')[0].endswith(':') else ''} {why}", _near(cell.case, cell.route))
        beside = [entry.error for found in (cell.probes, cell.targets, cell.runtimes) for entry in found.values()]
        for name in (cell.error, *(attempt.error for attempt in cell.attempts), *beside):
            if name is not None and name not in content.errors:
                return _Wrong(f"{what} names the error {name!r}, which the file has not", _near(cell.case, cell.route))
    return None


def _carefully(path: Path, data: bytes) -> Evidence:
    """The evidence of a file that is not canonical, or the EvidenceError that says what is wrong with it, and where."""
    keys = [field.alias or name for name, field in EvidenceFile.model_fields.items()]
    with _Places(path, data) as places:
        content = places.document(keys)
        if content["schema"] == schema.READ[0]:
            places.first(content)
            content = schema.upgraded(content)
        places.parts(content)
        found = EvidenceFile.model_validate_json(json.dumps(content)).evidence
        fault = _fault(found)
        if fault:
            raise fault
    return found


def _own(content: Evidence | Runs, path: Path) -> bool:
    """Whether it is the file's own toolchain's, with every cell once."""
    return content.toolchain == path.stem and len(content.by_place) == len(content.cells)


def _load_runs(path: Path) -> Runs:
    data = _read(path)
    try:
        content = RunsFile.model_validate_json(data).runs
    except (ValidationError, ValueError):
        content = None
    if content and _own(content, path):
        return content
    with _Places(path, data) as places:
        document = places.document([field.alias or name for name, field in RunsFile.model_fields.items()])
        places.each(document["cells"], schema.Run)
        return RunsFile.model_validate_json(json.dumps(document)).runs


class _Places:
    """A file's text, in which a fault is found by its line. As a context manager: _Wrong becomes an EvidenceError."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        try:
            self.text = data.decode("utf-8")
        except UnicodeDecodeError as unreadable:
            raise EvidenceError(f"cannot be read: {unreadable}", file=path) from None

    def __enter__(self) -> _Places:
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, trace: object) -> None:
        if isinstance(wrong, json.JSONDecodeError):
            raise EvidenceError(f"is not JSON: {wrong.msg}", file=self.path, line=wrong.lineno) from None
        if isinstance(wrong, _Wrong):
            place = re.search(wrong.near, self.text) if wrong.near else None
            line = self.text.count("\n", 0, place.start()) + 1 if place else None
            said = f"{printable(str(wrong))}; record it again rather than mend it"
            raise EvidenceError(said, file=self.path, line=line) from None
        if isinstance(wrong, ValueError | RecursionError):  # a number of thousands of digits, thousands of brackets
            said = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
            raise EvidenceError(f"cannot be read: {said}", file=self.path) from None

    def document(self, keys: Sequence[str]) -> dict[str, Json]:
        """The document with its head checked: an object of those keys, of a schema that is read, of this toolchain."""
        content = json.loads(self.text, object_pairs_hook=_unique)
        if not isinstance(content, dict):
            raise _Wrong("is not an object", r"\S")
        number = content.get("schema")
        if type(number) is not int or number not in schema.READ:
            raise _Wrong(f"has schema {number!r}, this tfparity reads {schema.SCHEMA}", r'"schema"')
        missing = [key for key in keys if key not in content]
        unknown = [key for key in content if key not in keys]
        if missing or unknown:
            named = f"lacks {', '.join(missing)}" if missing else f"has the unknown key {unknown[0]!r}"
            raise _Wrong(f"the file {named}", re.escape(json.dumps(unknown[0])) if unknown else None)
        if content["toolchain"] != self.path.stem:
            raise _Wrong(f"is the evidence of {content['toolchain']!r}, not of {self.path.stem!r}", r'"toolchain"')
        if not isinstance(content["cells"], list):
            raise _Wrong("cells is not a list", r'"cells"')
        places: set[tuple[str, str]] = set()
        for cell in content["cells"]:
            known = isinstance(cell, dict) and isinstance(cell.get("case"), str) and isinstance(cell.get("route"), str)
            if not known:
                raise _Wrong("a cell is no object with case and route", r'"cells"')
            place = (cell["case"], cell["route"])
            if place in places:
                raise _Wrong(f"{cell['case']} by {cell['route']} stands twice", _near(*place))
            places.add(place)
        return content

    def first(self, content: dict[str, Json]) -> None:
        """Raises _Wrong where a document of schema 1 is wrong in what an upgrade would hide."""
        errors, cells = content["errors"], content["cells"]
        assert isinstance(cells, list)
        for name, error in errors.items() if isinstance(errors, dict) else ():
            if isinstance(error, dict) and "limitation" not in error:
                raise _Wrong(f"error {name} lacks limitation", _near_key(name))
        for cell in cells:
            for key in schema.ADDED:
                if key in cell:
                    what = f"{cell['case']} by {cell['route']}"
                    raise _Wrong(f"{what} has the unknown key {key!r}", _near(cell["case"], cell["route"]))

    def parts(self, content: dict[str, Json]) -> None:
        """Raises _Wrong with the first part of an evidence file that is not as it should be."""
        if not isinstance(content["source"], str):
            raise _Wrong("source names no environment", '"source"')
        for name in ("environments", "routes", "errors"):
            if not isinstance(content[name], dict):
                raise _Wrong(f"{name} is no object", f'"{name}"')
        routes, environments, errors = content["routes"], content["environments"], content["errors"]
        assert isinstance(routes, dict) and isinstance(environments, dict) and isinstance(errors, dict)
        for route, id in routes.items():
            if not isinstance(id, str):
                raise _Wrong(f"the route {route!r} names no environment", '"routes"')
        for id, facts in environments.items():
            _fits(schema.Environment, facts, f"environment {id!r}", _near_key(id))
        for name, error in errors.items():
            _fits(Failure, error, f"error {name}", _near_key(name))
        self.each(content["cells"], Cell)

    def each(self, cells: Json, kind: type[Cell | schema.Run]) -> None:
        """Raises _Wrong with the first cell that is not as it should be."""
        assert isinstance(cells, list)
        for cell in cells:
            _fits(kind, cell, f"{cell['case']} by {cell['route']}", _near(cell["case"], cell["route"]))


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Wrong(f"the key {twice!r} stands twice", re.escape(json.dumps(twice)))
    return found


def _fits(kind: schema.Part, value: Json, what: str, near: str) -> None:
    """Raises _Wrong with the first thing that does not fit: keys that are missing go first."""
    try:
        schema.part(kind).validate_json(json.dumps(value))
    except ValidationError as invalid:
        faults = [(error["type"], ".".join(map(str, error["loc"])), error["msg"]) for error in invalid.errors()]
        missing = [place for type, place, _ in faults if type in ("missing", "missing_argument")]
        type, place, message = faults[0]
        if missing:
            said = f"{what} lacks {', '.join(missing)}"
        elif type in ("extra_forbidden", "unexpected_keyword_argument"):
            said = f"{what} has the unknown key {place!r}"
        elif type in ("model_type", "dataclass_type", "dict_type"):
            said = f"{what}{place and ': '}{place} is no object"
        else:
            said = f"{what}: {place}: {message}" if place else f"{what} {message}"
        raise _Wrong(said, near) from None


def _near(case: str, route: str) -> str:
    named = (re.escape(json.dumps(name, ensure_ascii=False)) for name in (case, route))
    return r'"case":\s*{},\s*"route":\s*{}'.format(*named)


def _near_key(name: str) -> str:
    return re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:"
