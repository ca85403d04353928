"""How long a run takes, by what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfparity.records.cells import CellId, PlannedCell

#: Seconds assumed for a cell and for an environment of which no run is recorded.
CELL_SECONDS = 15.0
WARM_SECONDS = 15.0
INSTALL_SECONDS = 90.0


def estimate(
    cells: Sequence[PlannedCell],
    seconds: Mapping[CellId, float],
    *,
    jobs: int,
    to_install: int,
    toolchains: int,
) -> float:
    """Seconds that a run of `cells` will take: recorded seconds where there are any, shared among `jobs`,
    and the time to install and to import environments."""
    each = [seconds.get(cell.place, CELL_SECONDS) for cell in cells]
    return sum(each) / max(1, jobs) + toolchains * WARM_SECONDS + to_install * INSTALL_SECONDS
