"""Why a cell has its verdict, in one line: what was lost, the remedies that it took, or what went wrong."""

from __future__ import annotations

from tfparity.inputs.limitations import NO_REMEDY, Limitation
from tfparity.records.cells import Cell, Failure
from tfparity.records.vocabulary import Grade, Verdict
from tfparity.report import words


def why(cell: Cell, error: Failure | None, limitation: Limitation | None) -> str:
    """The line for a cell; `error` is its failure, `limitation` what explains it."""
    if cell.verdict is Verdict.WORKS:
        return ""
    if cell.verdict is Verdict.WORKS_WITH_REMEDY:
        return f"by {words.remedies(cell.remedies)}"
    if limitation:
        return explained(limitation)
    if error:
        return words.failure(error)
    return "; ".join(lost(cell)) or words.verdict(cell.verdict).meaning


def explained(limitation: Limitation) -> str:
    """A limitation as a sentence, and its remedy."""
    cause = limitation.cause.strip().rstrip(".")
    if not limitation.understood:
        cause = f"cause {cause}: {(limitation.investigated or '').strip().rstrip('.')}"
    remedy = limitation.remedy.strip().rstrip(".")
    return f"{cause}." if remedy == NO_REMEDY else f"{cause}. Remedy: {remedy}."


def lost(cell: Cell) -> list[str]:
    """What a partial cell lost."""
    parts = [f"the axis {axis} is lost" for axis, kept in cell.dynamic.items() if not kept]
    if cell.signature is False:
        parts.append("names or their order are lost")
    if cell.grade is Grade.WITHIN_1E3:
        parts.append("numbers agree to 1e-3 only")
    return parts
