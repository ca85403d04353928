"""What flaky.yaml says of a run: the cells that it excuses, and its entries that are over or idle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from tfparity.features.session import Session
from tfparity.inputs.quarantine import Listed
from tfparity.planning.selection import Idle
from tfparity.records.cells import CellId, CellRecord
from tfparity.records.vocabulary import Verdict
from tfparity.report import words
from tfparity.report.terminal import indented

#: Characters of a line on a cell.
LONGEST = 400


def excused(session: Session, records: Sequence[CellRecord]) -> dict[CellId, str]:
    """Those records that count for nothing: why, and what came out, in a line."""
    found = {}
    for record in records:
        entry = session.quarantined(record.place)
        if entry is not None and record.verdict is not Verdict.NOT_APPLICABLE:
            error = record.deciding.error if record.deciding and record.verdict.failing else None
            why = f": {words.failure(error)}" if error else f": {record.reason}" if record.reason else ""
            found[record.place] = words.shortened(f"{entry.said}; {record.verdict} this time{why}", LONGEST)
    return found


def show(out: Console, lines: Mapping[CellId, str]) -> None:
    """Print what came out of the cells that are excused; nothing where none is."""
    if lines:
        head = f"quarantined ({len(lines)}): flaky by flaky.yaml until a day: said, and not counted"
        out.print(Text(f"\n{head}", "bold"), soft_wrap=True)
    for place, line in lines.items():
        indented(out, Text(f"{'/'.join(place)}: {line}"))


def notes(session: Session) -> list[str]:
    """A line for each entry of chosen cells whose last day is over, and for each idle one."""
    over = session.selection.quarantine.over(cell.place for cell in session.cells)
    return [over_said(one) for one in over] + [idle_said(one) for one in session.selection.idle_quarantine()]


def over_said(one: Listed) -> str:
    """What an entry whose last day is over comes to."""
    return f"{one.place}: {one.entry.id} ended on {one.entry.until}, and counts again: {one.entry.reason}"


def idle_said(one: Idle) -> str:
    """What an idle entry comes to."""
    return f"{one.listed.place}: {one.listed.entry.id} is idle: {one.why}"
