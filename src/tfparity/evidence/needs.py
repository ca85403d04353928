"""What a cell still needs of a run, told from its standing. What a run records beside verdicts adds a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tfparity.evidence.query import Standing
from tfparity.planning.needs import Need
from tfparity.records.vocabulary import Verdict

NEEDS: Mapping[Need, Callable[[Standing], bool]] = {
    Need.UNTRIED: lambda cell: bool(cell.untried),
    Need.STALE: lambda cell: cell.verdict is Verdict.STALE,
    Need.UNTESTED: lambda cell: cell.verdict is Verdict.UNTESTED,
}


def needs(cell: Standing, wanted: Iterable[Need]) -> bool:
    """Whether a cell needs one of these."""
    return any(NEEDS[need](cell) for need in wanted)
