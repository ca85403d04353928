"""Which limitation explains which failing cell, and what committed evidence may not have. Pure."""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from tfparity.evidence.schema import Evidence, Place
from tfparity.inputs.limitations import Limitation, Met, Rules
from tfparity.planning import probes
from tfparity.records.cells import AttemptLine, Cell, CellId, Entry
from tfparity.records.fingerprint import fingerprint, normalise
from tfparity.records.vocabulary import Stage, named

#: Part of the failing cells whose cause may be unknown.
UNKNOWN_SHARE = 0.1

#: Which cases are a user's own, by id.
Own = Callable[[str], bool]

#: The stages of what stands beside a verdict, and which rules explain.
BESIDE = (Stage.PROBE, Stage.TARGET)

#: Cells → the operators of their exported files.
Operators = Mapping[Place, Collection[str]]


def _none(_: str) -> bool:
    return False


def explain(
    content: Evidence, limitations: Sequence[Limitation], own: Own = _none, operators: Operators | None = None
) -> Evidence:
    """The evidence with every failing cell's limitation found anew, and nothing else changed: the first rule that holds
    for the attempt that decided; None without one. Packages are those of the side that ran the stage. `own`: which
    cases are a user's own, by id; `operators`: what their files have, as far as it is known (see Met)."""
    explainer = Explainer(content, limitations, own, operators)
    return replace(content, cells=tuple(explainer.explained(cell) for cell in content.cells))


class Explainer:
    """Finds the first rule that holds, in one toolchain's evidence."""

    def __init__(
        self,
        content: Evidence,
        limitations: Sequence[Limitation],
        own: Own = _none,
        operators: Operators | None = None,
    ) -> None:
        self.content = content
        self._own, self._operators = own, operators or {}
        self._rules = Rules.of(limitations)
        self._packages: dict[tuple[str, bool], dict[str, str]] = {}

    def explained(self, cell: Cell) -> Cell:
        """The cell with its limitation found anew."""
        if not cell.verdict.failing:
            return cell if cell.limitation is None else replace(cell, limitation=None)
        attempt = cell.deciding
        found = self.first(cell, attempt) if attempt is not None and attempt.error is not None else None
        return cell if cell.limitation == found else replace(cell, limitation=found)

    def first(self, cell: Cell, attempt: AttemptLine) -> str | None:
        """The id of the first rule that holds for a failed attempt at a cell."""
        return next((rule.id for rule in self._rules.explaining(self.met(cell, attempt))), None)

    def met(self, cell: Cell, attempt: AttemptLine) -> Met:
        """Where a failed attempt at a cell met its error."""
        assert attempt.error is not None
        error = self.content.errors[attempt.error]
        own = self._own(cell.case)
        return Met(
            packages=self._installed(cell.route, error.stage),
            opset=attempt.opset,
            route=cell.route,
            toolchain=self.content.toolchain,
            case=cell.case,
            stage=error.stage,
            message=error.text,
            remedies=named(attempt.remedies),
            own=own,
            operators=self._operators.get((cell.case, cell.route), ()) if own else None,
        )

    def _installed(self, route: str, stage: Stage) -> dict[str, str]:
        """What is installed where a stage runs, and "python"; packages that only the other side has are there too."""
        place = route, stage.of_source
        if place not in self._packages:
            sides = [self.content.source, self.content.routes.get(route, self.content.source)]
            if stage.of_source:
                sides.reverse()
            packages: dict[str, str] = {}
            for id in sides:
                facts = self.content.environments.get(id)
                if facts:
                    packages.update(facts.packages, python=facts.python)
            self._packages[place] = packages
        return self._packages[place]


def of_entries(
    stage: Stage,
    content: Evidence,
    cell: Cell,
    limitations: Sequence[Limitation],
    own: Own = _none,
    operators: Operators | None = None,
) -> dict[str, str | None]:
    """By failing entry beside a cell's verdict, the id of the first rule that holds for what it came to, see explain;
    None without one. stage: PROBE or TARGET."""
    explainer = Explainer(content, limitations, own, operators)
    return {name: explainer.first(cell, line) for name, line in failing_entries(cell, stage).items()}


def failing_entries(cell: Cell, stage: Stage) -> dict[str, AttemptLine]:
    """The failing probes or targets of a cell as lines of attempts, which rules are held against."""
    entries = cell.probes if stage is Stage.PROBE else cell.targets
    return {
        name: AttemptLine(cell.opset, None, cell.named, stage, entry.outcome, entry.error)
        for name, entry in entries.items()
        if entry.error is not None and _fails(entry, stage)
    }


def _fails(entry: Entry, stage: Stage) -> bool:
    if stage is Stage.PROBE:
        return probes.failing(entry.outcome)
    return entry.deployed is not None and entry.deployed.verdict.failing


def unexplained(content: Evidence) -> list[CellId]:
    """The failing cells that have no limitation."""
    return [
        CellId(content.toolchain, cell.case, cell.route)
        for cell in content.cells
        if cell.verdict.failing and cell.limitation is None
    ]


def unexplained_probes(content: Evidence, limitations: Sequence[Limitation]) -> list[tuple[CellId, str]]:
    """The cells that work and that a deciding probe finds wrong without a limitation, each with the probe."""
    return [
        (CellId(content.toolchain, cell.case, cell.route), name)
        for cell in content.cells
        if cell.verdict.works and probes.verdict(cell).failing
        for name, rule in of_entries(Stage.PROBE, content, cell, limitations).items()
        if rule is None and name in probes.NAMES and probes.load(name).kind is probes.Kind.DECIDES
    ]


def not_understood(evidence: Iterable[Evidence], limitations: Sequence[Limitation]) -> list[CellId]:
    """The failing cells that have no limitation, or one whose cause is unknown."""
    understood = {rule.id for rule in limitations if rule.understood}
    return [
        CellId(content.toolchain, cell.case, cell.route)
        for content in evidence
        for cell in content.cells
        if cell.verdict.failing and cell.limitation not in understood
    ]


def unused(evidence: Iterable[Evidence], limitations: Sequence[Limitation]) -> list[Limitation]:
    """The rules that explain no cell of the evidence, are the first for no attempt, probe or target that failed, and
    are shown by no test: of the whole evidence, else it says nothing. Of a rule for probes, one of its cases has to be
    probed."""
    evidence = list(evidence)
    probes_of = {cell.case for content in evidence for cell in content.cells if cell.probes}
    waiting = {
        rule.id: rule
        for rule in limitations
        if not any(shown.startswith("tests/") for shown in rule.shown)
        and (rule.stage != (Stage.PROBE,) or any(fnmatch.filter(probes_of, glob) for glob in rule.cases))
    }
    for content in evidence:
        for cell in content.cells:
            waiting.pop(cell.limitation or "", None)
    for content in evidence:
        explainer = Explainer(content, limitations)
        for cell in content.cells if waiting else ():
            beside = (failing_entries(cell, stage).values() for stage in BESIDE)
            for attempt in itertools.chain(cell.attempts, *beside):
                if attempt.error is not None:
                    waiting.pop(explainer.first(cell, attempt) or "", None)
    return list(waiting.values())


def dishonest(evidence: Sequence[Evidence], limitations: Sequence[Limitation]) -> list[str]:
    """What committed evidence may not have, a line each: an error that a run would write otherwise today, a cell whose
    stored limitation is not what the rules say, a failing cell, target or deciding probe without a limitation, a rule
    that explains nothing, more than one failing cell in ten that nobody understands, evidence of a package under
    test."""
    explained = [explain(content, limitations) for content in evidence]
    found = [
        f"{content.toolchain}: {cell.case} {cell.route} has the limitation {cell.limitation or 'null'}, "
        f"by limitations.yaml {anew.limitation or 'null'}: run `nox -s table`"
        for content, again in zip(evidence, explained, strict=True)
        for cell, anew in zip(content.cells, again.cells, strict=True)
        if cell.limitation != anew.limitation
    ]
    found += [
        f"{content.toolchain}: the error {name} is not as a run would write it now: record its cells again"
        for content in evidence
        for name, error in content.errors.items()
        if normalise(error.message, {}) != error.message or fingerprint(error.stage, error.type, error.message) != name
    ]
    found += [
        f"{content.toolchain}: {cell.case} {cell.route} is of a package under test, which is not published"
        for content in evidence
        for cell in content.cells
        if cell.unlocked
    ]
    found += [f"{' '.join(cell)}: fails without a limitation" for content in explained for cell in unexplained(content)]
    found += [
        f"{content.toolchain} {cell.case} {cell.route}: the target {name} fails without a limitation"
        for content in explained
        for cell in content.cells
        for name, rule in of_entries(Stage.TARGET, content, cell, limitations).items()
        if rule is None
    ]
    found += [
        f"{' '.join(cell)}: the probe {name} finds it wrong, without a limitation"
        for content in evidence
        for cell, name in unexplained_probes(content, limitations)
    ]
    found += [
        f"limitations.yaml: {rule.id} explains nothing that is recorded" for rule in unused(explained, limitations)
    ]
    failing = sum(cell.verdict.failing for content in explained for cell in content.cells)
    unknown = len(not_understood(explained, limitations))
    if unknown > UNKNOWN_SHARE * failing:
        found.append(f"{unknown} of {failing} failing cells are not understood, more than one in ten")
    return found
