"""What one side of an upgrade says of its cells: by plan and evidence, and by what was run just now."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable

from tfparity.evidence.explain import Explainer
from tfparity.evidence.runs import operators, runs
from tfparity.evidence.schema import Evidence, Runs
from tfparity.features.session import Session
from tfparity.features.upgrade.compare import Answer, Place
from tfparity.records.cells import CellRecord, PlannedCell, toolchains_of

Answers = dict[Place, Answer]

#: Why a recorded cell is not there any more.
VANISHED = "recorded, and no case or route makes it any more"


def recorded(session: Session, toolchain: str, cells: Iterable[PlannedCell]) -> Answers:
    """What plan and evidence say of a toolchain's cells, of those given."""
    query = session.query
    content = query.explained.get(toolchain)
    reader = _Reader(session, content, query.runs.get(toolchain)) if content else None
    found: Answers = {}
    for planned in cells:
        if planned.toolchain == toolchain:
            verdict = query.verdict(planned)
            place = planned.case, planned.route
            ran = reader is not None and verdict.ran
            found[place] = reader.answer(place) if reader and ran else Answer(verdict, planned.reason)
    return found


def vanished(session: Session, toolchain: str) -> Answers:
    """What is recorded of cells that no case, route or toolchain makes any more, whatever is chosen but their names."""
    selection, query = session.selection, session.query
    places = {place for place in query.places if place[0] == toolchain}
    declared = selection.declared(places)
    if declared is None or toolchain not in query.explained:
        return {}
    globs, routes = selection.named_cases.globs or ("*",), selection.choice.routes
    reader = _Reader(session, query.explained[toolchain], query.runs.get(toolchain))
    return {
        (case, route): reader.answer((case, route))
        for _, case, route in sorted(places - declared)
        if any(fnmatch.fnmatchcase(case, glob) for glob in globs) and (not routes or route in routes)
    }


def of_records(session: Session, records: Iterable[CellRecord]) -> dict[str, Answers]:
    """What the records of a run say, by toolchain; one that this machine ended, or that a budget left out, is
    untested."""
    records = list(records)
    evidence = session.recorder.found(records)
    found: dict[str, Answers] = {}
    for name in toolchains_of(records):
        mine = [record for record in records if record.toolchain == name]
        reader = _Reader(session, evidence[name], runs(name, mine))
        found[name] = {
            (record.case, record.route): reader.answer((record.case, record.route))
            if record.cell is not None
            else Answer(record.verdict, record.reason)
            for record in mine
        }
    return found


class _Reader:
    """Reads one toolchain's explained evidence."""

    def __init__(self, session: Session, content: Evidence, ran: Runs | None) -> None:
        self.content, self.rules = content, session.selection.limitations
        self.ran = ran.by_place if ran else {}
        is_own = session.selection.is_own
        of_own = [cell for cell in content.cells if is_own(cell.case)]  # a file's operators explain these alone
        self.explainer = Explainer(content, self.rules, is_own, operators(ran) if of_own else {})

    def answer(self, place: Place) -> Answer:
        cell, run = self.content.by_place[place], self.ran.get(place)
        first = next((attempt for attempt in cell.attempts if attempt.error is not None), None)
        measured = run.max_abs if run else None
        return Answer(
            verdict=cell.verdict,
            cell=cell,
            error=self.content.error_of(cell),
            limitation=self.rules.named(cell.limitation),
            max_abs=cell.max_abs if measured is None else measured,
            first=self.content.errors.get(first.error or "") if first else None,
            first_rule=self.rules.named(self.explainer.first(cell, first)) if first else None,
        )
