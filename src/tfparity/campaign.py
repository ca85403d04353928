"""A run as a person asks for it: what was chosen, what that comes to, how long it takes, and the engine for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from tfparity import cases as zoo
from tfparity import evidence, judge, limitations, matrix, paths, plan, run, yaml_input, yours
from tfparity.crossing import Crossing
from tfparity.environments import install, lock
from tfparity.errors import UsageError
from tfparity.evidence import CellId, Evidence
from tfparity.limitations import Limitation
from tfparity.matrix import Environment, Matrix, Toolchain
from tfparity.options import DEFAULT, Choice
from tfparity.paths import Cache, Project
from tfparity.plan import PlannedCell
from tfparity.run import CellRecord
from tfparity.setting import Setting
from tfparity.sides import Sides
from tfparity.worker.declare import Case

#: Where to keep evidence of one's own, as a suggestion.
SUGGESTED = "my_results"


class Campaign:
    """The matrix, the zoo and the plan for a choice. Everything is read when first asked for.

    Raises the InputErrors of the files it reads, UsageError for a choice of what is not there.
    """

    def __init__(self, choice: Choice, project: Project | None = None, cache: Cache | None = None) -> None:
        self.choice = choice
        self.project = replace(project or paths.project(), own_results=choice.results)
        self.cache = cache or paths.cache()

    def read(self) -> None:
        """Read all that the choice needs now: what is wrong with a file is told before anything runs."""
        if self.choice.record:
            self.refuse_to_mix()
        for folder in self.choice.path:
            if not folder.is_dir():
                raise UsageError(f"--path {folder}: is no folder")
        _ = self.cells, self.limitations, self.recorded, self.seconds

    def refuse_to_mix(self) -> None:
        """Raises UsageError where evidence of a person's own would go among that of the zoo, or into a package."""
        foreign = (
            self.choice.sources or self.choice.path or self.choice.limitations or self.project.root == paths.INSTALLED
        )
        own = self.choice.results is not None and self.choice.results.resolve() != self.project.root / "results"
        if foreign and not own:
            raise UsageError(f"evidence of your own needs a place of its own: --results {SUGGESTED}")

    @cached_property
    def matrix(self) -> Matrix:
        return matrix.load(self.project.matrix)

    @cached_property
    def cases(self) -> dict[str, Case]:
        return zoo.load(yours.files(self.choice.sources, self.choice.declared, self.cache.made) or [self.project.cases])

    @cached_property
    def limitations(self) -> list[Limitation]:
        own = limitations.load(self.choice.limitations) if self.choice.limitations else []
        return own + limitations.load(self.project.limitations)

    @cached_property
    def toolchains(self) -> list[str]:
        """The ids chosen, in matrix order."""
        asked = self.choice.toolchains
        if "all" in asked:
            return list(self.matrix.toolchains)
        ids = {self.matrix.default if name == DEFAULT else name for name in asked}
        for name in sorted(ids - set(self.matrix.toolchains)):
            guess = yaml_input.did_you_mean(name, self.matrix.toolchains)
            raise UsageError(
                f"no toolchain {name!r} in matrix.yaml{guess or '; there are ' + ', '.join(self.matrix.toolchains)}"
            )
        return [name for name in self.matrix.toolchains if name in ids]

    @cached_property
    def environments(self) -> list[Environment]:
        """The environments of the chosen toolchains, each once."""
        ids = dict.fromkeys(id for name in self.toolchains for id in self.matrix.toolchains[name].environments())
        return [self.matrix.environments[id] for id in ids]

    @cached_property
    def recorded(self) -> dict[str, Evidence]:
        """The committed evidence of every toolchain that has any."""
        return evidence.load_all(self.project)

    @cached_property
    def runs(self) -> dict[str, dict[str, Any]]:
        """When and how long the recorded cells ran, by toolchain."""
        return evidence.load_runs(self.project)

    @cached_property
    def seconds(self) -> dict[tuple[str, str, str], float]:
        """Recorded seconds by (toolchain, case, route)."""
        return plan.recorded_seconds(self.runs)

    @property
    def tier(self) -> str:
        """The tier asked for: smoke where nothing is said, all where cases are named."""
        return self.choice.tier or ("all" if self.choice.case_globs or self.choice.sources else plan.SMOKE)

    @property
    def everything(self) -> bool:
        """Whether the choice leaves out no toolchain, case or route."""
        choice = self.choice
        narrowed = choice.case_globs or choice.sources or choice.routes or choice.budget is not None
        return not narrowed and self.tier == "all" and len(self.toolchains) == len(self.matrix.toolchains)

    @cached_property
    def cells(self) -> list[PlannedCell]:
        """The planned cells, in the order in which the engine should run them."""
        choice = self.choice
        planned = plan.plan(
            self.matrix,
            self.cases,
            self.project,
            toolchains=self.toolchains,
            tier=self.tier,
            routes=choice.routes or None,
            case_globs=choice.case_globs or None,
        )
        if choice.budget is None:
            return planned
        return plan.order(planned, self.cases, self.verdicts(planned))

    @cached_property
    def declared(self) -> set[CellId] | None:
        """Every cell of the chosen toolchains, whatever is chosen of them; None where cases of a person's own go
        without evidence of their own."""
        if self.choice.sources and self.choice.results is None:
            return None
        every = plan.plan(self.matrix, self.cases, self.project, toolchains=self.toolchains)
        return {(cell.toolchain, cell.case, cell.route) for cell in every}

    def verdicts(self, cells: Sequence[PlannedCell]) -> dict[CellId, str]:
        """The recorded verdicts of planned cells: "stale" where what made them has changed, "untested" without one."""
        engine = self.engine(run.Silent())
        sides = Sides(engine.setting, ExitStack())  # nothing is started: only keys are asked for
        keys = {}
        for cell in cells:
            content = self.recorded.get(cell.toolchain)
            kept = content.cell(cell.case, cell.route) if content else None
            if kept and cell.applicable:
                crossing = Crossing(engine.setting, cell, sides)
                error = content.errors.get(kept["error"]) if content and kept["error"] else None
                keys[cell.toolchain, cell.case, cell.route] = crossing.key_of(kept, error)
        return evidence.verdicts(cells, self.recorded, keys)

    def estimate(self, cells: Sequence[PlannedCell]) -> float:
        """Seconds that those cells will take at most: what the store holds already takes none."""
        toolchains = {cell.toolchain for cell in cells if cell.applicable}
        environments = {id for name in toolchains for id in self.matrix.toolchains[name].environments()}
        missing = sum(not self.installed(self.matrix.environments[id]) for id in environments)
        runs = [cell for cell in cells if cell.applicable]
        return plan.estimate(runs, self.seconds, jobs=self.choice.jobs, to_install=missing, toolchains=len(toolchains))

    def installed(self, environment: Environment) -> bool:
        """Whether its locked packages are already in the cache."""
        locked = lock.status(self.project, environment)
        return (install.place(environment, locked, self.cache) / install.COMPLETE).is_file()

    def engine(self, observer: run.Observer) -> run.Engine:
        choice = self.choice
        options = run.Options(
            jobs=choice.jobs,
            all_opsets=choice.all_opsets,
            budget=choice.budget,
            fresh_process=choice.fresh_process,
            keep=choice.keep,
            again=choice.again,
            download=choice.download,
            path=choice.path,
        )
        setting = Setting(self.project, self.matrix, self.cases, self.cache, options, observer, self.limitations)
        return run.Engine(setting, self.seconds)

    def found(self, records: Iterable[CellRecord]) -> dict[str, Evidence]:
        """The evidence that these records alone make, toolchain by toolchain. An error has the limitation that it gets
        when they are recorded."""
        records = list(records)
        documents = (
            self._document(self.matrix.toolchains[name], records)
            for name in dict.fromkeys(record.toolchain for record in records)
        )
        return {
            content.toolchain: evidence.explain(content, self.limitations, beside=self.recorded.get(content.toolchain))
            for content in documents
        }

    def explain(self, record: CellRecord) -> Limitation | None:
        """The limitation that explains a failing or partial record, None where none does or none is needed."""
        if record.cell is None or record.verdict not in judge.FAILING:
            return None
        id = evidence.limitation_of(self.found([record])[record.toolchain], record.cell)
        return next((rule for rule in self.limitations if rule.id == id), None)

    def regressed(self, record: CellRecord) -> bool:
        """Whether a record fails, or is partial, of a cell that evidence which is not stale has working."""
        cells = [cell for cell in self.cells if cell.id == record.id and record.verdict in judge.FAILING]
        return any(verdict in ("works", "works-with-remedy") for verdict in self.verdicts(cells).values())

    def record(self, records: Iterable[CellRecord], *, drop_unplanned: bool = False) -> list[Path]:
        """Write records into results/; cells that were not run keep what was recorded, also by a run beside this one,
        but those that `drop_unplanned` finds in no plan of the whole zoo. The files written."""
        records = list(records)
        with self._results():
            return [
                self._record(name, records, drop_unplanned)
                for name in dict.fromkeys(record.toolchain for record in records)
            ]

    def _record(self, name: str, records: Sequence[CellRecord], drop_unplanned: bool) -> Path:
        new = self._document(self.matrix.toolchains[name], records)
        content = evidence.update(evidence.load_one(self.project, name), new)
        if drop_unplanned and not self.choice.sources:
            planned = plan.plan(self.matrix, self.cases, self.project, toolchains=[name])
            content = evidence.only(content, {(cell.case, cell.route) for cell in planned if cell.applicable})
        runs = evidence.update_runs(evidence.load_runs_of(self.project, name), evidence.runs(name, records), content)
        path = evidence.save(self.project, evidence.explain(content, self.limitations))
        evidence.save_runs(self.project, runs)
        return path

    def explain_recorded(self) -> list[Path]:
        """Explain anew what is recorded, and write the files where limitations.yaml says otherwise than they do:
        nothing else in them changes. The files written."""
        written = []
        with self._results():
            for content in evidence.load_all(self.project).values():
                explained = evidence.explain(content, self.limitations)
                if explained != content:
                    written.append(evidence.save(self.project, explained))
        return written

    def _results(self) -> FileLock:
        """To be held from reading results/ to writing it: another run may record at the same time."""
        self.cache.root.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(str(self.project.results.resolve()).encode()).hexdigest()
        return FileLock(self.cache.root / f"results-{digest[:12]}.lock")

    def _document(self, toolchain: Toolchain, records: Iterable[CellRecord]) -> Evidence:
        unresolvable = {
            environment.id: evidence.unresolvable(environment.python, environment.shims)
            for environment in (self.matrix.environments[id] for id in toolchain.environments())
            if lock.status(self.project, environment).kind == "unresolvable"
        }
        return evidence.document(
            toolchain.id,
            source=toolchain.source,
            routes=toolchain.routes,
            records=records,
            environments=unresolvable,
        )


def deciding(record: CellRecord) -> dict[str, Any] | None:
    """The failed attempt that gives a failing or partial record its verdict; None for one that works or did not run."""
    cell = record.cell
    if cell is None or cell["error"] is None:
        return None
    same = [attempt for attempt in record.attempts if judge.error_of(attempt) == cell["error"]]
    return next((attempt for attempt in same if judge.decided(cell, attempt)), same[0] if same else None)
