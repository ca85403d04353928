"""Models of a user's own: which of them no chosen route converts, and what is left to do for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from tfparity.features.session import Session
from tfparity.inputs.limitations import Limitation
from tfparity.planning import plan
from tfparity.records.cells import CellRecord, PlannedCell
from tfparity.records.vocabulary import Stage, Verdict
from tfparity.report import words
from tfparity.report.terminal import indented
from tfparity.report.why import explained

#: So many ways by which others that fail alike convert are named.
MOST_WAYS = 2

#: Records by case.
Stuck = Mapping[str, Sequence[CellRecord]]


def by_case(asked: Session, records: Sequence[CellRecord]) -> dict[str, list[CellRecord]]:
    """The records of a user's own models, by case."""
    found: dict[str, list[CellRecord]] = {}
    for record in records:
        if asked.selection.is_own(record.case):
            found.setdefault(record.case, []).append(record)
    return found


def stuck(asked: Session, records: Sequence[CellRecord]) -> Stuck:
    """A user's own models that no chosen route converts, with their records; not those of which a cell is untested."""
    return {case: cells for case, cells in by_case(asked, records).items() if not_converted(cells)}


def not_converted(cells: Sequence[CellRecord]) -> bool:
    """Whether these cells of one model all say that it isn't converted."""
    return not any(cell.verdict.works or cell.verdict is Verdict.UNTESTED for cell in cells)


def show(out: Console, asked: Session, left: Stuck) -> None:
    """Print what is left to do for each; nothing where none is left."""
    if left:
        out.print(Text("\nWhat to do", "bold underline"))
    for case, cells in left.items():
        out.print(Text(case, "bold"))
        for line in _of_model(asked, cells):
            indented(out, Text(line))


def _of_model(asked: Session, cells: Sequence[CellRecord]) -> Iterator[str]:
    failing = [cell for cell in cells if cell.verdict.failing]
    if not failing:
        yield "no chosen route takes it: choose others with --route or --toolchain all"
    for cell in failing:
        yield from advice(asked, cell)


def advice(asked: Session, record: CellRecord) -> Iterator[str]:
    """What to do about a failing cell of a user's own model, line by line: why it fails, with the limitation's remedy;
    automatic remedies that were not tried; other ways by which recorded models that fail alike convert."""
    limitation, error = asked.explain(record), record.deciding.error if record.deciding else None
    told = explained(limitation) if limitation else words.shortened(words.failure(error), 300) if error else "fails"
    yield f"{record.route} on {record.toolchain}: {told}"
    if limitation is None:
        built = record.deciding is None or record.deciding.stage is not Stage.BUILD
        where = f" at {record.deciding.where}" if record.deciding and record.deciding.where else ""
        yield "  no limitation says why; convert tries other toolchains" if built else f"  mend the case{where}"
        return
    yield f"  {limitation.id}: see docs/limitations.md"
    untried = _untried(asked, record)
    if untried:
        yield f"  not tried yet: {words.remedies(untried)}; run it again with --try-remedies"
    elsewhere = list(_elsewhere(asked, record, limitation))
    yield from (f"  {line}" for line in elsewhere)
    if not (untried or elsewhere):
        yield "  nothing is left that is tried by itself, and no recorded model that fails so converts by another way"


def _untried(asked: Session, record: CellRecord) -> list[str]:
    """The automatic remedies that rules name for a failure and that none of its attempts took."""
    cell, deciding = record.cell, record.deciding
    if cell is None or deciding is None:
        return []
    keys = asked.selection.keys
    crossing = keys.crossing(PlannedCell(*record.place))
    tried = {name for attempt in cell.attempts for name in attempt.remedies}
    named = keys.remedies_named(crossing, deciding.error, cell.opset, cell.remedies)
    return [name for name in named if name not in tried]


def _elsewhere(asked: Session, record: CellRecord, limitation: Limitation) -> Iterator[str]:
    """The ways that may take the model and by which recorded cases that fail by the same rule convert, those of most
    cases first."""
    alike, converting = asked.query.elsewhere(limitation.id)
    selection = asked.selection
    case = {record.case: selection.cases[record.case]}
    cells = plan.plan(selection.matrix, case, selection.project, toolchains=list(selection.matrix.toolchains))
    may = {(cell.toolchain, cell.route) for cell in cells if cell.applicable and cell.place != record.place}
    for toolchain, route in [way for way, _ in converting.most_common() if way in may][:MOST_WAYS]:
        yield (
            f"of {alike} recorded models that fail so, {converting[toolchain, route]} convert by another way: "
            f"--toolchain {toolchain} --route {route}"
        )
