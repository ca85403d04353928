"""A score in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from tfparity.features.score import MEANINGS, Kind, Score, ending, sentence
from tfparity.records.fingerprint import printable
from tfparity.report.terminal import indented

#: So many cells of a word are shown; JSON has them all.
MOST = 20


def show(out: Console, found: Score) -> None:
    """Print it."""
    out.print(Text(printable(sentence(found)), "bold red" if found.exit_code else "bold green"), soft_wrap=True)
    for kind in Kind:
        mine = [cell for cell in found.cells if cell.kind is kind]
        if not mine or kind is Kind.PASSING:
            continue
        out.print(Text(f"{kind} ({len(mine)}): {MEANINGS[kind]}", "bold"), soft_wrap=True)
        for cell in mine[:MOST]:
            way = f"; works by {cell.elsewhere}" if cell.elsewhere else ""
            indented(out, Text(printable(f"{cell.case} by {cell.route}: {cell.message or cell.now}{way}")))
        if len(mine) > MOST:
            indented(out, Text(f"and {len(mine) - MOST} more, which --score-json lists"))
    out.print(Text(ending(found), "bold"), soft_wrap=True)
