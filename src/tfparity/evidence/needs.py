"""What a cell still needs of a run, told from its standing. What a run records beside verdicts adds a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tfparity.evidence.query import Standing
from tfparity.planning import probes
from tfparity.planning.needs import Need
from tfparity.records.vocabulary import Verdict


def _not_probed(cell: Standing) -> bool:
    """Whether a cell works and lacks what one of the probes finds today: what does not work is asked no more."""
    return cell.verdict.works and cell.cell is not None and not cell.cell.probes.keys() >= set(probes.NAMES)


NEEDS: Mapping[Need, Callable[[Standing], bool]] = {
    Need.UNTRIED: lambda cell: bool(cell.untried),
    Need.STALE: lambda cell: cell.verdict is Verdict.STALE,
    Need.UNTESTED: lambda cell: cell.verdict is Verdict.UNTESTED,
    Need.NOT_PROBED: _not_probed,
}


def needs(cell: Standing, wanted: Iterable[Need]) -> bool:
    """Whether a cell needs one of these."""
    return any(NEEDS[need](cell) for need in wanted)
