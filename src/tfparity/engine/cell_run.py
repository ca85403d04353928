"""One cell under way: its attempts, opset by opset and remedy by remedy, each from the store or made now in steps."""

from __future__ import annotations

import datetime
import math
import platform
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from tfparity import paths
from tfparity.engine import bundles, referee, sealed, target_side
from tfparity.engine.bundles import Exported
from tfparity.engine.process_limits import Limits
from tfparity.engine.sealed import Seal, Unfit
from tfparity.engine.target_side import TargetSide
from tfparity.engine.worker_client import Answer
from tfparity.errors import InstallError, MachineFault
from tfparity.judging import judge
from tfparity.paths import Bounds
from tfparity.planning import remedies
from tfparity.records.cells import Attempt, Problem, StageReply
from tfparity.records.vocabulary import Outcome, Stage

T = TypeVar("T")

#: The oldest opset of the window that --all-opsets fills.
OLDEST_OPSET = 9


class Source(Protocol):
    """Gives the export of a case. unrefereed: why no referee is asked, None where one is."""

    def export(self, opset: int, remedies: Sequence[str] = (), unrefereed: str | None = None) -> Exported: ...
    def forget(self, exported: Exported) -> None: ...


class Attempts(Protocol):
    """Keeps attempts at one cell between runs."""

    def get(self, opset: int, remedies: tuple[str, ...]) -> Attempt | None: ...
    def put(self, attempt: Attempt) -> None: ...


class Nothing:
    """Keeps no attempt."""

    def get(self, opset: int, remedies: tuple[str, ...]) -> Attempt | None:  # noqa: ARG002
        return None

    def put(self, attempt: Attempt) -> None:
        """Forget it."""


@dataclass
class _Making:
    """An attempt on its way through the steps: the replies so far, and what they left."""

    opset: int
    remedies: tuple[str, ...]
    folder: Path
    unrefereed: str | None = None
    stages: list[StageReply] = field(default_factory=list)
    exported: Exported | None = None
    converted: Answer | None = None
    executed: Answer | None = None

    @property
    def failed(self) -> bool:
        return any(not stage.passed for stage in self.stages)

    def crashed(self, problem: Problem) -> None:
        """What it came to is that the conversion crashed."""
        before = [stage for stage in self.stages if Stage(stage.stage).position < Stage.CONVERT.position]
        self.stages = [*before, StageReply(Stage.CONVERT, Outcome.CRASH, error=problem)]
        self.executed = None


@dataclass
class CellRun:
    """One cell under way.

    start: starts what the cell runs in; the reply of a stage that failed, or None. source, target: the two sides.
    opsets: in the order of trying. kept: what was done before. remedies: which remedies a failed attempt's
    limitation names; none are tried without. remedy_seconds: after which no other remedy is begun. newest_opset: of the
    exporter, where it is known. going: raises where the run is interrupted. folder: of the run, for artifacts.
    keep_artifact: of an attempt that works; else they are removed, but with `keep`. retain: keep the artifact of an
    attempt that is made now and works; make none again. alone: nothing else of this run is on the machine. seals: of
    what outlives its judging, by its folder. sandboxed: whether requests run in a sandbox; unconfined: none is wanted.
    """

    opsets: tuple[int, ...]
    start: Callable[[], StageReply | None]
    source: Source
    target: TargetSide
    folder: Path
    limits: Limits
    sandboxed: Callable[[], bool] = lambda: False
    unconfined: bool = False
    kept: Attempts = field(default_factory=Nothing)
    remedies: Callable[[Attempt], tuple[str, ...]] | None = None
    remedy_seconds: float = math.inf
    newest_opset: Callable[[], int | None] = lambda: None
    going: Callable[[], None] = lambda: None
    keep_artifact: bool = False
    retain: bool = False
    keep: bool = False
    alone: bool = False
    ran: bool = False
    artifacts: dict[tuple[int, tuple[str, ...]], Path] = field(default_factory=dict)
    seals: dict[Path, Seal] = field(default_factory=dict)
    _spoilt: set[Path] = field(default_factory=set)

    def attempts(self) -> list[Attempt]:
        """Attempts until one is right: in the order of opsets, as far as an opset can matter; then by remedies.

        Raises MachineFault where this machine ended one.
        """
        made = []
        for opset in self.opsets:
            made.append(self.attempt(opset))
            if judge.settled(made[-1]):
                break
        if self.remedies is not None and made[-1].outcome is not Outcome.NOT_APPLICABLE:
            self._try_remedies(made, judge.decisive(made), self.remedies)
        return made

    def _try_remedies(self, made: list[Attempt], best: Attempt, named: Callable[[Attempt], tuple[str, ...]]) -> bool:
        """Add attempts by the remedies that the limitation of the failure names, in addition to those that it took, at
        the opset of the failure and then at the others; where one comes further, by those of what bars the way then,
        before the next is tried. Whether one works."""
        taken = best.remedies
        for name in remedies.more(named(best), taken):
            if self._spent(made):
                made.append(remedies.left_out(best, name, self.remedy_seconds))
                continue
            for opset in dict.fromkeys((best.opset or 0, *self.opsets)):
                made.append(self.attempt(opset, (*taken, name)))
                last = made[-1]
                if judge.works(last):
                    return True
                if judge.further(last, best) and remedies.more(named(last), last.remedies):
                    if self._try_remedies(made, last, named):
                        return True
                    break
                if judge.settled(last):
                    break
        return False

    def _spent(self, made: Sequence[Attempt]) -> bool:
        """Whether remedies took all the time that those of a cell may, kept attempts counted as when they were made."""
        return sum(attempt.total_seconds for attempt in made if attempt.remedies) >= self.remedy_seconds

    def extra_attempts(self, made: Sequence[Attempt]) -> list[Attempt]:
        """The rest of the window of opsets: recorded, with no say in the verdict."""
        if made[-1].stage.before_export or made[-1].outcome is Outcome.NOT_APPLICABLE:
            return []
        try:
            newest = self.newest_opset()
        except InstallError:
            return []
        done = {attempt.opset for attempt in made}
        window = range(OLDEST_OPSET, int(newest or max(self.opsets)) + 1)
        return [self.attempt(opset) for opset in window if opset not in done]

    def export(self, opset: int, remedies: Sequence[str] = (), unrefereed: str | None = None) -> Exported:
        """The source side's export; one that cannot be taken has failed. Beside other cells it is not known whose
        exporter did it: raises bundles.NotTaken, after which the cell runs alone."""
        try:
            return self.source.export(opset, remedies, unrefereed)
        except bundles.NotTaken as odd:
            if not self.alone:
                raise
            return odd.exported

    @property
    def _bounds(self) -> Bounds:
        return bundles.bounds(self.limits.memory_mib, self.going)

    def attempt(self, opset: int, remedies: tuple[str, ...] = ()) -> Attempt:
        """One attempt at that opset by those remedies, kept from before or made now. One that does not work takes the
        place of none that does: it was made for its artifact alone, under the same revisions."""
        kept = self.kept.get(opset, remedies)
        lacking = self.keep_artifact and (opset, remedies) not in self.artifacts
        if kept is not None and not self._held_back(kept) and not (judge.works(kept) and lacking):
            return kept
        self.ran = True
        began = time.monotonic()
        made = replace(
            self._made(opset, remedies),
            total_seconds=time.monotonic() - began,
            ran_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            host=f"{platform.system()} {platform.machine()}",
            limits=(self.limits.seconds, self.limits.memory_mib),
            sandboxed=self.sandboxed(),
        )
        self.going()
        contradicts = kept is not None and judge.works(kept) and not judge.works(made)
        if not _unsettled(made) and not contradicts:
            self.kept.put(made)
        return made

    def _held_back(self, kept: Attempt) -> bool:
        """Whether a limit ended it that has been raised since, or it failed in a sandbox that is not wanted now."""
        if self.unconfined and kept.sandboxed and not judge.works(kept):
            return True
        if kept.outcome not in (Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY) or kept.limits is None:
            return False
        seconds, memory = kept.limits
        return self.limits.seconds > seconds or self.limits.memory_mib > memory

    def _made(self, opset: int, remedies: tuple[str, ...]) -> Attempt:
        """An attempt made now. What the system kills twice while it runs alone, with more than half of its memory limit
        in use, is out of memory, and so is what twice gets no memory that it asks for: a model that the kernel always
        kills would else stay untested for ever. A referee is then as one that a limit ended: the attempt goes on.

        Raises MachineFault where this machine ended it otherwise.
        """

        def ended(stage: StageReply) -> Attempt:
            if stage.stage == referee.STAGE and stage.error:
                return self._make(opset, remedies, f"{stage.error.type}: {stage.error.message}")
            return self.target.judged(opset, [stage], remedies=remedies)

        return self.twice(lambda: self._make(opset, remedies), ended)

    def twice(self, make: Callable[[], T], ended: Callable[[StageReply], T]) -> T:
        """What `make` gives; where it has no more memory twice, alone on the machine, what `ended` makes of the stage
        that this ended. Raises MachineFault where this machine ended it otherwise."""
        try:
            return make()
        except MachineFault as fault:
            if not (self.alone and _fills_memory(fault, self.limits)):
                raise
        try:
            return make()
        except MachineFault as fault:
            if not _fills_memory(fault, self.limits):
                raise
            said = "killed twice by the system, with over half of the limit in use"
            if fault.no_memory:
                said = "asked twice for memory that the system did not give"
            problem = Problem("OutOfMemory", said)
            return ended(StageReply(str(fault.stage), Outcome.OUT_OF_MEMORY, None, fault.memory_mib, problem))

    def _make(self, opset: int, remedies: tuple[str, ...], unrefereed: str | None = None) -> Attempt:
        """The steps of an attempt, until one fails; then what came of it is judged."""
        making = _Making(opset, remedies, self.folder / f"cell-{uuid.uuid4().hex[:12]}", unrefereed)
        self.going()
        making.folder.mkdir()
        try:
            for step in (self._start, self._export, self._convert, self._execute):
                self.going()
                step(making)
                if making.failed:
                    break
            self._check_bundle(making)
            self._check_artifact(making)
            made = self._judge(making)
            if self._outlives and judge.works(made):
                self.artifacts[opset, remedies] = making.folder
            return made
        finally:
            if not self.keep and making.folder not in self.artifacts.values():
                paths.remove_folder(making.folder)
            if making.exported and making.exported.own:
                paths.remove_folder(making.exported.own)

    def _check_bundle(self, making: _Making) -> None:
        """A converter that changed what it was given to read has crashed: it could make any answer right. Beside other
        cells it is not known whose converter did it: raises MachineFault, after which the cell runs alone."""
        exported = making.exported
        if exported is None or making.converted is None or not bundles.changed(exported, self._bounds):
            return
        self.source.forget(exported)
        said = f"{_CHANGED} while the converter and its artifact ran"
        if not self.alone:
            raise MachineFault(said, making.stages[-1].stage)
        making.crashed(Problem("ChangedBundle", said))

    def _check_artifact(self, making: _Making) -> None:
        """Likewise of what was converted, where it outlives its judging: it is handed over, or judged further."""
        if making.executed is None or making.failed:
            return
        problem = self.changed(Stage.PARITY, target_side.artifact(making.folder))
        if problem:
            making.crashed(problem)

    @property
    def _outlives(self) -> bool:
        """Whether the artifact of an attempt that works outlives its judging."""
        return self.keep_artifact or self.retain

    def seal(self, folder: Path) -> Problem | None:
        """Keep what was just made, an artifact or a target, as it is; why it is none to be handed over, if it is not.
        Raises MachineFault where this machine cannot read it."""
        try:
            self.seals[folder] = sealed.seal(folder)
        except Unfit as wrong:
            return wrong.problem
        return None

    def changed(self, stage: Stage, *folders: Path) -> Problem | None:
        """How to tell of it that something in those folders is no more what it was when it was made; None where all is.
        Beside other cells it is not known who did it: raises MachineFault, after which the cell runs alone."""
        other = {folder for folder in folders if folder in self.seals and sealed.changed(folder, self.seals[folder])}
        if not other:
            return None
        self._spoilt |= other
        said = "the artifact was changed while it, or what was made of it, ran"
        if not self.alone:
            raise MachineFault(said, stage)
        return sealed.changed_error(said).problem

    def drop_changed(self) -> None:
        """Remove the artifacts that were found to be changed: whoever asks for one has it made again."""
        for way, folder in list(self.artifacts.items()):
            if target_side.artifact(folder) in self._spoilt:
                del self.artifacts[way]
                paths.remove_folder(folder)

    def check(self, exported: Exported, stage: Stage) -> None:
        """Raises MachineFault where what is made of a cell that works is held against inputs and references that were
        changed while it ran: nothing is said of it, and they are made again."""
        if bundles.changed(exported, self._bounds):
            self.source.forget(exported)
            raise MachineFault(f"{_CHANGED} while what was converted ran", stage)

    def _start(self, making: _Making) -> None:
        failed = self.start()
        if failed is not None:
            making.stages.append(failed)

    def _export(self, making: _Making) -> None:
        making.exported = self.export(making.opset, making.remedies, making.unrefereed)
        making.stages += making.exported.stages

    def _convert(self, making: _Making) -> None:
        assert making.exported is not None
        making.converted = self.target.convert(making.opset, making.exported, making.folder, making.remedies)
        making.stages += making.converted.stages
        problem = self.seal(target_side.artifact(making.folder)) if self._outlives and not making.failed else None
        if problem:
            making.crashed(problem)

    def _execute(self, making: _Making) -> None:
        assert making.exported is not None
        making.executed = self.target.execute(making.exported, making.folder)
        making.stages += making.executed.stages

    def _judge(self, making: _Making) -> Attempt:
        judged = self.target.judged(
            making.opset,
            making.stages,
            remedies=making.remedies,
            exported=making.exported,
            executed=making.executed,
            result=target_side.outputs_file(making.folder) if making.executed else None,
        )
        if making.executed is None or making.converted is None:
            return judged
        return replace(judged, artifact=target_side.measured(making.folder, making.converted))


_CHANGED = "the inputs, references or exported files were changed"


def _fills_memory(fault: MachineFault, limits: Limits) -> bool:
    """Whether what this machine ended in a known stage had much of the memory that it may have, or asked for more."""
    known = fault.stage in (*Stage, referee.STAGE)
    return known and (fault.no_memory or limits.nearly_reached(fault.memory_mib))


def _unsettled(made: Attempt) -> bool:
    """Whether another machine may come to another end, so that the store does not keep it: an install that failed, a
    referee that a limit ended."""
    return made.stage is Stage.INSTALL or referee.limited(made.referee.error if made.referee else None)


def stored_name(opset: int, remedies: Mapping[str, int | None]) -> str:
    """What an attempt is called in the store; remedies by name, with their revisions."""
    return "+".join([f"opset-{opset}", *(f"{name}-{revision}" for name, revision in remedies.items())])
