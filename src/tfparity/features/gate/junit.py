"""What the gate found as JUnit XML, for a CI server."""

from __future__ import annotations

from tfparity.features.gate.compare import MEANINGS, Finding, GateReport, key_moved
from tfparity.report.junit import Failed, Test, suite


def junit(report: GateReport) -> str:
    """JUnit XML: a test case per cell that was looked at (class name: toolchain), skipped where it cannot be run, and
    per rule that was found idle and entry of flaky.yaml that is over."""
    by_cell = {finding.cell: finding for finding in report.moved if finding.cell}
    rules = [finding for finding in report.moved if finding.cell is None]
    skipped = {cell: why for cell, why in report.not_run.items() if cell not in by_cell}
    cells = [
        Test(toolchain, f"{case}[{route}]", _failed(by_cell.get(cell)), skipped.get(cell))
        for cell in report.checked
        for toolchain, case, route in [cell]
    ]
    return suite("tfparity gate", [*cells, *(Test(_file(rule), rule.subject, _failed(rule)) for rule in rules)])


def _file(rule: Finding) -> str:
    return "flaky" if rule.kind in ("quarantine-over", "quarantine-idle") else "limitations"


def _failed(finding: Finding | None) -> Failed | None:
    if finding is None:
        return None
    about = MEANINGS[finding.kind] + key_moved(finding)
    return Failed(finding.kind, finding.message, f"{about}. {finding.known}" if finding.known else about)
