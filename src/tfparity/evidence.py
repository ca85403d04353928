"""The evidence: what recorded runs found, per toolchain. Merging in any order gives identical bytes.

`results/<toolchain>.json` holds facts that repeat; `results/runs/<toolchain>.json` when, where and how long. What was
not run is not stored: `verdicts` derives it from the plan. evidence_file reads and writes both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from tfparity import judge
from tfparity.evidence_file import (
    ENVIRONMENT,
    ERROR,
    SCHEMA,
    STORED,
    Document,
    Evidence,
    by_place,
    canonical_cell,
    dumps,
    encode,
    encode_runs,
    load,
    load_all,
    load_one,
    load_runs,
    load_runs_of,
    ordered,
    save,
    save_runs,
)
from tfparity.fingerprint import fingerprint, normalise
from tfparity.limitations import Limitation

__all__ = [
    "CellId",
    "Document",
    "Evidence",
    "Planned",
    "Record",
    "dishonest",
    "document",
    "encode",
    "encode_runs",
    "explain",
    "limitation_of",
    "load",
    "load_all",
    "load_one",
    "load_runs",
    "load_runs_of",
    "not_understood",
    "only",
    "runs",
    "save",
    "save_runs",
    "unexplained",
    "unresolvable",
    "unused",
    "update",
    "update_runs",
    "verdicts",
]

#: (toolchain, case, route)
CellId = tuple[str, str, str]


class Record(Protocol):
    """What a run hands over per cell: see run.CellRecord. `cell` is None where nothing ran."""

    @property
    def toolchain(self) -> str: ...
    @property
    def case(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def cell(self) -> Mapping[str, Any] | None: ...
    @property
    def attempts(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def environments(self) -> Mapping[str, Mapping[str, Any]]: ...
    @property
    def seconds(self) -> float: ...
    @property
    def ran_at(self) -> str | None: ...
    @property
    def host(self) -> str | None: ...


class Planned(Protocol):
    """A cell of the plan. `verdict` is set where it is known without a run."""

    @property
    def toolchain(self) -> str: ...
    @property
    def case(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def verdict(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...


def document(
    toolchain: str,
    *,
    source: str,
    routes: Mapping[str, str],
    records: Iterable[Record],
    environments: Mapping[str, Mapping[str, Any]] | None = None,
) -> Evidence:
    """The evidence of one toolchain out of the records of a run; records of other toolchains are left out.

    `environments` by id adds to those that the records tell of, for a toolchain that has none to tell.
    """
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    errors = {}
    known: dict[str, dict[str, Any]] = {id: dict(facts) for id, facts in (environments or {}).items()}
    for record in records:
        if record.toolchain != toolchain or record.cell is None:
            continue
        _keep_worse(cells, dict(record.cell))
        for attempt in record.attempts:
            name = judge.error_of(attempt)
            if name:
                errors[name] = {**{key: attempt["error"][key] for key in ERROR[:3]}, "limitation": None}
        for id, facts in record.environments.items():
            known[id] = _further(known[id], facts) if id in known else dict(facts)
    return _tidy(Evidence(toolchain, known, source, dict(routes), errors, list(cells.values())))


def unresolvable(python: str, shims: Sequence[str]) -> dict[str, Any]:
    """The facts of an environment that cannot be resolved; the resolver's reason lies beside the lockfiles."""
    return {
        "python": python,
        "lock_sha256": None,
        "packages": {},
        "shims": list(shims),
        "resolve": "fail",
        "install": "skipped",
        "import": "skipped",
    }


def update(recorded: Evidence | None, new: Evidence) -> Evidence:
    """`recorded` with the cells of `new` in place of its own; cells that `new` lacks stay, and of a cell with the same
    key the attempts at opsets that `new` did not try."""
    if recorded is None:
        return _tidy(new)
    before = {(cell["case"], cell["route"]): cell for cell in recorded.cells}
    fresh = [_with_earlier(cell, before.pop((cell["case"], cell["route"]), None)) for cell in new.cells]
    return _tidy(
        replace(
            new,
            environments={**recorded.environments, **new.environments},
            routes={**recorded.routes, **new.routes},
            errors={**recorded.errors, **new.errors},
            cells=[*before.values(), *fresh],
        )
    )


def _with_earlier(cell: dict[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The cell with what was recorded of other opsets after its own attempts: it decides nothing, as with
    --all-opsets. Nothing of a record that contradicts this one: what it rests on did not come out again."""
    if before is None or before["key"] != cell["key"]:
        return cell
    tried = {attempt["opset"] for attempt in cell["attempts"]}
    if any(attempt not in cell["attempts"] for attempt in before["attempts"] if attempt["opset"] in tried):
        return cell
    return {**cell, "attempts": [*cell["attempts"], *(a for a in before["attempts"] if a["opset"] not in tried)]}


def only(content: Evidence, cells: Collection[tuple[str, str]]) -> Evidence:
    """The document without cells that are not among `cells` (case, route): those that the plan no longer has."""
    return _tidy(replace(content, cells=[cell for cell in content.cells if (cell["case"], cell["route"]) in cells]))


def explain(content: Evidence, limitations: Sequence[Limitation], *, beside: Evidence | None = None) -> Evidence:
    """The document with every error's limitation found anew, and nothing else changed.

    An error's limitation is the first rule that holds for every cell that fails by it (where no cell does: for every
    attempt that met it); None without one. Packages are those of the side that ran the stage. `beside`: what is
    recorded of the toolchain, whose other cells count too.
    """
    met: dict[str, dict[bool, list[dict[str, Any]]]] = {name: {True: [], False: []} for name in content.errors}
    for name, decides, place in _met(update(beside, content), content.errors):
        met[name][decides].append(place)
    errors = {}
    for name, error in content.errors.items():
        places = met[name][True] or met[name][False]
        rules = [rule for rule in limitations if places and all(rule.holds(**place) for place in places)]
        errors[name] = {**error, "limitation": rules[0].id if rules else None}
    return replace(content, errors=errors)


def _met(content: Evidence, errors: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """Every attempt that met one of `errors`: the error's name, whether it decided its cell, and all that
    `Limitation.holds` asks for."""
    for cell in content.cells:
        for attempt in cell["attempts"]:
            name = attempt["error"]
            if name in errors:
                error = errors[name]
                place = {
                    "packages": _packages(content, cell["route"], error["stage"]),
                    "opset": attempt["opset"],
                    "route": cell["route"],
                    "toolchain": content.toolchain,
                    "case": cell["case"],
                    "stage": error["stage"],
                    "message": f"{error['type']}: {error['message']}",
                    "remedies": judge.named(attempt["remedies"]),
                }
                yield name, name == cell["error"] and judge.decided(cell, attempt), place


def unexplained(content: Evidence) -> list[CellId]:
    """The failing and partial cells whose error has no limitation."""
    return [
        (content.toolchain, cell["case"], cell["route"])
        for cell in content.cells
        if cell["verdict"] in judge.FAILING and limitation_of(content, cell) is None
    ]


def not_understood(evidence: Iterable[Evidence], limitations: Sequence[Limitation]) -> list[CellId]:
    """The failing and partial cells of which nobody knows the cause: no limitation, or one whose cause is unknown."""
    understood = {rule.id for rule in limitations if rule.understood}
    return [
        (content.toolchain, cell["case"], cell["route"])
        for content in evidence
        for cell in content.cells
        if cell["verdict"] in judge.FAILING and limitation_of(content, cell) not in understood
    ]


def unused(evidence: Iterable[Evidence], limitations: Sequence[Limitation]) -> list[Limitation]:
    """The rules that explain no error of the evidence, and are the first for no attempt that met one: of the whole
    evidence, else it says nothing."""
    evidence = list(evidence)
    used = {error["limitation"] for content in evidence for error in content.errors.values()}
    for content in evidence:
        for _, _, place in _met(content, content.errors):
            if any(rule.id not in used and rule.holds(**place) for rule in limitations):
                used.add(next(rule.id for rule in limitations if rule.holds(**place)))
    return [rule for rule in limitations if rule.id not in used]


#: Part of the failing cells whose cause may be unknown.
UNKNOWN_SHARE = 0.1


def dishonest(evidence: Sequence[Evidence], limitations: Sequence[Limitation]) -> list[str]:
    """What committed evidence may not have, a line each: an error that a run would write otherwise today, an error
    whose stored limitation is not what the rules say, and by the rules themselves: a failing cell without a limitation,
    a rule that explains nothing, more than one failing cell in ten that nobody understands."""
    explained = [explain(content, limitations) for content in evidence]
    found = [
        f"{content.toolchain}: the error {name} has the limitation {error['limitation'] or 'null'}, "
        f"by limitations.yaml {anew.errors[name]['limitation'] or 'null'}: run `nox -s table`"
        for content, anew in zip(evidence, explained, strict=True)
        for name, error in content.errors.items()
        if error["limitation"] != anew.errors[name]["limitation"]
    ]
    found += [
        f"{content.toolchain}: the error {name} is not as a run would write it now: record its cells again"
        for content in evidence
        for name, error in content.errors.items()
        if normalise(error["message"], {}) != error["message"]
        or fingerprint(error["stage"], error["type"], error["message"]) != name
    ]
    found += [f"{' '.join(cell)}: fails without a limitation" for content in explained for cell in unexplained(content)]
    found += [
        f"limitations.yaml: {rule.id} explains nothing that is recorded" for rule in unused(explained, limitations)
    ]
    failing = sum(cell["verdict"] in judge.FAILING for content in explained for cell in content.cells)
    unknown = len(not_understood(explained, limitations))
    if unknown > UNKNOWN_SHARE * failing:
        found.append(f"{unknown} of {failing} failing cells are not understood, more than one in ten")
    return found


def limitation_of(content: Evidence, cell: Mapping[str, Any]) -> str | None:
    """The id of the limitation that explains a cell's error, None without one."""
    error = content.errors.get(cell["error"]) if cell["error"] else None
    return error["limitation"] if error else None


def verdicts(
    plan: Iterable[Planned], evidence: Mapping[str, Evidence], keys: Mapping[CellId, str] | None = None
) -> dict[CellId, str]:
    """The verdict of every planned cell: the plan's own where it knows one, else the evidence's, "stale" where the
    cell's key is not the one in `keys`, "untested" where there is no evidence."""
    stored = {(name, cell["case"], cell["route"]): cell for name, content in evidence.items() for cell in content.cells}
    found = {}
    for planned in plan:
        id = (planned.toolchain, planned.case, planned.route)
        cell = stored.get(id)
        if planned.verdict is not None:
            found[id] = planned.verdict
        elif cell is None:
            found[id] = "untested"
        elif keys is not None and keys.get(id, cell["key"]) != cell["key"]:
            found[id] = "stale"
        else:
            found[id] = cell["verdict"]
    return found


def runs(toolchain: str, records: Iterable[Record]) -> Document:
    """When, where and how long: per cell `ran_at`, `host`, total seconds, and per stage the seconds (summed over
    attempts) and the peak MiB; what the source side says of the model (see crossing); and how far the answer that
    decided agrees with torch's, beside its grade, and what both mean where the case can say it; how large the converted
    artifact is and how long that one conversion took."""
    cells = []
    for record in records:
        if record.toolchain != toolchain or record.cell is None:
            continue
        stages: dict[str, dict[str, float | None]] = {}
        for reply in (reply for attempt in record.attempts for reply in attempt["stages"]):
            stage = stages.setdefault(reply["stage"], {"seconds": None, "peak_mib": None})
            if reply["seconds"] is not None:
                stage["seconds"] = round((stage["seconds"] or 0.0) + reply["seconds"], 2)
            if reply["peak_mib"] is not None:
                stage["peak_mib"] = round(max(stage["peak_mib"] or 0.0, reply["peak_mib"]))
        cells.append(
            {
                "case": record.case,
                "route": record.route,
                "ran_at": record.ran_at,
                "host": record.host,
                "seconds": round(record.seconds, 2),
                "stages": {name: stages[name] for name in judge.STAGES if name in stages},
                "model": next((a["model"] for a in reversed(record.attempts) if a.get("model")), None),
                "agreement": _agreement(record.cell, record.attempts),
                "answer": answer(record.cell, record.attempts),
                "artifact": next(
                    (a["artifact"] for a in _deciding(record.cell, record.attempts) if a.get("artifact")), None
                ),
            }
        )
    return {"schema": SCHEMA, "toolchain": toolchain, "cells": by_place(cells)}


def _agreement(cell: Mapping[str, Any], attempts: Iterable[Mapping[str, Any]]) -> dict[str, float | None] | None:
    """RMS distance, cosine and top-five agreement of the attempt that decides (see compare), three significant digits;
    None where no answer came back."""
    found = next((attempt for attempt in _deciding(cell, attempts) if attempt["grade"] is not None), None)
    if found is None:
        return None
    return {name: None if found[name] is None else float(f"{found[name]:.2e}") for name in ("rms", "cosine", "top_k")}


def answer(cell: Mapping[str, Any], attempts: Iterable[Mapping[str, Any]]) -> dict[str, str | None] | None:
    """What the outputs mean, {"torch", "tensorflow"}, by the attempt that decides; None where the case cannot say."""
    return next((attempt["answer"] for attempt in _deciding(cell, attempts) if attempt.get("answer")), None)


def _deciding(cell: Mapping[str, Any], attempts: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The attempts that gave the cell its verdict."""
    return [a for a in attempts if judge.decided(cell, a) and judge.error_of(a) == cell["error"]]


def update_runs(recorded: Document | None, new: Document, content: Evidence) -> Document:
    """`recorded` with the runs of `new` in place of its own, without those of cells that `content` has not."""
    both = [*(recorded["cells"] if recorded else ()), *new["cells"]]
    cells = {(cell["case"], cell["route"]): cell for cell in both}
    kept = [cell for cell in cells.values() if content.cell(cell["case"], cell["route"])]
    return {"schema": SCHEMA, "toolchain": content.toolchain, "cells": by_place(kept)}


def _keep_worse(cells: dict[tuple[str, str], dict[str, Any]], cell: dict[str, Any]) -> None:
    place = (cell["case"], cell["route"])
    cells[place] = max(cells.get(place, cell), cell, key=_worse)


def _worse(cell: Mapping[str, Any]) -> tuple[int, str]:
    return STORED.index(cell["verdict"]), dumps(canonical_cell(cell))


def _further(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Of two accounts of an environment that which tells more: an outcome beats "untested", a failure beats a pass."""

    def order(facts: Mapping[str, Any]) -> tuple[list[int], str]:
        outcomes = [facts["resolve"], facts["install"], facts["import"]]
        weight = {"untested": 0, "skipped": 0, "pass": 1}
        return [weight.get(outcome, 2) for outcome in outcomes], dumps(ordered(facts, ENVIRONMENT))

    return dict(other if order(other) > order(one) else one)


def _packages(content: Evidence, route: str, stage: str) -> dict[str, str]:
    """What is installed where a stage runs, and "python"; packages that only the other side has are there too."""
    sides = [content.source, content.routes.get(route, content.source)]
    if stage in judge.SOURCE_STAGES:
        sides.reverse()
    packages: dict[str, str] = {}
    for id in sides:
        facts = content.environments.get(id)
        if facts:
            packages.update(facts["packages"], python=facts["python"])
    return packages


def _tidy(content: Evidence) -> Evidence:
    """Cells in order, and only the errors that they name."""
    named = {name for cell in content.cells for name in (cell["error"], *(a["error"] for a in cell["attempts"]))}
    errors = {name: error for name, error in sorted(content.errors.items()) if name in named}
    return replace(content, errors=errors, cells=by_place(content.cells))
