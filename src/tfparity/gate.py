"""The gate: what moved between the committed evidence and a run. Pure; silent where nothing did.

A verdict is never compared alone: a cell that fails for another reason than the recorded one is a regression too, and a
failure that no limitation explains is red whether it is new or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from tfparity import compare as comparing
from tfparity import evidence, judge
from tfparity.evidence import CellId, Evidence, Planned
from tfparity.fingerprint import printable
from tfparity.limitations import Limitation

#: Kinds of findings, the worst first, each with the exit code of a gate that finds nothing worse.
EXIT_CODES = {
    "regressed": 30,
    "missing": 31,
    "changed-failure": 32,
    "unexplained": 33,
    "unexpected-pass": 34,
    "fixed": 35,
    "unused-limitation": 36,
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
}

#: A cell that keeps its verdict drifts when its grade falls and its distance grows by this factor: less is
#: what another processor's rounding does at the border of a grade.
DRIFT = 4.0


@dataclass(frozen=True)
class Finding:
    """One thing that moved. `cell` is None for a rule, whose id is in `subject`. `same_key`: whether the content key
    did not move, so that nothing that should matter changed; None where one side has no cell."""

    kind: str
    subject: str
    message: str
    cell: CellId | None = None
    was: str | None = None
    now: str | None = None
    same_key: bool | None = None


@dataclass(frozen=True)
class Verdict:
    """What a gate says: its findings, the worst first, and the cells that it looked at."""

    findings: tuple[Finding, ...]
    checked: tuple[CellId, ...]

    @property
    def exit_code(self) -> int:
        """0 where nothing moved, else the code of the worst finding."""
        return EXIT_CODES[self.findings[0].kind] if self.findings else 0


def compare(
    recorded: Mapping[str, Evidence],
    now: Mapping[str, Evidence],
    expected: Iterable[Planned],
    *,
    declared: Collection[CellId] | None = None,
    limitations: Sequence[Limitation] | None = None,
    whole: bool = False,
    untested: Mapping[CellId, str] | None = None,
) -> Verdict:
    """Compare a run with the committed evidence.

    recorded, now: evidence by toolchain, the errors of both explained by the same rules (evidence.explain).
    expected: the planned cells that this run was to have; recorded cells outside them are not looked at.
    declared: every cell that the matrix and the cases make of the expected toolchains, whatever was chosen of them. A
        recorded cell of such a toolchain that is none of them has vanished.
    limitations: the rules of limitations.yaml.
    untested: why cells that were to run have no result.
    whole: the run is the whole matrix and zoo: it must have every recorded cell, and every rule must explain something.
    """
    plan = {(cell.toolchain, cell.case, cell.route): cell for cell in expected}
    before, after = _cells(recorded), _cells(now)
    toolchains = {toolchain for toolchain, *_ in plan}
    vanished = [
        id
        for id in before
        if id not in plan and (whole or (declared is not None and id[0] in toolchains and id not in declared))
    ]
    findings = [_missing(id, "the plan has no such cell any more", before[id][1]) for id in vanished]
    for id, planned in plan.items():
        found = _finding(id, planned, before.get(id), after.get(id), (untested or {}).get(id))
        if found:
            findings.append(found)
    if whole and limitations is not None:
        findings.extend(
            Finding("unused-limitation", rule.id, "no error of the whole evidence is explained by it: remove the rule")
            for rule in evidence.unused(now.values(), limitations)
        )
    order = list(EXIT_CODES)
    findings.sort(key=lambda finding: (order.index(finding.kind), finding.subject))
    return Verdict(tuple(findings), tuple(sorted({*plan, *vanished})))


_Stored = tuple[Evidence, dict[str, Any]]


def _cells(documents: Mapping[str, Evidence]) -> dict[CellId, _Stored]:
    return {
        (toolchain, cell["case"], cell["route"]): (content, cell)
        for toolchain, content in documents.items()
        for cell in content.cells
    }


def name(cell: CellId) -> str:
    """toolchain/case/route, as in the plan."""
    return "/".join(cell)


def _missing(id: CellId, why: str, was: Mapping[str, Any] | None) -> Finding:
    verdict = was["verdict"] if was else None
    return Finding("missing", name(id), f"recorded as {verdict}; {why}" if verdict else why, id, verdict)


def _finding(
    id: CellId, planned: Planned, before: _Stored | None, after: _Stored | None, untested: str | None
) -> Finding | None:
    """The one thing to say of a planned cell: the first that applies, in the order of `EXIT_CODES`, save that
    "missing" needs a cell that is not there."""
    if planned.verdict is not None:
        return _not_run(id, planned, before[1] if before else None)
    if after is None:
        why = f"untested: {untested}" if untested else "the run has no result for it"
        return _missing(id, why, before[1] if before else None)
    content, cell = after
    if before is None:
        if cell["verdict"] in judge.FAILING and evidence.limitation_of(content, cell) is None:
            return _found("unexplained", id, None, cell, _failure(content, cell))
        message = f"{cell['verdict']} now, and nothing is recorded to compare with: record it"
        return Finding("missing", name(id), message, id, None, cell["verdict"])
    return _moved(id, before, after)


def _not_run(id: CellId, planned: Planned, was: Mapping[str, Any] | None) -> Finding | None:
    """A cell that the plan says cannot be: nothing to say unless it was recorded."""
    if was is None:
        return None
    reason = f"{planned.verdict}: {printable(planned.reason or 'no reason given')}"
    if planned.verdict == "unresolvable" and was["verdict"] != "broken":
        message = f"recorded as {was['verdict']}, now {reason}"
        return Finding("regressed", name(id), message, id, was["verdict"], planned.verdict)
    return _missing(id, f"the plan now says {reason}", was)


def _moved(id: CellId, before: _Stored, after: _Stored) -> Finding | None:
    (old_content, old), (content, cell) = before, after
    worse, better = _differences(old, cell), _differences(cell, old)
    failing = cell["verdict"] in judge.FAILING
    if worse:
        tail = f"; {_failure(content, cell)}" if failing else ""
        return _found("regressed", id, old, cell, f"{', '.join(worse)}{tail}")
    if failing and not better and not _same_reason(old_content, old, content, cell):
        message = f"recorded: {_failure(old_content, old)}; now: {_failure(content, cell)}"
        return _found("changed-failure", id, old, cell, message)
    if failing and evidence.limitation_of(content, cell) is None:
        return _found("unexplained", id, old, cell, _failure(content, cell))
    if better:
        rule = evidence.limitation_of(old_content, old)
        by_remedy = judge.named(cell["remedies"])  # the rule holds for the plain way still
        if rule and not failing and not by_remedy:
            message = (
                f"{cell['verdict']}, against the limitation {rule}: narrow or remove the rule, and record the cell"
            )
            return _found("unexpected-pass", id, old, cell, message)
        return _found("fixed", id, old, cell, f"recorded with {', '.join(better)}: record the cell")
    return None


def _found(kind: str, id: CellId, was: Mapping[str, Any] | None, now: Mapping[str, Any], message: str) -> Finding:
    same = was["key"] == now["key"] if was else None
    return Finding(kind, name(id), message, id, was["verdict"] if was else None, now["verdict"], same)


def _differences(good: Mapping[str, Any], bad: Mapping[str, Any]) -> list[str]:
    """In what `bad` is worse than `good`, in words."""
    order = judge.VERDICTS
    found = []
    if order.index(bad["verdict"]) > order.index(good["verdict"]):
        found.append(f"{bad['verdict']} instead of {good['verdict']}")
    elif bad["verdict"] == good["verdict"]:
        kept = bad["dynamic"]
        found += [f"axis {axis!r} lost" for axis, whole in good["dynamic"].items() if whole and not kept.get(axis)]
        if good["signature"] is True and bad["signature"] is False:
            found.append("signature lost")
        if _drifted(good, bad):
            found.append(f"grade {bad['grade']} instead of {good['grade']}")
        if bad["verdict"] not in judge.FAILING:  # a failing cell's remedies are what did not help
            found += [f"the remedy {name} needed" for name in bad["remedies"] if name not in good["remedies"]]
    return found


def _drifted(good: Mapping[str, Any], bad: Mapping[str, Any]) -> bool:
    if good["grade"] is None or bad["grade"] is None:
        return False
    if comparing.rank(bad["grade"]) <= comparing.rank(good["grade"]):
        return False
    was, now = good["max_abs"], bad["max_abs"]
    return was is None or now is None or now > DRIFT * was


def _same_reason(old_content: Evidence, old: Mapping[str, Any], content: Evidence, cell: Mapping[str, Any]) -> bool:
    """The same fingerprint, or the same limitation of both (the text of an error may move with a version)."""
    if old["error"] == cell["error"]:
        return True
    rule = evidence.limitation_of(content, cell)
    return rule is not None and rule == evidence.limitation_of(old_content, old)


def _failure(content: Evidence, cell: Mapping[str, Any]) -> str:
    error = content.errors[cell["error"]]
    return f"{error['stage']}: {error['type']}: {printable(error['message'])}"


def junit(verdict: Verdict) -> str:
    """JUnit XML: a test case per cell that was looked at (class name: toolchain) and per rule that was found idle."""
    by_cell = {finding.cell: finding for finding in verdict.findings if finding.cell}
    rules = [finding for finding in verdict.findings if finding.cell is None]
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        name="tfparity gate",
        tests=str(len(verdict.checked) + len(rules)),
        failures=str(len(verdict.findings)),
        errors="0",
        skipped="0",
    )
    for cell in verdict.checked:
        toolchain, case, route = (printable(part) for part in cell)
        _failed(
            ElementTree.SubElement(suite, "testcase", classname=toolchain, name=f"{case}[{route}]"), by_cell.get(cell)
        )
    for finding in rules:
        element = ElementTree.SubElement(suite, "testcase", classname="limitations", name=printable(finding.subject))
        _failed(element, finding)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _failed(element: ElementTree.Element, finding: Finding | None) -> None:
    if finding:
        failure = ElementTree.SubElement(element, "failure", type=finding.kind, message=printable(finding.message))
        failure.text = f"{finding.kind}: {MEANINGS[finding.kind]}{_key_note(finding)}"


def _key_note(finding: Finding) -> str:
    if finding.same_key is None:
        return ""
    if finding.same_key:
        return ". Its content key did not move: nothing that should matter changed, so raise the revision of what did"
    return ". Its content key moved: a pin, a shim, the case or a revision changed"
