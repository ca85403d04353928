"""The report on an artifact in the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfparity.features.upgrade import lines
from tfparity.features.upgrade.artifact_outputs import HEAD, ending, more, rests, rows
from tfparity.features.upgrade.artifact_report import ArtifactUpgrade
from tfparity.report import terminal


def show(out: Console, report: ArtifactUpgrade) -> None:
    """Print it."""
    out.print(Text(report.verdict, "bold red" if report.exit_code else "bold green"), soft_wrap=True)
    out.print(Text(rests(report), "dim"), soft_wrap=True)
    moved = lines.packages(report)
    if moved:
        out.print(Text(f"Changes: {moved}.", "dim"), soft_wrap=True)
    table = Table(*HEAD, box=box.SIMPLE_HEAD)
    for row, found in zip(rows(report), (report.on_base, report.on_head), strict=True):
        table.add_row(*row[:2], Text(row[2], "green" if found.right else "red"), *row[3:5], Text(row[5]))
    terminal.put(out, table)
    if said := more(report):
        terminal.indented(out, Text(said))
    out.print(Text(ending(report), "bold"), soft_wrap=True)
