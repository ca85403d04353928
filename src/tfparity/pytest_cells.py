"""Every planned cell, judged: the test that tfparity.pytest_plugin gives its cells."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tfparity.features.own_models import not_converted
from tfparity.inputs.limitations import Limitation
from tfparity.planning import probes
from tfparity.records.cells import CellId, CellRecord
from tfparity.report.why import explained, failed, lost, packages


def test_cell(
    record: CellRecord,
    limitation: Limitation | None,
    regressed: bool,
    falls: bool,
    own: list[CellRecord] | None,
    excused: Mapping[CellId, str],
) -> None:
    """A cell works, or a limitation says why it does not; of a user's own model, some route converts it. A known reason
    is no excuse where evidence for the same versions has it working. One that flaky.yaml excuses may
    fail, and is told."""
    if record.place in excused and record.whole and (falls or not record.verdict.works):
        pytest.xfail(excused[record.place])
    if record.verdict.works:
        probed = record.cell is not None and probes.verdict(record.cell).failing
        head = f"{record.id} works, and {'probes find otherwise' if probed else 'a target of it does not'}"
        found = "\n  ".join([head, *(one.text for one in record.beside)])
        if falls:
            pytest.fail(found, pytrace=False)
        if record.left_out:
            lacking = "; ".join(f"{name} was not tried: {why}" for name, why in record.left_out.items())
            pytest.fail(f"{record.id} works, and {lacking}; run it again", pytrace=False)
        if probed:
            pytest.xfail(f"{found}\nA limitation says why.")
        return
    if record.interrupted:
        pytest.fail(f"{record.id} is untested: {record.reason}; run it again", pytrace=False)
    if record.cell is None:
        if own is not None and not any(one.cell for one in own) and not_converted(own, excused):
            pytest.fail(f"{record.id} is {record.verdict}, and no chosen route takes the model", pytrace=False)
        pytest.skip(f"{record.verdict}: {record.reason}")
    if own is not None and not regressed and not not_converted(own, excused):
        converts = ", ".join(dict.fromkeys(one.route for one in own if one.verdict.works))
        flaky = ", ".join(dict.fromkeys(one.route for one in own if one.place in excused))
        otherwise = f"{flaky} is quarantined" if flaky else "another route is untested"
        pytest.xfail(f"{converts} converts it" if converts else otherwise)
    if limitation is not None and not regressed and own is None:
        pytest.xfail(limitation.id)
    lines = [f"{record.id} is {record.verdict} and {_why(limitation, regressed)}", *lost(record.cell)]
    attempt = record.deciding
    if attempt and attempt.error and (regressed or limitation is None):
        lines.append(failed(attempt.error, packages(record)))
    if attempt and attempt.where:
        lines.append(f"at {attempt.where}")
    if attempt and attempt.culprit:
        lines.append(f"culprit: the {attempt.culprit}")
    pytest.fail("\n  ".join(lines), pytrace=False)


def _why(limitation: Limitation | None, regressed: bool) -> str:
    if regressed:
        return "results/ has it working"
    return f"no chosen route converts it: {explained(limitation)}" if limitation else "no limitation says why"
