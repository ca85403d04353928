"""What a cell's artifact came to on other runtimes, in a line."""

from __future__ import annotations

from collections.abc import Mapping

from tfparity.records.cells import CellRecord, Failure
from tfparity.report import words


def found(record: CellRecord) -> str:
    """ "runs right on run-tf2.15; not on run-tf2.12: KeyError: …"; empty where none was tried."""
    if record.cell is None or not record.cell.runtimes:
        return ""
    failures: Mapping[str, Failure] = {failure.fingerprint: failure for failure in record.beside}
    entries = record.cell.runtimes
    right = [name for name, entry in entries.items() if entry.outcome.passed and entry.compiled is None]
    said = [f"runs right on {', '.join(right)}"] if right else []
    for name, entry in entries.items():
        if not entry.outcome.passed:
            failure = failures.get(entry.error or "")
            said.append(f"not on {name}: {words.shortened(failure.text, 200) if failure else entry.outcome}")
        elif entry.compiled is not None:
            said.append(f"{name} takes it: {entry.compiled.text}")
    return "; ".join(said)
