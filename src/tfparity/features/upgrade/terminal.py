"""An upgrade in the terminal: the verdict in a sentence, then the groups."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from tfparity.features.upgrade import lines
from tfparity.features.upgrade.kinds import MEANINGS, Kind
from tfparity.features.upgrade.report import Group, Upgrade
from tfparity.records.fingerprint import printable
from tfparity.report import words
from tfparity.report.terminal import indented

#: So many models of a group are named; the files name all.
MOST_MODELS = 6


def show(out: Console, report: Upgrade) -> None:
    """Print it. Text of converters is printable already; the names of a user's own models are made so."""
    body(out, report)
    out.print()
    out.print(Text(lines.ending(report), "bold"), soft_wrap=True)


def body(out: Console, report: Upgrade) -> None:
    """Print all but the exit code."""
    style = "bold red" if report.exit_code else "bold green"
    out.print(Text(printable(report.verdict), style), soft_wrap=True)
    out.print(Text(lines.rests(report), "dim"), soft_wrap=True)
    moved = lines.packages(report)
    if moved:
        out.print(Text(f"Changes: {moved}.", "dim"), soft_wrap=True)
    for kind in Kind:
        mine = [group for group in report.groups if group.kind is kind]
        if mine:
            out.print()
            out.print(Text(f"{kind} ({report.counts[kind]}): {MEANINGS[kind]}", "bold"), soft_wrap=True)
        for group in mine:
            _group(out, group)


def _group(out: Console, group: Group) -> None:
    indented(out, Text.assemble((lines.models(group), "bold"), f": {group.title}"))
    below = [
        ("see", group.link),
        ("remedy", group.remedy),
        *(("gets across", lines.across(way)) for way in group.across),
        ("models", _named(group)),
    ]
    for name, said in below:
        if said:
            indented(out, Text.assemble("  ", (f"{name}: ", "dim"), said))


def _named(group: Group) -> str:
    names = list(dict.fromkeys(printable(cell.case) for cell in group.cells))
    more = f" and {len(names) - MOST_MODELS} more" if len(names) > MOST_MODELS else ""
    return ", ".join(words.shortened(name, 80) for name in names[:MOST_MODELS]) + more
