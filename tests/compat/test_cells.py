"""Every planned cell, judged: `nox -s compat` runs this."""

import pytest

from tfparity.campaign import deciding
from tfparity.report.why import lost
from tfparity.report.words import failure


def test_cell(record, limitation, regressed):
    """A cell works, or a limitation says why it does not. A known reason is no excuse where evidence for the same
    versions has it working."""
    if record.verdict in ("works", "works-with-remedy"):
        return
    if record.interrupted:
        pytest.fail(f"{record.id} is untested: {record.reason}; run it again", pytrace=False)
    if record.cell is None:
        pytest.skip(f"{record.verdict}: {record.reason}")
    if limitation is not None and not regressed:
        pytest.xfail(limitation.id)
    why = "results/ has it working" if regressed else "no limitation says why"
    lines = [f"{record.id} is {record.verdict} and {why}", *lost(record.cell)]
    attempt = deciding(record)
    if attempt:
        lines.append(failure(attempt["error"]))
        if attempt.get("where") and attempt["error"]:
            lines.append(f"at {attempt['where']}")
        if attempt["culprit"]:
            lines.append(f"culprit: the {attempt['culprit']}")
    pytest.fail("\n  ".join(lines), pytrace=False)
