"""The gate: what moved between the committed evidence and a run. Pure; silent where nothing did.

A verdict is never compared alone: a cell that fails for another reason than the recorded one is a regression too, and a
failure that no limitation explains is red whether it is new or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tfparity.evidence import differences, explain
from tfparity.evidence.schema import Evidence
from tfparity.inputs.limitations import Limitation
from tfparity.inputs.quarantine import Listed, Quarantine, Quarantined
from tfparity.planning import probes
from tfparity.planning.selection import Idle
from tfparity.records.cells import Cell, CellId, Entry, PlannedCell
from tfparity.records.fingerprint import printable
from tfparity.records.vocabulary import Verdict

#: Kinds of findings, the worst first, each with the exit code of a gate that finds nothing worse.
EXIT_CODES = {
    "regressed": 30,
    "missing": 31,
    "changed-failure": 32,
    "unexplained": 33,
    "unexpected-pass": 34,
    "fixed": 35,
    "unused-limitation": 36,
    "quarantine-over": 43,
    "quarantine-idle": 44,
    "quarantined": 0,
    "newly-checked": 0,
}

#: In words, for a person.
MEANINGS = {
    "regressed": "worse than recorded: a lower verdict, a lost axis or name, a drift, or another remedy needed",
    "missing": "recorded or planned, and no result on the other side",
    "changed-failure": "fails for another reason than recorded",
    "unexplained": "fails, and no limitation says why",
    "unexpected-pass": "works although a limitation says that it does not",
    "fixed": "better than recorded",
    "unused-limitation": "a rule of limitations.yaml that explains nothing",
    "quarantine-over": "an entry of flaky.yaml whose last day is over: what it was about counts again",
    "quarantine-idle": "an entry of flaky.yaml of cells that there are none of",
    "quarantined": "flaky by flaky.yaml until a day: said, whatever came out, and no finding",
    "newly-checked": "checked at a level, or for a target, of which nothing is recorded: said, and no finding",
}


@dataclass(frozen=True)
class Finding:
    """One thing that moved. `cell` is None for a rule, whose id is in `subject`. `same_key`: whether the content key
    did not move, so that nothing that should matter changed; None where one side has no cell. `place`: file and line of
    what is to be mended, where that is no case. `known`: of a cell that fails what is known of that, with the remedy,
    where a limitation names one."""

    kind: str
    subject: str
    message: str
    cell: CellId | None = None
    was: Verdict | None = None
    now: Verdict | None = None
    same_key: bool | None = None
    place: tuple[str, int] | None = None
    known: str = ""


@dataclass(frozen=True)
class GateReport:
    """What a gate says: its findings, the worst first, the cells that it looked at, and why some cannot be run."""

    findings: tuple[Finding, ...]
    checked: tuple[CellId, ...]
    not_run: Mapping[CellId, str] = field(default_factory=dict)

    @property
    def moved(self) -> tuple[Finding, ...]:
        """The findings without what is merely said."""
        return tuple(finding for finding in self.findings if EXIT_CODES[finding.kind])

    @property
    def exit_code(self) -> int:
        """0 where nothing moved, else the code of the worst finding."""
        return EXIT_CODES[self.findings[0].kind] if self.findings else 0


NO_QUARANTINE = Quarantine()

#: Gives the max error of a cell as it was measured, recorded and now: evidence rounds it up to a power of ten.
Measured = Callable[[CellId], tuple[float | None, float | None]]


def _not_measured(_: CellId) -> tuple[float | None, float | None]:
    return None, None


def compare(
    recorded: Mapping[str, Evidence],
    now: Mapping[str, Evidence],
    expected: Iterable[PlannedCell],
    *,
    declared: Collection[tuple[str, str, str]] | None = None,
    limitations: Sequence[Limitation] | None = None,
    whole: bool = False,
    untested: Mapping[CellId, str] | None = None,
    measured: Measured = _not_measured,
    quarantine: Quarantine = NO_QUARANTINE,
    idle: Sequence[Idle] = (),
) -> GateReport:
    """Compare a run with the committed evidence.

    recorded, now: evidence by toolchain, the cells of both explained by the same rules (evidence.explain).
    expected: the planned cells that this run was to have; recorded cells outside them are not looked at.
    declared: every cell that the matrix and the cases make of the expected toolchains, whatever was chosen of them. A
        recorded cell of such a toolchain that is none of them has vanished.
    limitations: the rules of limitations.yaml.
    untested: why cells that were to run have no result.
    measured: asked of a cell whose grade moved.
    quarantine: the cells that are known to be flaky; idle: its entries of cells that there are none of.
    whole: the run is the whole matrix and zoo: it must have every recorded cell, and every rule must explain something.
    """
    plan = {cell.place: cell for cell in expected}
    before, after = _cells(recorded), _cells(now)
    toolchains = {toolchain for toolchain, *_ in plan}
    vanished = [
        id
        for id in before
        if id not in plan and (whole or (declared is not None and id[0] in toolchains and id not in declared))
    ]
    findings = [_missing(id, "the plan has no such cell any more", before[id].cell) for id in vanished]
    for id, planned in plan.items():
        was, is_now = before.get(id), after.get(id)
        if was is None and is_now is None and planned.verdict is not None:
            continue
        found = _finding(id, planned, was, is_now, (untested or {}).get(id), measured)
        excused = quarantine.of(id)
        if excused and planned.applicable:
            found = _quarantined(id, excused, found)
        if found:
            findings.append(found)
    findings += [_over(one) for one in quarantine.over(plan)] + [_idle(one) for one in idle]
    if whole and limitations is not None:
        findings.extend(
            Finding("unused-limitation", rule.id, "no error of the whole evidence is explained by it: remove the rule")
            for rule in explain.unused(now.values(), limitations)
        )
    order = list(EXIT_CODES)
    findings.sort(key=lambda finding: (order.index(finding.kind), finding.subject))
    not_run = {id: f"{cell.verdict}: {cell.reason or 'no reason given'}" for id, cell in plan.items() if cell.verdict}
    return GateReport(tuple(findings), tuple(sorted({*plan, *vanished})), not_run)


@dataclass(frozen=True)
class _Stored:
    """A cell and the evidence that it stands in."""

    content: Evidence
    cell: Cell

    @property
    def failure(self) -> str:
        error = self.content.error_of(self.cell)
        return f"{error.stage}: {error.type}: {printable(error.message)}" if error else self.cell.verdict.value

    def said(self, entry: Entry) -> str:
        """What an entry's failure says."""
        error = self.content.errors.get(entry.error or "")
        return f"{error.type}: {printable(error.message)}" if error else entry.outcome.value


def _cells(documents: Mapping[str, Evidence]) -> dict[CellId, _Stored]:
    return {
        CellId(toolchain, cell.case, cell.route): _Stored(content, cell)
        for toolchain, content in documents.items()
        for cell in content.cells
    }


def _quarantined(id: CellId, excused: Quarantined, found: Finding | None) -> Finding:
    """What is said of a flaky cell, in place of what moved."""
    came = f"{found.kind}: {found.message}" if found else "as recorded this time"
    was, now, same = (found.was, found.now, found.same_key) if found else (None, None, None)
    return Finding("quarantined", str(id), f"{excused.said}; {came}", id, was, now, same)


def _over(one: Listed) -> Finding:
    entry = one.entry
    message = (
        f"{one.place}: ended on {entry.until}: {entry.reason}; mend the cell and remove the entry, or see again by "
        f"`upgrade TOOLCHAIN TOOLCHAIN --case '{entry.case}' --repeat 3` whether it is flaky"
    )
    return Finding("quarantine-over", entry.id, message, place=(str(one.file), one.line or 1))


def _idle(one: Idle) -> Finding:
    listed = one.listed
    message = f"{listed.place}: {one.why}: remove the entry, or mend it"
    return Finding("quarantine-idle", listed.entry.id, message, place=(str(listed.file), listed.line or 1))


def _missing(id: CellId, why: str, was: Cell | None) -> Finding:
    verdict = was.verdict if was else None
    return Finding("missing", str(id), f"recorded as {verdict}; {why}" if verdict else why, id, verdict)


def _finding(
    id: CellId,
    planned: PlannedCell,
    before: _Stored | None,
    after: _Stored | None,
    untested: str | None,
    measured: Measured,
) -> Finding | None:
    """The one thing to say of a planned cell: the first that applies, in the order of `EXIT_CODES`, save that
    "missing" needs a cell that is not there."""
    if planned.verdict is not None:
        return _not_run(id, planned, before.cell if before else None)
    if after is None:
        why = f"untested: {untested}" if untested else "the run has no result for it"
        return _missing(id, why, before.cell if before else None)
    if before is None:
        cell = after.cell
        if cell.verdict.failing and cell.limitation is None:
            return _found("unexplained", id, None, cell, after.failure)
        message = f"{cell.verdict} now, and nothing is recorded to compare with: record it"
        return Finding("missing", str(id), message, id, None, cell.verdict)
    return _moved(id, before, after, measured)


def _not_run(id: CellId, planned: PlannedCell, was: Cell | None) -> Finding | None:
    """A cell that the plan says cannot be: nothing to say unless it was recorded."""
    if was is None:
        return None
    reason = f"{planned.verdict}: {printable(planned.reason or 'no reason given')}"
    if planned.verdict is Verdict.UNRESOLVABLE and was.verdict is not Verdict.BROKEN:
        message = f"recorded as {was.verdict}, now {reason}"
        return Finding("regressed", str(id), message, id, was.verdict, planned.verdict)
    return _missing(id, f"it is now {reason}", was)


def _moved(id: CellId, before: _Stored, after: _Stored, measured: Measured) -> Finding | None:
    """What moved at level 1, in what probes find or in what targets come to: the worst of these, of equals the
    first."""
    every = (
        _stages_moved(id, before, after, measured),
        _probes_moved(id, before, after),
        _targets_moved(id, before, after),
    )
    order = list(EXIT_CODES)
    return min((one for one in every if one), key=lambda one: order.index(one.kind), default=None)


def _level_one(cell: Cell) -> Cell:
    bare = cell.level == 1 and not cell.probes and not cell.targets
    return cell if bare else replace(cell, level=1, probes={}, targets={})


def _stages_moved(id: CellId, before: _Stored, after: _Stored, measured: Measured) -> Finding | None:
    old, cell = _level_one(before.cell), _level_one(after.cell)
    if old == cell and not (cell.verdict.failing and cell.limitation is None):
        return None
    was, now = measured(id) if old.grade is not cell.grade else (None, None)  # else nothing is asked of them
    worse, better = differences.between(old, cell, was, now), differences.between(cell, old, now, was)
    failing = cell.verdict.failing
    if worse:
        tail = f"; {after.failure}" if failing else ""
        return _found("regressed", id, old, cell, f"{', '.join(worse)}{tail}")
    if failing and not better and not differences.same_reason(old, cell):
        return _found("changed-failure", id, old, cell, f"recorded: {before.failure}; now: {after.failure}")
    if failing and cell.limitation is None:
        return _found("unexplained", id, old, cell, after.failure)
    if better:
        if old.limitation and not failing and not cell.named:  # by a remedy, the rule holds for the plain way still
            against = f"{cell.verdict}, against the limitation {old.limitation}"
            message = f"{against}: narrow or remove the rule, and record the cell"
            return _found("unexpected-pass", id, old, cell, message)
        return _found("fixed", id, old, cell, f"recorded with {', '.join(better)}: record the cell")
    return None


def _probes_moved(id: CellId, before: _Stored, after: _Stored) -> Finding | None:
    """What probes find otherwise than recorded, or of which nothing is recorded."""
    old, cell = before.cell, after.cell
    worse, lost, better, other, new = [], [], [], [], []
    for name, now in cell.probes.items():
        was = old.probes.get(name)
        fails, failed = probes.failing(now.outcome), was is not None and probes.failing(was.outcome)
        if was is not None and was.outcome.cut_off and now.outcome.cut_off:
            continue
        if was is None or was.outcome.cut_off or (was.key != now.key and old.key == cell.key):  # by another revision
            new.append(f"{name}: {after.said(now)}")
        elif now.outcome.cut_off:
            lost.append(f"{name}: recorded: {before.said(was)}; now {now.outcome}: {after.said(now)}")
        elif fails and not failed:
            worse.append(after.said(now))
        elif failed and now.outcome.passed:
            better.append(name)
        elif fails and was.error != now.error:
            other.append(f"recorded: {before.said(was)}; now: {after.said(now)}")
    if worse:
        return _found("regressed", id, old, cell, "; ".join(worse))
    if lost:
        return _found("missing", id, old, cell, f"probes that did not come to their end: {'; '.join(lost)}")
    if other:
        return _found("changed-failure", id, old, cell, "; ".join(other))
    if better:
        return _found("fixed", id, old, cell, f"the probes {', '.join(better)} pass: record the cell")
    if new:
        message = f"{probes.verdict(cell)} at level {cell.level}, and nothing is recorded of it: {'; '.join(new)}"
        return _found("newly-checked", id, old, cell, message)
    return None


def _targets_moved(id: CellId, before: _Stored, after: _Stored) -> Finding | None:
    """What targets come to otherwise than recorded, in the words of verdicts, or of which nothing is recorded."""
    old, cell = before.cell, after.cell
    worse, better, other, new = [], [], [], []
    for name, now in cell.targets.items():
        was = old.targets.get(name)
        is_now, verdict = now.deployed, was.deployed.verdict if was and was.deployed else None
        if is_now is None:
            continue
        if was is None or verdict is None or (was.key != now.key and old.key == cell.key):  # by another revision
            new.append(f"{name}: {is_now.verdict}")
        elif is_now.verdict.position > verdict.position:
            tail = f", {after.said(now)}" if is_now.verdict.failing else ""
            worse.append(f"the target {name} is {is_now.verdict} instead of {verdict}{tail}")
        elif is_now.verdict.position < verdict.position:
            better.append(f"{name} {verdict}")
        elif is_now.verdict.failing and was.error != now.error:
            other.append(f"the target {name}, recorded: {before.said(was)}; now: {after.said(now)}")
    if worse:
        return _found("regressed", id, old, cell, "; ".join(worse))
    if other:
        return _found("changed-failure", id, old, cell, "; ".join(other))
    if better:
        return _found("fixed", id, old, cell, f"recorded with the target {', '.join(better)}: record the cell")
    if new:
        return _found("newly-checked", id, old, cell, f"targets of which nothing is recorded: {', '.join(new)}")
    return None


def _found(kind: str, id: CellId, was: Cell | None, now: Cell, message: str) -> Finding:
    same = was.key == now.key if was else None
    return Finding(kind, str(id), message, id, was.verdict if was else None, now.verdict, same)


def key_moved(finding: Finding) -> str:
    """What it means that a cell's content key moved, or did not; empty where one side has no cell."""
    if finding.same_key is None:
        return ""
    if finding.same_key:
        return ". Its content key did not move: nothing that should matter changed, so raise the revision of what did"
    return ". Its content key moved: a pin, a shim, the case or a revision changed"
