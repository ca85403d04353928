"""What a cell converted, loaded and run on other runtimes: an entry each beside the cell's verdict, judged as the cell
is, by the same references, sizes and names. A compiler for an edge device is such a runtime: what is made of the cell
for it is compiled and not run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tfparity.engine import compiling, target_side
from tfparity.engine.cell_run import CellRun
from tfparity.engine.context import Context
from tfparity.engine.store import StoredProbe
from tfparity.engine.targets import Targeting
from tfparity.engine.worker_client import Worker
from tfparity.engine.worker_pool import WorkerPool
from tfparity.errors import InstallError, MachineFault
from tfparity.inputs.matrix import Runtime
from tfparity.planning import keys
from tfparity.planning.keys import Crossing, Where
from tfparity.records.cells import Attempt, Entry, Failure, coarse
from tfparity.records.vocabulary import Outcome, Stage, Target
from tfparity.worker import artifacts


@dataclass(frozen=True)
class OnRuntimes:
    """A cell that works, for the runtimes of the context's options. key: the cell's; targets: what came of those that
    were asked for, by name; targeting: how they are made; left_out: hears of a runtime that this machine could not
    try."""

    context: Context
    pool: WorkerPool
    crossing: Crossing
    run: CellRun
    key: str
    targets: Mapping[str, Entry]
    targeting: Targeting
    left_out: Callable[[str, MachineFault], None]

    def found(self, opset: int, remedies: tuple[str, ...], artifact: Callable[[], Path]) -> dict[str, StoredProbe]:
        """What each runtime came to, by id: from the store, or now. None of one that takes other artifacts alone, or
        that this machine could not try. `artifact`: gives the folder of the attempt that converted the cell."""
        found: dict[str, StoredProbe] = {}
        stored = {} if self.context.options.again else self.context.store.probes(self.key)
        for id in self.context.options.runtimes:
            runtime = self.context.matrix.runtime(id)
            key = self._key_of(runtime)
            if key is None:
                continue
            kept = stored.get(key)
            if kept is None:
                try:
                    if runtime.compiler is not None:
                        kept = self._compiled(runtime, key)
                    else:
                        kept = self._ran(runtime, opset, remedies, artifact(), key)
                except InstallError as wrong:
                    self.context.observer.environment(id, f"not tried with {self.crossing.case.id}: {wrong}")
                    continue
                except MachineFault as fault:
                    self.left_out(id, fault)
                    continue
                self.context.store.put_probes(self.key, {key: kept})
            found[id] = kept
        return found

    def _key_of(self, runtime: Runtime) -> str | None:
        """The key of a runtime's entry; None where it takes nothing that this cell gives."""
        locked = self.context.keys.locked(runtime)
        if runtime.target is not None:
            taken = self.targets.get(runtime.target)
            right = taken is not None and taken.deployed is not None and taken.deployed.verdict.works
            return keys.compiled(taken.key, runtime, locked) if taken is not None and right else None
        return keys.runtime(self.key, runtime.id, runtime.python, locked) if self._kind in runtime.runs else None

    @property
    def _kind(self) -> str:
        return "saved-model" if Target.SAVED_MODEL in self.crossing.route.gives.targets else "tflite"

    def _ran(self, runtime: Runtime, opset: int, remedies: tuple[str, ...], folder: Path, key: str) -> StoredProbe:
        worker = self.pool.worker(self._where(runtime))
        if worker.failed_import is not None:
            return _stored(key, Outcome.FAIL, _import_failed(worker))

        exported = self.run.export(opset, remedies)
        there = replace(self.run.target, ask=target_side.within(worker, self.context.limits))
        executed = there.execute_on(runtime.id, exported, folder)
        self.run.check(exported, Stage.PARITY)
        problem = self.run.changed(Stage.PARITY, target_side.artifact(folder))
        if problem:
            return _stored(key, Outcome.CRASH, Failure(Stage.PARITY, problem.type, problem.message))
        attempt = there.judged(
            opset,
            [*exported.stages, *executed.stages],
            remedies=remedies,
            exported=exported,
            executed=executed,
            result=target_side.runtime_outputs(folder, runtime.id),
        )
        return _stored(key, attempt.outcome, attempt.error, attempt)

    def _compiled(self, runtime: Runtime, key: str) -> StoredProbe:
        """What the compiler makes of the file of the target that it takes."""
        assert runtime.compiler is not None
        assert runtime.target is not None
        place = self.targeting.folder(runtime.target)
        worker = self.pool.worker(self._where(runtime))
        if worker.failed_import is not None:
            return _stored(key, Outcome.FAIL, _import_failed(worker))

        ask = target_side.within(worker, self.context.limits)
        came = compiling.put_through(ask, runtime.compiler, place / target_side.MODEL, self.pool.places)
        problem = self.run.changed(Stage.COMPILE, place)
        if problem:
            return _stored(key, Outcome.CRASH, Failure(Stage.COMPILE, problem.type, problem.message))
        error = came.error
        failure = Failure(Stage.COMPILE, error.type, error.message) if error else None
        kept = _stored(key, came.outcome, failure)
        return replace(kept, entry=replace(kept.entry, compiled=came.compiled))

    def _where(self, runtime: Runtime) -> Where:
        locked = self.context.keys.locked(runtime)
        if runtime.compiler is not None:
            return Where("runtime", runtime, locked, compiling.imports(runtime), ())
        opener = artifacts.load(self._kind)
        imports = next((module for package, module in opener.imports if package in locked.packages), "numpy")
        return Where("runtime", runtime, locked, (imports,), ())


def _import_failed(worker: Worker) -> Failure:
    step = worker.failed_import
    assert step is not None
    kind, message = (step.error.type, step.error.message) if step.error else (step.outcome.value, "")
    return Failure(Stage.IMPORT, kind, f"import {step.module}: {message}")


def _stored(key: str, outcome: Outcome, failure: Failure | None, attempt: Attempt | None = None) -> StoredProbe:
    worst = coarse(attempt.max_abs) if attempt else None
    return StoredProbe(Entry(outcome, failure.fingerprint if failure else None, worst, None, key), failure)
