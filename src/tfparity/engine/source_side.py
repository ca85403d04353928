"""The source side of an attempt: a worker builds and exports the model, the referee answers, a bundle keeps it all."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tfparity import paths
from tfparity.engine import bundles, referee
from tfparity.engine.bundles import BundleFacts, Exported, ExportFacts
from tfparity.engine.context import Context
from tfparity.engine.referee import RefereeReply
from tfparity.engine.worker_client import Answer, Worker
from tfparity.errors import WorkerError
from tfparity.planning import revisions, routes
from tfparity.planning.keys import Crossing
from tfparity.planning.probes import Call
from tfparity.records import keys, waiting
from tfparity.records.cells import Note, Problem, StageReply
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Outcome, Stage
from tfparity.worker import remedies as known_remedies

_locks: dict[Path, threading.Lock] = {}
_locks_lock = threading.Lock()


@dataclass(frozen=True)
class Answered:
    """A probe's calls as torch answers them: the arrays, the calls that it does not answer, by place; sha256: of the
    arrays' file; failed: why there is no answer at all."""

    io: Path
    unanswered: frozenset[int]
    sha256: str | None = None
    failed: Problem | None = None


def _by_text(places: Mapping[int, str]) -> dict[str, Json]:
    """As JSON has it."""
    return {str(place): why for place, why in places.items()}


@contextmanager
def _held(folder: Path, context: Context, waits: Callable[[], None] = waiting.nothing) -> Iterator[None]:
    """A bundle's folder, for one thread of one process; raises where the run is interrupted before another process is
    done with it, which `waits` tells."""
    with _locks_lock:
        lock = _locks.setdefault(folder, threading.Lock())
    with lock, waiting.held(bundles.lock(context.cache, folder), context.go_on, waits):
        bundles.in_place(folder, context.cache.root)
        yield


_CHANGED = "the inputs and references were changed while it was exported"


@dataclass(frozen=True)
class SourceSide:
    """A cell's source side. `worker`: gives the warm worker; `on_stage` hears of every stage that begins."""

    context: Context
    crossing: Crossing
    worker: Callable[[], Worker]
    on_stage: Callable[[str], None]

    def export(self, opset: int, remedies: Sequence[str] = (), unrefereed: str | None = None) -> Exported:
        """The export at that opset, by those of the remedies that are the source's: from its bundle, or made now; one
        that passed by names of the run's own. unrefereed: why no referee is asked, None where one is.

        What a limit ended is not kept: another machine may do it. Raises MachineFault where this machine ended it.
        """
        context, crossing = self.context, self.crossing
        own = [name for name in remedies if known_remedies.load(name).at_source]
        key = context.keys.bundle(crossing)
        folder = Path(paths.by_key(context.cache.bundles, key))
        export_key = context.keys.export(crossing, referee.version(), own)
        made = folder / f"{Path(crossing.way.exporter).stem}-{opset}-{export_key[:8]}"
        with _held(folder, context, self._waits):
            if context.first_again(folder):
                paths.discard(folder / bundles.DESCRIPTION)
            kept = None if context.first_again(made) else bundles.kept_export(made, folder, context.bounds)
            if kept is not None and not kept.passed and context.unconfined:
                kept = None
            if kept is None and not own:
                kept = context.not_built.get(key)
            if kept is None:
                kept = self._make(made, folder, opset, own, unrefereed)
            with suppress(OSError):  # used now, see bundles.prune; one that did not build has none
                os.utime(folder / bundles.IO)
            try:
                if kept.passed:
                    kept = bundles.apart(kept, context.reading / f"bundle-{uuid.uuid4().hex[:12]}", context.bounds)
                if crossing.case.id in context.keys.own and kept.stages[0].passed:
                    kept = replace(kept, notes=self._notes(kept))
            except bundles.Odd as odd:
                raise bundles.NotTaken(kept, str(odd)) from None
        if unrefereed:  # the second referee alone may be what this machine ends
            kept = replace(kept, referee=None, referee_error=unrefereed)
        return kept

    def _notes(self, kept: Exported) -> tuple[Note, ...]:
        """What a verdict on a model of a person's own will not tell. Raises Odd."""
        from tfparity.judging import own_models

        facts, arrays = kept.bundle, bundles.references(kept.io)
        return own_models.notes(self.crossing.case, facts.sensitivity, facts.unseen, arrays)

    def answer(self, asked: Mapping[str, tuple[int, Sequence[Call]]]) -> dict[str, Answered]:
        """Torch's answers to the calls of probes, by name, with their revisions: from the bundle, or made now. Raises
        MachineFault."""
        context = self.context
        key = context.keys.bundle(self.crossing)
        folder = Path(paths.by_key(context.cache.bundles, key))
        specs: dict[Path, list[Json]] = {}
        files: dict[str, Path] = {}
        for name, (revision, calls) in asked.items():
            spec: list[Json] = [call.spec() for call in calls]
            made = keys.key("probe", name, revision, revisions.STAGES["probe"], spec)
            files[name] = folder / f"probe-{name}-{made[:12]}.npz"
            specs[files[name]] = spec
        failed: dict[Path, Problem] = {}
        with _held(folder, context, self._waits):
            known = {io for io in specs if not context.first_again(io) and bundles.kept_answers(io, context.bounds)}
            missing = [io for io in specs if io not in known]
            for io in missing:
                paths.discard(io)  # what an exporter may have left there would be written to
            skip: dict[Path, dict[int, str]] = {io: {} for io in missing}
            while missing:
                parts: list[Json] = [
                    {"calls": specs[io], "skip": _by_text(skip[io]), "result": io.name} for io in missing
                ]
                answer = self._ask("answer", {"parts": parts}, {io.name: io for io in missing})
                for place, unanswered in answer.facts.unanswered.items():
                    try:
                        bundles.keep_answers(missing[place], unanswered, context.bounds)
                    except bundles.Odd as odd:
                        failed[missing[place]] = Problem("BadReply", str(odd))
                if not answer.passed:
                    failed.update(_torch_ended(answer, missing, skip))
                missing = [
                    io for place, io in enumerate(missing) if place not in answer.facts.unanswered and io not in failed
                ]
            kept = {name: bundles.kept_answers(io, context.bounds) for name, io in files.items()}
        return {
            name: Answered(files[name], frozenset(there.unanswered), there.sha256)
            if there
            else Answered(files[name], frozenset(), failed=failed.get(files[name]))
            for name, there in kept.items()
        }

    def _make(self, made: Path, folder: Path, opset: int, remedies: Sequence[str], unrefereed: str | None) -> Exported:
        bundles.begin(made)
        built: StageReply | None = None
        if bundles.facts_of(folder, self.context.bounds) is None:
            failed, built = self._referenced(made, folder)
            if failed is not None:
                return failed
        return self._exported(made, folder, opset, remedies, unrefereed, built)

    def _referenced(self, made: Path, folder: Path) -> tuple[Exported | None, StageReply]:
        """Make the bundle's inputs and references, in a request that no exporter's code is in, and describe it: what a
        request says afterwards changes nothing of that. What comes of the export where the model is not built, None
        where it is, and the stage of its build. Raises NotTaken."""
        for file in folder / bundles.IO, folder / bundles.DESCRIPTION:
            paths.discard(file)
        answer = self._ask("reference", {"io": bundles.IO}, {bundles.IO: folder / bundles.IO})
        facts, stage = answer.facts, answer.stages[0]
        common = BundleFacts(
            facts.sensitivity, facts.floor, facts.float64_error, facts.parameters, facts.bounded, facts.unseen
        )
        built = Exported(answer.stages, common, ExportFacts(), made, folder / bundles.IO, where=facts.where)
        try:
            bundles.stays(folder)  # else what failed may be another cell's doing
            problem = None
            if stage.passed:
                lacking = bundles.lacking(self.crossing.case, built.io)
                if lacking:
                    raise bundles.NotTaken(built, lacking, Stage.BUILD, "BadReply")
                problem = self._blind(common, built.io)
            if problem:
                stage = replace(stage, outcome=Outcome.FAIL, error=problem)
                built = replace(built, stages=(stage,))
            if not stage.passed:
                if stage.outcome is Outcome.FAIL:
                    self.context.not_built[self.context.keys.bundle(self.crossing)] = built
                return built, stage
            source = self.crossing.source
            origin: dict[str, Json] = {"environment": source.environment.id, "packages": dict(source.locked.packages)}
            bundles.describe(folder, self.crossing.case, origin, common, self.context.bounds)
        except bundles.Odd as odd:
            raise bundles.NotTaken(built, str(odd), Stage.BUILD) from None
        return None, stage

    def _exported(
        self,
        made: Path,
        folder: Path,
        opset: int,
        remedies: Sequence[str],
        unrefereed: str | None,
        before: StageReply | None,
    ) -> Exported:
        """The export of a model whose references are there. before: the build that made them, where it was made now.
        Raises NotTaken."""
        io = folder / bundles.IO
        request: dict[str, Json] = {
            "exporter": routes.locate(self.crossing.way.exporter, self.context.project),
            "opset": opset,
            "remedies": list(remedies),
            "io": str(io),
            "artifact": made.name,
        }
        answer = self._ask("source", request, {made.name: made}, again=before is not None)
        bundles.ours(made)
        stages = (_both(before, answer.stages[0]), *answer.stages[1:]) if before else answer.stages
        facts = ExportFacts(answer.facts.file_opset, answer.facts.operators)
        exported = Exported(stages, BundleFacts(), facts, made, io, where=answer.facts.where)
        try:
            bundles.stays(folder)  # else what failed may be another cell's doing
            if stages[0].passed:
                bundles.look_at(made, io, self.context.bounds)
            common = bundles.facts_of(folder, self.context.bounds)
            if common is None and answer.passed:
                raise bundles.Odd(_CHANGED)  # noqa: TRY301
            exported = replace(exported, bundle=common or BundleFacts())
            return self._refereed(exported, unrefereed) if exported.passed else exported
        except bundles.Odd as odd:
            raise bundles.NotTaken(exported, str(odd)) from None

    def _ask(self, kind: str, request: Mapping[str, Json], makes: Mapping[str, Path], *, again: bool = False) -> Answer:
        """again: the model was built already, which was told."""
        context, case = self.context, self.crossing.case
        return self.worker().ask(
            kind,
            {
                "framework": routes.locate(self.crossing.way.framework, context.project),
                "case_file": case.file,
                "case": case.id,
                "path": [str(folder) for folder in context.options.path],
                "own": case.id in context.keys.own,
                **request,
            },
            context.limits,
            makes=makes,
            on_stage=lambda stage: None if again and stage == Stage.BUILD else self.on_stage(stage),
        )

    def _blind(self, facts: BundleFacts, io: Path) -> Problem | None:
        """Why the case is not judged, None where it is: only the zoo has to tell every wrong answer. Raises Odd."""
        from tfparity.judging import own_models  # and numpy, which a run of what is known needs not
        from tfparity.judging.sensitivity import insensitive

        case, arrays = self.crossing.case, bundles.references(io)
        if case.id in self.context.keys.own:
            why = own_models.unjudgeable(case, arrays)
            return Problem("Undetermined", why) if why else None
        why = insensitive(case, facts.sensitivity, arrays)
        return Problem("InsensitiveCase", why) if why else None

    def _refereed(self, exported: Exported, unrefereed: str | None) -> Exported:
        """The export with the referee's answer, kept; one whose referee a limit ended is not kept."""
        model, result = exported.folder / "model.onnx", bundles.referee_file(exported.folder)
        if not model.exists():
            exported = replace(exported, referee_error="the route's artifact is no ONNX file")
            return bundles.keep(exported, {}, self.context.bounds)
        names = [output.name for output in self.crossing.case.outputs]
        if unrefereed:
            said = RefereeReply(None, unrefereed)
        else:
            said = self.context.referee().ask(model, exported.io, result, names)
        exported = replace(exported, referee=said.result, referee_error=said.error)
        if referee.limited(said.error):  # the next one that asks makes it again
            return replace(exported, seal=bundles.seal(exported, self.context.bounds))
        return bundles.keep(exported, said.failed, self.context.bounds)

    def _waits(self) -> None:
        self.on_stage("waiting for another run that exports it")

    def forget(self, exported: Exported) -> None:
        """Have a bundle that was changed from outside made again by the next that asks for it."""
        folder = Path(paths.by_key(self.context.cache.bundles, self.context.keys.bundle(self.crossing)))
        with _held(folder, self.context):
            bundles.forget(folder / exported.folder.name, folder)


def _both(before: StageReply, again: StageReply) -> StageReply:
    """The stage of a model that was built twice: with its references, and to be exported."""
    seconds = (before.seconds or 0.0) + (again.seconds or 0.0)
    return replace(again, seconds=seconds, peak_mib=max(before.peak_mib or 0.0, again.peak_mib or 0.0) or None)


def _torch_ended(answer: Answer, missing: Sequence[Path], skip: dict[Path, dict[int, str]]) -> dict[Path, Problem]:
    """Which of the missing files have no answer, and why: that of the call which a limit ended, all where no call was
    under way. Where torch's own process crashed, its call is left out: torch refuses that one."""
    last, facts = answer.stages[-1], answer.facts
    problem = last.error or Problem("Incomplete", "the worker's reply ends here, without a failure")
    if facts.part is None or facts.turn is None or facts.part in facts.unanswered:
        return dict.fromkeys((io for place, io in enumerate(missing) if place not in facts.unanswered), problem)
    under_way = missing[facts.part]
    if last.outcome is Outcome.CRASH and facts.turn not in skip[under_way]:
        skip[under_way][facts.turn] = last.error.message if last.error else "crashed"
        return {}
    return {under_way: problem}


@dataclass(frozen=True)
class HandedOn:
    """The source side of a bundle that was handed on: its exports, by opset."""

    exports: dict[int, Exported]

    def forget(self, exported: Exported) -> None:
        """What was handed on stays as it is."""

    def export(self, opset: int, remedies: Sequence[str] = (), unrefereed: str | None = None) -> Exported:
        """The export at that opset. Raises WorkerError where the bundle has none, or remedies are asked for."""
        if remedies or opset not in self.exports:
            raise WorkerError(f"the bundle has no export at opset {opset} by {', '.join(remedies) or 'no remedy'}")
        kept = self.exports[opset]
        return replace(kept, referee=None, referee_error=unrefereed) if unrefereed else kept
