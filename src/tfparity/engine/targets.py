"""Further targets made of what an attempt converted: a .tflite of its SavedModel, another of that .tflite, each checked
on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfparity import paths
from tfparity.engine import bundles, sealed, target_side
from tfparity.engine.cell_run import CellRun
from tfparity.engine.store import Store, StoredTarget
from tfparity.engine.target_side import Examples
from tfparity.engine.worker_client import Made
from tfparity.errors import MachineFault
from tfparity.judging import judge
from tfparity.planning import targets
from tfparity.planning.keys import Keys
from tfparity.records.cells import (
    Attempt,
    Deployed,
    Entry,
    Failure,
    Problem,
    StageReply,
    TargetRun,
    coarse,
    finite,
    two_digits,
)
from tfparity.records.fingerprint import normalise
from tfparity.records.vocabulary import Outcome, Precision, Stage, Target, Verdict
from tfparity.worker import remedies

#: Steps of the signal-to-noise ratio that evidence keeps, in decibels: smaller ones do not repeat on another CPU.
STEP_DB = 10


@dataclass(frozen=True)
class Delivered:
    """A target that was made.

    attempt: the check of its answers; made: how, None where the making failed; place: the folder that it lies in.
    allowed_db: the signal-to-noise ratio that it has to reach, None where none is asked for. snr_db, top_1: see
    judging.precision.Agreement. remedies: what it took beyond the cell's own.
    """

    target: Target
    attempt: Attempt
    made: Made | None
    place: Path
    seconds: float | None = None
    allowed_db: float | None = None
    snr_db: float | None = None
    top_1: float | None = None
    trained: bool = False
    own_data: bool = False
    remedies: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return judge.works(self.attempt) and self.made is not None

    @property
    def verdict(self) -> Verdict:
        """In the words of cells."""
        found = judge.verdict(self.attempt)
        return Verdict.WORKS_WITH_REMEDY if found is Verdict.WORKS and self.remedies else found

    @property
    def failure(self) -> Failure | None:
        """Why it is not right, where rules look for it: at the stage "target", the target's name before the rest."""
        error = self.attempt.error
        if error is None:
            return None
        doing = "made" if error.stage is Stage.TARGET else error.stage
        said = normalise(f"{self.target}, {doing}: {error.message}", {})  # the name may make it too long
        return Failure(Stage.TARGET, error.type, said)

    def entry(self, key: str) -> Entry:
        """As the cell keeps it."""
        attempt, failure = self.attempt, self.failure
        said = attempt.answer
        ratio = None if self.snr_db is None else float(self.snr_db // STEP_DB * STEP_DB)
        deployed = Deployed(
            verdict=self.verdict,
            precision=Precision(targets.declared(self.target).precision),
            grade=attempt.grade,
            snr_db=ratio,
            allowed_db=None if self.allowed_db is None else round(self.allowed_db, 1),
            top_1=self.top_1 if self.trained else None,
            same_answer=said.torch == said.tensorflow if said and self.trained else None,
            flex=self.made.flex if self.made else None,
            signature=attempt.signature,
            dynamic=attempt.dynamic,
            remedies=self.remedies,
            own_data=self.own_data,
        )
        worst = None if attempt.max_abs is None else coarse(finite(attempt.max_abs))
        size = self.made.megabytes if self.made else None
        return Entry(attempt.outcome, failure.fingerprint if failure else None, worst, size, key, deployed)

    def stored(self, key: str) -> StoredTarget:
        """As the store keeps it."""
        ratio = None if self.snr_db is None else round(self.snr_db, 1)
        seconds = None if self.seconds is None else round(self.seconds, 2)
        run = TargetRun(two_digits(self.attempt.max_abs), ratio, seconds, self.attempt.answer)
        return StoredTarget(self.entry(key), self.failure, run)


@dataclass
class Making:
    """The making of targets out of what attempts at a cell converted. own: what the route itself converts to; examples:
    a user's own, None for the case's. Each is made once of an attempt, while its files are there."""

    run: CellRun
    own: Target
    examples: Examples | None = None
    _done: dict[tuple[Target, int | None, tuple[str, ...]], tuple[Attempt, Delivered]] = field(default_factory=dict)

    def deliver(self, target: Target, attempt: Attempt) -> tuple[Attempt, Delivered]:
        """That target made of what the attempt converted, and where it is wrong, of another's, by the target's
        remedies: the attempt that it was made of, and what came of it. Where no remedy helps it stays with the attempt
        as it was."""
        known = self._done.get((target, attempt.opset, attempt.remedies))
        if known is None or (known[1].made and not known[1].place.is_dir()):
            known = self._deliver(target, attempt)
            for one in (attempt, known[0]):
                self._done[target, one.opset, one.remedies] = known
        return known

    def forget(self, target: Target) -> None:
        """Make it again where it is asked for."""
        for place in [place for place in self._done if place[0] is target]:
            del self._done[place]

    def _deliver(self, target: Target, attempt: Attempt) -> tuple[Attempt, Delivered]:
        of = targets.of(target)
        if targets.declared(of).make and of is not self.own:
            return self._of_another(target, of, attempt)
        made = self._made(target, attempt)
        for name in targets.declared(target).remedies:
            if made.right or name in attempt.remedies or not _changes(self.run, attempt, name):
                break
            again = self.run.attempt(attempt.opset or 0, (*attempt.remedies, name))
            second = self._made(target, again) if judge.works(again) else made
            if second.right:
                attempt, made = again, replace(second, remedies=(name,))
        return attempt, made

    def _of_another(self, target: Target, of: Target, attempt: Attempt) -> tuple[Attempt, Delivered]:
        """A target that is made of another one, which has to be right."""
        attempt, whole = self.deliver(of, attempt)
        if whole.right:
            return attempt, replace(self._made(target, attempt, whole.place), remedies=whole.remedies)
        failure = whole.failure
        said = Problem(failure.type, failure.message) if failure else Problem("NotMade", f"{of} is not right")
        stage = StageReply(Stage.TARGET, whole.attempt.outcome, error=said)
        opset, place = attempt.opset or 0, self.run.target.place(target, self._folder(attempt))
        judged = self.run.target.judged(opset, [stage], remedies=attempt.remedies)
        return attempt, Delivered(target, judged, None, place)

    def _folder(self, attempt: Attempt) -> Path:
        return self.run.artifacts[attempt.opset or 0, attempt.remedies]

    def _made(self, target: Target, attempt: Attempt, of: Path | None = None) -> Delivered:
        """A target made once. of: what it is made of, None for what the attempt converted."""
        from tfparity.judging import precision  # and numpy, which a run of what is known needs not

        run, examples = self.run, self.examples
        opset = attempt.opset or 0
        folder = self._folder(attempt)
        of = of or target_side.artifact(folder)
        exported = run.export(opset, attempt.remedies)
        declared, case = targets.declared(target), run.target.case
        model = exported.model
        held = precision.held(
            Precision(declared.precision),
            case,
            model.weights if model else 1,
            own_db=precision.own_noise(case, target_side.held_against(exported.io))
            if declared.precision != Precision.FLOAT32
            else None,
            own_data=examples is not None,
            int8_signature=declared.int8_signature,
        )
        delivered = Delivered(
            target,
            attempt,
            None,
            run.target.place(target, folder),
            allowed_db=held.least,
            trained=case.trained,
            own_data=examples is not None and declared.calibrated,
        )
        if declared.make is None:
            made: Made | None = Made(target_side.megabytes(target_side.artifact(folder)))
        else:
            making = run.target.make(target, exported, folder, of, examples)
            run.check(exported, Stage.TARGET)
            delivered = replace(delivered, seconds=sum(stage.seconds or 0.0 for stage in making.stages))
            made = making.facts.target if making.passed else None
            problem = run.changed(Stage.TARGET, target_side.artifact(folder), of)
            if problem is None and made is not None:
                problem = run.seal(delivered.place)
            if problem or made is None:
                crashed = StageReply(Stage.TARGET, Outcome.CRASH, error=problem)
                stages = [*exported.stages, *((crashed,) if problem else making.stages)]
                judged = run.target.judged(opset, stages, remedies=attempt.remedies, exported=exported)
                return replace(delivered, attempt=judged)
        executed = run.target.execute_target(target, exported, folder)
        run.check(exported, Stage.PARITY)
        problem = run.changed(Stage.PARITY, target_side.artifact(folder), of, delivered.place)
        if problem:
            crashed = StageReply(Stage.PARITY, Outcome.CRASH, error=problem)
            stages = [*exported.stages, crashed]
            judged = run.target.judged(opset, stages, remedies=attempt.remedies, exported=exported)
            return replace(delivered, attempt=judged)
        result = target_side.target_outputs(folder, target)
        judged = run.target.judged(
            opset,
            [*exported.stages, *executed.stages],
            remedies=attempt.remedies,
            exported=exported,
            executed=executed,
            result=result,
            held=held,
        )
        agreed = precision.agreement(
            case, target_side.held_against(exported.io), target_side.read_outputs(result, exported)[0]
        )
        return replace(delivered, attempt=judged, made=made, snr_db=agreed.snr_db, top_1=agreed.top_1)


def _changes(run: CellRun, attempt: Attempt, name: str) -> bool:
    """Whether a remedy would change anything: one that only rewrites the exported file may find nothing to rewrite."""
    remedy = remedies.load(name)
    if remedy.exporting or remedy.converting or remedy.declare:
        return True
    opset = attempt.opset or 0
    before = run.export(opset, attempt.remedies)
    after = run.export(opset, (*attempt.remedies, name))
    if not after.passed:
        return True
    try:
        return bundles.artifact_digest(before.folder) != bundles.artifact_digest(after.folder)
    except bundles.Odd:  # changed since, which a check tells once it was used
        return True


def of_route(run: CellRun, target: Target, attempt: Attempt) -> Delivered:
    """What the route itself converted, as a target: it was checked already."""
    from tfparity.judging import precision

    folder = run.artifacts[attempt.opset or 0, attempt.remedies]
    exported = run.export(attempt.opset or 0, attempt.remedies)
    outputs, _ = target_side.read_outputs(target_side.outputs_file(folder), exported)
    agreed = precision.agreement(run.target.case, target_side.held_against(exported.io), outputs)
    size = target_side.megabytes(target_side.artifact(folder))
    return Delivered(
        target,
        attempt,
        Made(size),
        target_side.artifact(folder),
        attempt.artifact.seconds if attempt.artifact else None,
        snr_db=agreed.snr_db,
        top_1=agreed.top_1,
        trained=run.target.case.trained,
    )


@dataclass(frozen=True)
class Targeting:
    """The targets of a cell that works. key: the cell's; attempt: the one that decides; artifact: gives the folder of
    that attempt, made again where it is gone; keys: gives the key of a target's entry. lying: what this run made, as it
    lies in its folders."""

    key: str
    store: Store
    making: Making
    attempt: Attempt
    artifact: Callable[[], Path]
    keys: Keys
    again: bool = False
    lying: dict[Target, Delivered] = field(default_factory=dict)

    def found(self, wanted: Sequence[Target]) -> dict[str, StoredTarget]:
        """What came of each of these targets, by name: from the store, or now. Raises MachineFault."""
        found: dict[str, StoredTarget] = {}
        for target in wanted:
            examples = self.making.examples if targets.declared(target).calibrated else None
            key = self.keys.target(self.key, target, examples.digest if examples else None)
            kept = None if self.again else self.store.target(key)
            if kept is None:
                self.lying[target] = self._made(target)
                kept = self.lying[target].stored(key)
                self.store.put_target(key, kept)
            found[target] = kept
        return found

    def folder(self, target: Target) -> Path:
        """Where a target lies that was found to be right, made again where this run did not make it. Raises
        MachineFault, also where it is not right any more."""
        lies = self.lying.get(target)
        if lies is None or not lies.right or sealed.changed(lies.place, self.making.run.seals[lies.place]):
            if lies is not None:
                paths.remove_folder(lies.place)
                self.making.forget(target)
            lies = self.lying[target] = self._made(target)
        if not lies.right:
            raise MachineFault(f"{target}: was right before and is not now; run it with --again", Stage.TARGET)
        return lies.place

    def _made(self, target: Target) -> Delivered:
        run = self.making.run

        def make() -> Delivered:
            self.artifact()
            if target is self.making.own:
                return of_route(run, target, self.attempt)
            return self.making.deliver(target, self.attempt)[1]

        def ended(stage: StageReply) -> Delivered:
            if Stage(stage.stage).position < Stage.LOAD.position:  # not the target's
                raise MachineFault(stage.error.message if stage.error else "", stage.stage)
            place = run.target.place(target, self.artifact())
            attempt = run.target.judged(self.attempt.opset or 0, [stage], remedies=self.attempt.remedies)
            return Delivered(target, attempt, None, place)

        return run.twice(make, ended)


def entries(found: Mapping[str, StoredTarget]) -> dict[str, Entry]:
    """As the cell keeps them."""
    return {name: one.entry for name, one in found.items()}


def failures(found: Mapping[str, StoredTarget]) -> tuple[Failure, ...]:
    """The failures that the entries name."""
    return tuple(one.failure for one in found.values() if one.failure)
