"""What every feature holds: what was chosen, what is recorded of it, and an engine to run it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tfparity import paths
from tfparity.environments import estimate as estimate_disk
from tfparity.errors import UsageError
from tfparity.evidence.explain import of_entries
from tfparity.evidence.needs import needs
from tfparity.evidence.query import Query
from tfparity.evidence.recorder import Recorder
from tfparity.evidence.runs import operators, runs
from tfparity.features import shards
from tfparity.inputs import calibration
from tfparity.inputs.calibration import Calibration
from tfparity.inputs.limitations import Limitation
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.inputs.quarantine import Quarantined
from tfparity.paths import Cache, Project
from tfparity.planning import plan, probes
from tfparity.planning.estimate import CELL_SECONDS, cost, estimate
from tfparity.planning.options import Choice
from tfparity.planning.probes import Kind
from tfparity.planning.selection import Selection
from tfparity.records.cells import Cell, CellId, CellRecord, PlannedCell
from tfparity.records.observer import Observer
from tfparity.records.vocabulary import Stage
from tfparity.report import words

if TYPE_CHECKING:
    from tfparity.engine.engine import Engine


class Session:
    """A choice, its cells and their evidence. Everything is read when first asked for."""

    def __init__(
        self,
        choice: Choice,
        project: Project | None = None,
        cache: Cache | None = None,
        declared: Matrix | None = None,
    ) -> None:
        self.selection = Selection(choice, project, cache, declared)
        self.query = Query(self.selection)
        self.recorder = Recorder(self.selection)
        #: Whether every cell is made as it was recorded, see engine.context.Options: like is compared with like.
        self.as_recorded = False

    def read(self) -> None:
        """Read all that the choice needs now: what is wrong with a file is said before anything runs."""
        self.selection.read()
        if self.choice.record:
            shards.check(self.selection)
            self.recorder.check()
            shards.begin(self.selection)
        _ = self.cells, self.query.recorded, self.examples
        self.selection.refuse_unknown_runtimes()

    @property
    def choice(self) -> Choice:
        return self.selection.choice

    @cached_property
    def cells(self) -> list[PlannedCell]:
        """The planned cells in the order in which the engine should run them: under a budget, what says most first."""
        recorded = self._recorded_places() if self.choice.recorded else None
        planned = self.selection.planned if recorded is None else self.selection.planned_of(recorded)
        if self.choice.needs:
            planned = [cell for cell in planned if needs(self.query.standing(cell), self.choice.needs)]
        if self.choice.budget is None:
            return planned
        return plan.order(planned, self.selection.cases, self.query.verdicts(planned))

    def _recorded_places(self) -> set[tuple[str, str, str]]:
        """What is recorded; of packages under test, what is of the toolchain beneath."""
        known = self.selection.matrix.toolchains
        over = {id: known[id].over for id in self.selection.toolchains if known[id].over}
        places = set(self.query.places)
        return places | {(id, *place[1:]) for id, base in over.items() for place in places if place[0] == base}

    def beneath(self, place: CellId) -> CellId:
        """That cell of the locked toolchain where packages under test lie over one, else the cell itself."""
        over = self.selection.matrix.toolchains[place.toolchain].over
        return place._replace(toolchain=over) if over else place

    def quarantined(self, place: CellId) -> Quarantined | None:
        """The entry of flaky.yaml that excuses that cell; with packages under test, the one of the cell beneath."""
        return self.selection.quarantine.of(self.beneath(place))

    def keep(self, records: Sequence[CellRecord]) -> None:
        """Write records into results/; of a shard, also which one it was."""
        self.recorder.record(records)
        if self.choice.shard:
            shards.record(self.selection, records)

    def to_run(self, cells: Sequence[PlannedCell]) -> list[PlannedCell]:
        """Those of the cells that can be and that the store holds no attempt at, if only of older revisions, or that
        have a remedy to try. Of what stands beside a verdict nothing is foretold: every cell counts where it is asked
        for."""
        store, keys = self.selection.cache.store, self.selection.keys

        def done(cell: PlannedCell) -> bool:
            if self.choice.again or (self.choice.level or 1) > 1 or self.choice.targets or self.choice.runtimes:
                return False
            file = paths.attempts_file(store, keys.base(keys.crossing(cell)))
            there = os.path.isfile(file)  # noqa: PTH113 - asked of thousands of cells
            return there and not self._untried(cell)

        return [cell for cell in cells if cell.applicable and not done(cell)]

    def forecast(self, cells: Sequence[PlannedCell], runs: Sequence[PlannedCell]) -> str:
        """How many of the cells are to run, `runs`, and for how long, in a line: within the budget, where there is
        one; before it what draws a sample again."""
        sample = self.selection.named_cases.sample
        said = self._forecast(cells, runs)
        return f"{sample.told}: {said}" if sample else said

    def _forecast(self, cells: Sequence[PlannedCell], runs: Sequence[PlannedCell]) -> str:
        applicable = [cell for cell in cells if cell.applicable]
        before = f"{words.cells(len(applicable) - len(runs))} done before"
        if not runs:
            return before
        seconds = self.estimate(runs)
        if self.choice.budget is not None:
            seconds = min(seconds, self.choice.budget)
        told = f"{words.cells(len(runs))} to run: about {words.duration(seconds)}{self._to_install(runs)}"
        return told if len(runs) == len(applicable) else f"{before}, {told}"

    def _to_install(self, runs: Iterable[PlannedCell]) -> str:
        """The environments that those cells need and that are not there, with their disk; empty where all are."""
        missing = [one for one in self.environments(runs) if not self.selection.installed(one)]
        if not missing:
            return ""
        disk = estimate_disk.told(*(self.selection.keys.locked(one).packages for one in missing))
        return f", with {words.environments(len(missing))} to install ({disk})"

    def environments(self, cells: Iterable[PlannedCell]) -> list[Environment]:
        """The environments in which those cells run, each once."""
        matrix = self.selection.matrix
        ways = dict.fromkeys((cell.toolchain, cell.route) for cell in cells)
        sides = [(matrix.toolchains[id].source, matrix.toolchains[id].routes[route]) for id, route in ways]
        return [matrix.environments[id] for id in dict.fromkeys(id for both in sides for id in both)]

    def estimate(self, cells: Sequence[PlannedCell]) -> float:
        """Seconds that running those cells will take at most."""
        selection = self.selection
        runs = [cell for cell in cells if cell.applicable]
        toolchains = {cell.toolchain for cell in runs}
        missing = sum(not selection.installed(one) for one in self.environments(runs))
        return estimate(runs, self.costs(runs), jobs=self.choice.jobs, to_install=missing, toolchains=len(toolchains))

    def cost(self, cell: PlannedCell) -> float:
        """Seconds that a cell will take at most, by its own recorded run; one without, by those of the same way."""
        run = self.query.run(cell.place)
        plain = run.seconds if run else self.query.usual_seconds(cell.toolchain, cell.route)
        untried, level = len(self._untried(cell)), self.choice.level or 1
        return cost(CELL_SECONDS if plain is None else plain, untried, self.selection.matrix.limits, level)

    def _untried(self, cell: PlannedCell) -> tuple[str, ...]:
        """The remedies that a run would try at a cell and that it has not tried: of one that is made as it was
        recorded, none."""
        return () if self.as_recorded else self.query.standing(cell).untried

    def costs(self, cells: Sequence[PlannedCell]) -> dict[CellId, float]:
        """What each of the cells will cost that can be."""
        return {cell.place: self.cost(cell) for cell in cells if cell.applicable}

    @cached_property
    def examples(self) -> Calibration | None:
        """The examples of the user's own that were chosen. Raises DataError where they are not the model's inputs,
        UsageError where they would be for several models."""
        file = self.choice.calibration
        if file is None:
            return None
        ids = {cell.case for cell in self.cells if cell.applicable}
        if len({id.removesuffix("-eager") for id in ids}) > 1:
            raise UsageError(f"--calibration is for one model, not {', '.join(sorted(ids))}: name one with --case")
        found = calibration.read(file)
        for id in ids:
            found.examples(self.selection.cases[id])
        return found

    def recorded(self) -> dict[CellId, Cell]:
        """Those of the choice's cells that are recorded; with packages under test, as the locked toolchain's are."""
        found = {cell.place: self.query.cell(self.beneath(cell.place)) for cell in self.cells}
        return {place: cell for place, cell in found.items() if cell is not None}

    def _tried_before(self) -> frozenset[tuple[str, str]]:
        """The user's own models, with their routes, at which recorded cells of the choice have tried remedies."""
        if not self.choice.sources:
            return frozenset()
        own = [cell for cell in self.cells if cell.case in self.selection.keys.own]
        found = [(cell, self.query.cell(self.beneath(cell.place))) for cell in own]
        return frozenset(
            (cell.case, cell.route)
            for cell, known in found
            if known is not None and any(attempt.remedies for attempt in known.attempts)
        )

    def engine(self, observer: Observer) -> Engine:
        """An engine for the choice. Use as a context manager."""
        from tfparity.engine.context import Context, Options
        from tfparity.engine.engine import Engine

        choice, selection = self.choice, self.selection
        options = Options(
            jobs=choice.jobs,
            all_opsets=choice.all_opsets,
            budget=choice.budget,
            fresh_process=choice.fresh_process,
            keep=choice.keep,
            again=choice.again,
            download=choice.download,
            path=choice.path,
            try_remedies=choice.try_remedies,
            tried_before=self._tried_before(),
            level=choice.level,
            runtimes=choice.runtimes,
            as_recorded=self.recorded() if self.as_recorded else {},
            targets=choice.targets or (None if self.as_recorded else ()),
            examples=self.examples,
            evaluation=choice.evaluation,
            sandbox=choice.sandbox,
        )
        context = Context(
            selection.project,
            selection.matrix,
            selection.cases,
            selection.cache,
            options,
            observer,
            keys=selection.keys,
        )
        recorded = [cell for cell in self.cells if self.query.run(cell.place)] if choice.budget is not None else []
        return Engine(context, self.costs(recorded))

    def explain(self, record: CellRecord) -> Limitation | None:
        """The limitation that explains a failing or partial record, None where none does or none is needed."""
        if record.cell is None or not record.verdict.failing:
            return None
        (cell,) = self.recorder.found([record])[record.toolchain].cells
        return self.selection.limitations.named(cell.limitation)

    def explain_probes(self, record: CellRecord) -> dict[str, Limitation | None]:
        """By probe of a record that found something, the limitation that explains it; None where none does."""
        return self._explain_beside(Stage.PROBE, record) if record.beside else {}

    def explain_targets(self, record: CellRecord) -> dict[str, Limitation | None]:
        """By failing target of a record the limitation that explains it; None where none does."""
        return self._explain_beside(Stage.TARGET, record) if record.cell and record.cell.targets else {}

    def _explain_beside(self, stage: Stage, record: CellRecord) -> dict[str, Limitation | None]:
        if record.cell is None:
            return {}
        content = self.recorder.found([record])[record.toolchain]
        rules, is_own = self.selection.limitations, self.selection.is_own
        told = operators(runs(record.toolchain, [record] if is_own(record.case) else []))
        found = of_entries(stage, content, content.cells[0], rules, is_own, told)
        return {name: rules.named(id) for name, id in found.items()}

    def falls(self, record: CellRecord) -> bool:
        """Whether a record works at level 1, and not at level 2 or not as one of its targets, and no limitation says
        why."""
        if record.cell is None or not record.verdict.works:
            return False
        if self.unexplained(record):
            return True
        if not probes.verdict(record.cell).failing:
            return False
        rules = self.explain_probes(record)
        return any(rule is None for name, rule in rules.items() if probes.load(name).kind is Kind.DECIDES)

    def unexplained(self, record: CellRecord) -> list[str]:
        """The failing targets of a record that no limitation explains, by name."""
        return [name for name, rule in self.explain_targets(record).items() if rule is None]

    def regressed(self, record: CellRecord) -> bool:
        """Whether a record fails, or is partial, of a cell that evidence which is not stale has working."""
        planned = self._planned.get(record.place) if record.verdict.failing else None
        return planned is not None and self.query.verdict(planned).works

    @cached_property
    def _planned(self) -> dict[tuple[str, str, str], PlannedCell]:
        return {cell.place: cell for cell in self.cells}
