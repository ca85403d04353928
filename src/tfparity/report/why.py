"""Why a cell has its verdict, in one line: what was lost, what it was got across by, or what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfparity.limitations import Limitation
from tfparity.report import words


def why(cell: Mapping[str, Any], error: Mapping[str, Any] | None, limitation: Limitation | None) -> str:
    """The line for a cell as in the evidence; `error` is its {stage, type, message}, `limitation` what explains it."""
    verdict = cell["verdict"]
    if verdict == "works":
        return ""
    if verdict == "works-with-remedy":
        return f"by {words.remedies(cell.get('remedies') or [])}"
    if limitation:
        return explained(limitation)
    if error:
        return words.failure(error)
    return "; ".join(lost(cell)) or words.verdict(verdict).meaning


def explained(limitation: Limitation) -> str:
    """A limitation as a sentence, and its remedy."""
    cause = limitation.cause.strip().rstrip(".")
    if not limitation.understood:
        cause = f"cause {cause}: {(limitation.investigated or '').strip().rstrip('.')}"
    remedy = limitation.remedy.strip().rstrip(".")
    return f"{cause}." if remedy == "none known" else f"{cause}. Remedy: {remedy}."


def lost(cell: Mapping[str, Any]) -> list[str]:
    """What a partial cell lost."""
    parts = [f"the axis {axis} is lost" for axis, kept in (cell.get("dynamic") or {}).items() if not kept]
    if cell.get("signature") is False:
        parts.append("names or their order are lost")
    if cell.get("grade") == "1e-3":
        parts.append("numbers agree to 1e-3 only")
    return parts
