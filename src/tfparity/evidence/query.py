"""What is recorded, asked: the one source of verdicts and runs for tables, the site, recommendations and the gate.

Every planned cell has a verdict, so that totals add up: the plan's own, the recorded one, "stale" where what made it
has changed since, "untested" without one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from tfparity.evidence import files, latency
from tfparity.evidence.explain import Operators, explain, of_entries
from tfparity.evidence.latency import Latency
from tfparity.evidence.recommend import Way
from tfparity.evidence.runs import operators
from tfparity.evidence.schema import Evidence, Run, Runs
from tfparity.inputs.limitations import Limitation, Rules
from tfparity.inputs.matrix import Toolchain
from tfparity.planning import keys, probes
from tfparity.planning.plan import in_tier
from tfparity.planning.remedies import all_left_out
from tfparity.planning.selection import Selection
from tfparity.records.cells import Cell, CellId, Entry, Failure, PlannedCell
from tfparity.records.vocabulary import Stage, Target, Tier, Verdict


@dataclass(frozen=True)
class Standing:
    """One planned cell: its verdict, the recorded cell (without probes and targets that are stale), failure and run
    where there are any, what explains it, the remedies that its rule names and that it has not tried, by fingerprint
    the failures that its probes, targets and runtimes name, and by failing probe and target what explains that."""

    planned: PlannedCell
    verdict: Verdict
    cell: Cell | None = None
    error: Failure | None = None
    limitation: Limitation | None = None
    run: Run | None = None
    untried: tuple[str, ...] = ()
    beside: Mapping[str, Failure] = field(default_factory=dict)
    probed: Mapping[str, Limitation | None] = field(default_factory=dict)
    of_targets: Mapping[str, Limitation | None] = field(default_factory=dict)

    @property
    def checked(self) -> Verdict:
        """The verdict at the level that it was checked at: a worse one where a probe that decides found it wrong."""
        if self.cell is None or not self.verdict.works:
            return self.verdict
        return max(self.verdict, probes.verdict(self.cell), key=lambda one: one.position)

    @property
    def reason(self) -> str | None:
        """Why nothing was run, where that is known from the plan."""
        return self.planned.reason

    @property
    def max_abs(self) -> float | None:
        """The largest difference from torch as it was measured; from the evidence, rounded up, without a run."""
        if self.cell is None or self.cell.max_abs is None:
            return None
        measured = self.run.max_abs if self.run else None
        return self.cell.max_abs if measured is None else measured


class Untried(NamedTuple):
    """Of failing cells: how many there are, how many have a remedy that they have not tried, how many one that the
    time limit of a cell's remedies left out."""

    failing: int
    waiting: int
    left_out: int

    @classmethod
    def among(cls, cells: Iterable[Standing]) -> Untried:
        """Counted over those cells."""
        failing = [cell for cell in cells if cell.verdict.failing]
        waiting = sum(bool(cell.untried) for cell in failing)
        return cls(len(failing), waiting, sum(bool(cell.cell and all_left_out(cell.cell)) for cell in failing))


class Query:
    """The evidence of a selection's project; read when first asked for, each part once."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._verdicts: dict[CellId, Verdict] = {}

    @cached_property
    def recorded(self) -> dict[str, Evidence]:
        """The committed evidence of every toolchain that has any."""
        return files.load_all(self.selection.project)

    @cached_property
    def places(self) -> frozenset[tuple[str, str, str]]:
        """Toolchain, case and route of every recorded cell."""
        return frozenset((id, *place) for id, content in self.recorded.items() for place in content.by_place)

    @cached_property
    def runs(self) -> dict[str, Runs]:
        """When and how long the recorded cells ran, by toolchain."""
        return files.load_runs(self.selection.project)

    def usual_seconds(self, toolchain: str, route: str) -> float | None:
        """The mean of the recorded seconds of a toolchain's cells by a route; None where none is recorded."""
        return self._usual_seconds.get((toolchain, route))

    @cached_property
    def _usual_seconds(self) -> dict[tuple[str, str], float]:
        found: dict[tuple[str, str], list[float]] = {}
        for toolchain, ran in self.runs.items():
            for run in ran.cells:
                found.setdefault((toolchain, run.route), []).append(run.seconds)
        return {way: mean(seconds) for way, seconds in found.items()}

    @cached_property
    def latencies(self) -> dict[CellId, Latency]:
        """The recorded samples of cells that were timed."""
        project = self.selection.project
        timed = {id: latency.cells(project, id) for id in self.selection.matrix.toolchains}
        return {CellId(id, one.case, one.route): one for id, cells in timed.items() for one in cells}

    @cached_property
    def explained(self) -> dict[str, Evidence]:
        """The recorded evidence, its failing cells explained by limitations.yaml as it is now."""
        return {
            id: explain(content, self.selection.limitations, self.selection.is_own, self._operators(content))
            for id, content in self.recorded.items()
        }

    def _operators(self, content: Evidence) -> Operators:
        """Those of a user's own models; runs are read where there are any."""
        own = any(self.selection.is_own(cell.case) for cell in content.cells)
        return operators(self.runs.get(content.toolchain)) if own else {}

    def unplanned(self) -> list[CellId]:
        """The recorded cells that no plan has any more, or only as not applicable: nothing tells of them. Of a choice
        that leaves nothing out."""
        may = {cell.place for cell in self.selection.planned if cell.verdict is not Verdict.NOT_APPLICABLE}
        recorded = (
            CellId(name, cell.case, cell.route) for name, content in self.recorded.items() for cell in content.cells
        )
        return [place for place in recorded if place not in may]

    @cached_property
    def _of_zoo(self) -> Mapping[str, Evidence]:
        """The evidence of the zoo, which a user's own may stand beside."""
        project = self.selection.project
        return self.recorded if project.own_results is None else files.load_all(replace(project, own_results=None))

    def elsewhere(self, limitation: str) -> tuple[int, Counter[Way]]:
        """How many cases of the zoo are recorded to fail by a rule, and how many of them convert by each way; of ways
        by which equally many do, first that of the newest target environment."""
        zoo = self._of_zoo
        alike = {cell.case for content in zoo.values() for cell in content.cells if cell.limitation == limitation}
        found = Counter(
            (name, cell.route)
            for name, content in zoo.items()
            for cell in content.cells
            if cell.case in alike and cell.verdict.works
        )
        matrix = self.selection.matrix
        known = [way for way in found if way[0] in matrix.toolchains and way[1] in matrix.toolchains[way[0]].routes]
        return len(alike), Counter({way: found[way] for way in reversed(matrix.oldest_first(known))})

    def run(self, place: CellId) -> Run | None:
        """The run of a recorded cell."""
        ran = self.runs.get(place.toolchain)
        return ran.by_place.get((place.case, place.route)) if ran else None

    def cell(self, place: CellId) -> Cell | None:
        """The recorded cell, stale or not."""
        content = self.recorded.get(place.toolchain)
        return content.cell(place.case, place.route) if content else None

    def verdict(self, planned: PlannedCell) -> Verdict:
        """The verdict of a planned cell by plan and evidence."""
        if planned.verdict is not None:
            return planned.verdict
        content = self.recorded.get(planned.toolchain)
        kept = content.cell(planned.case, planned.route) if content else None
        if content is None or kept is None:
            return Verdict.UNTESTED
        if planned.place not in self._verdicts:
            current = self.selection.keys.cell(planned, kept) == kept.key
            self._verdicts[planned.place] = kept.verdict if current else Verdict.STALE
        return self._verdicts[planned.place]

    def verdicts(self, cells: Iterable[PlannedCell]) -> dict[CellId, Verdict]:
        """The verdict of every one of these cells."""
        return {planned.place: self.verdict(planned) for planned in cells}

    def standing(self, planned: PlannedCell) -> Standing:
        """All that is known of a planned cell."""
        content = self.explained.get(planned.toolchain) if planned.applicable else None
        cell = content.cell(planned.case, planned.route) if content else None
        verdict = self.verdict(planned)
        if content is None or cell is None:
            return Standing(planned, verdict)
        rule, error = self.selection.limitations.named(cell.limitation), content.error_of(cell)
        untried = self.selection.keys.untried(planned, cell, error) if verdict.failing else ()
        cell = current(cell, self._target_keys(cell), self._runtime_keys(cell), stale=verdict is Verdict.STALE)
        entries = (*cell.probes.values(), *cell.targets.values(), *cell.runtimes.values())
        beside = {entry.error: content.errors[entry.error] for entry in entries if entry.error}
        probed = self._beside(Stage.PROBE, content, cell) if cell.probes and beside else {}
        made = self._beside(Stage.TARGET, content, cell) if cell.targets and beside else {}
        ran = self.run(planned.place)
        return Standing(planned, verdict, cell, error, rule, ran, untried, beside, probed, made)

    def _target_keys(self, cell: Cell) -> dict[str, str]:
        """By recorded target, the key that its entry would have now; targets that are no more are left out."""
        there = [target for target in Target if target in cell.targets]
        return {target: self.selection.keys.target(cell.key, target) for target in there}

    def _runtime_keys(self, cell: Cell) -> dict[str, str]:
        """By recorded runtime, the key that its entry would have now; runtimes that are no more are left out."""
        there = self.selection.matrix.runtimes
        known = {id: there[id] for id in cell.runtimes if id in there}
        found = {}
        for id, one in known.items():
            locked = self.selection.keys.locked(one)
            taken = cell.targets.get(one.target) if one.target else None
            if one.target is None:
                found[id] = keys.runtime(cell.key, id, one.python, locked)
            elif taken is not None and _current(taken, self.selection.keys.target(cell.key, one.target)):
                found[id] = keys.compiled(taken.key, one, locked)
        return found

    def _beside(self, stage: Stage, content: Evidence, cell: Cell) -> dict[str, Limitation | None]:
        """By failing entry of a cell, the rule that explains it."""
        rules, is_own = self.selection.limitations, self.selection.is_own
        found = of_entries(stage, content, cell, rules, is_own, self._operators(content))
        return {name: rules.named(id) for name, id in found.items()}


def current(
    cell: Cell, target_keys: Mapping[str, str], runtime_keys: Mapping[str, str], *, stale: bool = False
) -> Cell:
    """The cell without the entries of probes, targets and runtimes that are no more, or whose revision is another now;
    without any where the cell itself is stale. target_keys, runtime_keys: by target and by runtime, the key of its
    entry as it would be made now."""
    probed = {
        name: entry
        for name, entry in cell.probes.items()
        if not stale and name in probes.NAMES and keys.probe(cell.key, name) == entry.key
    }
    made = {
        name: entry
        for name, entry in cell.targets.items()
        if not stale and name in target_keys and _current(entry, target_keys[name])
    }
    there = {name: entry for name, entry in cell.runtimes.items() if not stale and runtime_keys.get(name) == entry.key}
    if (probed, made, there) == (cell.probes, cell.targets, cell.runtimes):
        return cell
    return replace(cell, probes=probed, targets=made, runtimes=there, level=2 if probed else 1)


def _current(entry: Entry, key: str) -> bool:
    """Whether a target's entry is of its revision. Of one that was made with a user's own examples nothing but the key
    has their digest, so that it is believed."""
    return entry.deployed is not None and (entry.deployed.own_data or key == entry.key)


class Table:
    """Every planned cell's standing, in the order of the matrix and of the zoo, and views on them."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.selection = query.selection
        self.project = query.selection.project

    @property
    def toolchains(self) -> list[Toolchain]:
        return list(self.selection.matrix.toolchains.values())

    @property
    def default(self) -> str:
        return self.selection.matrix.default

    @property
    def limitations(self) -> Rules:
        return self.selection.limitations

    def oldest_first(self, ways: Iterable[Way]) -> list[Way]:
        """Ways by the day of their target environments."""
        return self.selection.matrix.oldest_first(ways)

    def packages(self, toolchain: Toolchain) -> dict[str, str]:
        """Pinned versions over the toolchain's environments; the source's torch, the targets' TensorFlow."""
        environments = self.selection.matrix.environments
        merged: dict[str, str] = {}
        for id in (*dict.fromkeys(toolchain.routes.values()), toolchain.source):
            pins = environments[id].pins
            merged = {**merged, **pins} if id == toolchain.source else {**pins, **merged}
        for id in toolchain.routes.values():
            pins = environments[id].pins
            merged.update({name: pins[name] for name in ("onnx-tf", "tensorflow", "tensorflow-cpu") if name in pins})
        return merged

    def pins(self, toolchain: str, route: str) -> dict[str, str]:
        """Pinned versions of one way: those of the target's environment, and the source's own."""
        chosen = self.selection.matrix.toolchains[toolchain]
        source, target = (self.selection.matrix.environments[id] for id in (chosen.source, chosen.routes[route]))
        mine = {name: version for name, version in source.pins.items() if name not in ("tensorflow", "onnx-tf")}
        return {**source.pins, **target.pins, **mine}

    def pythons(self, toolchain: Toolchain) -> str:
        """Its Python versions: "3.10", or "3.13 → 3.11" where the two sides differ."""
        environments = [self.selection.matrix.environments[id].python for id in toolchain.environments()]
        return " → ".join(dict.fromkeys(environments))

    def shims(self, toolchain: Toolchain) -> list[str]:
        """The shims of its environments, each once."""
        ids = toolchain.environments()
        return list(dict.fromkeys(shim for id in ids for shim in self.selection.matrix.environments[id].shims))

    @cached_property
    def cells(self) -> dict[str, list[Standing]]:
        """Toolchain id → its cells."""
        found: dict[str, list[Standing]] = {toolchain.id: [] for toolchain in self.toolchains}
        for planned in self.selection.planned:
            found[planned.toolchain].append(self.query.standing(planned))
        return found

    @cached_property
    def case_files(self) -> dict[str, dict[str, list[Standing]]]:
        """File of cases, without its ending → case id → the case's cells."""
        stems = {id: Path(case.file).stem for id, case in self.selection.cases.items()}
        found: dict[str, dict[str, list[Standing]]] = {}
        for cells in self.cells.values():
            for cell in cells:
                found.setdefault(stems[cell.planned.case], {}).setdefault(cell.planned.case, []).append(cell)
        return found

    @cached_property
    def core(self) -> dict[str, list[Standing]]:
        """Case of the core tier → its cells, on every toolchain by every route."""
        core = {id for id, case in self.selection.cases.items() if in_tier(case, Tier.CORE)}
        found: dict[str, list[Standing]] = {}
        for cells in self.cells.values():
            for cell in cells:
                if cell.planned.case in core:
                    found.setdefault(cell.planned.case, []).append(cell)
        return found

    def leading(self, toolchain: str) -> str:
        """The route by which a toolchain is held beside others: onnx-tf where it has it, else its first."""
        routes = self.selection.matrix.toolchains[toolchain].routes
        return "onnx-tf" if "onnx-tf" in routes else next(iter(routes))

    def smoke(self, planned: PlannedCell) -> bool:
        """Whether it is a smoke case by the toolchain's leading route."""
        leads = planned.route == self.leading(planned.toolchain)
        return leads and in_tier(self.selection.cases[planned.case], Tier.SMOKE)

    def counts(
        self, toolchain: str | None = None, chosen: Callable[[PlannedCell], bool] | None = None
    ) -> Counter[Verdict]:
        """Verdict → number of cells, of one toolchain or of all, of those chosen; verdicts that do not occur are left
        out."""
        cells = self.cells[toolchain] if toolchain else [cell for cells in self.cells.values() for cell in cells]
        return counted(cell for cell in cells if chosen is None or chosen(cell.planned))

    def untried(self, toolchain: str | None = None) -> Untried:
        """How many failing cells, of one toolchain or of all, have a remedy yet to try."""
        cells = self.cells[toolchain] if toolchain else [cell for cells in self.cells.values() for cell in cells]
        return Untried.among(cells)

    def verdict(self, toolchain: str, case: str) -> Standing | None:
        """One cell of a toolchain by its leading route, None where the plan has none."""
        route = self.leading(toolchain)
        return next(
            (cell for cell in self.cells[toolchain] if cell.planned.case == case and cell.planned.route == route), None
        )


def counted(cells: Iterable[Standing]) -> Counter[Verdict]:
    """Verdict → number of cells, the best first; verdicts that do not occur are left out."""
    found = Counter(cell.verdict for cell in cells)
    return Counter({verdict: found[verdict] for verdict in Verdict if found[verdict]})


def case_of(cells: Sequence[PlannedCell], place: CellId) -> PlannedCell | None:
    """The planned cell at a place, None where the plan has none."""
    return next((cell for cell in cells if cell.place == place), None)
