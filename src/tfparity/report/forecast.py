"""How much longer a run takes, from what its cells took before and how fast this machine goes through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import monotonic

from tfparity.planning.estimate import CELL_SECONDS
from tfparity.records.cells import CellId, PlannedCell


class Forecast:
    """Counts cells done and foretells the rest; `clock` gives seconds."""

    def __init__(
        self,
        cells: Iterable[PlannedCell],
        seconds: Mapping[CellId, float],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._open = {cell.id: seconds.get(cell.place, CELL_SECONDS) for cell in cells if cell.applicable}
        self._expected_left = sum(self._open.values())
        self._clock = clock
        self._began: float | None = None
        self._expected_done = 0.0
        self.total = len(self._open)
        self.done = 0

    def started(self) -> None:
        """A cell begins: time that environments took before the first does not count."""
        if self._began is None:
            self._began = self._clock()

    def finished(self, id: str, *, cached: bool = False) -> None:
        """A cell ended: by a run, which makes the pace, or out of the store, which says nothing of it."""
        expected = self._open.pop(id, None)
        if expected is not None:
            self.done += 1
            self._expected_done += 0.0 if cached else expected
            self._expected_left -= expected

    def left(self) -> float | None:
        """Seconds to the end; None before the first cell is done."""
        if self._began is None or not self._expected_done:
            return None
        pace = (self._clock() - self._began) / self._expected_done
        return max(0.0, self._expected_left) * pace
