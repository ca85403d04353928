"""Every planned cell, judged: `nox -s compat` runs this."""

import pytest

from tfparity.campaign import deciding
from tfparity.report.why import lost
from tfparity.report.words import failure

WORKING = ("works", "works-with-remedy")


def test_cell(record, limitation, recorded):
    """A cell works, or a limitation says why it does not. A known reason is no excuse where evidence for the same
    versions has it working."""
    if record.verdict in WORKING:
        return
    if record.cell is None:
        pytest.skip(f"{record.verdict}: {record.reason}")
    if limitation is not None and recorded not in WORKING:
        pytest.xfail(limitation.id)
    why = f"{recorded} in results/" if recorded in WORKING else "no limitation says why"
    lines = [f"{record.id} is {record.verdict} and {why}", *lost(record.cell)]
    attempt = deciding(record)
    if attempt:
        lines.append(failure(attempt["error"]))
        if attempt.get("where") and attempt["error"]:
            lines.append(f"at {attempt['where']}")
        if attempt["culprit"]:
            lines.append(f"culprit: the {attempt['culprit']}")
    pytest.fail("\n  ".join(lines), pytrace=False)
