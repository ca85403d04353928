"""What the gate found as annotations of a GitHub workflow, at the line of the case or of the entry that it is about.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands: what comes from outside is
escaped, so that no text of a converter is taken for a command or moves to another line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tfparity import paths
from tfparity.features.gate.compare import EXIT_CODES, Finding, GateReport
from tfparity.records.fingerprint import printable
from tfparity.report import words
from tfparity.worker.declare import Case

#: GitHub shows so many of each level for a step.
MOST = 10

#: Longer messages are cut: the job summary has them whole.
LONGEST = 1000


def lines(report: GateReport, cases: Mapping[str, Case], workspace: Path) -> list[str]:
    """A line for each finding, the worst first: an error where it counts, else a warning; at its file, where that is of
    the workspace."""
    moved = [finding for finding in report.findings if EXIT_CODES[finding.kind]]
    said = [finding for finding in report.findings if not EXIT_CODES[finding.kind]]
    errors = [_line("error", finding, cases, workspace) for finding in moved[:MOST]]
    return errors + [_line("warning", finding, cases, workspace) for finding in said[:MOST]]


def _line(level: str, finding: Finding, cases: Mapping[str, Case], workspace: Path) -> str:
    place = _place(finding, cases)
    properties = {"title": f"{finding.kind}: {finding.subject}"}
    if place is not None and paths.real(place[0]).is_relative_to(workspace):
        file = paths.real(place[0]).relative_to(workspace)
        properties = {"file": file.as_posix(), "line": str(place[1]), **properties}
    where = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    told = ". ".join(filter(None, [words.shortened(finding.message, LONGEST), finding.known]))
    return f"::{level} {where}::{_data(told)}"


def _place(finding: Finding, cases: Mapping[str, Case]) -> tuple[str, int] | None:
    """File and line; None of a case that is no more, or of a rule."""
    case = cases.get(finding.cell.case) if finding.cell else None
    return (case.file, case.line) if case else finding.place


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
