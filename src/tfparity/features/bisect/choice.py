"""Which case by which route is bisected where none is named: one that an upgrade has as worse, in a way that can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tfparity.errors import UsageError
from tfparity.features.session import Session
from tfparity.features.upgrade.kinds import Kind
from tfparity.features.upgrade.report import CellChange, Group, Sides, Upgrade
from tfparity.records.cells import PlannedCell
from tfparity.records.vocabulary import Verdict
from tfparity.report import words

#: The words under which a case may be bisected.
KINDS = (Kind.ENVIRONMENT_BROKEN, Kind.REGRESSED)

_WORKS = {verdict.value for verdict in Verdict if verdict.works}


@dataclass(frozen=True)
class Chosen:
    """A case by a route. others: which other routes of it are worse, as the end of a line; empty for none."""

    case: str
    route: str
    others: str = ""


def sole(session: Session, both: Sides) -> Chosen | None:
    """The only cell that is chosen; None where there are several. Raises UsageError where there is none."""
    found = list(dict.fromkeys((cell.case, cell.route) for cell in _cells(session, both)))
    return Chosen(*found[0]) if len(found) == 1 else None


def chosen(session: Session, both: Sides, said: Upgrade) -> Chosen:
    """Of what is worse on HEAD and works on BASE: first what fails there, then what needs a remedy; of that with no
    remedy left to try, unless its case is named, of the largest group, what takes the least time. Raises UsageError
    where nothing is, which says what else there is."""
    cells = _cells(session, both)
    untried = {
        (cell.case, cell.route)
        for cell in cells
        if cell.toolchain == both.head and cell.applicable and session.query.standing(cell).untried
    }
    costs = {(id.case, id.route): cost for id, cost in session.costs(cells).items() if id.toolchain == both.base}
    worse = [(group, one) for group in said.groups if group.kind in KINDS for one in group.cells if one.base in _WORKS]
    named = bool(session.choice.case_globs)
    may = [(group, one) for group, one in worse if named or (one.case, one.route) not in untried]
    ways = {(cell.case, cell.route) for cell in cells if cell.applicable}
    if not may and named and len(ways) == 1:  # of which nothing may be recorded
        return Chosen(*ways.pop(), "")
    if not may:
        raise UsageError(_none(both, said, [one for _, one in worse], {route for _, route in ways}))

    def order(found: tuple[Group, CellChange]) -> tuple[bool, bool, int, float]:
        group, one = found
        place = one.case, one.route
        return one.head in _WORKS, place in untried, -group.worked, costs.get(place, 1e9)

    _, first = min(may, key=order)
    routes = sorted({one.route for _, one in may if one.case == first.case and one.route != first.route})
    others = f"; it is worse by {words.listed(routes)}, too: --route asks for that" if routes else ""
    return Chosen(first.case, first.route, others)


def _cells(session: Session, both: Sides) -> list[PlannedCell]:
    return [cell for cell in session.selection.planned if cell.applicable or cell.toolchain == both.head]


def _none(both: Sides, said: Upgrade, waiting: Iterable[CellChange], routes: Iterable[str]) -> str:
    """Why there is nothing to bisect, and what to do."""
    head = f"no case is known to work on {both.base_label} and to fail on {both.head_label}, or to need a remedy there"
    left = Counter({kind: said.counts[kind] for kind in Kind if kind.exit_code and kind not in KINDS})
    parts = [f"{count} {kind}" for kind, count in left.items() if count]
    again = len(list(waiting))
    if again:
        parts.append(f"{again} with a remedy that was not tried yet, which are bisected where --case names them")
    beside = f"; worse in other ways: {', '.join(parts)}" if parts else ""
    several = f" and --route ({words.listed(sorted(set(routes)))})"
    return f"{head}{beside}; name one with --case{several}"
