"""The engine: turns planned cells into records. pytest, the command line and the gate are its callers.

Toolchain by toolchain: environments by lock digest, a warm worker per side, cells side by side. What the
store holds is not done again. Nothing is written to results/ here.
"""

from __future__ import annotations

import queue
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType

from tfparity import bundles, judge, plan
from tfparity.crossing import Crossing
from tfparity.errors import MachineFault
from tfparity.plan import PlannedCell
from tfparity.setting import CellRecord, Observer, Options, Setting, Silent
from tfparity.sides import Sides

__all__ = ["CellRecord", "Engine", "Observer", "Options", "Silent"]

#: Bytes of bundles kept between runs.
BUNDLE_LIMIT = 6 * 2**30


class Engine:
    """Runs cells. Use as a context manager; `run` once.

    Raises DiskError, NetworkError, InterpreterError and WorkerError: they say nothing of a toolchain. An
    environment that does not install or import is a record like any other. A cell that this machine ended is tried once
    more, alone, and then untested: its record has no cell to keep.
    """

    def __init__(self, setting: Setting, seconds: Mapping[tuple[str, str, str], float] | None = None) -> None:
        self.setting = setting
        self.seconds = seconds or {}
        self._stop = threading.Event()
        self._deadline: float | None = None

    def __enter__(self) -> Engine:
        self.setting.folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if not self.setting.options.keep:
            shutil.rmtree(self.setting.folder, ignore_errors=True)

    def stop(self) -> None:
        """Finish the cells that run and begin no other: the rest comes back as untested."""
        self._stop.set()

    def run(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        """Records in the order in which cells end. Cells that need no run come first."""
        if self.setting.options.budget is not None:
            self._deadline = time.monotonic() + self.setting.options.budget
        for cell in cells:
            if cell.verdict is not None:
                yield self._told(CellRecord(cell.toolchain, cell.case, cell.route, cell.verdict, cell.reason))
        for group in self._groups([cell for cell in cells if cell.applicable]):
            bundles.prune(self.setting.cache.bundles, BUNDLE_LIMIT)
            yield from self._run_toolchain(group)

    def _groups(self, cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
        """One group per toolchain; under a budget, smoke cells of every toolchain before the rest of any."""

        def group(cell: PlannedCell) -> tuple[bool, str]:
            later = self.setting.options.budget is not None and plan.SMOKE not in self.setting.cases[cell.case].tags
            return later, cell.toolchain

        groups: dict[tuple[bool, str], list[PlannedCell]] = {}
        for cell in cells:
            groups.setdefault(group(cell), []).append(cell)
        return [groups[name] for name in sorted(groups, key=lambda name: name[0])]

    def _run_toolchain(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        finished: queue.Queue[CellRecord | BaseException] = queue.Queue()
        again: list[PlannedCell] = []
        with ExitStack() as stack:
            sides = self.sides(stack)

            def work(cell: PlannedCell) -> None:
                try:
                    finished.put(self._cell(cell, sides))
                except BaseException as wrong:  # noqa: BLE001 - raised again where the records are read
                    self._stop.set()
                    finished.put(wrong)

            with ThreadPoolExecutor(max(1, self.setting.options.jobs)) as pool:
                try:
                    for cell in cells:
                        pool.submit(work, cell)
                    for _ in cells:
                        ended = finished.get()
                        if isinstance(ended, BaseException):
                            raise ended  # noqa: TRY301 - the handlers below are for it as well
                        if ended.interrupted:
                            told = f"{ended.case}: {ended.reason}; it runs once more, alone, at the end"
                            self.setting.observer.environment(ended.toolchain, told)
                            again.append(next(cell for cell in cells if cell.id == ended.id))
                            continue
                        yield self._told(ended)
                    for cell in again:
                        yield self._told(self._cell(cell, sides, alone=True))
                except GeneratorExit:  # the caller has enough: what runs comes to its end
                    self._stop.set()
                    raise
                except BaseException:
                    self._abort(sides)
                    raise

    def _abort(self, sides: Sides) -> None:
        """End what runs, now; what it would have come to is not kept."""
        self.setting.aborted.set()
        self._stop.set()
        sides.kill()

    def sides(self, stack: ExitStack) -> Sides:
        """Workers for callers that go through a crossing themselves; they end with the stack."""
        return Sides(self.setting, stack)

    def _told(self, record: CellRecord) -> CellRecord:
        self.setting.observer.cell_finished(record)
        return record

    def _cell(self, planned: PlannedCell, sides: Sides, *, alone: bool = False) -> CellRecord:
        """What comes of a cell; untested where this machine ends it. `alone`: nothing else of this run is under way."""
        late = (
            self._deadline is not None
            and time.monotonic() + self.seconds.get((planned.toolchain, planned.case, planned.route), 0.0)
            > self._deadline
        )
        if self._stop.is_set() or late:
            reason = "the budget was spent" if late else "the run was stopped"
            return CellRecord(planned.toolchain, planned.case, planned.route, "untested", reason)
        self.setting.observer.cell_started(planned)
        crossing = Crossing(self.setting, planned, sides)
        crossing.alone = crossing.alone or alone
        try:
            attempts = crossing.attempts()
            extra = crossing.extra_attempts(attempts) if self.setting.options.all_opsets else []
        except MachineFault as fault:
            if self.setting.aborted.is_set():
                raise
            reason = f"{fault}{f', during {fault.stage}' if fault.stage else ''}"
            return CellRecord(planned.toolchain, planned.case, planned.route, "untested", reason, interrupted=True)
        names = [*crossing.source.environment.shims, *crossing.target.environment.shims]
        cell = judge.cell(
            planned.toolchain,
            planned.case,
            planned.route,
            attempts,
            shims=list(dict.fromkeys(names)),
            key="",
            extra=extra,
        )
        cell["key"] = crossing.key_of(cell, judge.decisive(attempts)["error"])
        every = attempts + extra
        return CellRecord(
            planned.toolchain,
            planned.case,
            planned.route,
            cell["verdict"],
            None,
            cell,
            every,
            {side.environment.id: sides.facts(side) for side in (crossing.source, crossing.target)},
            sum(attempt["total_seconds"] for attempt in every),
            max(attempt["ran_at"] for attempt in every),
            every[-1]["host"],
            cached=not crossing.ran,
        )
