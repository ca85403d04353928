"""How long a run takes, by what is recorded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tfparity.inputs.matrix import Limits
from tfparity.records.cells import CellId, PlannedCell

#: Seconds assumed for a cell and for an environment of which no run is recorded.
CELL_SECONDS = 15.0
WARM_SECONDS = 15.0
INSTALL_SECONDS = 90.0

#: What probes take at most, as a part of the run whose artifact they ask: 2 to 50 % of it in 13 cells of the default
#: toolchain, from an operator to BERT.
PROBING = 0.5


def cost(plain: float, untried: int, limits: Limits, level: int) -> float:
    """Seconds that a cell takes at most that took `plain` before: as long again for each remedy that it has not tried,
    as far as the limits of time let it; at level 2 its probes."""
    stages = plain + min(plain * untried, limits.remedy_seconds + limits.seconds)
    return stages * (1 + PROBING) if level > 1 else stages


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
