"""Which operators of a model of one's own fail by which way, by the zoo's cases on single operators. Pure.

An operator fails by a way where every case with it that ran there is broken; a case that works shows that it is not
the operator alone. Nothing is said of an operator that no case with it ran by a way: it is untested there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tfparity.evidence.query import Standing
from tfparity.evidence.recommend import Way
from tfparity.records.vocabulary import Verdict

#: The cases on single operators.
FAMILY = "operators/"


@dataclass(frozen=True)
class Outlook:
    """What operators say of a way. working: at least one case with it works; failing: operator → the cells with it, all
    broken; partly: operator → its cells, none of which works; untested: no case with it ran there."""

    working: tuple[str, ...]
    partly: Mapping[str, tuple[Standing, ...]]
    failing: Mapping[str, tuple[Standing, ...]]
    untested: tuple[str, ...]


def cases_of(declared: Mapping[str, Collection[str]], found: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Operator → the cases on it: those that name it, else those whose exported file has it. Both: case → operators."""
    named = _by_operator(declared)
    return {**_by_operator(found), **named}


def _by_operator(cases: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    by: dict[str, list[str]] = {}
    for case, operators in cases.items():
        if case.startswith(FAMILY):
            for name in operators:
                by.setdefault(name, []).append(case)
    return by


def outlooks(
    operators: Sequence[str], cases: Mapping[str, Sequence[str]], cells: Iterable[Standing], ways: Iterable[Way]
) -> dict[Way, Outlook]:
    """Way → outlook, of those operators; `cases`: of each operator (see cases_of), `cells`: theirs."""
    by_way: dict[Way, dict[str, Standing]] = {}
    for cell in cells:
        by_way.setdefault((cell.planned.toolchain, cell.planned.route), {})[cell.planned.case] = cell
    return {way: _outlook(operators, cases, by_way.get(way, {})) for way in ways}


def _outlook(operators: Sequence[str], cases: Mapping[str, Sequence[str]], cells: Mapping[str, Standing]) -> Outlook:
    ran = {
        name: tuple(cells[case] for case in cases.get(name, ()) if case in cells and cells[case].verdict.ran)
        for name in operators
    }
    working = tuple(name for name, mine in ran.items() if any(cell.verdict.works for cell in mine))
    rest = {name: mine for name, mine in ran.items() if mine and name not in working}
    failing = {n: mine for n, mine in rest.items() if all(cell.verdict is Verdict.BROKEN for cell in mine)}
    partly = {name: mine for name, mine in rest.items() if name not in failing}
    return Outlook(working, partly, failing, tuple(name for name, mine in ran.items() if not mine))
