"""An upgrade as JUnit XML: a test case per cell of every group, failed where it is worse."""

from __future__ import annotations

from tfparity.features.upgrade.kinds import MEANINGS
from tfparity.features.upgrade.report import Upgrade
from tfparity.report import words
from tfparity.report.junit import Failed, Test, suite


def junit(report: Upgrade) -> str:
    """The document. Cells that are the same are one test case together: they are in no group."""
    tests = [
        Test(
            report.head.label,
            f"{cell.case}[{cell.route}]",
            Failed(group.kind, f"{cell.message or group.title}", MEANINGS[group.kind])
            if group.kind.exit_code
            else None,
        )
        for group in report.groups
        for cell in group.cells
    ]
    if report.counts["same"]:
        tests.append(
            Test(
                report.head.label,
                f"{words.cells(report.counts['same'])} {'is' if report.counts['same'] == 1 else 'are'} the same",
            )
        )
    return suite("tfparity upgrade", tests, {"verdict": report.verdict})
