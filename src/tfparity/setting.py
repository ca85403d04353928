"""What a run is given, what its parts share, and what comes out of it: a record per cell."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from tfparity import paths
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.limitations import Limitation
from tfparity.matrix import Environment, Matrix
from tfparity.paths import Cache, Project
from tfparity.plan import PlannedCell
from tfparity.processes import Limits
from tfparity.store import Store, key
from tfparity.worker.declare import Case


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
    """All that came of a cell.

    `cell` is as in the evidence (None where no run was needed or none was possible), `attempts` in full, `environments`
    by id as in the evidence. `interrupted`: untested, because this machine ended what ran, and `reason` says how.
    """

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
    interrupted: bool = False

    @property
    def id(self) -> str:
        return f"{self.toolchain}/{self.case}/{self.route}"


@dataclass(frozen=True)
class Options:
    """How to run. `budget` in seconds; `fresh_process` starts a process per request instead of forking; `path`: folders
    of code that the models import, put before what is installed where they are built."""

    jobs: int = 2
    all_opsets: bool = False
    budget: float | None = None
    fresh_process: bool = False
    keep: bool = False
    again: bool = False
    download: bool = False
    path: tuple[Path, ...] = ()


class Setting:
    """What every part of one run looks at. `folder` is the run's own, made and removed by the engine."""

    def __init__(
        self,
        project: Project,
        matrix: Matrix,
        cases: Mapping[str, Case],
        cache: Cache,
        options: Options | None = None,
        observer: Observer | None = None,
        limitations: Sequence[Limitation] = (),
    ) -> None:
        self.project, self.matrix, self.cases, self.cache = project, matrix, cases, cache
        self.options = options or Options()
        self.observer = observer or Silent()
        self.limitations = limitations
        self.limits = limits(matrix)
        self.store = Store(cache.store)
        self.folder: Path = cache.work / uuid.uuid4().hex[:12]
        self.aborted = threading.Event()
        self._locked: dict[str, LockStatus] = {}
        self._remade: set[Path] = set()
        self._remade_lock = threading.Lock()

    def locked(self, environment: Environment) -> LockStatus:
        """The environment's lock, read once in a run."""
        if environment.id not in self._locked:
            self._locked[environment.id] = lock.status(self.project, environment)
        return self._locked[environment.id]

    @cached_property
    def code(self) -> str | None:
        """A digest of what is in the folders of `path`; None without one."""
        digests = [
            paths.digest([file for file in _files(folder) if _is_code(file)], folder) for folder in self.options.path
        ]
        return key(digests) if digests else None

    def first_again(self, folder: Path) -> bool:
        """Whether this run makes everything again and has not come to that folder of a bundle before."""
        with self._remade_lock:
            first = self.options.again and folder not in self._remade
            self._remade.add(folder)
        return first


def limits(matrix: Matrix) -> Limits:
    """What a request may take, by the matrix."""
    return Limits(float(matrix.limits.seconds), matrix.limits.memory_gib * 1024)


def _files(folder: Path) -> list[Path]:
    """Every file below a folder, through links to folders too."""
    walked = os.walk(folder, followlinks=True)
    return sorted(Path(place, name) for place, _, names in walked for name in names)


def _is_code(file: Path) -> bool:
    return "__pycache__" not in file.parts and file.is_file()
