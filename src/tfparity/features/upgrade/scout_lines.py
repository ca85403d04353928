"""What a scout says: what is new, what came of it, and what goes into matrix.yaml. In the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from tfparity.environments.news import News
from tfparity.features.upgrade import lines, terminal
from tfparity.features.upgrade import markdown as pages
from tfparity.features.upgrade.scout import FOUND, Candidate, Trial
from tfparity.records.fingerprint import printable
from tfparity.report import markdown, words


def listed(out: Console, found: Sequence[News]) -> None:
    """What is new, a line each; what toolchains keep older on purpose, in one."""
    for one in found:
        if not one.held:
            said = f"{one.package} {one.version} is new: {one.pinned} is pinned, {one.base} would take it"
            out.print(Text(said), soft_wrap=True)
    held = [f"{one.package} {one.version} (pinned: {one.pinned})" for one in found if one.held]
    if held:
        said = f"there when the toolchains were made, and not tried unless --package names it: {', '.join(held)}"
        out.print(Text(said, "dim"), soft_wrap=True)


def refused(out: Console, one: Candidate) -> None:
    """Why a candidate cannot be."""
    out.print(Text(f"{one.label} cannot be resolved:", "bold"), soft_wrap=True)
    out.print(Text(f"  {_reason(one)}"), soft_wrap=True)


def show(out: Console, trial: Trial) -> None:
    """What came of a candidate, and the text for matrix.yaml."""
    out.print()
    terminal.body(out, trial.report)
    out.print()
    if trial.proposal is None:
        out.print(Text(f"No proposal: {_why_none(trial)}.", "bold"), soft_wrap=True)
        return
    out.print(Text(f"For matrix.yaml (scout --write puts it there, with its lock): {trial.proposal.id}", "bold"))
    for line in trial.proposal.text.splitlines():
        out.print(Text(line), soft_wrap=True)


def _why_none(trial: Trial) -> str:
    if trial.cut:
        return f"this machine ended {words.cells(trial.cut)}, of which nothing is known; run it again"
    return "its packages do not install or import" if trial.report.rests.compared else "nothing could be compared"


def ending(trials: Sequence[Trial]) -> str:
    """The exit code in words."""
    ids = [trial.proposal.id for trial in trials if trial.proposal]
    if ids:
        return f"scout: exit code {FOUND}, something new for matrix.yaml: {', '.join(ids)}"
    return "scout: exit code 0, nothing new for matrix.yaml"


def page(trials: Sequence[Trial], refusals: Sequence[Candidate]) -> str:
    """Markdown, for a pull request: each proposal with what it rests on. Ends with a line feed."""
    parts = []
    for trial in trials:
        parts.append(f"# {markdown.text(trial.candidate.label)}")
        parts.append(f"Made by {markdown.code(trial.report.command)}.")
        parts += pages.body(trial.report)
        if trial.proposal:
            parts.append(f"For matrix.yaml:\n\n```yaml\n{trial.proposal.text.rstrip()}\n```")
            record = f'nox -s "compat({trial.proposal.id})" -- --tier all --record'
            parts.append(f"Recorded by {markdown.code(record)}, then {markdown.code('nox -s table')}.")
        else:
            parts.append(f"No proposal: {_why_none(trial)}.")
    for one in refusals:
        parts.append(f"# {markdown.text(one.label)}")
        parts.append(f"Cannot be resolved: {markdown.text(_reason(one))}")
    return "\n\n".join(parts or ["Nothing new."]) + "\n"


def _reason(one: Candidate) -> str:
    return words.shortened(" ".join(printable(lines.resolver(one.refusal or "")).split()), 600)
