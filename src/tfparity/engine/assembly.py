"""A cell's run put together: its two sides, the workers that they ask, the store, the remedies that may be tried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tfparity import paths
from tfparity.engine import second_referee, target_side
from tfparity.engine.bundles import Exported
from tfparity.engine.cell_run import CellRun, stored_name
from tfparity.engine.context import Context
from tfparity.engine.source_side import HandedOn, SourceSide
from tfparity.engine.store import StoredAttempt
from tfparity.engine.target_side import Ask, TargetSide
from tfparity.engine.worker_client import Answer, Facts, Worker
from tfparity.engine.worker_pool import WorkerPool
from tfparity.errors import InstallError, MachineFault
from tfparity.inputs.matrix import Maker
from tfparity.judging.judge import SecondReferee
from tfparity.planning import routes, targets
from tfparity.planning.keys import Crossing, Where
from tfparity.planning.revisions import REFUSALS
from tfparity.records.cells import Attempt, Problem, StageReply
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Outcome, Stage, Target
from tfparity.worker.declare import Case


def of_planned(context: Context, pool: WorkerPool, crossing: Crossing, *, tries_remedies: bool) -> CellRun:
    """The run of a planned cell."""
    planned = crossing.planned
    on_stage = _tells(context, crossing)
    recorded = context.options.as_recorded.get(planned.place)
    tried = (
        {name for one in recorded.attempts for name in one.remedies} if recorded and recorded.verdict.failing else None
    )

    def ask(kind: str, request: Mapping[str, Json], makes: Mapping[str, Path]) -> Answer:
        return pool.worker(crossing.target).ask(kind, request, context.limits, makes=makes, on_stage=on_stage)

    def named(attempt: Attempt) -> tuple[str, ...]:
        names = context.keys.remedies_named(crossing, attempt.error, attempt.opset, attempt.remedies)
        return names if tried is None else tuple(name for name in names if name in tried)

    def newest_opset() -> int | None:
        exporter = routes.locate(crossing.way.exporter, context.project)
        answer = pool.worker(crossing.source).ask("newest-opset", {"exporter": exporter}, context.limits)
        return answer.facts.newest_opset

    path = [str(folder) for folder in context.options.path]
    return CellRun(
        opsets=crossing.way.opsets,
        start=lambda: _started(pool, crossing),
        source=source_side(context, pool, crossing),
        target=TargetSide(
            crossing.case,
            routes.locate(planned.route, context.project),
            ask,
            pool.places,
            path,
            _second(context, crossing.case),
            makers=_makers(context, pool, on_stage),
        ),
        folder=context.folder,
        limits=context.limits,
        sandboxed=lambda: context.inside() is not None,
        unconfined=context.unconfined,
        kept=_Kept(context, crossing),
        remedies=named if tries_remedies else None,
        remedy_seconds=float(context.matrix.limits.remedy_seconds),
        newest_opset=newest_opset,
        going=context.go_on,
        keep=context.options.keep,
        alone=context.options.jobs == 1,
    )


def _makers(context: Context, pool: WorkerPool, on_stage: Callable[[str], None]) -> dict[Target, Ask]:
    """By target, who is asked to make it where that takes an environment of its own. One that cannot be installed says
    nothing of the target: asking raises MachineFault."""

    def asked(maker: Maker, imports: tuple[str, ...]) -> Ask:
        def ask(kind: str, request: Mapping[str, Json], makes: Mapping[str, Path]) -> Answer:
            try:
                worker = pool.worker(Where("maker", maker, context.keys.locked(maker), imports, ()))
            except InstallError as wrong:
                raise MachineFault(str(wrong), Stage.TARGET) from None
            failed = _import_failed(worker)
            if failed:
                return Answer((replace(failed, stage=Stage.TARGET),), Facts(), worker.folder)
            return worker.ask(kind, request, context.limits, makes=makes, on_stage=on_stage)

        return ask

    apart = {target: targets.declared(target).maker for target in Target if targets.declared(target).maker}
    made = {target: (context.matrix.maker(target), imports) for target, imports in apart.items()}
    return {target: asked(maker, imports) for target, (maker, imports) in made.items() if maker}


def source_side(context: Context, pool: WorkerPool, crossing: Crossing) -> SourceSide:
    """The source side of a planned cell."""
    return SourceSide(context, crossing, lambda: pool.worker(crossing.source), _tells(context, crossing))


def _tells(context: Context, crossing: Crossing) -> Callable[[str], None]:
    """Tells the observer of the stages of a cell."""
    return lambda stage: context.observer.cell_stage(crossing.planned, stage)


def of_bundle(context: Context, worker: Worker, case: Case, exports: Mapping[int, Exported], located: str) -> CellRun:
    """The run of a bundle that was handed on. `located`: its route, as a worker finds it. Nothing is stored."""
    places = {
        str(context.folder): "<tmp>",
        str(worker.side.python.parent.parent): "<env>",
        str(paths.home()): "<home>",
    }

    ask = target_side.within(worker, context.limits)
    return CellRun(
        opsets=tuple(exports),
        start=lambda: _import_failed(worker),
        source=HandedOn(dict(exports)),
        target=TargetSide(case, located, ask, places, second=_second(context, case), handed_on=True),
        folder=context.folder,
        limits=context.limits,
        alone=True,
    )


def _second(context: Context, case: Case) -> Callable[[Exported], SecondReferee]:
    return lambda exported: second_referee.ask(exported, case, context.referee())


class _Kept:
    """Attempts at a cell in the store: they count while the revisions that they used are the same."""

    def __init__(self, context: Context, crossing: Crossing) -> None:
        self._context, self._crossing = context, crossing
        self._cell = context.keys.base(crossing)
        self._found: dict[str, StoredAttempt] | None = None

    def get(self, opset: int, remedies: tuple[str, ...]) -> Attempt | None:
        if self._context.options.again:
            return None
        if self._found is None:
            self._found = self._context.store.attempts(self._cell)
        found = self._found.get(self._name(opset, remedies))
        return found.attempt if found is not None and found.revisions == self._revisions(found.attempt) else None

    def put(self, attempt: Attempt) -> None:
        assert attempt.opset is not None
        name = self._name(attempt.opset, attempt.remedies)
        self._context.store.put_attempt(self._cell, name, self._revisions(attempt), attempt)
        self._found = None

    def _revisions(self, attempt: Attempt) -> dict[str, int]:
        """Those of the cell's key; of a user's own model that failed also that of what routes refuse."""
        used = self._context.keys.revisions(self._crossing, [attempt])
        own = self._crossing.case.id in self._context.keys.own
        return {**used, "refusal": REFUSALS} if own and not attempt.outcome.passed else used

    def _name(self, opset: int, remedies: tuple[str, ...]) -> str:
        return stored_name(opset, {name: self._context.keys.remedy_revision(name) for name in remedies})


def _started(pool: WorkerPool, crossing: Crossing) -> StageReply | None:
    """Start both sides at once; the reply of the install or import that failed, the source's first."""
    for started in pool.warm(crossing.source, crossing.target):
        try:
            failed = _import_failed(started.result())
        except InstallError as wrong:
            return StageReply(Stage.INSTALL, Outcome.FAIL, error=Problem("InstallError", str(wrong)))
        if failed:
            return failed
    return None


def _import_failed(worker: Worker) -> StageReply | None:
    step = worker.failed_import
    if step is None:
        return None
    error = step.error or Problem(step.outcome, "no error text came back")
    said = replace(error, message=f"import {step.module}: {error.message}")
    return StageReply(Stage.IMPORT, step.outcome, step.seconds, None, said)
