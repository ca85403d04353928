"""Artifacts of anybody's on runtimes: each in a process of the runtime's own environment, what comes back held against
golden answers. No torch, no toolchain, nothing stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy

from tfparity import paths
from tfparity.engine import bundles, compiling, context, sandbox, switches, target_side, work_folder
from tfparity.engine.process_limits import Limits
from tfparity.engine.sandbox import Inside, Sandbox
from tfparity.engine.switches import AS_IT_IS, Setting, Switch
from tfparity.engine.work_folder import WorkFolder
from tfparity.engine.worker_client import Answer, Side, Takes, Worker
from tfparity.environments import install
from tfparity.errors import (
    ArtifactError,
    DiskError,
    InstallError,
    InterpreterError,
    LockError,
    MachineFault,
    NetworkError,
    UsageError,
    WorkerError,
)
from tfparity.inputs import arrays_file
from tfparity.inputs.artifact import Artifact, Kind
from tfparity.inputs.golden import OUTPUTS, Array, Golden
from tfparity.inputs.matrix import Environment, Matrix, Runtime
from tfparity.judging import answers
from tfparity.judging.answers import Held
from tfparity.paths import Cache, Project
from tfparity.records.cells import Compiled, Problem
from tfparity.records.fingerprint import normalise
from tfparity.records.keys import Json
from tfparity.records.observer import Observer
from tfparity.records.vocabulary import Outcome, Sandboxing
from tfparity.worker import artifacts
from tfparity.worker.declare import Input

#: Where the outputs of a batch of twice the size stand among the answers.
TWICE = "twice/"

#: The seed of inputs that are made.
SEED = 0

_NOT_INSTALLED = (LockError, InterpreterError, NetworkError, DiskError, InstallError, WorkerError)


class NotImported(WorkerError):
    """What opens the artifact is installed there and does not import."""


class Way(StrEnum):
    """How an artifact is run."""

    PYTHON = "python"
    C_API = "c-api"
    SERVING = "serving"
    COMPILER = "compiler"


#: What a compiler's outcome is called.
_OF_COMPILERS = {Outcome.PASS: "accepted", Outcome.FAIL: "refused"}


@dataclass(frozen=True)
class Turned:
    """A switch that turns the answer. told: what each setting came to, in a line."""

    switch: str
    told: str


@dataclass(frozen=True)
class Ran:
    """What came of an artifact on a runtime.

    outcome: pass where the answers are right, fail where they are not or none came, untested where it could not be
    tried. note: for a person, in a line. compiled: by a compiler, which answers nothing: pass where it takes the file.
    """

    runtime: str
    way: Way
    outcome: Outcome
    held: Held | None = None
    error: Problem | None = None
    turns: tuple[Turned, ...] = ()
    note: str = ""
    compiled: Compiled | None = None

    @property
    def right(self) -> bool:
        """Whether the runtime gives the golden answers, whatever its switches, or the compiler takes the file."""
        return self.outcome.passed and not self.turns

    @property
    def state(self) -> str:
        """Its outcome in a word; an answer that turns with a switch is a state of its own, and so is the C API's."""
        if self.turns:
            return f"turns with {', '.join(turned.switch for turned in self.turns)}"
        if self.way is Way.COMPILER and self.outcome in _OF_COMPILERS:
            return _OF_COMPILERS[self.outcome]
        return Way.C_API.value if self.way is Way.C_API and self.outcome.passed else self.outcome.value

    @property
    def said(self) -> str:
        """Why: which switch turns the answers, an error, how they differ, what a person is to know. As it came."""
        said = [f"{turned.switch} {turned.told}: the runtime is to blame" for turned in self.turns]
        if self.error:
            said.append(f"{self.error.type}: {self.error.message}")
        compiled = self.compiled.text if self.compiled and not self.error else None
        said += [text for text in (self.held.detail if self.held else None, compiled, self.note) if text]
        return "; ".join(dict.fromkeys(said))


@dataclass(frozen=True)
class _Answered:
    """One run: the answers by name, or how it ended. twice: of a batch of twice the size, where that is asked for."""

    answers: Mapping[str, Array]
    outcome: Outcome
    error: Problem | None
    twice: Mapping[str, Array]


class Runs:
    """Runs artifacts on runtimes: on those of a matrix, or in any environment that holds what opens the artifact. Use
    as a context manager; one run at a time.

    openers: what opens each kind of artifact, by name or file (worker.artifacts).
    """

    def __init__(
        self,
        project: Project,
        matrix: Matrix,
        cache: Cache,
        observer: Observer,
        *,
        download: bool = False,
        sandboxing: Sandboxing = Sandboxing.OFF,
        openers: Mapping[str, str] | None = None,
    ) -> None:
        self.project, self.matrix, self.cache, self.observer = project, matrix, cache, observer
        self._download, self._sandboxing = download, sandboxing
        self._openers = {"saved-model": "saved-model", "tflite": "tflite", "c-api": "c-api", **(openers or {})}
        self._folder = WorkFolder(work_folder.place(cache.work))
        self._count = 0

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, value, trace)

    def takes(self, runtime: Environment, artifact: Artifact) -> Takes:
        """What the artifact takes and gives. Raises ArtifactError where the runtime does not load it, and what an
        install raises."""
        with ExitStack() as stack:
            worker = self._worker(stack, runtime, artifact.kind, AS_IT_IS)
            answer = worker.ask("describe", self._request(artifact, artifact.kind, AS_IT_IS), self._limits)
            if answer.facts.takes is None:
                error = self._error(answer, worker, artifact)
                said = f"{error.type}: {error.message}" if error else "it says nothing of its signature"
                raise ArtifactError(f"{runtime.id} does not load it: {said}", file=artifact.path)
            return answer.facts.takes

    def made(self, runtime: Environment, artifact: Artifact, inputs: Sequence[Input]) -> dict[str, Array]:
        """Seeded arrays of these inputs and what the runtime answers, as golden answers are stored. Raises
        ArtifactError where it gives none, and what an install raises."""
        make: list[Json] = [[one.name, one.kind, list(one.shape), one.dtype, _pairs(one)] for one in inputs]
        with ExitStack() as stack:
            worker = self._worker(stack, runtime, artifact.kind, AS_IT_IS)
            result = self._result()
            request: dict[str, Json] = {"make": make, "seed": SEED, "result": result.name}
            request |= self._request(artifact, artifact.kind, AS_IT_IS)
            answer = worker.ask("answer-artifact", request, self._limits, makes={result.name: result})
            if not answer.passed:
                error = self._error(answer, worker, artifact)
                said = f"{error.type}: {error.message}" if error else answer.stages[-1].outcome
                raise ArtifactError(f"{runtime.id} does not run it: {said}", file=artifact.path)
            try:
                return arrays_file.read(result, bundles.LARGEST)
            except Exception as wrong:  # noqa: BLE001 - of damage numpy and zipfile raise what they like
                raise ArtifactError(f"{runtime.id}: its answers cannot be read: {wrong}", file=artifact.path) from None

    def held(self, runtime: Environment, artifact: Artifact, golden: Golden, *, with_switches: bool = False) -> Ran:
        """The runtime's answers held against golden ones; with its switches, also whether they turn with one."""
        return self._alone(
            runtime, Way.PYTHON, lambda stack: self._held(stack, runtime, artifact, golden, with_switches)
        )

    def tried(self, runtime: Environment, artifact: Artifact, golden: Golden, *, with_switches: bool = False) -> Ran:
        """As `held`; raises what an install raises, NotImported, and MachineFault where this machine ended it."""
        with ExitStack() as stack:
            return self._held(stack, runtime, artifact, golden, with_switches)

    def c_api(self, runtime: Environment, artifact: Artifact, golden: Golden) -> Ran:
        """A SavedModel run by the C API of the runtime's library, no TensorFlow imported into Python: names, types,
        values, and a batch of twice the size where the signature leaves it open."""
        return self._alone(runtime, Way.C_API, lambda stack: self._by_c_api(stack, runtime, artifact, golden))

    def compiled(self, runtime: Runtime, artifact: Artifact) -> Ran:
        """What a compiler for an edge device makes of a .tflite file."""
        return self._alone(runtime, Way.COMPILER, lambda stack: self._compiled(stack, runtime, artifact))

    def _compiled(self, stack: ExitStack, runtime: Runtime, artifact: Artifact) -> Ran:
        assert runtime.compiler is not None
        worker = self._started(stack, runtime, compiling.imports(runtime), AS_IT_IS)

        ask = target_side.within(worker, self._limits)
        came = compiling.put_through(ask, runtime.compiler, artifact.path, self._places(worker, artifact))
        return Ran(runtime.id, Way.COMPILER, came.outcome, error=came.error, compiled=came.compiled)

    def _alone(self, runtime: Environment, way: Way, work: Callable[[ExitStack], Ran]) -> Ran:
        """What `work` finds; untested where the runtime cannot be installed or this machine ends it."""
        try:
            with ExitStack() as stack:
                return work(stack)
        except _NOT_INSTALLED as wrong:
            return Ran(runtime.id, way, Outcome.UNTESTED, note=f"cannot be installed: {_first_line(str(wrong))}")
        except MachineFault as fault:
            return Ran(runtime.id, way, Outcome.UNTESTED, note=f"this machine ended it: {fault}")

    def _held(
        self, stack: ExitStack, runtime: Environment, artifact: Artifact, golden: Golden, with_switches: bool
    ) -> Ran:
        known: dict[tuple[object, object], _Answered] = {}
        workers: dict[object, Worker] = {}

        def answered(setting: Setting) -> _Answered:
            options = self._options(setting)
            place = tuple(setting.variables.items()), tuple(options.items())
            if place not in known:
                if place[0] not in workers or not workers[place[0]].alive:
                    workers[place[0]] = self._worker(stack, runtime, artifact.kind, setting)
                known[place] = self._answered(workers[place[0]], artifact, artifact.kind, setting, golden)
            return known[place]

        ran = _judged(runtime.id, Way.PYTHON, golden, answered(AS_IT_IS))
        if not with_switches:
            return ran
        turns = []
        for switch in switches.of(artifact.kind):
            self.observer.environment(runtime.id, f"turning {switch.name}")
            found = _turned(switch, golden, *(answered(setting) for setting in switch.settings))
            if found is not None:
                turns.append(found)
        return replace(ran, turns=tuple(turns))

    def _by_c_api(self, stack: ExitStack, runtime: Environment, artifact: Artifact, golden: Golden) -> Ran:
        worker = self._worker(stack, runtime, "c-api", AS_IT_IS)
        found = self._answered(worker, artifact, "c-api", AS_IT_IS, golden, twice=True)
        ran = _judged(runtime.id, Way.C_API, golden, found)
        if not ran.outcome.passed:
            return ran
        if not found.twice:
            return replace(ran, note="no TensorFlow in Python; the batch is fixed")
        doubled = {name: numpy.concatenate([array, array]) for name, array in golden.outputs.items()}
        batch = answers.held(doubled, found.twice)
        if not batch.right:
            said = f"right as given, wrong at a batch of twice the size: {batch.detail}"
            return replace(ran, outcome=Outcome.FAIL, held=batch, error=Problem("Batch", said))
        return replace(ran, note="no TensorFlow in Python; a batch of twice the size is right")

    # Requests

    @property
    def _limits(self) -> Limits:
        return context.limits(self.matrix)

    @cached_property
    def _sandbox(self) -> Sandbox | None:
        return sandbox.chosen(self._sandboxing, self.observer.note)

    def _inside(self) -> Inside | None:
        """Where workers run."""
        if self._sandbox is None:
            return None
        return Inside(self._sandbox, (self.project.root, paths.PACKAGE, self.cache.root))

    def _worker(self, stack: ExitStack, runtime: Environment, opened_by: str, setting: Setting) -> Worker:
        """A warm worker of the runtime under those variables. Raises what an install raises, WorkerError where it does
        not import."""
        installed = self._installed(runtime)
        opener = artifacts.load(self._openers[opened_by])
        imports = next((module for package, module in opener.imports if package in installed.packages), "numpy")
        return self._started(stack, runtime, (imports,), setting)

    def _installed(self, runtime: Environment) -> install.Installed:
        return install.ensure(
            self.project,
            runtime,
            self.cache,
            progress=lambda text: self.observer.environment(runtime.id, text),
            download=self._download,
        )

    def _started(self, stack: ExitStack, runtime: Environment, imports: tuple[str, ...], setting: Setting) -> Worker:
        """As `_worker`, that has imported these modules."""
        installed = self._installed(runtime)
        self.observer.environment(runtime.id, f"importing {', '.join(imports)}")
        self._count += 1
        variables = tuple(setting.variables.items())
        worker = Worker(
            Side(installed.python, tuple(runtime.shims), imports, variables=variables),
            self._folder.folder / f"{runtime.id}-{self._count}",
            inside=self._inside(),
        )
        stack.enter_context(worker)
        failed = worker.failed_import
        if failed is not None:
            said = f": {failed.error.type}: {failed.error.message}" if failed.error else ""
            raise NotImported(f"{failed.module} does not import{said}")
        return worker

    def _request(self, artifact: Artifact, opened_by: str, setting: Setting) -> dict[str, Json]:
        return {
            "opener": self._openers[opened_by],
            "artifact": str(artifact.path),
            "settings": self._options(setting),
        }

    def _options(self, setting: Setting) -> dict[str, Json]:
        """With what an interpreter does unless it is told otherwise."""
        return {"threads": 1, "xnnpack": True, **setting.options}

    def _answered(
        self,
        worker: Worker,
        artifact: Artifact,
        opened_by: str,
        setting: Setting,
        golden: Golden,
        *,
        twice: bool = False,
    ) -> _Answered:
        result = self._result()
        request: dict[str, Json] = {"io": str(golden.file), "result": result.name, "twice": twice}
        request |= self._request(artifact, opened_by, setting)
        answer = worker.ask("answer-artifact", request, self._limits, makes={result.name: result})
        last = answer.stages[-1]
        if not answer.passed:
            return _Answered({}, last.outcome, self._error(answer, worker, artifact), {})
        try:
            stored = arrays_file.read(result, bundles.ALLOWANCE + bundles.TIMES * _bytes(golden.outputs))
        except arrays_file.TooLarge as wrong:
            return _Answered({}, Outcome.FAIL, Problem("OutputSize", str(wrong)), {})
        except Exception as wrong:  # noqa: BLE001 - of damage numpy and zipfile raise what they like
            return _Answered({}, Outcome.CRASH, Problem("BadReply", f"its answers cannot be read: {wrong}"), {})
        return _Answered(_side(stored, OUTPUTS), last.outcome, None, _side(stored, TWICE))

    def _result(self) -> Path:
        self._count += 1
        return self._folder.folder / f"answers-{self._count}.npz"

    def _error(self, answer: Answer, worker: Worker, artifact: Artifact) -> Problem | None:
        """Why it ended, without the folders of this machine."""
        error = answer.stages[-1].error
        return replace(error, message=normalise(error.message, self._places(worker, artifact))) if error else None

    def _places(self, worker: Worker, artifact: Artifact) -> dict[str, str]:
        """The folders of this machine, and what stands for them in errors."""
        return {
            str(self._folder.folder): "<tmp>",
            str(worker.side.python.parent.parent): "<env>",
            str(paths.PACKAGE): "<tfparity>",
            str(artifact.path): f"<{artifact.path.name}>",
            str(paths.home()): "<home>",
        }


def opens(kind: Kind) -> tuple[str, ...]:
    """The packages each of which opens such an artifact."""
    return tuple(package for package, _ in artifacts.load(kind).imports)


def chosen(matrix: Matrix, kind: Kind, ids: Sequence[str] = ()) -> list[Runtime]:
    """The runtimes of these ids, all that run this kind where there are none, in the matrix's order; compilers where
    they are named alone. Raises UsageError for one that is not there, or that takes other artifacts alone."""
    for id in ids:
        if not matrix.runtime(id).opens(kind):
            able = [name for name, one in matrix.runtimes.items() if one.opens(kind)]
            raise UsageError(f"{id} {_does(matrix.runtime(id))} no {kind} artifact; {', '.join(able)} do")
    runtimes = matrix.runtimes
    found = [runtimes[id] for id in runtimes if (id in ids if ids else kind in runtimes[id].runs)]
    if not found:
        raise UsageError(f"matrix.yaml has no runtime for a {kind} artifact")
    return found


def _does(runtime: Runtime) -> str:
    return "compiles" if runtime.compiler is not None else "runs"


def _judged(runtime: str, way: Way, golden: Golden, found: _Answered) -> Ran:
    if not found.outcome.passed:
        return Ran(runtime, way, found.outcome, error=found.error)
    held = answers.held(golden.outputs, found.answers)
    return Ran(runtime, way, Outcome.PASS if held.right else Outcome.FAIL, held)


def _turned(switch: Switch, golden: Golden, one: _Answered, other: _Answered) -> Turned | None:
    """Whether the answer turns with the switch: by more than what counts as right, or in that there is none."""
    if not (one.outcome.passed or other.outcome.passed):
        return None
    if one.outcome.passed and other.outcome.passed and answers.held(one.answers, other.answers).right:
        return None
    said = [
        f"{setting.word}: {_came_to(golden, answered)}"
        for setting, answered in zip(switch.settings, (one, other), strict=True)
    ]
    return Turned(switch.name, "; ".join(said))


def _came_to(golden: Golden, found: _Answered) -> str:
    if not found.outcome.passed:
        return f"{found.outcome}{f' ({found.error.type})' if found.error else ''}"
    held = answers.held(golden.outputs, found.answers)
    return "right" if held.right else f"wrong by {held.max_abs:.1e}" if held.max_abs is not None else "wrong"


def _bytes(arrays: Mapping[str, Array]) -> int:
    return sum(array.nbytes for array in arrays.values())


def _side(stored: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {key.removeprefix(prefix): array for key, array in stored.items() if key.startswith(prefix)}


def _first_line(text: str) -> str:
    """Up to two lines of a long reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2])


def _pairs(declared: Input) -> list[Json]:
    return [[word, value] for word, value in declared.arguments]
