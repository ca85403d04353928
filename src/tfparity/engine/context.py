"""What every part of one run looks at."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tfparity import paths
from tfparity.engine import bundles, sandbox, work_folder
from tfparity.engine.process_limits import Limits
from tfparity.engine.referee import Referee
from tfparity.engine.sandbox import Inside, Sandbox
from tfparity.engine.store import Store
from tfparity.errors import TfparityError
from tfparity.inputs.calibration import Calibration
from tfparity.inputs.evaluation import Evaluation
from tfparity.inputs.limitations import Limitation
from tfparity.inputs.matrix import Matrix
from tfparity.paths import Bounds, Cache, Project
from tfparity.planning.keys import Keys
from tfparity.records.cells import Cell, CellId
from tfparity.records.observer import Observer, Silent
from tfparity.records.vocabulary import Sandboxing, Target
from tfparity.worker.declare import Case

if TYPE_CHECKING:
    from tfparity.engine.bundles import Exported


@dataclass(frozen=True)
class Options:
    """How to run. `budget` in seconds; `fresh_process` starts a process per request instead of forking; `path`: folders
    of code that the models import, put before what is installed where they are built; `try_remedies`: those that rules
    name, where a user's own model fails; `tried_before`: cases and routes of which they are tried all the same.
    `level`: 1, the stages; 2, with probes. `as_recorded`: cells that are made as they were recorded: at their level
    where `level` is None, and, of those that failed, by the remedies alone that they tried. `targets`: what is made
    of cells that work; None for those of `as_recorded`. `examples`: a user's own for those that are made with
    examples. `evaluation`: a user's own measure of what is converted. `runtimes`: ids of those on which what works
    is run, too. `sandbox`: whether workers run in one."""

    jobs: int = 2
    all_opsets: bool = False
    budget: float | None = None
    fresh_process: bool = False
    keep: bool = False
    again: bool = False
    download: bool = False
    path: tuple[Path, ...] = ()
    try_remedies: bool = False
    tried_before: frozenset[tuple[str, str]] = frozenset()
    level: int | None = None
    runtimes: tuple[str, ...] = ()
    as_recorded: Mapping[CellId, Cell] = field(default_factory=dict)
    targets: tuple[Target, ...] | None = ()
    examples: Calibration | None = None
    evaluation: Evaluation | None = None
    sandbox: Sandboxing = Sandboxing.OFF


class Context:
    """The project, its cases and keys, the store, the limits of a request. `folder` is the run's own, made and removed
    by the engine; so is `reading`, where exports lie by names of its own and no converter may write. `aborted` is set
    when all that runs has to end. `keys`: where somebody has them already."""

    def __init__(
        self,
        project: Project,
        matrix: Matrix,
        cases: Mapping[str, Case],
        cache: Cache,
        options: Options | None = None,
        observer: Observer | None = None,
        limitations: Sequence[Limitation] = (),
        *,
        keys: Keys | None = None,
    ) -> None:
        self.project, self.matrix, self.cases, self.cache = project, matrix, cases, cache
        self.options = options or Options()
        self.observer: Observer = observer or Silent()
        self.keys = keys or Keys(project, matrix, cases, limitations, self.options.path)
        self.limits = limits(matrix)
        self.store = Store(cache.store)
        self.folder: Path = work_folder.place(cache.work, keep=self.options.keep)
        self.reading: Path = work_folder.place(cache.reading)
        self.aborted = threading.Event()
        #: By the bundle's key the exports of this run that did not build: by another route they would not either.
        self.not_built: dict[str, Exported] = {}
        self._remade: set[Path] = set()
        self._remade_lock = threading.Lock()

    @cached_property
    def _sandbox(self) -> Sandbox | None:
        return sandbox.chosen(self.options.sandbox, self.observer.note)

    def inside(self) -> Inside | None:
        """Where a worker or a referee runs, None for no sandbox: it may write to a folder of its own alone. Raises
        SandboxError where one is required and there is none."""
        with self._remade_lock:
            chosen = self._sandbox
        if chosen is None:
            return None
        cases = {Path(case.file).parent for case in self.cases.values()}
        measure = self.options.evaluation
        own = (*self.options.path, *([measure.root] if measure else []))
        read = (self.project.root, paths.PACKAGE, *own, *cases)
        return Inside(chosen, (*read, self.cache.root))

    @property
    def unconfined(self) -> bool:
        """Whether no sandbox is wanted, though there may be one: what failed in it is run anew then."""
        return self.options.sandbox is Sandboxing.OFF

    def referee(self) -> Referee:
        """Who gives ONNX's own answer, held to what a request is held to. Raises SandboxError as `inside`."""
        return Referee(self.folder, self.limits.memory_mib, self.aborted.is_set, self.inside())

    @property
    def bounds(self) -> Bounds:
        """How far files are read that code under test may write to."""
        return bundles.bounds(self.limits.memory_mib, self.go_on)

    def go_on(self) -> None:
        """Raises TfparityError where the run is interrupted."""
        if self.aborted.is_set():
            raise TfparityError("the run was interrupted")

    def first_again(self, folder: Path) -> bool:
        """Whether this run makes everything again and has not come to that folder of a bundle before."""
        with self._remade_lock:
            first = self.options.again and folder not in self._remade
            self._remade.add(folder)
        return first


def limits(matrix: Matrix) -> Limits:
    """What a request may take, by the matrix."""
    return Limits(float(matrix.limits.seconds), matrix.limits.memory_gib * 1024)
