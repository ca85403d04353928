"""An upgrade as Markdown: for a job summary, a pull request, docs/upgrades/."""

from __future__ import annotations

from tfparity.features.upgrade import lines
from tfparity.features.upgrade.kinds import MEANINGS, Kind
from tfparity.features.upgrade.report import CellChange, Group, Upgrade
from tfparity.records.vocabulary import Verdict
from tfparity.report import markdown, words

#: So many cells of a group get a row; JSON has them all.
MOST_CELLS = 100

#: Words whose cells are listed by name alone: nothing is wrong there.
LISTED = (Kind.NEW,)


def page(report: Upgrade) -> str:
    """The whole page, the command at its top. Ends with a line feed."""
    text = markdown.text
    parts = [
        f"# {text(report.base.label)} → {text(report.head.label)}",
        f"Made by {markdown.code(report.command)}.",
        *body(report),
        text(lines.ending(report).removeprefix("upgrade: ").capitalize()) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def body(report: Upgrade) -> list[str]:
    """The verdict, what it rests on, the packages that moved, and the groups, a block each."""
    text = markdown.text
    parts = [f"**{text(report.verdict)}**", text(lines.rests(report))]
    moved = lines.packages(report)
    if moved:
        parts.append(f"Changes: {text(moved)}.")
    for kind in Kind:
        mine = [group for group in report.groups if group.kind is kind]
        if mine:
            parts.append(f"## {kind} ({report.counts[kind]})\n\n{text(MEANINGS[kind])}.")
        parts += [_group(group) for group in mine]
    return parts


def _group(group: Group) -> str:
    text = markdown.text
    head = f"### {lines.models(group)}" + (f": {markdown.code(group.limitation)}" if group.limitation else "")
    facts = [
        ("error", text(group.error) if group.error and group.limitation else ""),
        ("link", f"<{group.link}>" if group.link else ""),
        ("remedy", text(group.remedy) if group.remedy else ""),
        *(("gets across", text(lines.across(way))) for way in group.across),
    ]
    listed = "\n".join(f"- {name}: {said}" for name, said in facts if said)
    return "\n\n".join(part for part in (head, text(group.title), listed, _cells(group)) if part)


def _cells(group: Group) -> str:
    shown = group.cells[:MOST_CELLS]
    left = len(group.cells) - len(shown)
    more = f"\n\nand {left} more, which --json lists" if left else ""
    if group.kind in LISTED:
        body = ", ".join(f"{markdown.code(cell.case)} ({cell.route})" for cell in shown)
    elif all(cell.message in ("", group.title) or _says_no_more(cell, group) for cell in group.cells):
        body = markdown.table(
            ["model", "route", "BASE", "HEAD"],
            [[markdown.code(cell.case), markdown.text(cell.route), cell.base, cell.head] for cell in shown],
        )
    else:
        body = markdown.table(
            ["model", "route", "BASE", "HEAD", "what"],
            [[markdown.code(one.case), markdown.text(one.route), one.base, one.head, _what(one)] for one in shown],
        )
    return markdown.folded(words.cells(len(group.cells)), body + more)


def _says_no_more(cell: CellChange, group: Group) -> bool:
    """Whether a cell's line says what its group says, or its verdicts: a failure, with the group's error."""
    return group.error is not None and not Verdict(cell.head).works


def _what(cell: CellChange) -> str:
    return markdown.text(cell.message)
