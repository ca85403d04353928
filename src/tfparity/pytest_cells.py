"""Every planned cell, judged: the test that tfparity.pytest_plugin gives its cells."""

from __future__ import annotations

import pytest

from tfparity.inputs.limitations import Limitation
from tfparity.records.cells import CellRecord
from tfparity.report.why import lost
from tfparity.report.words import failure


def test_cell(record: CellRecord, limitation: Limitation | None, regressed: bool) -> None:
    """A cell works, or a limitation says why it does not. A known reason is no excuse where evidence for the same
    versions has it working."""
    if record.verdict.works:
        return
    if record.interrupted:
        pytest.fail(f"{record.id} is untested: {record.reason}; run it again", pytrace=False)
    if record.cell is None:
        pytest.skip(f"{record.verdict}: {record.reason}")
    if limitation is not None and not regressed:
        pytest.xfail(limitation.id)
    why = "results/ has it working" if regressed else "no limitation says why"
    lines = [f"{record.id} is {record.verdict} and {why}", *lost(record.cell)]
    attempt = record.deciding
    if attempt and attempt.error:
        lines.append(failure(attempt.error))
        if attempt.where:
            lines.append(f"at {attempt.where}")
    if attempt and attempt.culprit:
        lines.append(f"culprit: the {attempt.culprit}")
    pytest.fail("\n  ".join(lines), pytrace=False)
