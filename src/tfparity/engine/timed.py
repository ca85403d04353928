"""A cell that works, ready to be timed: what each subject runs, and the worker that runs it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tfparity.engine import target_side, targets
from tfparity.engine.bundles import Exported
from tfparity.engine.cell_run import CellRun
from tfparity.engine.context import Context
from tfparity.engine.process_limits import Limits
from tfparity.engine.worker_client import Answer, Side, Worker
from tfparity.engine.worker_pool import WorkerPool
from tfparity.errors import WorkerError
from tfparity.planning import targets as planned_targets
from tfparity.planning.keys import Crossing
from tfparity.records.cells import Attempt
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Target
from tfparity.worker.subjects import Subject

#: What timing a cell may take: its processes live as long as the measurement.
LIMITS = Limits(3600, 8192)

#: The side of subjects whose package neither environment has: the Python that runs us.
OWN = "own"


@dataclass
class Timed:
    """A cell that works, its artifacts kept while it is timed. The stack ends what is started here."""

    context: Context
    pool: WorkerPool
    stack: ExitStack
    crossing: Crossing
    run: CellRun
    attempt: Attempt
    _own: Worker | None = None
    _made: dict[Target, Path | str] = field(default_factory=dict)  # the folder, or why there is none

    @property
    def exported(self) -> Exported:
        """The export that the attempt converted."""
        return self.run.export(self.attempt.opset or 0, self.attempt.remedies)

    @property
    def folder(self) -> Path:
        """Of this attempt alone, for what is made on the way."""
        return self.run.artifacts[self.attempt.opset or 0, self.attempt.remedies]

    @property
    def places(self) -> Mapping[str, str]:
        """As in target_side.TargetSide."""
        return self.pool.places

    def side(self, subject: Subject) -> str:
        """ "source", "target" or OWN: which process runs a subject."""
        if subject.side != "either":
            return subject.side
        sides = {"source": self.crossing.source, "target": self.crossing.target}
        package = subject.packages[0]
        return next((name for name, side in sides.items() if package in side.locked.packages), OWN)

    def place(self, side: str, name: str) -> Path:
        """A folder for a subject of a side."""
        return self.worker(side).place(name)

    def ask(self, side: str, request: Mapping[str, Json], place: Path) -> Answer:
        """What comes of a request to the worker of a side, which writes to that place."""
        return self.worker(side).ask("latency", request, LIMITS, control=place)

    def worker(self, side: str) -> Worker:
        """The warm worker of a side; raises what starting it raises."""
        if side != OWN:
            return self.pool.worker(self.crossing.source if side == "source" else self.crossing.target)
        if self._own is None or not self._own.alive:
            ours = Side(Path(sys.executable), (), ("numpy", "onnxruntime"))
            self._own = self.stack.enter_context(Worker(ours, self.folder / OWN, inside=self.context.inside()))
        return self._own

    def artifact(self, target: Target) -> Path:
        """The folder of a target of the cell, made now where it is not what the route converts to.

        Raises WorkerError with the reason where there is none: the route cannot give it, it cannot be made, or its
        answers are wrong, the time of which says nothing.
        """
        if target not in self._made:
            self._made[target] = self._make(target)
        found = self._made[target]
        if isinstance(found, str):
            raise WorkerError(found)
        return found

    def _make(self, target: Target) -> Path | str:
        route = self.crossing.route
        refused = planned_targets.refused(route, target, self.context.matrix)
        if refused:
            return f"not applicable: {refused}"
        if target is planned_targets.own(route) or not planned_targets.declared(target).make:
            return target_side.artifact(self.folder)
        _, delivered = targets.Making(self.run, planned_targets.own(route)).deliver(target, self.attempt)
        if delivered.right:
            return delivered.place
        return delivered.failure.text if delivered.failure else f"{target}: is not right"
