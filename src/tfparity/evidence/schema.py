"""The files of results/ as values: schema 2 in and out, schema 1 in. Pure. docs/evidence.md describes every key.

pydantic checks what comes in against the dataclasses that the rest of tfparity works with.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TypeGuard

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from tfparity.records.cells import (
    STRICT,
    Artifact,
    AttemptLine,
    Cell,
    Entry,
    EnvironmentFacts,
    Failure,
    Model,
    Note,
    Said,
    TargetRun,
    coarse,
)
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Grade, Outcome, Verdict, opset_remedy

SCHEMA = 2

#: Schemas that are read. In 1 an error had one limitation for all its cells, and max error and floor two digits.
READ = (1, SCHEMA)

#: The keys of a cell that schema 1 has not.
ADDED = ("limitation", "level", "probes", "runtimes", "unlocked")

#: A cell's place in a file: case and route.
Place = tuple[str, str]


@dataclass(frozen=True)
class Evidence:
    """One toolchain's evidence. Cells are in the order of case and route; errors by fingerprint."""

    toolchain: str
    environments: Mapping[str, EnvironmentFacts]
    source: str
    routes: Mapping[str, str]
    errors: Mapping[str, Failure]
    cells: tuple[Cell, ...]

    @cached_property
    def by_place(self) -> dict[Place, Cell]:
        return {(cell.case, cell.route): cell for cell in self.cells}

    def cell(self, case: str, route: str) -> Cell | None:
        """The cell of that case and route, None without one."""
        return self.by_place.get((case, route))

    def error_of(self, cell: Cell) -> Failure | None:
        """The failure that gave the cell its verdict, None for one that works."""
        return self.errors[cell.error] if cell.error else None


@dataclass(frozen=True)
class StageRun:
    """What a stage took: seconds, summed over attempts, and the largest MiB."""

    __pydantic_config__ = STRICT

    seconds: float | None
    peak_mib: float | None


@dataclass(frozen=True)
class Agreement:
    """RMS distance, cosine and top-five agreement of the attempt that decided (see judging.compare)."""

    __pydantic_config__ = STRICT

    rms: float | None
    cosine: float | None
    top_k: float | None


@dataclass(frozen=True)
class Run:
    """When, where and how long a recorded cell ran, and what was measured.

    seconds: wall time of all attempts. max_abs, floor: as measured on that host, absolute, two significant digits. What
    older runs lack is None. notes: what the verdict on a user's own model does not tell. targets: by name.
    """

    __pydantic_config__ = STRICT

    case: str
    route: str
    ran_at: str | None
    host: str | None
    seconds: float
    stages: Mapping[str, StageRun]
    model: Model | None = None
    agreement: Agreement | None = None
    answer: Said | None = None
    artifact: Artifact | None = None
    max_abs: float | None = None
    floor: float | None = None
    notes: tuple[Note, ...] = ()
    targets: Mapping[str, TargetRun] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ValueError("seconds are below 0")


@dataclass(frozen=True)
class Runs:
    """The runs of one toolchain's recorded cells, in the order of case and route."""

    toolchain: str
    cells: tuple[Run, ...]

    @cached_property
    def by_place(self) -> dict[Place, Run]:
        return {(run.case, run.route): run for run in self.cells}


class Environment(BaseModel):
    """An environment as a file writes it: `import` is no name in Python."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    python: str
    lock_sha256: str | None
    packages: dict[str, str]
    shims: tuple[str, ...]
    resolve: Outcome
    install: Outcome
    import_: Outcome = Field(alias="import")

    @property
    def facts(self) -> EnvironmentFacts:
        return EnvironmentFacts(**{name: getattr(self, name) for name in type(self).model_fields})


class EvidenceFile(BaseModel):
    """A file of schema 2."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    schema_: int = Field(alias="schema", ge=SCHEMA, le=SCHEMA)
    toolchain: str
    environments: dict[str, Environment]
    source: str
    routes: dict[str, str]
    errors: dict[str, Failure]
    cells: tuple[Cell, ...]

    @property
    def evidence(self) -> Evidence:
        environments = {id: environment.facts for id, environment in self.environments.items()}
        return Evidence(self.toolchain, environments, self.source, self.routes, self.errors, self.cells)


class RunsFile(BaseModel):
    """A file of runs of schema 2."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    schema_: int = Field(alias="schema", ge=READ[0], le=SCHEMA)
    toolchain: str
    cells: tuple[Run, ...]

    @property
    def runs(self) -> Runs:
        return Runs(self.toolchain, self.cells)


Part = type[Environment] | type[Failure] | type[Cell] | type[Run]

_PARTS: dict[Part, TypeAdapter[object]] = {}


def part(kind: Part) -> TypeAdapter[object]:
    """What checks one part of a file, for an error that says where."""
    if kind not in _PARTS:
        _PARTS[kind] = TypeAdapter[object](kind)
    return _PARTS[kind]


def upgraded(content: dict[str, Json]) -> dict[str, Json]:
    """A document of schema 1 as one of schema 2. The keys of its cells are of the rule before: they show as stale."""
    errors, cells = content.get("errors"), content.get("cells")
    if not isinstance(errors, dict) or not isinstance(cells, list):
        return content
    rules = {name: error.get("limitation") for name, error in errors.items() if isinstance(error, dict)}
    return {
        **content,
        "schema": SCHEMA,
        "errors": {
            name: {key: value for key, value in error.items() if key != "limitation"}
            if isinstance(error, dict)
            else error
            for name, error in errors.items()
        },
        "cells": [_upgraded_cell(cell, rules) if isinstance(cell, dict) else cell for cell in cells],
    }


def _upgraded_cell(cell: dict[str, Json], rules: Mapping[str, Json]) -> dict[str, Json]:
    numbers: dict[str, Json] = {name: cell[name] for name in ("max_abs", "floor") if name in cell}
    rounded = {name: coarse(n) if _number(n) and 0 < n < math.inf else n for name, n in numbers.items()}
    failing = cell.get("verdict") in [verdict.value for verdict in Verdict if verdict.failing]
    error = cell.get("error")
    return {
        **cell,
        **rounded,
        "limitation": rules.get(error) if failing and isinstance(error, str) else None,
        "level": 1,
        "probes": {},
        "runtimes": {},
        "unlocked": False,
    }


def _number(value: Json) -> TypeGuard[float]:
    return isinstance(value, float | int) and not isinstance(value, bool)


def doubt(cell: Cell) -> str | None:
    """Why a stored cell can't be believed: its verdict isn't what judging.judge makes of the rest; None where it is."""
    if not cell.verdict.ran:
        return f"verdict: {cell.verdict.value!r} is none of {', '.join(v for v in Verdict if v.ran)}"
    for place, attempt in enumerate(cell.attempts):
        if attempt.outcome.passed != (attempt.error is None):
            said = "no" if attempt.error is None else "an"
            return f"attempts.{place}: its outcome is {attempt.outcome}, with {said} error"
    for name, value in (("max_abs", cell.max_abs), ("floor", cell.floor)):
        if value is not None and value < 0:
            return f"{name}: {value} is below 0"
    failing = cell.verdict.failing
    if failing != (cell.error is not None):
        return f"is {cell.verdict} and has {'no' if cell.error is None else 'an'} error"
    if cell.limitation is not None and not failing:
        return f"is {cell.verdict} and has a limitation"
    why = _why_not_failing(cell) if failing else _why_not_working(cell)
    return f"is {cell.verdict}, but {why}" if why else None


def _why_not_working(cell: Cell) -> str | None:
    lost = [axis for axis, kept in cell.dynamic.items() if not kept]
    if not any(attempt.outcome.passed and cell.decided_by(attempt) for attempt in cell.attempts):
        by = f" by {', '.join(cell.named)}" if cell.named else ""
        return f"no attempt at opset {cell.opset}{by} passed"
    if cell.grade is None or not cell.grade.of_float32:
        return f"the grade {cell.grade or 'null'} is not right"
    if lost:
        return f"the axis {lost[0]!r} is lost"
    if not cell.signature:
        return "the signature is not kept"
    # Four times the floor at most, and both are rounded up to a power of ten.
    if cell.grade is Grade.FLOAT32_NOISE and (cell.max_abs or 0.0) > 10.5 * (cell.floor or 0.0):
        return f"{cell.max_abs} is no noise where the floor is {cell.floor}"
    if (cell.verdict is Verdict.WORKS) != (not cell.remedies):
        return f"the remedies are {', '.join(cell.remedies) or 'none'}"
    first = cell.attempts[0].opset
    if cell.opset is not None and cell.opset != first and opset_remedy(cell.opset) not in cell.remedies:
        return f"opset {cell.opset} is not the first that was tried and stands among no remedies"
    return None


def _why_not_failing(cell: Cell) -> str | None:
    mine = [attempt for attempt in cell.attempts if cell.decided_by(attempt)]
    if not any(attempt.error == cell.error for attempt in mine):
        return f"no attempt at opset {cell.opset} met its error"
    if any(attempt.outcome.passed and (attempt.remedies or attempt in mine) for attempt in cell.attempts):
        return "an attempt passed"
    answered = cell.grade is not None and cell.grade is not Grade.DIVERGED
    if answered != (cell.verdict is Verdict.PARTIAL):
        return f"the grade is {cell.grade or 'null'}"
    return None


def encode(content: Evidence) -> bytes:
    """Canonical bytes of a toolchain's evidence: a line per environment, error and cell, keys in a fixed order."""
    environments = {id: _environment(facts) for id, facts in sorted(content.environments.items())}
    errors = {name: _failure(error) for name, error in sorted(content.errors.items())}
    lines = [
        "{",
        f' "schema": {SCHEMA},',
        f' "toolchain": {dumps(content.toolchain)},',
        f' "environments": {_block(environments)},',
        f' "source": {dumps(content.source)},',
        f' "routes": {dumps(_sorted(content.routes))},',
        f' "errors": {_block(errors)},',
        f' "cells": {_list([cell_line(cell) for cell in by_place(content.cells)])}',
        "}",
    ]
    return _bytes(lines)


def encode_runs(content: Runs) -> bytes:
    """Canonical bytes of a toolchain's runs."""
    cells = [dumps(_run(run)) for run in sorted(content.cells, key=lambda run: (run.case, run.route))]
    lines = [
        "{",
        f' "schema": {SCHEMA},',
        f' "toolchain": {dumps(content.toolchain)},',
        f' "cells": {_list(cells)}',
        "}",
    ]
    return _bytes(lines)


def _run(run: Run) -> dict[str, Json]:
    """Notes stand in the runs of a user's own models alone, targets where there are any."""
    found: dict[str, Json] = asdict(run)
    if not run.notes:
        del found["notes"]
    del found["targets"]
    if run.targets:
        found["targets"] = {name: asdict(one) for name, one in sorted(run.targets.items())}
    return found


def by_place(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Cells in the order of case and route."""
    return tuple(sorted(cells, key=lambda cell: (cell.case, cell.route)))


def cell_line(cell: Cell) -> str:
    """A cell's line in the file."""
    return dumps(
        {
            "case": cell.case,
            "route": cell.route,
            "verdict": cell.verdict,
            "grade": cell.grade,
            "opset": cell.opset,
            "attempts": [_attempt(attempt) for attempt in cell.attempts],
            "remedies": cell.remedies,
            "error": cell.error,
            "limitation": cell.limitation,
            "max_abs": cell.max_abs,
            "floor": cell.floor,
            "dynamic": _sorted(cell.dynamic),
            "signature": cell.signature,
            "level": cell.level,
            "probes": _entries(cell.probes),
            "targets": _entries(cell.targets),
            "runtimes": _entries(cell.runtimes),
            "unlocked": cell.unlocked,
            "key": cell.key,
        }
    )


def _attempt(attempt: AttemptLine) -> dict[str, Json]:
    return {
        "opset": attempt.opset,
        "file_opset": attempt.file_opset,
        "remedies": attempt.remedies,
        "stage": attempt.stage,
        "outcome": attempt.outcome,
        "error": attempt.error,
    }


def _entries(entries: Mapping[str, Entry]) -> dict[str, Json]:
    return {name: _entry(entry) for name, entry in sorted(entries.items())}


def _entry(entry: Entry) -> dict[str, Json]:
    """What only targets have stands with them alone, and so does what only compilers say."""
    found: dict[str, Json] = asdict(entry)
    if entry.compiled is None:
        del found["compiled"]
    else:
        found["compiled"] = {**asdict(entry.compiled), "left": _sorted(entry.compiled.left)}
    if entry.deployed is None:
        del found["deployed"]
    else:
        found["deployed"] = {**asdict(entry.deployed), "dynamic": _sorted(entry.deployed.dynamic)}
    return found


def _failure(failure: Failure) -> dict[str, Json]:
    return {"stage": failure.stage, "type": failure.type, "message": failure.message}


def _environment(facts: EnvironmentFacts) -> dict[str, Json]:
    return {
        "python": facts.python,
        "lock_sha256": facts.lock_sha256,
        "packages": _sorted(facts.packages),
        "shims": facts.shims,
        "resolve": facts.resolve,
        "install": facts.install,
        "import": facts.import_,
    }


def environment_line(facts: EnvironmentFacts) -> str:
    """An environment's line in the file, without its id."""
    return dumps(_environment(facts))


def _sorted(value: Mapping[str, Json]) -> dict[str, Json]:
    return dict(sorted(value.items()))


#: json.dumps would make one for each call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def dumps(value: Json) -> str:
    """One line of JSON."""
    return _ENCODER.encode(value)


def _bytes(lines: Sequence[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _block(entries: Mapping[str, Json]) -> str:
    if not entries:
        return "{}"
    return "{\n" + ",\n".join(f"  {dumps(name)}: {dumps(value)}" for name, value in entries.items()) + "\n }"


def _list(lines: Sequence[str]) -> str:
    return "[\n" + ",\n".join(f"  {line}" for line in lines) + "\n ]" if lines else "[]"
