"""The target side of an attempt: a route converts an exported bundle, the artifact runs, what comes back is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tfparity.engine import bundles, sealed
from tfparity.engine.bundles import Exported
from tfparity.engine.process_limits import Limits
from tfparity.engine.worker_client import Answer, Worker
from tfparity.errors import MachineFault
from tfparity.judging import judge
from tfparity.judging.blame import EXPORTER
from tfparity.judging.judge import SecondReferee
from tfparity.planning import targets
from tfparity.records import exits
from tfparity.records.cells import Artifact, Attempt, Problem, Said, StageReply
from tfparity.records.fingerprint import normalise, printable
from tfparity.records.keys import Json
from tfparity.records.vocabulary import Outcome, Stage, Target
from tfparity.worker.declare import Case

if TYPE_CHECKING:
    from tfparity.judging.compare import Arrays
    from tfparity.judging.precision import Held


#: What a .tflite file is called where it was made.
MODEL = "model.tflite"


class Ask(Protocol):
    """Sends a request of a kind to the target's worker and waits for what comes of it. makes: what it makes, by name,
    and where that goes (Worker.ask)."""

    def __call__(self, kind: str, request: Mapping[str, Json], makes: Mapping[str, Path], /) -> Answer: ...


def within(worker: Worker, limits: Limits) -> Ask:
    """Sends requests to a worker, held to those limits."""
    return lambda kind, request, makes: worker.ask(kind, request, limits, makes=makes)


#: What another referee says of an exported file; None where none is asked.
Second = Callable[[Exported], SecondReferee | None]


@dataclass(frozen=True)
class Examples:
    """What a converter finds the ranges of numbers with: arrays "input/<sample>/<name>" of an .npz file, for these
    samples. digest: of a user's own."""

    file: Path
    samples: tuple[int, ...]
    digest: str | None = None


@dataclass(frozen=True)
class TargetSide:
    """A case at its target. `route`: its name or file, as a worker finds it; `places`: folders of this run and what
    stands for them in errors; `path`: folders that the case imports from; `second`: asks another referee; `handed_on`:
    the bundles are anybody's, of which nothing is unpickled; `makers`: by target, who is asked to make it where this
    side's environment cannot."""

    case: Case
    route: str
    ask: Ask
    places: Mapping[str, str]
    path: Sequence[str] = ()
    second: Second = lambda _: None
    handed_on: bool = False
    makers: Mapping[Target, Ask] = field(default_factory=dict)

    def convert(self, opset: int, exported: Exported, folder: Path, remedies: Sequence[str] = ()) -> Answer:
        """The route's conversion into `folder`/artifact."""
        return self.ask(
            "convert",
            {
                "route": self.route,
                "artifact": _ARTIFACT,
                "bundle": str(exported.folder),
                "opset": opset,
                "remedies": list(remedies),
                "case_file": self.case.file,
                "case": self.case.id,
                "path": list(self.path),
                "handed_on": self.handed_on,
            },
            {_ARTIFACT: artifact(folder)},
        )

    def execute(self, exported: Exported, folder: Path) -> Answer:
        """Load `folder`/artifact and run every sample; outputs go to `folder`/outputs.npz."""
        return self._execute({"route": self.route, "artifact": str(artifact(folder))}, exported, outputs_file(folder))

    def make(
        self, target: Target, exported: Exported, folder: Path, of: Path, examples: Examples | None = None
    ) -> Answer:
        """Make a target out of what lies in `of`, into a folder of its own beside `folder`/artifact. examples: None for
        the case's own inputs at the exported shape."""
        given, place = examples or own_examples(self.case, exported), self.place(target, folder)
        return self.makers.get(target, self.ask)(
            "target",
            {
                "route": targets.MODULES[target],
                "package": "targets",
                "artifact": str(of),
                "folder": place.name,
                "examples": str(given.file),
                "samples": list(given.samples),
                "inputs": [declared.name for declared in self.case.inputs],
            },
            {place.name: place},
        )

    def place(self, target: Target, folder: Path) -> Path:
        """Where a target made of `folder`/artifact lies: the artifact itself where nothing is made."""
        return folder / f"target-{target}" if targets.declared(target).make else artifact(folder)

    def execute_target(self, target: Target, exported: Exported, folder: Path) -> Answer:
        """Load a target and run every sample."""
        place = str(self.place(target, folder))
        module = {"route": targets.MODULES[target], "package": "targets", "artifact": place}
        return self._execute(module, exported, target_outputs(folder, target))

    def _execute(self, module: Mapping[str, Json], exported: Exported, result: Path) -> Answer:
        return self.ask(
            "execute",
            {
                **module,
                "io": str(exported.io),
                "result": result.name,
                "inputs": [declared.name for declared in self.case.inputs],
                "outputs": [output.name for output in self.case.outputs],
                "samples": [sample._asdict() for sample in self.case.samples()],
            },
            {result.name: result},
        )

    def execute_on(self, runtime: str, exported: Exported, folder: Path) -> Answer:
        """As `execute`, where the worker is another runtime's; outputs go to `folder`/NAME-outputs.npz."""
        where = {"route": self.route, "artifact": str(artifact(folder))}
        return self._execute(where, exported, runtime_outputs(folder, runtime))

    def probe(self, folder: Path, parts: Mapping[Path, Mapping[str, Json]]) -> Answer:
        """Load `folder`/artifact and answer the calls of every part, by the file for its answers: of its "io", in the
        order of its "turns"."""
        return self.ask(
            "probe",
            {
                "route": self.route,
                "artifact": str(artifact(folder)),
                "inputs": [declared.name for declared in self.case.inputs],
                "outputs": [output.name for output in self.case.outputs],
                "parts": [{**part, "result": result.name} for result, part in parts.items()],
            },
            {result.name: result for result in parts},
        )

    def judged(
        self,
        opset: int,
        stages: Sequence[StageReply],
        *,
        remedies: Sequence[str] = (),
        exported: Exported | None = None,
        executed: Answer | None = None,
        result: Path | None = None,
        held: Held | None = None,
    ) -> Attempt:
        """The attempt that came as far as `stages` tell (see judge.attempt)."""
        compared = any(stage.stage == Stage.PARITY and stage.passed for stage in stages)
        references = {} if exported is None else (held_against if compared else bundles.read_arrays)(exported.io)
        referee, referee_error = self._refereed(exported)
        outputs, problem = read_outputs(result, exported) if exported else ({}, None)
        if problem:
            stages = _until(stages, Stage.PARITY, problem)
        judged = partial(
            judge.attempt,
            opset=opset,
            file_opset=exported.facts.file_opset if exported else None,
            remedies=remedies,
            stages=[replace(stage, error=self._clean(stage.error)) for stage in stages],
            case=self.case,
            references=references,
            referee=referee,
            outputs=outputs,
            signature=executed.facts.signature if executed else None,
            failed_sizes={
                index: self._clean(problem) or problem
                for index, problem in (executed.facts.failed if executed else {}).items()
            },
            referee_error=referee_error,
            held=held,
        )
        attempt = judged()
        if exported and attempt.stage is Stage.PARITY and attempt.culprit == EXPORTER and attempt.grade:
            attempt = judged(second=self.second(exported))
        if self.case.answer:
            attempt = replace(attempt, answer=answers(self.case, references, outputs))
        if exported is None:
            return replace(attempt, where=self._where(attempt, None))
        return replace(attempt, model=exported.model, notes=exported.notes, where=self._where(attempt, exported.where))

    def _refereed(self, exported: Exported | None) -> tuple[Arrays | None, str | None]:
        """The referee's answers to an export, and why there are none."""
        if exported is None or exported.referee is None:
            return None, exported.referee_error if exported else None
        try:
            return bundles.read_arrays(exported.referee, bundles.room(exported.io)), exported.referee_error
        except bundles.TooLarge as wrong:
            return None, f"OutputSize: {wrong}"

    def _where(self, attempt: Attempt, told: str | None) -> str | None:
        """Where a case that does not build is at fault."""
        return (told or f"{self.case.file}:{self.case.line}") if attempt.stage is Stage.BUILD else None

    def _clean(self, problem: Problem | None) -> Problem | None:
        return replace(problem, message=normalise(problem.message, self.places)) if problem else None


def held_against(io: Path) -> Arrays:
    """The references that answers are held against. Raises MachineFault where they were taken away."""
    try:
        return bundles.references(io)
    except bundles.Odd as odd:
        raise MachineFault(str(odd)) from None


def read_outputs(result: Path | None, exported: Exported) -> tuple[Arrays, Problem | None]:
    """What an artifact answered to a bundle's inputs; nothing, and why, where it takes more room than it may."""
    try:
        return bundles.read_arrays(result, bundles.room(exported.io)), None
    except bundles.TooLarge as wrong:
        return {}, Problem("OutputSize", str(wrong))


def _until(stages: Sequence[StageReply], failing: Stage, problem: Problem) -> list[StageReply]:
    """The stages up to one that turns out to have failed."""
    before = [stage for stage in stages if Stage(stage.stage).position < failing.position]
    return [*before, StageReply(failing, Outcome.FAIL, error=problem)]


def own_examples(case: Case, exported: Exported) -> Examples:
    """A case's own inputs at the exported shape, of every seed."""
    return Examples(exported.io, tuple(sample.index for sample in case.samples() if sample.axis is None))


#: What an attempt's artifact is called.
_ARTIFACT = "artifact"


def artifact(folder: Path) -> Path:
    """Where what an attempt converted lies."""
    return folder / _ARTIFACT


def outputs_file(folder: Path) -> Path:
    """Where the answers of an attempt's artifact lie."""
    return folder / "outputs.npz"


def target_outputs(folder: Path, target: Target) -> Path:
    """Where the answers of a target made of an attempt's artifact lie."""
    return folder / f"target-{target}.npz"


def megabytes(folder: Path) -> float:
    """The size of all files in a folder in megabytes (10^6 bytes), three digits."""
    return float(f"{sealed.size(folder) / 1e6:.3g}")


def runtime_outputs(folder: Path, runtime: str) -> Path:
    """Where the answers of an attempt's artifact on a runtime lie."""
    return folder / f"{runtime}-outputs.npz"


def measured(folder: Path, converted: Answer) -> Artifact:
    """The size of what was converted, and the seconds that it took."""
    size = sealed.size(artifact(folder))
    return Artifact(round(size / 1e6, 2), round(sum(stage.seconds or 0.0 for stage in converted.stages), 2))


def answers(case: Case, references: Arrays, outputs: Arrays) -> Said:
    """What the case's answer says of torch's outputs and of TensorFlow's, at the exported shape and the first seed;
    None where an output did not come back or the answer cannot read what came."""
    index = case.samples()[0].index
    inputs = {declared.name: references.get(f"input/{index}/{declared.name}") for declared in case.inputs}

    def said(arrays: Arrays, kind: str) -> str | None:
        named = {**inputs, **{output.name: arrays.get(f"{kind}/{index}/{output.name}") for output in case.outputs}}
        if case.answer is None or any(array is None for array in named.values()):
            return None
        try:
            with exits.guarded():
                return printable(" ".join(str(case.answer(named)).split()))
        except (Exception, SystemExit):  # noqa: BLE001 - a converter's output may be anything
            return None

    return Said(said(references, "float32"), said(outputs, "output"))
