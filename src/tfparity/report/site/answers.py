"""The conclusions that pages state: the way to take, what cures a known issue, the newest TensorFlow by a route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from tfparity.evidence.explain import Explainer
from tfparity.evidence.query import Standing, Table
from tfparity.evidence.recommend import Way
from tfparity.planning.routes import BY_HAND
from tfparity.records.vocabulary import Grade, Verdict
from tfparity.report.site.facts import Cure, Elsewhere

#: Where several ways are named, this many.
NAMED = 5


def minor(version: str | None) -> str | None:
    """ "2.15.1" → "2.15"."""
    return ".".join(version.split(".")[:2]) if version else None


def tensorflow(pins: Mapping[str, str]) -> str | None:
    """The minor version of TensorFlow among pins."""
    return minor(pins.get("tensorflow") or pins.get("tensorflow-cpu"))


def share(counts: Mapping[Verdict, int]) -> tuple[int, int]:
    """How many cells work, of how many that were run."""
    return sum(n for verdict, n in counts.items() if verdict.works), sum(
        n for verdict, n in counts.items() if verdict.ran
    )


def age(table: Table) -> dict[str, int]:
    """Toolchain → its place from the oldest to the newest, by the day of its newest target environment."""
    ways = [(chain.id, route) for chain in table.toolchains for route in chain.routes]
    return {id: place for place, (id, _) in enumerate(table.oldest_first(ways))}


def best(cells: Iterable[Standing], default: str, ages: Mapping[str, int]) -> Standing | None:
    """The cell of a case that `recommend` takes (evidence.advice, for one model and no other wish): not by hand,
    without a remedy, the better grade, the default toolchain, the newest. None where it converts by no recorded way."""

    def rank(cell: Standing) -> tuple[bool, int, int, bool, int]:
        grade = cell.cell.grade if cell.cell else None
        exact = grade.rank if grade else len(Grade)
        chain = cell.planned.toolchain
        return cell.planned.route in BY_HAND, cell.checked.position, exact, chain != default, -ages[chain]

    return min((cell for cell in cells if cell.verdict.works), key=rank, default=None)


@dataclass(frozen=True)
class Reach:
    """On which TensorFlow a route works: the newest on which any case does without shims, and the newest on which any
    does at all; with toolchains and how many of the cells that were run work."""

    plain: tuple[str, str, int, int] | None
    shimmed: tuple[str, str, int, int] | None


def reach(table: Table, route: str) -> Reach:
    """How new a TensorFlow a route is recorded to work with."""
    found: list[tuple[Version, int, bool, tuple[str, str, int, int]]] = []
    for chain in table.toolchains:
        version = tensorflow(table.pins(chain.id, route)) if route in chain.routes else None
        if version is None:
            continue
        works, ran = share(table.counts(chain.id, lambda cell: cell.route == route))
        if works:
            found.append(
                (Version(version), works, bool(_shims(table, chain.id, route)), (version, chain.id, works, ran))
            )
    newest = max(found, key=lambda one: one[:2], default=None)
    without = max((one for one in found if not one[2]), key=lambda one: one[:2], default=None)
    return Reach(without[3] if without else None, newest[3] if newest else None)


def _shims(table: Table, toolchain: str, route: str) -> Sequence[str]:
    matrix = table.selection.matrix
    chain = matrix.toolchains[toolchain]
    return (*matrix.environments[chain.source].shims, *matrix.environments[chain.routes[route]].shims)


def by_rule(table: Table) -> dict[str, list[Standing]]:
    """Rule → the cells that fail by it."""
    found: dict[str, list[Standing]] = {}
    for cells in table.cells.values():
        for cell in cells:
            if cell.limitation and cell.verdict.failing:
                found.setdefault(cell.limitation.id, []).append(cell)
    return found


def cures(table: Table) -> dict[str, list[Cure]]:
    """Rule → remedies by which cells work whose earlier attempts failed by that rule; what most cases need first."""
    met: dict[str, dict[tuple[str, ...], dict[str, Standing]]] = {}
    ages = age(table)
    for id, cells in table.cells.items():
        content = table.query.recorded.get(id)
        explainer = Explainer(content, table.limitations, table.selection.is_own) if content else None
        for cell in cells:
            if explainer is None or cell.cell is None or cell.verdict is not Verdict.WORKS_WITH_REMEDY:
                continue
            failed = [attempt for attempt in cell.cell.attempts if attempt.error and not attempt.remedies]
            for rule in {explainer.first(cell.cell, attempt) for attempt in failed} - {None}:
                kept = met.setdefault(str(rule), {}).setdefault(_taken(table, str(rule), cell.cell.remedies), {})
                before = kept.get(cell.planned.case)
                kept[cell.planned.case] = best([before, cell] if before else [cell], table.default, ages) or cell
    return {rule: _cures(by_remedies, table.default, ages) for rule, by_remedies in met.items()}


def _taken(table: Table, rule: str, remedies: tuple[str, ...]) -> tuple[str, ...]:
    """Of a cell's remedies those that a rule names; all of them where it names none of them."""
    declared = table.limitations.named(rule)
    mine = tuple(name for name in remedies if declared and name in declared.remedies)
    return mine or remedies


def _cures(
    by_remedies: Mapping[tuple[str, ...], Mapping[str, Standing]], default: str, ages: Mapping[str, int]
) -> list[Cure]:
    found = []
    for remedies, cases in by_remedies.items():
        example = best(cases.values(), default, ages)
        assert example is not None
        found.append(Cure(remedies, len(cases), example.planned.case, *_way(example)))
    return sorted(found, key=lambda cure: (-cure.cases, len(cure.remedies), cure.remedies))[:NAMED]


def _way(cell: Standing) -> Way:
    return cell.planned.toolchain, cell.planned.route


def elsewhere(table: Table, rule: str) -> tuple[int, list[Elsewhere]]:
    """How many cases fail by a rule, and the ways by which most of them convert."""
    count, ways = table.query.elsewhere(rule)
    return count, [Elsewhere(*way, number) for way, number in ways.most_common(NAMED)]


@dataclass(frozen=True)
class Change:
    """A toolchain against the one before it of the same leading route: pins that moved (name, before, after), cases
    that work here and failed there, and the other way round, of those that were run on both; how many were."""

    before: str
    pins: tuple[tuple[str, str, str], ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    both: int


def neighbour(table: Table, toolchain: str) -> Change | None:
    """What changed against the toolchain before it in the matrix that has recorded cells by the same leading route."""
    route = table.leading(toolchain)
    before = None
    for chain in table.toolchains:
        if chain.id == toolchain:
            break
        if table.leading(chain.id) == route and any(cell.cell for cell in table.cells[chain.id]):
            before = chain
    if before is None:
        return None
    matrix = table.selection.matrix
    old, new = table.packages(before), table.packages(matrix.toolchains[toolchain])
    pins = tuple(
        (name, old.get(name, "–"), new.get(name, "–"))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    )
    was, now = _ran(table, before.id, route), _ran(table, toolchain, route)
    shared = [case for case in now if case in was]
    gained = tuple(case for case in shared if now[case].works and not was[case].works)
    lost = tuple(case for case in shared if was[case].works and not now[case].works)
    return Change(before.id, pins, gained, lost, len(shared))


def _ran(table: Table, toolchain: str, route: str) -> dict[str, Verdict]:
    return {
        cell.planned.case: cell.verdict
        for cell in table.cells[toolchain]
        if cell.planned.route == route and cell.verdict.ran
    }
