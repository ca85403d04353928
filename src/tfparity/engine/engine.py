"""The engine: turns planned cells into records. pytest, the command line and every feature are its callers.

Toolchain by toolchain: environments by lock digest, a warm worker per side, cells side by side. What the
store holds is not done again. Nothing is written to results/ here.
"""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from tfparity import paths
from tfparity.engine import assembly, bundles, probing, scores, target_side, targets
from tfparity.engine.bundles import Exported
from tfparity.engine.cell_run import CellRun
from tfparity.engine.cell_runtimes import OnRuntimes
from tfparity.engine.context import Context
from tfparity.engine.probing import Probing
from tfparity.engine.scores import Scores
from tfparity.engine.sealed import Seal
from tfparity.engine.source_side import Answered
from tfparity.engine.store import StoredTarget
from tfparity.engine.target_side import Examples
from tfparity.engine.targets import Delivered, Making, Targeting
from tfparity.engine.timed import Timed
from tfparity.engine.work_folder import WorkFolder
from tfparity.engine.worker_client import Side, Worker
from tfparity.engine.worker_pool import WorkerPool
from tfparity.errors import MachineFault
from tfparity.judging import judge
from tfparity.planning import targets as planned_targets
from tfparity.planning.keys import Crossing
from tfparity.planning.probes import Call
from tfparity.records.cells import Attempt, Cell, CellId, CellRecord, EnvironmentFacts, PlannedCell
from tfparity.records.vocabulary import Outcome, Stage, Target, Tier, Verdict
from tfparity.worker.declare import Case

#: Bytes of bundles kept between runs.
BUNDLE_LIMIT = 6 * 2**30


@dataclass(frozen=True)
class Converted:
    """A cell that was run for its artifact.

    attempt: the one that decides; folder: with the artifact, None where it does not work; targets: what was made of it,
    by name; io: the bundle's inputs and references; environments: by id, as evidence tells of them; examples: what
    targets were made with that need some; seals: of the artifact and of what was made of it, by their folders;
    tried: the remedies that were tried where it does not work.
    """

    crossing: Crossing
    attempt: Attempt
    folder: Path | None
    targets: Mapping[Target, Delivered]
    io: Path | None
    environments: Mapping[str, EnvironmentFacts] = field(default_factory=dict)
    examples: Examples | None = None
    seals: Mapping[Path, Seal] = field(default_factory=dict)
    tried: tuple[str, ...] = ()

    def record(self, attempt: Attempt) -> CellRecord:
        """The record that an attempt makes alone: the one that decides, or the check of a target."""
        place = self.crossing.planned.place
        cell = judge.cell(*place, [attempt], shims=self.crossing.shims)
        return CellRecord(*place, cell.verdict, None, cell, (attempt,), dict(self.environments))

    @property
    def right(self) -> bool:
        """Whether the artifact and every target made of it are right."""
        return self.folder is not None and all(made.right for made in self.targets.values())


class Engine:
    """Runs cells. Use as a context manager.

    Raises DiskError, NetworkError, InterpreterError, WorkerError and OSError: they say nothing of a toolchain, and come
    after the records of the cells that had ended. An
    environment that does not install or import is a record like any other. A cell that this machine ended is tried once
    more, alone, and then untested: its record has no cell to keep. What it ended beside a verdict (probes, a target, a
    runtime) is likewise tried once more, and then left out of the record.
    """

    def __init__(self, context: Context, seconds: Mapping[CellId, float] | None = None) -> None:
        self.context = context
        self._seconds = seconds or {}
        self._folders = ExitStack()
        self._stop = threading.Event()
        self._deadline: float | None = None
        self._stack = ExitStack()
        self._pools: dict[str, WorkerPool] = {}
        self._scorer: Worker | None = None

    def __enter__(self) -> Engine:
        with ExitStack() as entered:
            for folder in (self.context.folder, self.context.reading):
                entered.enter_context(WorkFolder(folder))
            self._folders = entered.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._stack.close()
        self._folders.__exit__(kind, value, trace)

    def stop(self) -> None:
        """Finish the cells that run and begin no other: the rest comes back as untested."""
        self._stop.set()

    # Records

    def run(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        """Records in the order in which cells end. Cells that need no run come first."""
        if self.context.options.budget is not None:
            self._deadline = time.monotonic() + self.context.options.budget
        for cell in cells:
            if cell.verdict is not None:
                yield self._told(CellRecord(*cell.place, cell.verdict, cell.reason))
        for group in self._groups([cell for cell in cells if cell.applicable]):
            yield from self._run_toolchain(group)

    def _groups(self, cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
        """One group per toolchain; under a budget, smoke cells of every toolchain before the rest of any."""

        def group(cell: PlannedCell) -> tuple[bool, str]:
            later = self.context.options.budget is not None and Tier.SMOKE not in self.context.cases[cell.case].tags
            return later, cell.toolchain

        groups: dict[tuple[bool, str], list[PlannedCell]] = {}
        for cell in cells:
            groups.setdefault(group(cell), []).append(cell)
        return [groups[name] for name in sorted(groups, key=lambda name: name[0])]

    def _run_toolchain(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        finished: queue.Queue[CellRecord | BaseException] = queue.Queue()
        again: list[tuple[PlannedCell, CellRecord]] = []
        with ExitStack() as stack:
            pool = WorkerPool(self.context, stack)
            left = []
            for cell in cells:
                known = None if self._stop.is_set() else self._known(cell, pool)
                if known is None:
                    left.append(cell)
                else:
                    yield self._told(known)
            if not left:
                return
            bundles.prune(self.context.cache, BUNDLE_LIMIT)

            def work(cell: PlannedCell) -> None:
                try:
                    finished.put(self._cell(cell, pool))
                except BaseException as wrong:  # noqa: BLE001 - raised again where the records are read
                    self._stop.set()
                    finished.put(wrong)

            with ThreadPoolExecutor(max(1, self.context.options.jobs)) as threads:
                try:
                    for cell in left:
                        threads.submit(work, cell)
                    wrong: BaseException | None = None
                    for _ in left:
                        ended = finished.get()
                        if isinstance(ended, BaseException):
                            if wrong is None:
                                wrong = ended
                                self._abort(pool)
                            continue
                        if wrong is not None and ended.cell is None:  # it did not come to its end
                            continue
                        if not ended.whole:
                            said = f"{ended.case}: {_why(ended)}; it runs once more, alone, at the end"
                            self.context.observer.environment(ended.toolchain, said)
                            again.append((next(cell for cell in cells if cell.place == ended.place), ended))
                            continue
                        yield self._told(ended)
                    if wrong is not None:
                        raise wrong  # noqa: TRY301 - the handlers below are for it as well
                    for cell, first in again:
                        second = self._cell(cell, pool, alone=True)
                        # Where the budget leaves no second run, what ended the first is still the reason.
                        left_out = second.verdict is Verdict.UNTESTED and not second.interrupted
                        worse = first.cell is not None and second.cell is None
                        yield self._told(first if left_out or worse else second)
                except GeneratorExit:  # the caller has enough: what runs comes to its end
                    self._stop.set()
                    raise
                except BaseException:
                    self._abort(pool)
                    raise

    def _abort(self, pool: WorkerPool) -> None:
        """End what runs, now; what it would have come to is not kept."""
        self.context.aborted.set()
        self._stop.set()
        pool.kill()

    def _told(self, record: CellRecord) -> CellRecord:
        self.context.observer.cell_finished(record)
        return record

    def _cell(self, planned: PlannedCell, pool: WorkerPool, *, alone: bool = False) -> CellRecord:
        """What comes of a cell; untested where this machine ends it. `alone`: nothing else of this run is under way."""
        late = self._deadline is not None and time.monotonic() + self._seconds.get(planned.place, 0.0) > self._deadline
        if self._stop.is_set() or late:
            reason = "the budget was spent" if late else "the run was stopped"
            return CellRecord(*planned.place, Verdict.UNTESTED, reason)
        self.context.observer.cell_started(planned)
        crossing, run = self._run_of(planned, pool)
        run.alone = run.alone or alone
        run.retain = self._asks_beside(crossing)
        try:
            return self._record(crossing, run, pool)
        except MachineFault as fault:
            if self.context.aborted.is_set():
                raise
            return CellRecord(*planned.place, Verdict.UNTESTED, _told(fault), interrupted=True)

    def _known(self, planned: PlannedCell, pool: WorkerPool) -> CellRecord | None:
        """What the store alone tells of a cell; None where something has to run."""
        if self.context.options.all_opsets:  # the window is the exporter's to tell
            return None
        crossing, run = self._run_of(planned, pool)
        run.going = _not_known
        try:
            return self._record(crossing, run, pool)
        except LookupError:
            return None

    def _run_of(self, planned: PlannedCell, pool: WorkerPool) -> tuple[Crossing, CellRun]:
        """A cell's run, with remedies where the case is of the zoo, or where they are asked for or were tried before: a
        run without them says less than what is recorded."""
        keys, options, crossing = self.context.keys, self.context.options, self.context.keys.crossing(planned)
        wanted = options.try_remedies or (planned.case, planned.route) in options.tried_before
        tries = keys.tries_remedies(planned) and (wanted or planned.case not in keys.own)
        return crossing, assembly.of_planned(self.context, pool, crossing, tries_remedies=tries)

    def _record(self, crossing: Crossing, run: CellRun, pool: WorkerPool) -> CellRecord:
        """The record that a run's attempts make."""
        attempts = run.attempts()
        extra = run.extra_attempts(attempts) if self.context.options.all_opsets else []
        place = crossing.planned.place
        best = judge.decisive(attempts)
        if best.outcome is Outcome.NOT_APPLICABLE:
            return _not_taken(place, best, attempts, cached=not run.ran)
        cell = judge.cell(*place, attempts, shims=crossing.shims, extra=extra)
        unlocked = self._unlocked(place.toolchain)
        cell = replace(cell, key=self.context.keys.cell(crossing.planned, cell), unlocked=unlocked)
        facts = self._facts(crossing, pool, attempts)
        record = CellRecord(*place, cell.verdict, None, cell, (*attempts, *extra), facts, cached=not run.ran)
        if cell.verdict.works and self._asks_beside(crossing):
            try:
                targeting = self._targeting(crossing, run, best, cell)
                record = self._targeted(crossing, targeting, self._probed(crossing, run, record, pool))
                record = self._on_runtimes(crossing, run, record, pool, targeting)
            finally:
                for folder in run.artifacts.values():
                    if not self.context.options.keep:
                        paths.remove_folder(folder)
            record = replace(record, environments=self._facts(crossing, pool, attempts), cached=not run.ran)
        return record

    def _unlocked(self, toolchain: str) -> bool:
        """Whether packages under test lie over that toolchain."""
        known = self.context.matrix.toolchains.get(toolchain)
        return known is not None and known.over is not None

    def _facts(self, crossing: Crossing, pool: WorkerPool, attempts: Sequence[Attempt]) -> dict[str, EnvironmentFacts]:
        """Both sides' environments as evidence tells of them. An attempt that came to a model imported both, also where
        nothing is left that says so."""
        found = {side.environment.id: pool.facts(side) for side in (crossing.source, crossing.target)}
        if not any(attempt.stage.position > Stage.IMPORT.position for attempt in attempts):
            return found
        for id, facts in found.items():
            if facts.install is Outcome.UNTESTED:
                found[id] = replace(facts, install=Outcome.PASS, import_=Outcome.PASS)
        return found

    def _level(self, planned: PlannedCell) -> int:
        options = self.context.options
        recorded = options.as_recorded.get(planned.place)
        return options.level or (recorded.level if recorded else 1)

    def _asks_beside(self, crossing: Crossing) -> bool:
        """Whether anything beside a cell's verdict is asked for: probes, targets, runtimes."""
        options = self.context.options
        return self._level(crossing.planned) > 1 or bool(self._targets(crossing) or options.runtimes)

    def _targets(self, crossing: Crossing) -> list[Target]:
        """The targets that are asked of a cell, or that are recorded of it, and those that an asked compiler takes."""
        options = self.context.options
        recorded = options.as_recorded.get(crossing.planned.place)
        asked = options.targets if options.targets is not None else recorded.targets if recorded else ()
        taken = [self.context.matrix.runtime(id).target for id in options.runtimes]
        return [target for target in Target if target in asked or target in taken]

    def _artifact(self, crossing: Crossing, run: CellRun, cell: Cell) -> Callable[[], Path]:
        """Gives the folder of the attempt that converted a cell, made again where it is gone."""
        opset, remedies = cell.opset or 0, cell.named

        def artifact() -> Path:
            run.going()
            run.keep_artifact = True
            run.drop_changed()
            if (opset, remedies) not in run.artifacts and not judge.works(run.attempt(opset, remedies)):
                raise Contradicted(crossing.planned)
            run.ran = True
            return run.artifacts[opset, remedies]

        return artifact

    def _probed(self, crossing: Crossing, run: CellRun, record: CellRecord, pool: WorkerPool) -> CellRecord:
        """The record of a cell that works with what its probes found, where these are asked for."""
        cell = record.cell
        assert cell is not None
        if self._level(crossing.planned) == 1:
            return record

        def answers(asked: Mapping[str, tuple[int, Sequence[Call]]]) -> Mapping[str, Answered]:
            run.going()
            try:
                return side.answer(asked)
            except MachineFault as fault:  # of a stage that is torch's
                raise MachineFault(f"{fault}, while torch answered") from None

        side = assembly.source_side(self.context, pool, crossing)
        artifact = self._artifact(crossing, run, cell)
        again = self.context.options.again
        probes = Probing(cell.key, self.context.store, run.target, answers, artifact, again, run)
        try:
            found = probes.found()
        except MachineFault as fault:
            return self._without(record, "level 2", fault)
        cell = replace(cell, level=2, probes=probing.entries(found))
        return replace(record, cell=cell, beside=(*record.beside, *probing.failures(found)))

    def _targeting(self, crossing: Crossing, run: CellRun, best: Attempt, cell: Cell) -> Targeting:
        """The targets of a cell that works."""
        return Targeting(
            cell.key,
            self.context.store,
            Making(
                run,
                planned_targets.own(crossing.route),
                self._examples(crossing.case) if self._targets(crossing) else None,
            ),
            best,
            self._artifact(crossing, run, cell),
            self.context.keys,
            self.context.options.again,
        )

    def _targeted(self, crossing: Crossing, targeting: Targeting, record: CellRecord) -> CellRecord:
        """The record of a cell that works with what the targets came to that are asked for."""
        cell, wanted = record.cell, self._targets(crossing)
        assert cell is not None
        if not wanted:
            return record
        without = {
            target.value: planned_targets.refused(crossing.route, target, self.context.matrix) for target in wanted
        }
        found: dict[str, StoredTarget] = {}
        for target in (target for target in wanted if without[target] is None):
            try:
                found |= targeting.found([target])
            except MachineFault as fault:
                record = self._without(record, f"target {target}", fault)
        return replace(
            record,
            cell=replace(cell, targets=targets.entries(found)),
            beside=(*record.beside, *targets.failures(found)),
            targets={name: one.run for name, one in found.items()},
            without={name: why for name, why in without.items() if why is not None},
        )

    def _on_runtimes(
        self, crossing: Crossing, run: CellRun, record: CellRecord, pool: WorkerPool, targeting: Targeting
    ) -> CellRecord:
        """The record of a cell that works with what the runtimes came to that are asked for."""
        cell = record.cell
        assert cell is not None

        def left_out(id: str, fault: MachineFault) -> None:
            nonlocal record
            record = self._without(record, f"runtime {id}", fault)

        artifact = self._artifact(crossing, run, cell)
        ran = OnRuntimes(self.context, pool, crossing, run, cell.key, cell.targets, targeting, left_out)
        found = ran.found(cell.opset or 0, cell.named, artifact)
        cell = replace(cell, runtimes=probing.entries(found))
        return replace(record, cell=cell, beside=(*record.beside, *probing.failures(found)))

    def _without(self, record: CellRecord, name: str, fault: MachineFault) -> CellRecord:
        """The record without what stands beside the verdict under that name. Raises the fault of an aborted run, and
        one that says something of the verdict itself."""
        if self.context.aborted.is_set() or isinstance(fault, Contradicted):
            raise fault
        return replace(record, left_out={**record.left_out, name: _told(fault)})

    def _examples(self, case: Case) -> Examples | None:
        """A user's own examples, laid out for a worker; None without them."""
        given = self.context.options.examples
        if given is None:
            return None
        # A name that nobody knows before: what runs may write to that folder.
        file = self.context.folder / f"examples-{uuid.uuid4().hex}.npz"
        return Examples(file, given.write(case, file), given.digest)

    # One cell for what it leaves

    def attempt(self, planned: PlannedCell, opset: int, remedies: tuple[str, ...]) -> Attempt:
        """One attempt at a cell. Raises MachineFault where this machine ended it."""
        return self._opened(planned, tries_remedies=False).attempt(opset, remedies)

    def exports(self, planned: PlannedCell) -> Iterator[tuple[int, Exported]]:
        """The exports of a cell's source side, at each opset of its route until the case does not build."""
        run = self._opened(planned, tries_remedies=False)
        for opset in run.opsets:
            exported = run.export(opset)
            yield opset, exported
            if not exported.stages[0].passed:
                return

    def artifact(self, planned: PlannedCell, wanted: Sequence[Target]) -> Converted:
        """Run a cell, remedies included, for what it converts and for targets made of that; the folders stay until the
        engine ends."""
        run = self._opened(planned, tries_remedies=True)
        run.keep_artifact = True
        attempts = run.attempts()
        attempt = judge.decisive(attempts)
        crossing = self.context.keys.crossing(planned)
        facts = self._facts(crossing, self._pool(planned.toolchain), [attempt])
        if not judge.works(attempt):
            tried = tuple(dict.fromkeys(name for one in attempts for name in one.remedies))
            return Converted(crossing, attempt, None, {}, None, facts, tried=tried)
        made: dict[Target, Delivered] = {}
        making = Making(run, planned_targets.own(crossing.route), self._examples(crossing.case))
        for target in wanted:
            before = attempt
            attempt, made[target] = making.deliver(target, attempt)
            if attempt is not before:  # one SavedModel is handed over, which all targets are made of
                others = [one for one in made if one is not target]
                made.update((one, making.deliver(one, attempt)[1]) for one in others)
        opset = attempt.opset or 0
        exported = run.export(opset, attempt.remedies)
        calibrated = self._examples(crossing.case) or target_side.own_examples(crossing.case, exported)
        folder = run.artifacts[opset, attempt.remedies]
        return Converted(crossing, attempt, folder, made, exported.io, facts, calibrated, run.seals)

    def scores(self, done: Converted) -> Scores | None:
        """What the user's own measure makes of torch's model and of all that was converted, of targets, too, that are
        not right: whether 8 bits are enough is for the measure to say. None where none is named, or nothing was
        converted. Raises what starting a worker raises but MachineFault."""
        measure = self.context.options.evaluation
        if measure is None or done.folder is None:
            return None
        self.context.observer.note(f"{measure.name}, asked of torch's model and of what was made of it")
        pool = self._pool(done.crossing.planned.toolchain)
        artifact = target_side.artifact(done.folder)
        made = {target: one for target, one in done.targets.items() if one.made is not None}
        return scores.of(self.context, pool, done.crossing, artifact, made, measure)

    @contextmanager
    def timed(self, planned: PlannedCell) -> Iterator[Timed | None]:
        """A cell's artifact, what is made of it and its workers, to be timed; None where the cell does not work."""
        crossing = self.context.keys.crossing(planned)
        pool = self._pool(planned.toolchain)
        _, run = self._run_of(planned, pool)
        attempt = judge.decisive(run.attempts())
        if not judge.works(attempt):
            yield None
            return
        run.keep_artifact = True
        opset = attempt.opset or 0
        attempt = run.attempt(opset, attempt.remedies)
        if not judge.works(attempt):
            raise Contradicted(planned)
        try:
            with ExitStack() as stack:
                yield Timed(self.context, pool, stack, crossing, run, attempt)
        finally:
            for folder in run.artifacts.values():
                paths.remove_folder(folder)

    def _opened(self, planned: PlannedCell, *, tries_remedies: bool) -> CellRun:
        """A cell alone on the machine, its workers warm until the engine ends."""
        crossing = self.context.keys.crossing(planned)
        run = assembly.of_planned(self.context, self._pool(planned.toolchain), crossing, tries_remedies=tries_remedies)
        run.alone = True
        return run

    def _pool(self, toolchain: str) -> WorkerPool:
        if toolchain not in self._pools:
            self._pools[toolchain] = WorkerPool(self.context, self._stack)
        return self._pools[toolchain]

    # A bundle that was handed on

    def score(self, name: str, case: Case, exports: Mapping[int, Exported], located: str, side: Side) -> CellRecord:
        """Take a handed-on bundle's exports through a route's target side and judge them as a cell of a toolchain of
        that name. `located`: the route, as a worker finds it; `side`: what its worker is. Nothing is stored."""
        run = assembly.of_bundle(self.context, self._scoring(side), case, exports, located)
        try:
            attempts = run.attempts()
        except MachineFault as fault:
            return CellRecord(name, case.id, located, Verdict.UNTESTED, str(fault), interrupted=True)
        best = judge.decisive(attempts)
        if best.outcome is Outcome.NOT_APPLICABLE:
            return _not_taken(CellId(name, case.id, located), best, attempts)
        cell = judge.cell(name, case.id, located, attempts, shims=side.shims)
        cell = replace(cell, unlocked=self._unlocked(name))
        return CellRecord(name, case.id, located, cell.verdict, None, cell, tuple(attempts))

    def _scoring(self, side: Side) -> Worker:
        """The warm worker of that side."""
        if self._scorer is None or not self._scorer.alive:
            folder = self.context.folder / f"target-{uuid.uuid4().hex[:8]}"
            self._scorer = self._stack.enter_context(Worker(side, folder, inside=self.context.inside()))
        return self._scorer


def _not_taken(place: CellId, found: Attempt, attempts: Sequence[Attempt], *, cached: bool = False) -> CellRecord:
    """The record of a cell whose route finds that the built model is none that it takes."""
    reason = found.error.message if found.error else None
    return CellRecord(*place, Verdict.NOT_APPLICABLE, reason, attempts=tuple(attempts), cached=cached)


def _told(fault: MachineFault) -> str:
    return f"{fault}{f', during {fault.stage}' if fault.stage else ''}"


def _why(record: CellRecord) -> str:
    """What this machine ended of a cell, and how."""
    return record.reason or "; ".join(f"{name} was not tried: {why}" for name, why in record.left_out.items())


class Contradicted(MachineFault):
    """An attempt that the store has as working does not work when it is made again: of two ends under the same
    revisions neither can be told of the cell."""

    def __init__(self, planned: PlannedCell) -> None:
        super().__init__(f"{planned.id}: worked before and does not now; run it with --again")


def _not_known() -> None:
    raise LookupError("the store does not have it")
