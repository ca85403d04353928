"""The engine: turns planned cells into records. pytest, the command line and the gate are its callers.

Toolchain by toolchain: environments by lock digest, a warm worker per side, cells side by side. What the
store holds is not done again. Nothing is written to results/ here.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import queue
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Protocol

from tfparity import bundles, fingerprint, judge, paths, plan, revisions
from tfparity import cases as zoo
from tfparity.environments import install, lock
from tfparity.errors import InstallError, TfparityError, WorkerError
from tfparity.matrix import Environment, Matrix
from tfparity.paths import Cache, Project
from tfparity.plan import PlannedCell
from tfparity.processes import Limits
from tfparity.store import Store, key
from tfparity.worker import plugins, shims
from tfparity.worker.declare import Case
from tfparity.workers import PARENT_DIED, Answer, Side, Worker

#: Bytes of bundles kept between runs.
BUNDLE_LIMIT = 6 * 2**30

#: The oldest opset of the window that --all-opsets fills.
OLDEST_OPSET = 9

#: What a source worker imports ahead where it is locked: most cases need it.
PRELOAD = ("torchvision", "transformers")


class Observer(Protocol):
    """What a caller hears while the engine runs; called from several threads."""

    def environment(self, id: str, text: str) -> None: ...
    def cell_started(self, cell: PlannedCell) -> None: ...
    def cell_stage(self, cell: PlannedCell, stage: str) -> None: ...
    def cell_finished(self, record: CellRecord) -> None: ...


class Silent:
    """An observer that says nothing."""

    def environment(self, id: str, text: str) -> None: ...
    def cell_started(self, cell: PlannedCell) -> None: ...
    def cell_stage(self, cell: PlannedCell, stage: str) -> None: ...
    def cell_finished(self, record: CellRecord) -> None: ...


@dataclass(frozen=True)
class CellRecord:
    """All that came of a cell. `cell` is as in the evidence (None where no run was needed or none was
    possible), `attempts` in full, `environments` by id as in the evidence."""

    toolchain: str
    case: str
    route: str
    verdict: str
    reason: str | None = None
    cell: dict[str, Any] | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    ran_at: str | None = None
    host: str | None = None
    cached: bool = False

    @property
    def id(self) -> str:
        return f"{self.toolchain}/{self.case}/{self.route}"


@dataclass(frozen=True)
class Options:
    """How to run. `budget` in seconds; `fresh_process` starts a process per request instead of forking."""

    jobs: int = 2
    all_opsets: bool = False
    budget: float | None = None
    fresh_process: bool = False
    keep: bool = False
    again: bool = False
    download: bool = False


class Engine:
    """Runs cells. Use as a context manager; `run` once.

    Raises DiskError, NetworkError, InterpreterError and WorkerError: they say nothing of a toolchain. An
    environment that does not install or import is a record like any other.
    """

    def __init__(
        self,
        project: Project,
        matrix: Matrix,
        cases: Mapping[str, Case],
        cache: Cache,
        options: Options | None = None,
        observer: Observer | None = None,
        seconds: Mapping[tuple[str, str, str], float] | None = None,
    ) -> None:
        self.project, self.matrix, self.cases, self.cache = project, matrix, cases, cache
        self.options = options or Options()
        self.observer = observer or Silent()
        self.seconds = seconds or {}
        self.limits = Limits(float(matrix.limits.seconds), matrix.limits.memory_gib * 1024)
        self.store = Store(cache.store)
        self.folder = cache.work / uuid.uuid4().hex[:12]
        self._stop = threading.Event()
        self.aborted = threading.Event()
        self._remade: set[Path] = set()
        self._remade_lock = threading.Lock()
        self._deadline: float | None = None

    def __enter__(self) -> Engine:
        self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if not self.options.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """Finish the cells that run and begin no other: the rest comes back as untested."""
        self._stop.set()

    def run(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        """Records in the order in which cells end. Cells that need no run come first."""
        if self.options.budget is not None:
            self._deadline = time.monotonic() + self.options.budget
        for cell in cells:
            if cell.verdict is not None:
                yield self._told(CellRecord(cell.toolchain, cell.case, cell.route, cell.verdict, cell.reason))
        for group in self._groups([cell for cell in cells if cell.applicable]):
            bundles.prune(self.cache.bundles, BUNDLE_LIMIT)
            yield from self._run_toolchain(group)

    def _groups(self, cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
        """One group per toolchain; under a budget, smoke cells of every toolchain before the rest of any."""

        def group(cell: PlannedCell) -> tuple[bool, str]:
            later = self.options.budget is not None and plan.SMOKE not in self.cases[cell.case].tags
            return later, cell.toolchain

        groups: dict[tuple[bool, str], list[PlannedCell]] = {}
        for cell in cells:
            groups.setdefault(group(cell), []).append(cell)
        return [groups[name] for name in sorted(groups, key=lambda name: name[0])]

    def _run_toolchain(self, cells: Sequence[PlannedCell]) -> Iterator[CellRecord]:
        finished: queue.Queue[CellRecord | BaseException] = queue.Queue()
        with ExitStack() as stack:
            sides = self.sides(stack)

            def work(cell: PlannedCell) -> None:
                try:
                    finished.put(self._told(self._cell(cell, sides)))
                except BaseException as wrong:  # noqa: BLE001 - raised again where the records are read
                    self._stop.set()
                    finished.put(wrong)

            with ThreadPoolExecutor(max(1, self.options.jobs)) as pool:
                try:
                    for cell in cells:
                        pool.submit(work, cell)
                    for _ in cells:
                        ended = finished.get()
                        if isinstance(ended, BaseException):
                            raise ended  # noqa: TRY301 - the handlers below are for it as well
                        yield ended
                except GeneratorExit:  # the caller has enough: what runs comes to its end
                    self._stop.set()
                    raise
                except BaseException:
                    self._abort(sides)
                    raise

    def _abort(self, sides: Sides) -> None:
        """End what runs, now; what it would have come to is not kept."""
        self.aborted.set()
        self._stop.set()
        sides.kill()

    def first_again(self, folder: Path) -> bool:
        """Whether this run makes everything again and has not come to that folder of a bundle before."""
        with self._remade_lock:
            first = self.options.again and folder not in self._remade
            self._remade.add(folder)
        return first

    def sides(self, stack: ExitStack) -> Sides:
        """Workers for callers that go through a crossing themselves; they end with the stack."""
        return Sides(self, stack)

    def _told(self, record: CellRecord) -> CellRecord:
        self.observer.cell_finished(record)
        return record

    def _cell(self, planned: PlannedCell, sides: Sides) -> CellRecord:
        late = (
            self._deadline is not None
            and time.monotonic() + self.seconds.get((planned.toolchain, planned.case, planned.route), 0.0)
            > self._deadline
        )
        if self._stop.is_set() or late:
            reason = "the budget was spent" if late else "the run was stopped"
            return CellRecord(planned.toolchain, planned.case, planned.route, "untested", reason)
        self.observer.cell_started(planned)
        crossing = Crossing(self, planned, sides)
        attempts = crossing.attempts()
        names = [*crossing.source.environment.shims, *crossing.target.environment.shims]
        extra = crossing.extra_attempts(attempts) if self.options.all_opsets else []
        cell = judge.cell(
            planned.toolchain,
            planned.case,
            planned.route,
            attempts,
            shims=list(dict.fromkeys(names)),
            key=crossing.key,
            extra=extra,
        )
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


@dataclass(frozen=True)
class Where:
    """One side of a toolchain under a route: its environment, its lock, and what its worker is."""

    role: str
    environment: Environment
    locked: lock.LockStatus
    imports: tuple[str, ...]
    preload: tuple[str, ...]
    newest_opset: str | None

    @property
    def shims(self) -> list[tuple[str, int]]:
        return [(name, shims.revision(name)) for name in self.environment.shims]

    @property
    def installed_key(self) -> str:
        """What is installed and put in: routes that import other parts of it share its bundles."""
        return key(self.environment.python, self.locked.sha256, self.shims)

    @property
    def key(self) -> str:
        return key(self.installed_key, self.imports, self.preload)


class Sides:
    """The workers of a toolchain, each started when a cell first needs it and kept warm for the rest."""

    def __init__(self, engine: Engine, stack: ExitStack) -> None:
        self.engine, self.stack = engine, stack
        self._lock = threading.Lock()
        self._workers: dict[str, Worker] = {}
        self._started: list[Worker] = []
        self._installed: dict[str, install.Installed | InstallError] = {}
        self.places: dict[str, str] = {
            str(engine.folder): "<tmp>",
            str(engine.cache.bundles): "<tmp>",
            str(Path.home()): "<home>",
            str(paths.PACKAGE): "<tfparity>",
        }

    def worker(self, where: Where) -> Worker:
        """The warm worker of a side. Raises InstallError where its environment does not install."""
        with self._lock:
            known = self._workers.get(where.key)
            if known is None or not known.alive:
                installed = self._install(where.environment)
                side = Side(
                    installed.python, tuple(where.environment.shims), where.imports, where.preload, where.newest_opset
                )
                self.engine.observer.environment(where.environment.id, f"importing {', '.join(where.imports)}")
                folder = self.engine.folder / f"{where.role}-{where.key[:12]}-{len(self._started)}"
                worker = Worker(side, folder, fresh=self.engine.options.fresh_process)
                self._started.append(worker)
                self._workers[where.key] = self.stack.enter_context(worker)
                self.engine.store.put(where.key, "imports", {"imports": worker.imports, "facts": worker.facts})
                if worker.why_fresh and not self.engine.options.fresh_process:
                    self.engine.observer.environment(where.environment.id, worker.why_fresh)
            return self._workers[where.key]

    def kill(self) -> None:
        """End every worker at once, those that are still importing too."""
        for worker in self._started:
            worker.kill()

    def _install(self, environment: Environment) -> install.Installed:
        if environment.id not in self._installed:
            try:
                self._installed[environment.id] = install.ensure(
                    self.engine.project,
                    environment,
                    self.engine.cache,
                    progress=lambda text: self.engine.observer.environment(environment.id, text),
                    download=self.engine.options.download,
                )
            except InstallError as wrong:
                self._installed[environment.id] = wrong
        installed = self._installed[environment.id]
        if isinstance(installed, InstallError):
            raise installed
        self.places[str(installed.folder)] = "<env>"
        return installed

    def facts(self, where: Where) -> dict[str, Any]:
        """The environment as the evidence tells of it."""
        installed = self._installed.get(where.environment.id)
        stored = self.engine.store.get(where.key, "imports")
        steps = stored["imports"] if stored else []
        required = [step for step in steps if step["module"] not in where.preload]
        imported = (
            "untested" if not required else next((s["outcome"] for s in required if s["outcome"] != "pass"), "pass")
        )
        return {
            "python": where.environment.python,
            "lock_sha256": where.locked.sha256,
            "packages": dict(where.locked.packages),
            "shims": list(where.environment.shims),
            "resolve": "pass",
            "install": "fail" if isinstance(installed, InstallError) else "pass" if stored else "untested",
            "import": imported,
        }


class Crossing:
    """One cell under way: its attempts, opset by opset."""

    def __init__(self, engine: Engine, planned: PlannedCell, sides: Sides) -> None:
        self.engine, self.planned, self.sides = engine, planned, sides
        self.case = engine.cases[planned.case]
        self.route: ModuleType = plan.route(planned.route, engine.project)
        toolchain = engine.matrix.toolchains[planned.toolchain]
        self.source = self._where("source", toolchain.source)
        self.target = self._where("target", toolchain.routes[planned.route])
        self.ran = False
        digest = zoo.digest(self.case)
        exporter = plugins.load(plan.locate(self.route.EXPORTER, engine.project), "tfparity.worker.exporters")
        self.bundle_key = key(
            "bundle",
            bundles.FORMAT,
            self.source.installed_key,
            digest,
            self.route.FRAMEWORK,
            revisions.STAGES["build"],
        )
        export_key = [exporter.REVISION, *(revisions.STAGES[stage] for stage in ("export", "check", "referee"))]
        #: A referee of another version answers again; what it says belongs to no cell's key.
        self.export_key = key(export_key, importlib.metadata.version("onnxruntime"))
        self.key = key(
            "cell",
            self.bundle_key,
            self.source.key,
            self.target.key,
            planned.route,
            exporter.REVISION,
            self.route.REVISION,
            list(self.route.OPSETS),
            revisions.STAGES,
        )

    def _where(self, role: str, environment_id: str) -> Where:
        environment = self.engine.matrix.environments[environment_id]
        locked = lock.status(self.engine.project, environment)
        source = role == "source"
        preload = tuple(name for name in PRELOAD if name in locked.packages) if source else ()
        return Where(
            role, environment, locked, tuple(self.route.IMPORTS[role]), preload, self.route.EXPORTER if source else None
        )

    def attempts(self) -> list[dict[str, Any]]:
        """Attempts in the route's order of opsets, until one is right or no opset can matter."""
        made = []
        for opset in self.route.OPSETS:
            made.append(self._attempt(opset))
            if judge.settled(made[-1]):
                break
        return made

    def extra_attempts(self, made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rest of the window of opsets: recorded, with no say in the verdict."""
        if made[-1]["stage"] in ("install", "import", "build"):
            return []
        try:
            newest = self.sides.worker(self.source).facts.get("newest_opset")
        except InstallError:
            return []
        done = {attempt["opset"] for attempt in made}
        window = range(OLDEST_OPSET, int(newest or max(self.route.OPSETS)) + 1)
        return [self._attempt(opset) for opset in window if opset not in done]

    def _attempt(self, opset: int) -> dict[str, Any]:
        kept = None if self.engine.options.again else self.engine.store.get(self.key, f"opset-{opset}")
        if kept is not None and not self._limited(kept):
            return kept
        self.ran = True
        began = time.monotonic()
        made = self._made_alive(opset)
        if self.engine.aborted.is_set():
            raise TfparityError("the run was interrupted")
        made["total_seconds"] = time.monotonic() - began
        made["ran_at"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        made["host"] = f"{platform.system()} {platform.machine()}"
        made["limits"] = [self.engine.limits.seconds, self.engine.limits.memory_mib]
        if not _machine_made(made):
            self.engine.store.put(self.key, f"opset-{opset}", made)
        return made

    def _made_alive(self, opset: int) -> dict[str, Any]:
        """An attempt, once more with a new worker where its parent died: what runs beside may have killed it."""
        try:
            made = self._make(opset)
        except WorkerError:
            made = None
        if self.engine.aborted.is_set() or not (made is None or _error_type(made) == PARENT_DIED):
            return made or {}
        return self._make(opset)

    def _limited(self, kept: Mapping[str, Any]) -> bool:
        """Whether a limit ended it that has been raised since."""
        if kept["outcome"] not in ("timeout", "out-of-memory"):
            return False
        seconds, memory = kept["limits"]
        return bool(self.engine.limits.seconds > seconds or self.engine.limits.memory_mib > memory)

    def _make(self, opset: int) -> dict[str, Any]:
        for where in (self.source, self.target):
            try:
                worker = self.sides.worker(where)
            except InstallError as wrong:
                failure = {"type": "InstallError", "message": str(wrong)}
                return self._judged(opset, [{"stage": "install", "outcome": "fail", "seconds": None, "error": failure}])
            failed = worker.failed_import
            if failed:
                error = {**failed["error"], "message": f"import {failed['module']}: {failed['error']['message']}"}
                stage = {"stage": "import", "outcome": failed["outcome"], "seconds": failed["seconds"], "error": error}
                return self._judged(opset, [stage])
        exported = self.export(opset)
        if not exported.passed:
            return self._judged(opset, exported.stages, exported)
        folder = self.engine.folder / f"cell-{uuid.uuid4().hex[:12]}"
        folder.mkdir()
        try:
            return self._target(opset, exported, folder)
        finally:
            if not self.engine.options.keep:
                shutil.rmtree(folder, ignore_errors=True)

    def export(self, opset: int) -> bundles.Exported:
        """The source side at that opset, from its bundle or made now."""
        return bundles.export(
            self.engine.cache.bundles / self.bundle_key[:2] / self.bundle_key,
            self.case,
            lambda: self.sides.worker(self.source),
            framework=plan.locate(self.route.FRAMEWORK, self.engine.project),
            exporter=plan.locate(self.route.EXPORTER, self.engine.project),
            opset=opset,
            key=self.export_key,
            again=self.engine.first_again,
            limits=self.engine.limits,
            origin={"environment": self.source.environment.id, "packages": dict(self.source.locked.packages)},
            on_stage=lambda stage: self.engine.observer.cell_stage(self.planned, stage),
        )

    def convert(self, opset: int, exported: bundles.Exported, artifact: Path) -> Answer:
        """The route's conversion into the folder `artifact`."""
        return self._ask("convert", {**self._request(artifact), "bundle": str(exported.folder), "opset": opset})

    def _request(self, artifact: Path) -> dict[str, Any]:
        return {"route": plan.locate(self.planned.route, self.engine.project), "artifact": str(artifact)}

    def _target(self, opset: int, exported: bundles.Exported, folder: Path) -> dict[str, Any]:
        artifact, result = folder / "artifact", folder / "outputs.npz"
        converted = self.convert(opset, exported, artifact)
        if not converted.passed:
            return self._judged(opset, exported.stages + converted.stages, exported)
        executed = self._ask(
            "execute",
            {
                **self._request(artifact),
                "io": str(exported.io),
                "result": str(result),
                "inputs": [declared.name for declared in self.case.inputs],
                "outputs": [output.name for output in self.case.outputs],
                "samples": [sample._asdict() for sample in self.case.samples()],
            },
        )
        stages = exported.stages + converted.stages + executed.stages
        return self._judged(opset, stages, exported, executed, result)

    def _ask(self, kind: str, request: dict[str, Any]) -> Answer:
        return self.sides.worker(self.target).ask(
            kind,
            request,
            self.engine.limits,
            on_stage=lambda stage: self.engine.observer.cell_stage(self.planned, stage),
        )

    def _judged(
        self,
        opset: int,
        stages: Sequence[Mapping[str, Any]],
        exported: bundles.Exported | None = None,
        executed: Answer | None = None,
        result: Path | None = None,
    ) -> dict[str, Any]:
        def clean(error: Mapping[str, str] | None) -> dict[str, str] | None:
            return {**error, "message": fingerprint.normalise(error["message"], self.sides.places)} if error else None

        failed = (executed.facts.get("failed") or {}) if executed else {}
        cleaned: list[dict[str, Any]] = [{**stage, "error": clean(stage["error"])} for stage in stages]
        for stage in cleaned:
            if stage["stage"] == "dynamic-shape":
                stage["failed"] = {index: clean(error) for index, error in failed.items()}
            if stage["stage"] == "build" and exported and exported.facts.get("sensitivity"):
                stage["sensitivity"] = _least(exported.facts["sensitivity"])
        return judge.attempt(
            opset=opset,
            file_opset=exported.facts.get("file_opset") if exported else None,
            remedies=[],
            stages=cleaned,
            case=self.case,
            samples=self.case.samples(),
            references=bundles.read_arrays(exported.io if exported else None),
            referee=bundles.read_arrays(exported.referee) if exported and exported.referee else None,
            outputs=bundles.read_arrays(result),
            signature=executed.facts.get("signature") if executed else None,
            referee_error=exported.referee_error if exported else None,
        )


def _error_type(made: Mapping[str, Any]) -> str | None:
    return made["error"]["type"] if made["error"] else None


def _machine_made(made: Mapping[str, Any]) -> bool:
    """Whether the failure may be this machine's own, so that it is not kept: an install, a parent that died, a SIGKILL
    that was not ours."""
    killed = bool(made["error"]) and "ended by SIGKILL" in made["error"]["message"]
    return made["stage"] == "install" or _error_type(made) == PARENT_DIED or killed


def _least(changes: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """How many weight tensors were moved by 1 %, and the one that moved the outputs least."""
    weights = {name: max(by) for name, by in changes.items() if ":" not in name}
    name = min(weights, key=lambda weight: weights[weight], default=None)
    return {"weights": len(weights), "least": name, "change": weights[name] if name else None}
