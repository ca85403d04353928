"""The comparison of two toolchains: from evidence where it is current, by a run where one is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tfparity.features.session import Session
from tfparity.features.upgrade import answers
from tfparity.features.upgrade.answers import Answers
from tfparity.features.upgrade.compare import Answer, Change, Place, Times, changed, compare
from tfparity.features.upgrade.kinds import Kind
from tfparity.features.upgrade.report import Sides, Upgrade
from tfparity.features.upgrade.summary import report
from tfparity.features.upgrade.times import recorded
from tfparity.planning.plan import in_tier
from tfparity.records.cells import CellRecord, PlannedCell
from tfparity.records.vocabulary import Tier, Verdict


class Carry(Protocol):
    """Runs cells of a session; `again`: also what the store has."""

    def __call__(self, cells: Sequence[PlannedCell], *, again: bool) -> Sequence[CellRecord]: ...


@dataclass
class _Known:
    """What both sides say so far, the records of what was run, and the places of these. again: of a toolchain that is
    compared with itself, what each further run says."""

    base: Answers
    head: Answers
    records: dict[tuple[str, str, str], CellRecord]
    ran: set[Place]
    again: list[Answers] = field(default_factory=list)


def upgrade(
    session: Session,
    sides: Sides,
    carry: Carry | None = None,
    tier: Tier = Tier.ALL,
    times: Times | None = None,
    repeat: int = 1,
) -> Upgrade:
    """Compare the cells that the session chooses of both toolchains.

    carry: runs, of the cases of that tier, what is not recorded or stale, and both sides of each difference again,
    which counts where it comes out again; None: nothing is run. What ran is recorded where the session has results of
    its own. tier: also the one of which it is said what --run runs. times: None for what the recorded latency says.
    repeat: of a toolchain that is compared with itself, how often it runs; what then comes out otherwise among these
    runs is flaky.
    """
    times = times or recorded(session.selection.project, sides.base, sides.head)
    cells = [cell for cell in session.selection.planned if cell.toolchain in (sides.base, sides.head)]
    known = _recorded(session, sides, cells)
    if carry is not None:
        _run(session, sides, cells, known, carry, tier, repeat)
    changes, unknown = compare(known.base, known.head, times)
    if carry is not None:
        changes, lost = _confirmed(session, sides, cells, known, carry, changes)
        unknown += lost
    else:
        lost = []
    changes = _excused(session, sides, changes)
    if carry is not None:
        unsure = {change.place for change in changes if change.kind in (Kind.FLAKY, Kind.QUARANTINED)}
        _record(session, known, unsure | set(lost))
    runs = {_place(cell) for cell in _unknown(session, sides, cells, known, tier)} | {*lost}
    return report(session, sides, known.base, known.head, changes, unknown, known.ran, tier, runs, lost)


def _recorded(session: Session, sides: Sides, cells: Sequence[PlannedCell]) -> _Known:
    base, head = (answers.recorded(session, id, cells) for id in (sides.base, sides.head))
    for place, answer in answers.vanished(session, sides.base).items():
        base[place] = answer
        head.setdefault(place, Answer(Verdict.NOT_APPLICABLE, answers.VANISHED))
    return _Known(base, head, {}, set())


def to_run(session: Session, sides: Sides, tier: Tier) -> list[PlannedCell]:
    """The cells of either side that `upgrade` would run at first: of that tier, and not recorded or stale."""
    cells = [cell for cell in session.selection.planned if cell.toolchain in (sides.base, sides.head)]
    return _unknown(session, sides, cells, _recorded(session, sides, cells), tier)


def _unknown(
    session: Session, sides: Sides, cells: Sequence[PlannedCell], known: _Known, tier: Tier
) -> list[PlannedCell]:
    said = {sides.base: known.base, sides.head: known.head}
    return [cell for cell in _of_tier(session, cells, tier) if not said[cell.toolchain][_place(cell)].known]


def _of_tier(session: Session, cells: Iterable[PlannedCell], tier: Tier) -> list[PlannedCell]:
    cases = session.selection.cases
    return [cell for cell in cells if cell.applicable and in_tier(cases[cell.case], tier)]


def _run(
    session: Session,
    sides: Sides,
    cells: Sequence[PlannedCell],
    known: _Known,
    carry: Carry,
    tier: Tier,
    repeat: int,
) -> None:
    """Run what is not known. Of a toolchain that is compared with itself, HEAD is a run of its own, or several."""
    chosen = _of_tier(session, cells, tier)
    todo = _unknown(session, sides, cells, known, tier)
    if todo:
        _take(session, sides, known, carry(todo, again=False))
    if sides.base == sides.head and chosen:
        runs = [answers.of_records(session, carry(chosen, again=True)).get(sides.head, {}) for _ in range(repeat)]
        known.head.update(runs[0])
        known.again[:] = runs
        known.ran.update(map(_place, chosen))


def _place(cell: PlannedCell) -> Place:
    return cell.case, cell.route


def _take(session: Session, sides: Sides, known: _Known, records: Iterable[CellRecord]) -> None:
    records = list(records)
    found = answers.of_records(session, records)
    known.base.update(found.get(sides.base, {}))
    known.head.update(found.get(sides.head, {}))
    known.records.update({record.place: record for record in records})
    known.ran.update((record.case, record.route) for record in records)


def _confirmed(
    session: Session,
    sides: Sides,
    cells: Sequence[PlannedCell],
    known: _Known,
    carry: Carry,
    changes: Sequence[Change],
) -> tuple[list[Change], list[Place]]:
    """The changes, those that rest on a run held against another run of both sides; and the cells that this run left
    untested."""
    doubted = {change.place: change for change in changes if change.kind is not Kind.SAME and change.place in known.ran}
    if sides.base == sides.head:  # nothing differs between the sides, so the runs do
        return [_repeated(change, known.again) if change.place in known.ran else change for change in changes], []
    todo = [cell for cell in cells if cell.applicable and _place(cell) in doubted]
    if not todo:
        return list(changes), []
    # A record of before a remedy was named says less than a run does now; of what ran both times it excuses nothing.
    outdone = {_place(cell) for cell in todo if session.query.standing(cell).untried}
    found = answers.of_records(session, carry(todo, again=True))
    again, lost = {}, []
    for place, change in doubted.items():
        pairs = [(id, first, found.get(id, {}).get(place, first)) for id, first in _both(sides, change)]
        was, now = (second for _, _, second in pairs)
        if not (was.known and now.known):
            lost.append(place)
            continue
        again[place] = changed(place, was, now)
        twice = [(first, second) for id, first, second in pairs if (id, *place) in known.records]
        if any(changed(place, first, second).kind is not Kind.SAME for first, second in twice):
            outdone.discard(place)
    kept = [change for change in changes if change.place not in lost]
    return [_again(change, again.get(change.place), outdone=change.place in outdone) for change in kept], lost


def _again(first: Change, second: Change | None, *, outdone: bool) -> Change:
    """What counts of a change and of what came out when both sides ran again."""
    if second is None or alike(first, second):
        return first
    return second if outdone else _flaky(first, second)


def _both(sides: Sides, change: Change) -> tuple[tuple[str, Answer], tuple[str, Answer]]:
    return (sides.base, change.base), (sides.head, change.head)


def alike(first: Change, second: Change) -> bool:
    """Whether a change came out again: the same word, and the same reason where there is one."""
    if first.kind is not second.kind:
        return False
    if first.rule is not None or second.rule is not None:
        return first.rule == second.rule
    return (first.failure and first.failure.fingerprint) == (second.failure and second.failure.fingerprint)


def _repeated(change: Change, runs: Sequence[Answers]) -> Change:
    """What several runs of a cell say together: flaky where they differ, or where the only one differs from what is
    known; else what they say."""
    said = [now for run in runs if (now := run.get(change.place)) is not None and now.known]
    if len(runs) == 1:
        return change if change.kind is Kind.SAME else _flaky(change, None)
    if all(changed(change.place, said[0], now).kind is Kind.SAME for now in said[1:]):
        return change
    came = Counter(_named(changed(change.place, change.base, now)) for now in said)
    message = "; ".join(f"{count} of {len(said)} runs: {what}" for what, count in came.most_common())
    return replace(change, kind=Kind.FLAKY, message=message, rule=None, failure=None)


def _named(change: Change) -> str:
    return f"{change.kind} ({change.message})" if change.message else change.kind.value


def _excused(session: Session, sides: Sides, changes: Sequence[Change]) -> list[Change]:
    """The changes, those of cells that are known to be flaky under the word that does not count."""
    quarantine = session.selection.quarantine

    def of(change: Change) -> Change:
        entries = (quarantine.of((id, *change.place)) for id in (sides.base, sides.head))
        entry = next((one for one in entries if one is not None), None)
        if entry is None or change.kind is Kind.SAME:
            return change
        message = f"{entry.said}; {_named(change)}"
        return replace(change, kind=Kind.QUARANTINED, message=message, rule=None, failure=None)

    return [of(change) for change in changes]


def _flaky(first: Change, second: Change | None) -> Change:
    again = "" if second is None else f"; again: {second.kind}{f' ({second.message})' if second.message else ''}"
    return replace(
        first, kind=Kind.FLAKY, message=f"first: {first.kind} ({first.message}){again}", rule=None, failure=None
    )


def _record(session: Session, known: _Known, without: Collection[Place]) -> None:
    """Record what ran, where the session has results of its own, and what came out again."""
    kept = [record for record in known.records.values() if (record.case, record.route) not in without]
    if session.selection.has_own_results and any(record.cell is not None for record in kept):
        session.recorder.record(kept)
