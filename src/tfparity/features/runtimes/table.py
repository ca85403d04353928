"""What came of an artifact on runtimes, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfparity.engine.artifact_runs import Ran, Way
from tfparity.records.fingerprint import printable
from tfparity.report import terminal, words


def show(out: Console, found: Sequence[Ran]) -> None:
    """A row a run: runtime, outcome, largest difference, grade, note."""
    table = Table("runtime", "outcome", "max error", "grade", "note", box=box.SIMPLE_HEAD)
    for ran in found:
        style = "green" if ran.right else "dim" if ran.outcome.cut_off and not ran.error else "red"
        held = ran.held
        error = "–" if held is None or held.max_abs is None else f"{held.max_abs:.1e}"
        grade = "–" if held is None else words.GRADES[held.grade]
        name = ran.runtime if ran.way in (Way.PYTHON, Way.COMPILER) else f"{ran.runtime} by {ran.way}"
        table.add_row(name, Text(ran.state, style), error, grade, Text(note(ran)))
    terminal.put(out, table)


def note(ran: Ran) -> str:
    """Why, in a line: an error, how the answers differ, which switch turns them, what a person is to know."""
    return words.shortened(printable(ran.said), 400)
