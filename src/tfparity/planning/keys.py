"""Content keys of bundles, exports and cells: what a result depends on, hashed. Pure but for the files it reads once.

A cell's key holds the locks and shims of its two sides, the case itself, and the revisions of those stages, routes,
exporters and remedies that its own verdict used. Raising a revision makes stale what rests on it and nothing else.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tfparity import paths
from tfparity.environments import lock
from tfparity.environments.lock import LockStatus
from tfparity.inputs import case_files
from tfparity.inputs.limitations import Limitation, Met, Rules
from tfparity.inputs.matrix import Environment, Matrix, Runtime
from tfparity.paths import Project
from tfparity.planning import probes, revisions, routes, targets
from tfparity.planning import remedies as remedies_left
from tfparity.planning.routes import Way
from tfparity.records.cells import Attempt, AttemptLine, Cell, CellId, Failure, PlannedCell
from tfparity.records.keys import key
from tfparity.records.vocabulary import Stage, Target, named
from tfparity.worker import compilers, remedies, shims
from tfparity.worker.declare import Case
from tfparity.worker.exporters import Exporter
from tfparity.worker.routes import Route

#: The layout of a bundle's files; part of its key.
BUNDLE_FORMAT = 2

#: What a source worker imports ahead where it is locked: most cases need it.
PRELOAD = ("torchvision", "transformers")


@dataclass(frozen=True)
class Where:
    """One side of a toolchain under a route: its environment, its lock, and what its worker imports."""

    role: str
    environment: Environment
    locked: LockStatus
    imports: tuple[str, ...]
    preload: tuple[str, ...]

    @property
    def shims(self) -> list[tuple[str, int]]:
        return [(name, shims.load(name).revision) for name in self.environment.shims]

    @cached_property
    def installed_key(self) -> str:
        """What is installed and put in: routes that import other parts of it share its bundles."""
        return key(self.environment.python, self.locked.sha256, self.shims)

    @cached_property
    def key(self) -> str:
        return key(self.installed_key, self.imports, self.preload)


@dataclass(frozen=True)
class Crossing:
    """How a planned cell crosses: its case, its route, the way to it, and both sides."""

    planned: PlannedCell
    case: Case
    route: Route
    way: Way
    source: Where
    target: Where

    @property
    def shims(self) -> list[str]:
        """The shims of both sides, each once."""
        return list(dict.fromkeys((*self.source.environment.shims, *self.target.environment.shims)))


class Keys:
    """The keys of one project's cells; what they share is computed once.

    `path`: folders of code that the cases import, whose content counts.
    """

    def __init__(
        self,
        project: Project,
        matrix: Matrix,
        cases: Mapping[str, Case],
        limitations: Sequence[Limitation] = (),
        path: Sequence[Path] = (),
    ) -> None:
        self.project, self.matrix, self.cases = project, matrix, cases
        self.limitations, self.path = Rules.of(limitations), tuple(path)
        self._locked: dict[str, LockStatus] = {}
        self._routes: dict[str, Route] = {}
        self._remedies: dict[str, int | None] = {}
        self._exporters: dict[str, Exporter] = {}
        self._sides: dict[tuple[str, str, str], tuple[Where, Where]] = {}
        self._digests: dict[str, str] = {}
        self._bundles: dict[tuple[str, str, str], str] = {}
        self._crossings: dict[CellId, Crossing] = {}
        self._bases: dict[CellId, str] = {}
        self._revisions: dict[tuple[str, str, Stage], dict[str, int]] = {}
        self._installed: dict[tuple[str, str, bool], dict[str, str]] = {}

    def locked(self, environment: Environment) -> LockStatus:
        """The environment's lock, read once."""
        if environment.id not in self._locked:
            self._locked[environment.id] = lock.status(self.project, environment)
        return self._locked[environment.id]

    def route(self, name: str) -> Route:
        """The route of that name or path, loaded once."""
        if name not in self._routes:
            self._routes[name] = routes.route(name, self.project)
        return self._routes[name]

    def exporter(self, name: str) -> Exporter:
        """The exporter of that name or path, loaded once."""
        if name not in self._exporters:
            self._exporters[name] = routes.exporter(name, self.project)
        return self._exporters[name]

    @cached_property
    def own(self) -> frozenset[str]:
        """The ids of those cases that are a user's own: rules of limitations.yaml hold for them whatever `cases:` says,
        which lists zoo cases only."""
        return frozenset(case.id for case in self.cases.values() if self.project.is_own(case.file))

    @cached_property
    def code(self) -> str | None:
        """A digest of what is in the folders of `path`, but for what is hidden and for results; None without one."""
        results = paths.real(self.project.results)
        digests = [paths.digest(list(_code_files(folder, results)), folder) for folder in self.path]
        return key(digests) if digests else None

    def crossing(self, planned: PlannedCell) -> Crossing:
        """How that cell crosses."""
        place = planned.place
        if place not in self._crossings:
            self._crossings[place] = self._crossing(planned)
        return self._crossings[place]

    def _crossing(self, planned: PlannedCell) -> Crossing:
        case = self.cases[planned.case]
        route = self.route(planned.route)
        way = routes.way(route, case)
        shared = (planned.toolchain, planned.route, way.exporter)
        if shared not in self._sides:
            self._sides[shared] = self._both(planned, route, way)
        return Crossing(planned, case, route, way, *self._sides[shared])

    def _both(self, planned: PlannedCell, route: Route, way: Way) -> tuple[Where, Where]:
        toolchain = self.matrix.toolchains[planned.toolchain]
        ahead = (*PRELOAD, *self.exporter(way.exporter).preload)
        source = self._where("source", toolchain.source, route.imports["source"], ahead)
        target = self._where("target", toolchain.routes[planned.route], route.imports["target"], ())
        return source, target

    def _where(self, role: str, id: str, imports: Sequence[str], ahead: Sequence[str]) -> Where:
        environment = self.matrix.environments[id]
        locked = self.locked(environment)
        preload = tuple(name for name in ahead if name.partition(".")[0] in locked.packages)
        return Where(role, environment, locked, tuple(imports), preload)

    def bundle(self, crossing: Crossing) -> str:
        """The key of the bundle that the source side leaves: inputs, references, the model's facts."""
        place = (crossing.source.installed_key, crossing.case.id, crossing.way.framework)
        if place not in self._bundles:
            framework = routes.locate(crossing.way.framework, self.project)
            own = [paths.digest([Path(framework)])] if framework.endswith(".py") else []
            self._bundles[place] = key(
                "bundle",
                BUNDLE_FORMAT,
                crossing.source.installed_key,
                self._digest(crossing.case),
                crossing.way.framework,
                revisions.STAGES["build"],
                *own,
                *([self.code] if self.code else []),
                *([f"own {revisions.OWN}"] if crossing.case.id in self.own else []),
            )
        return self._bundles[place]

    def target(self, cell_key: str, name: Target, examples: str | None = None) -> str:
        """The key of a target's entry: it rests on the target's own revision, on that of what all targets share, on its
        remedies', on what it is made of, on the lock of the environment that makes it where that is one of its own, and
        on `examples`, a digest of those of a user's own that it was made with."""
        declared = targets.declared(name)
        cures = [f"{one}-{remedies.load(one).revision}" for one in declared.remedies]
        shared = str(revisions.STAGES["target"])
        of = targets.of(name)
        made_of = [self.target(cell_key, of)] if targets.declared(of).make else []
        maker = self.matrix.maker(name) if declared.maker else None
        made_in = [maker.python, self.locked(maker).sha256] if maker else []
        own = [examples] if examples else []
        return entry(cell_key, "target", name, declared.revision, shared, *cures, *made_of, *made_in, *own)

    def _digest(self, case: Case) -> str:
        if case.id not in self._digests:
            self._digests[case.id] = case_files.digest(case)
        return self._digests[case.id]

    def export(self, crossing: Crossing, referee_version: str, remedies_of_source: Sequence[str] = ()) -> str:
        """The key of an export within its bundle. The referee's version is in no cell's key: where an attempt is made
        again, a newer one answers anew."""
        made = key(
            crossing.way.exporter,
            self.exporter(crossing.way.exporter).revision,
            [revisions.STAGES[stage] for stage in ("export", "check", "referee")],
            referee_version,
        )
        return key(made, self._revised(remedies_of_source)) if remedies_of_source else made

    def base(self, crossing: Crossing) -> str:
        """The key of everything but revisions beyond the bundle's: where attempts at the cell are stored."""
        place = crossing.planned.place
        if place not in self._bases:
            sides = crossing.source.key, crossing.target.key
            self._bases[place] = key("cell", self.bundle(crossing), *sides, place.route, list(crossing.way.opsets))
        return self._bases[place]

    def revisions(self, crossing: Crossing, attempts: Iterable[Attempt | AttemptLine]) -> dict[str, int]:
        """The revisions that attempts used, by name: of the stages that they reached and of what judged them."""
        furthest = max((attempt.stage for attempt in attempts), key=lambda stage: stage.position)
        place = crossing.way.exporter, crossing.planned.route, furthest
        if place not in self._revisions:
            self._revisions[place] = self._used(crossing, furthest)
        return self._revisions[place]

    def _used(self, crossing: Crossing, furthest: Stage) -> dict[str, int]:
        """The revisions that attempts used which came as far as that stage."""
        used = {
            stage.value: revisions.STAGES[stage]
            for stage in Stage
            if stage.of_attempt and stage.position <= furthest.position
        }
        used["judge"] = revisions.STAGES["judge"]
        if furthest.position >= Stage.EXPORT.position:
            used["exporter"] = self.exporter(crossing.way.exporter).revision
        if furthest.position >= Stage.CONVERT.position:
            used["route"] = crossing.route.revision
        if furthest.position >= Stage.PARITY.position:
            used["compare"] = revisions.STAGES["compare"]
            used["referee"] = revisions.STAGES["referee"]
        return used

    def cell(self, planned: PlannedCell, cell: Cell) -> str:
        """The key of a cell that came out like that: with the revisions of the remedies that it took, or, of one that
        failed, of all that it tried. What limitations.yaml names now has no part in it: see untried."""
        crossing = self.crossing(planned)
        tried = {name for attempt in cell.attempts for name in attempt.remedies}
        names = sorted(tried) if cell.verdict.failing else list(cell.named)
        deciding = [cell.deciding] if cell.deciding else []
        counted = [*deciding, *(attempt for attempt in cell.attempts if attempt.remedies)]
        return key(self.base(crossing), self.revisions(crossing, counted), self._revised(names))

    def tries_remedies(self, planned: PlannedCell) -> bool:
        """Whether remedies are tried where this case fails: everywhere but where the toolchain lists others."""
        globs = self.matrix.toolchains[planned.toolchain].remedies
        return any(fnmatch.fnmatchcase(planned.case, glob) for glob in globs)

    def untried(self, planned: PlannedCell, cell: Cell, error: Failure | None) -> tuple[str, ...]:
        """The remedies that the rule of a failing cell names now and that it has not tried."""
        if not (cell.verdict.failing and self.tries_remedies(planned)):
            return ()
        named = self.remedies_named(self.crossing(planned), error, cell.opset, cell.remedies)
        return remedies_left.untried(cell, named)

    def remedies_named(
        self, crossing: Crossing, error: Failure | None, opset: int | None, taken: Sequence[str]
    ) -> tuple[str, ...]:
        """The remedies that the limitation of a failure names; for a user's own model, those of every rule that
        holds."""
        if error is None:
            return ()
        planned = crossing.planned
        own = planned.case in self.own
        met = Met(
            packages=self._packages(error.stage, crossing),
            opset=opset,
            route=planned.route,
            toolchain=planned.toolchain,
            case=planned.case,
            stage=error.stage,
            message=error.text,
            remedies=named(tuple(taken)),
            own=own,
        )
        held = (rule.remedies for rule in self.limitations.explaining(met))
        return tuple(dict.fromkeys(name for names in held for name in names)) if own else next(held, ())

    def remedy_revision(self, name: str) -> int | None:
        """A remedy's revision; None of one that is no longer there."""
        if name not in self._remedies:
            try:
                self._remedies[name] = remedies.load(name).revision
            except ImportError:
                self._remedies[name] = None
        return self._remedies[name]

    def _revised(self, names: Iterable[str]) -> list[tuple[str, int | None]]:
        return [(name, self.remedy_revision(name)) for name in names]

    def _packages(self, stage: Stage, crossing: Crossing) -> dict[str, str]:
        """What is installed where a stage runs, and "python"; packages that only the other side has are there too."""
        place = (crossing.source.environment.id, crossing.target.environment.id, stage.of_source)
        if place not in self._installed:
            sides = [crossing.target, crossing.source] if stage.of_source else [crossing.source, crossing.target]
            packages: dict[str, str] = {}
            for side in sides:
                packages.update(side.locked.packages, python=side.environment.python)
            self._installed[place] = packages
        return self._installed[place]


def entry(cell_key: str, kind: str, name: str, revision: int, *rests_on: str) -> str:
    """The key of an entry beside a cell's verdict: a probe, a target, a runtime. It rests on the cell's key and on what
    else is named (a runtime's lock); the cell's key doesn't rest on it."""
    return key(kind, name, revision, cell_key, *rests_on)


def probe(cell_key: str, name: str) -> str:
    """The key of a probe's entry: it rests on the probe's own revision and on that of what all probes share."""
    return entry(cell_key, "probe", name, probes.load(name).revision, str(revisions.STAGES["probe"]))


def runtime(cell_key: str, id: str, python: str, locked: LockStatus) -> str:
    """The key of a runtime's entry: it rests on the runtime's lock and on the revision of how artifacts run there."""
    return entry(cell_key, "runtime", id, revisions.RUNTIMES, python, locked.sha256)


def compiled(target_key: str, runtime: Runtime, locked: LockStatus) -> str:
    """The key of a compiler's entry: it rests on that of the target which it takes, on its own lock and revision, and
    on that of what all compilers share."""
    assert runtime.compiler is not None
    revision = compilers.load(runtime.compiler).revision
    shared = str(revisions.STAGES["compile"])
    return entry(target_key, "compiler", runtime.id, revision, shared, runtime.python, locked.sha256)


def _code_files(folder: Path, without: Path) -> Iterator[Path]:
    """Every file that code below a folder may be or read, through links to folders too, in order: none that is hidden,
    as what git keeps is, and none below `without`."""
    found = []
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        if paths.real(here).is_relative_to(without):
            folders.clear()
            continue
        found += [here / name for name in names if not name.startswith(".")]
    yield from (file for file in sorted(found) if file.is_file())
