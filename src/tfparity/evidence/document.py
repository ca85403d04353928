"""Evidence made and merged: what recorded runs found, per toolchain. Merging in any order gives identical bytes. Pure.

What was not run is not stored: evidence.query derives it from the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from tfparity.evidence import schema
from tfparity.evidence.schema import Evidence, Place, Runs
from tfparity.records.cells import Cell, CellRecord, Entry, EnvironmentFacts
from tfparity.records.vocabulary import Outcome


def document(
    toolchain: str,
    *,
    source: str,
    routes: Mapping[str, str],
    records: Iterable[CellRecord],
    environments: Mapping[str, EnvironmentFacts] | None = None,
) -> Evidence:
    """The evidence of one toolchain out of the records of a run; records of other toolchains are left out.

    `environments` by id adds to those that the records tell of, for a toolchain that has none to tell.
    """
    cells: dict[Place, Cell] = {}
    errors = {}
    known = dict(environments or {})
    for record in records:
        if record.toolchain != toolchain or record.cell is None:
            continue
        place = (record.case, record.route)
        cells[place] = max(cells[place], record.cell, key=_worse) if place in cells else record.cell
        for attempt in record.attempts:
            if attempt.error:
                errors[attempt.error.fingerprint] = attempt.error
        for failure in record.beside:
            errors[failure.fingerprint] = failure
        for id, facts in record.environments.items():
            if known.get(id) != facts:
                known[id] = max(known.get(id, facts), facts, key=_tells_more)
    return _tidy(Evidence(toolchain, known, source, dict(routes), errors, tuple(cells.values())))


def merged(parts: Sequence[tuple[Evidence, Runs]]) -> tuple[Evidence, Runs]:
    """Parts of a toolchain's evidence that share no cell, with their runs, as one: the same in any order."""
    first = parts[0][0]
    known: dict[str, EnvironmentFacts] = {}
    for content, _ in parts:
        for id, facts in content.environments.items():
            known[id] = max(known.get(id, facts), facts, key=_tells_more)
    errors = {name: error for content, _ in parts for name, error in content.errors.items()}
    routes = {name: id for content, _ in parts for name, id in content.routes.items()}
    cells = {place: cell for content, _ in parts for place, cell in content.by_place.items()}
    ran = {place: run for _, runs in parts for place, run in runs.by_place.items()}
    content = _tidy(Evidence(first.toolchain, known, first.source, routes, errors, tuple(cells.values())))
    return content, Runs(first.toolchain, tuple(ran[place] for place in sorted(ran)))


def unresolvable(python: str, shims: Sequence[str]) -> EnvironmentFacts:
    """The facts of an environment that cannot be resolved; the resolver's reason lies beside the lockfiles."""
    return EnvironmentFacts(python, None, {}, tuple(shims), Outcome.FAIL, Outcome.SKIPPED, Outcome.SKIPPED)


def update(recorded: Evidence | None, new: Evidence) -> Evidence:
    """`recorded` with the cells of `new` in place of its own; cells that `new` lacks stay, and of a cell with the same
    key what stands beside its verdict: attempts at opsets that `new` did not try, probes, targets and runtimes."""
    if recorded is None:
        return _tidy(new)
    fresh = {(cell.case, cell.route): _with_earlier(cell, recorded.cell(cell.case, cell.route)) for cell in new.cells}
    return _tidy(
        replace(
            new,
            environments=_environments(recorded.environments, new.environments),
            routes={**recorded.routes, **new.routes},
            errors={**recorded.errors, **new.errors},
            cells=tuple({**recorded.by_place, **fresh}.values()),
        )
    )


def only_beside(recorded: Evidence | None, new: Evidence) -> set[Place]:
    """The cells to which `new` adds entries beside the verdict and nothing else: the same came out at level 1 again,
    and what is recorded of it stays, to the figures that another processor moves."""
    known = recorded.by_place if recorded else {}
    return {place for place, cell in new.by_place.items() if place in known and _only_beside(cell, known[place])}


def _only_beside(cell: Cell, before: Cell) -> bool:
    adds = any(
        name not in there or there[name].key != entry.key
        for now, there in zip(_beside(cell), _beside(before), strict=True)
        for name, entry in now.items()
    )
    return adds and _came_out(cell) == _came_out(before)


def _beside(cell: Cell) -> tuple[Mapping[str, Entry], ...]:
    """The entries beside a cell's verdict, kind by kind."""
    return cell.probes, cell.targets, cell.runtimes


def _came_out(cell: Cell) -> tuple[object, ...]:
    """What came out at level 1, without figures and attempts that decided nothing."""
    return cell.key, cell.verdict, cell.opset, cell.remedies, cell.error, dict(cell.dynamic), cell.signature


def _with_earlier(cell: Cell, before: Cell | None) -> Cell:
    """The cell with what was recorded beside the same verdict, which decides nothing. Nothing of a record that
    contradicts this one: what it rests on did not come out again."""
    if before is None or before.key != cell.key:
        return cell
    tried = {attempt.opset for attempt in cell.attempts}
    if _only_beside(cell, before):
        kept = before
    elif any(attempt not in cell.attempts for attempt in before.attempts if attempt.opset in tried):
        return cell
    else:
        more = (attempt for attempt in before.attempts if attempt.opset not in tried)
        kept = replace(cell, attempts=(*cell.attempts, *more))
    return replace(
        kept,
        level=max(cell.level, before.level),
        probes=_entries(before.probes, cell.probes),
        targets=_entries(before.targets, cell.targets),
        runtimes=_entries(before.runtimes, cell.runtimes),
    )


def _environments(
    before: Mapping[str, EnvironmentFacts], now: Mapping[str, EnvironmentFacts]
) -> dict[str, EnvironmentFacts]:
    """Both by id, the newer first, save that one which was not started this time leaves what is known of the same."""
    kept = {}
    for id, facts in now.items():
        known = before.get(id)
        same = known is not None and replace(facts, install=known.install, import_=known.import_) == known
        if known is not None and same and Outcome.UNTESTED in (facts.install, facts.import_):
            kept[id] = known
    return {**before, **now, **kept}


def _entries(before: Mapping[str, Entry], now: Mapping[str, Entry]) -> dict[str, Entry]:
    """Both by name, the newer first, save that one which was cut off replaces none of the same key that was not."""
    kept = {
        name: entry
        for name, entry in before.items()
        if name in now and now[name].outcome.cut_off and entry.key == now[name].key and not entry.outcome.cut_off
    }
    return {**before, **now, **kept}


def only(content: Evidence, cells: Collection[Place]) -> Evidence:
    """The evidence without cells that are not among `cells`: those that the plan no longer has."""
    return _tidy(replace(content, cells=tuple(cell for cell in content.cells if (cell.case, cell.route) in cells)))


def _worse(cell: Cell) -> tuple[int, str]:
    return cell.verdict.position, schema.cell_line(cell)


def _tells_more(facts: EnvironmentFacts) -> tuple[list[int], str]:
    """Orders accounts of an environment by what they tell: an outcome beats "untested", a failure beats a pass."""
    weight = {Outcome.UNTESTED: 0, Outcome.SKIPPED: 0, Outcome.PASS: 1}
    outcomes = [weight.get(outcome, 2) for outcome in (facts.resolve, facts.install, facts.import_)]
    return outcomes, schema.environment_line(facts)


def _tidy(content: Evidence) -> Evidence:
    """Cells in order, and only the errors that they name."""
    named = {name for cell in content.cells for name in (cell.error, *(a.error for a in cell.attempts))}
    named |= {
        entry.error
        for cell in content.cells
        for entries in (cell.probes, cell.targets, cell.runtimes)
        for entry in entries.values()
    }
    errors = {name: error for name, error in sorted(content.errors.items()) if name in named}
    return replace(content, errors=errors, cells=schema.by_place(content.cells))
