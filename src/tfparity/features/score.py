"""A package under test, scored: what came out held against what is recorded of the locked toolchain beneath."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import TypeAdapter

from tfparity.evidence import differences
from tfparity.evidence.query import Standing
from tfparity.features.session import Session
from tfparity.features.upgrade.kinds import NO_ANSWER
from tfparity.inputs.matrix import Toolchain
from tfparity.paths import Project
from tfparity.planning import routes
from tfparity.planning.selection import SUGGESTED
from tfparity.records.cells import Cell, CellId, CellRecord
from tfparity.records.fingerprint import printable
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Verdict
from tfparity.report import words

#: Raised when a key is taken away or changes its meaning; additions don't raise it.
SCHEMA = 1


class Kind(StrEnum):
    """What a package under test does to a cell; what matters most first."""

    NEWLY_FAILING = "newly-failing"
    NEWLY_PASSING = "newly-passing"
    FAILING_ALONE = "failing-alone"
    FAILING = "failing"
    QUARANTINED = "quarantined"
    PASSING = "passing"
    NOT_COMPARED = "not-compared"


MEANINGS = {
    Kind.NEWLY_FAILING: "worse than recorded of the toolchain: a lower verdict, a lost axis or name, a drift, or a "
    "remedy needed",
    Kind.NEWLY_PASSING: "better than recorded",
    Kind.FAILING_ALONE: "fails as recorded, and another route converts the model: the converter is to blame",
    Kind.FAILING: "fails as recorded, and no other route is recorded to convert the model",
    Kind.QUARANTINED: "flaky by flaky.yaml until a day: said, whatever came out, and not counted",
    Kind.PASSING: "works as recorded",
    Kind.NOT_COMPARED: "nothing current is recorded of it, or it was not run",
}

EXIT_CODES = {Kind.NEWLY_FAILING: 1}

#: Characters of a message.
LONGEST = 400


@dataclass(frozen=True)
class Scored:
    """A cell. was, now: verdicts; message: what differs, or why it fails, in a line; elsewhere: the toolchain and route
    by which evidence has the model as working, of one that fails."""

    case: str
    route: str
    kind: Kind
    was: Verdict
    now: Verdict
    message: str
    elsewhere: str | None = None


@dataclass(frozen=True)
class Score:
    """The whole score. toolchains: those that are locked, beneath the packages under test; packages: these, as they
    were asked for; plain: without remedies, as bundles are run."""

    schema: int
    toolchains: tuple[str, ...]
    packages: tuple[str, ...]
    plain: bool
    exit_code: int
    counts: dict[str, int]
    cells: tuple[Scored, ...]

    @property
    def compared(self) -> int:
        return sum(count for kind, count in self.counts.items() if kind not in (Kind.NOT_COMPARED, Kind.QUARANTINED))


def score(session: Session, records: Sequence[CellRecord], *, plain: bool = False) -> Score:
    """Those records of toolchains with packages under test, held against the evidence of the toolchains beneath. A cell
    that is not applicable is left out, unless it is recorded to work beneath. plain: the records are of runs without
    remedies, and recorded cells that took one count as failing."""
    matrix, project = session.selection.matrix, session.selection.project
    beneath = {record.toolchain: matrix.toolchains[record.toolchain].over for record in records}
    asked = [
        replace(record, route=_named(record.route, matrix.toolchains[record.toolchain], project)) for record in records
    ]
    recorded = _recorded(session)
    standings = _standings(recorded, [(beneath[one.toolchain] or one.toolchain, one.case, one.route) for one in asked])
    works = _elsewhere(recorded, [record.case for record in asked if record.verdict.failing])
    cells = []
    for record in asked:
        base = beneath[record.toolchain] or record.toolchain
        standing = standings.get((base, record.case, record.route))
        if record.verdict is Verdict.NOT_APPLICABLE and (standing is None or not standing.verdict.works):
            continue
        scored = _scored(session, record, standing, works.get(record.case, []), base, plain=plain)
        cells.append(_excused(session, record, scored))
    order = list(Kind)
    cells.sort(key=lambda cell: (order.index(cell.kind), cell.case, cell.route))
    counts = {kind.value: sum(cell.kind is kind for cell in cells) for kind in Kind}
    worst = next((EXIT_CODES[kind] for kind in EXIT_CODES if counts[kind]), 0)
    found = Score(
        SCHEMA,
        tuple(dict.fromkeys(id for id in beneath.values() if id)),
        session.choice.packages,
        plain,
        worst,
        counts,
        tuple(cells),
    )
    return found if found.compared else replace(found, exit_code=NO_ANSWER)


def _excused(session: Session, record: CellRecord, scored: Scored) -> Scored:
    """The cell as it was scored, one that is known to be flaky under the word that does not count."""
    entry = session.quarantined(record.place)
    if entry is None:
        return scored
    came = f"{scored.kind}: {scored.message}" if scored.message else scored.kind.value
    return replace(scored, kind=Kind.QUARANTINED, message=words.shortened(f"{entry.said}; {came}", LONGEST))


def _named(route: str, toolchain: Toolchain, project: Project) -> str:
    """A route as its toolchain names it: bundles are run by the file that it stands in."""
    return next((name for name in toolchain.routes if route in (name, routes.locate(name, project))), route)


def _recorded(session: Session) -> tuple[Session, ...]:
    """Where to look for what is recorded, the first that has a toolchain: results of one's own, those of the project.
    What a package under test came to is kept in the former, and most often nothing else is."""
    if not session.selection.has_own_results:
        return (session,)
    selection = session.selection
    choice = replace(session.choice, results=None, record=False)
    return session, Session(choice, selection.project, selection.cache, selection.matrix)


def _standings(
    recorded: Sequence[Session], places: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Standing]:
    """What is recorded at these places, if it is current."""
    found: dict[tuple[str, str, str], Standing] = {}
    left = set(places)
    for session in recorded:
        wanted = left & session.query.places
        if wanted:
            planned = session.selection.every_cell(sorted({place[0] for place in wanted}), wanted)
            found.update({cell.place: session.query.standing(cell) for cell in planned})
        left = {place for place in left if place[0] not in session.query.recorded}
    return {place: standing for place, standing in found.items() if standing.verdict.ran}


def _elsewhere(recorded: Sequence[Session], cases: Iterable[str]) -> dict[str, list[CellId]]:
    """By which ways evidence has these models as working, by case."""
    wanted = set(cases)
    found: dict[str, list[CellId]] = {}
    for session in recorded:
        places = [place for place in session.query.places if place[1] in wanted]
        locked = [id for id, one in session.selection.matrix.toolchains.items() if one.over is None]
        ids = [id for id in locked if any(place[0] == id for place in places)]
        for planned in session.selection.every_cell(ids, places) if ids else ():
            if planned.applicable and session.query.verdict(planned).works:
                found.setdefault(planned.case, []).append(planned.place)
    return found


def _scored(
    session: Session,
    record: CellRecord,
    standing: Standing | None,
    works: Sequence[CellId],
    base: str,
    *,
    plain: bool,
) -> Scored:
    matrix = session.selection.matrix
    others = matrix.oldest_first((way.toolchain, way.route) for way in works if way.route != record.route)
    ways = [way for way in others if way[0] == base] or others
    elsewhere = f"{ways[-1][1]} on {ways[-1][0]}" if ways and record.verdict.failing else None

    def made(kind: Kind, message: str) -> Scored:
        said = words.shortened(printable(" ".join(message.split())), LONGEST)
        was = standing.verdict if standing else Verdict.UNTESTED
        return Scored(record.case, record.route, kind, was, record.verdict, said, elsewhere)

    if record.verdict is Verdict.NOT_APPLICABLE:
        return made(Kind.NEWLY_FAILING, f"not applicable any more: {record.reason}")
    if record.cell is None:
        return made(Kind.NOT_COMPARED, record.reason or "not run")
    if standing is None or standing.cell is None:
        return made(Kind.NOT_COMPARED, f"{base} has no current result: {_remedy(session, base, record.case)}")
    old = _plain(standing.cell) if plain else standing.cell
    new = record.cell
    why = _why(record)
    worse = differences.between(old, new, *_measured(standing, record))
    if worse:
        return made(Kind.NEWLY_FAILING, "; ".join([", ".join(worse), *([why] if why else [])]))
    better = differences.lost(new, old) + differences.needed(new, old)
    if better:
        return made(
            Kind.NEWLY_PASSING, f"{new.verdict} instead of {old.verdict}" if new.verdict is not old.verdict else ""
        )
    if not new.verdict.failing:
        return made(Kind.PASSING, "")
    alike = plain or differences.same_reason(standing.cell, _explained(session, record))
    return made(Kind.FAILING_ALONE if elsewhere else Kind.FAILING, why if alike else f"for another reason now: {why}")


def _remedy(session: Session, base: str, case: str) -> str:
    """How a result of the toolchain beneath is made."""
    recording = f"`tfparity run --toolchain {base} --record"
    if not session.selection.is_own(case):
        return f"{recording}`"
    return f"{recording} --results {session.choice.results or SUGGESTED} --cases …`"


def _measured(standing: Standing, record: CellRecord) -> tuple[float | None, float | None]:
    """The largest errors as measured, recorded and now, where known."""
    return standing.run.max_abs if standing.run else None, record.deciding.max_abs if record.deciding else None


def _explained(session: Session, record: CellRecord) -> Cell:
    (cell,) = session.recorder.found([record])[record.toolchain].cells
    return cell


def _plain(cell: Cell) -> Cell:
    """A recorded cell as a run without remedies would have it: one that took a remedy fails."""
    if not cell.verdict.works or not cell.named:
        return cell
    return replace(cell, verdict=Verdict.BROKEN, grade=None, remedies=(), dynamic={}, signature=None)


def _why(record: CellRecord) -> str:
    """Why it fails, in a line; empty where it works."""
    cell = record.cell
    if cell is None or not record.verdict.failing:
        return ""
    decided = [attempt for attempt in record.attempts if attempt.error and attempt.error.fingerprint == cell.error]
    error = decided[0].error if decided else None
    return words.failure(error) if error else ""


def as_json(found: Score) -> str:
    """The document that docs/score.schema.json describes. Ends with a line feed."""
    return _SCORE.dump_json(found, indent=1).decode() + "\n"


def json_schema() -> dict[str, Json]:
    """JSON schema of that document, derived from the dataclasses."""
    schema = _SCORE.json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "tfparity run --score-json"}


_SCORE = TypeAdapter(Score)


def sentence(found: Score) -> str:
    """The score in one sentence."""
    said = ", ".join(f"{found.counts[kind]} {kind}" for kind in Kind if found.counts[kind])
    over = f"{', '.join(found.packages)} over {', '.join(found.toolchains)}"
    if not found.compared:
        return f"{over}: no cell could be compared" + (f" ({said})." if said else ".")
    return f"{over}: {words.cells(found.compared)} compared{', without remedies' if found.plain else ''}: {said}."


def ending(found: Score) -> str:
    """The exit code in words."""
    if found.exit_code == NO_ANSWER:
        return f"score: exit code {NO_ANSWER}, no answer: no cell has a current result beneath"
    said = "something newly fails" if found.exit_code else "nothing newly fails"
    return f"score: exit code {found.exit_code}, {said}"
