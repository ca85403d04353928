"""Models of a user's own: which of them no chosen route converts, and what is left to do for each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from tfparity.features import flaky
from tfparity.features.session import Session
from tfparity.inputs.limitations import Limitation
from tfparity.planning import plan, probes
from tfparity.records.cells import CellId, CellRecord, PlannedCell
from tfparity.records.vocabulary import Stage, Verdict
from tfparity.report import probing, words
from tfparity.report.terminal import alike, indented
from tfparity.report.why import LONGEST, explained, failed, packages

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
    """A user's own models that no chosen route converts, with their records; not those of which a cell is untested or
    known to be flaky."""
    excused = flaky.excused(asked, records)
    return {case: cells for case, cells in by_case(asked, records).items() if not_converted(cells, excused)}


def not_converted(cells: Sequence[CellRecord], excused: Collection[CellId] = ()) -> bool:
    """Whether these cells of one model all say that it isn't converted; one that is excused as flaky says nothing."""
    return not any(cell.verdict.works or cell.verdict is Verdict.UNTESTED or cell.place in excused for cell in cells)


def fallen(asked: Session, records: Sequence[CellRecord]) -> Stuck:
    """A user's own models that some chosen route converts by its stages, and none by what probes find of it, with those
    records."""
    excused = flaky.excused(asked, records)
    found = {case: [cell for cell in cells if cell.verdict.works] for case, cells in by_case(asked, records).items()}
    return {
        case: cells
        for case, cells in found.items()
        if cells and all(_falls(cell) and cell.place not in excused for cell in cells)
    }


def _falls(record: CellRecord) -> bool:
    return record.cell is not None and probes.verdict(record.cell).failing


def show(out: Console, asked: Session, left: Stuck) -> None:
    """Print what is left to do for each; nothing where none is left."""
    if left:
        out.print(Text("\nWhat to do", "bold underline"))
    for case, cells in left.items():
        out.print(Text(case, "bold"))
        for line in _of_model(asked, cells):
            indented(out, Text(line))


def _of_model(asked: Session, cells: Sequence[CellRecord]) -> Iterator[str]:
    failing = [cell for cell in cells if cell.verdict.failing or _falls(cell)]
    if not failing:
        yield "no chosen route takes it: choose others with --route or --toolchain all"
    for group in alike(failing):
        routes = ", ".join(cell.route for cell in group)
        yield from advice(asked, group[0], routes) if group[0].verdict.failing else _of_probes(asked, group[0])


def _of_probes(asked: Session, record: CellRecord) -> Iterator[str]:
    """What to do about a cell that works by its stages and that a probe finds wrong."""
    assert record.cell is not None
    rules = asked.explain_probes(record)
    failures = {failure.fingerprint: failure for failure in record.beside}
    yield f"{record.route} on {record.toolchain}: {probing.shown(record).words}"
    yield from (f"  {line}" for line in probing.deciding(record.cell, failures, rules))
    named = dict.fromkeys(name for rule in rules.values() if rule for name in rule.remedies)
    if named:
        yield f"  cured by {words.remedies(list(named))}, see docs/remedies.md"
    if None in rules.values():
        yield "  no limitation says why; convert tries other toolchains"


def advice(asked: Session, record: CellRecord, routes: str | None = None) -> Iterator[str]:
    """What to do about a failing cell of a user's own model, line by line: why it fails, with the limitation's remedy;
    automatic remedies that were not tried; other ways by which recorded models that fail alike convert. `routes`: by
    which it fails so, if by several."""
    limitation, error = asked.explain(record), record.deciding.error if record.deciding else None
    told = explained(limitation) if limitation else failed(error, packages(record), LONGEST) if error else "fails"
    yield f"{routes or record.route} on {record.toolchain}: {told}"
    if limitation is None:
        built = record.deciding is None or record.deciding.stage is not Stage.BUILD
        where = f" at {record.deciding.where}" if record.deciding and record.deciding.where else ""
        yield "  no limitation says why; convert tries other toolchains" if built else f"  mend the case{where}"
        return
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
