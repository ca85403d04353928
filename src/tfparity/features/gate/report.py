"""What the gate says, to a person: lines in the terminal, Markdown for a job summary, JUnit XML for the CI server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tfparity import paths
from tfparity.evidence.schema import Evidence
from tfparity.features import under_test
from tfparity.features.gate import annotated
from tfparity.features.gate.compare import EXIT_CODES, MEANINGS, GateReport, compare
from tfparity.features.gate.junit import junit as junit_xml
from tfparity.features.session import Session
from tfparity.records.cells import CellId, CellRecord, PlannedCell, toolchains_of
from tfparity.records.vocabulary import Verdict
from tfparity.report import markdown, words
from tfparity.report.why import explained, why


def judged(asked: Session, records: Sequence[CellRecord]) -> GateReport:
    """The gate's report on records of a session. Cells left untested by a budget count as missing."""
    return _judged(_against(asked, records))


@dataclass(frozen=True)
class _Run:
    """What a run came to, under the ids of the toolchains whose evidence it is held against. of: their session; whole:
    whether everything was run."""

    of: Session
    cells: Sequence[PlannedCell]
    records: Sequence[CellRecord]
    found: dict[str, Evidence]
    whole: bool


def _against(asked: Session, records: Sequence[CellRecord]) -> _Run:
    """A run of packages under test is held against the locked toolchains beneath, any other against its own."""
    found, bases = asked.recorder.found(records), under_test.bases(asked)
    if not bases:
        return _Run(asked, asked.cells, records, found, asked.selection.everything)
    selection = asked.selection
    choice = replace(asked.choice, toolchains=tuple(base.id for base in bases.values()), packages=())
    return _Run(
        Session(choice, selection.project, selection.cache, selection.matrix),
        [cell._replace(toolchain=bases[cell.toolchain].id) for cell in asked.cells],
        [replace(record, toolchain=bases[record.toolchain].id) for record in records],
        {bases[id].id: replace(content, toolchain=bases[id].id) for id, content in found.items()},
        whole=False,
    )


def _judged(run: _Run) -> GateReport:
    asked, records = run.of, run.records
    query, selection = asked.query, asked.selection
    by_place = {record.place: record for record in records}
    said = compare(
        {name: query.explained[name] for name in selection.toolchains if name in query.recorded},
        run.found,
        _as_found(run.cells, records),
        declared=None if run.whole else selection.declared(query.places),
        limitations=selection.limitations,
        whole=run.whole,
        untested={
            record.place: record.reason or "nothing was run" for record in records if record.verdict is Verdict.UNTESTED
        },
        measured=lambda place: _measured(asked, by_place[place]),
        quarantine=selection.quarantine,
        idle=selection.idle_quarantine(),
    )
    findings = [
        replace(one, known=_known(asked, by_place[one.cell])) if one.cell in by_place and EXIT_CODES[one.kind] else one
        for one in said.findings
    ]
    return replace(said, findings=tuple(findings))


def _known(asked: Session, record: CellRecord) -> str:
    """What is known of a record that fails, by its stages, a probe or a target, where the limitation of that names a
    remedy; empty without one."""
    beside = {**asked.explain_probes(record), **asked.explain_targets(record)}
    rules = {rule.id: rule for rule in (asked.explain(record), *beside.values()) if rule and rule.advises}
    return " ".join(map(explained, rules.values()))


def _as_found(cells: Sequence[PlannedCell], records: Sequence[CellRecord]) -> list[PlannedCell]:
    """The plan, with what the built models told of it: which cells their routes do not take."""
    found = {record.place: record for record in records if record.verdict is Verdict.NOT_APPLICABLE}
    told = (found.get(cell.place) for cell in cells)
    return [
        cell._replace(verdict=one.verdict, reason=one.reason) if one else cell
        for cell, one in zip(cells, told, strict=True)
    ]


def _measured(asked: Session, record: CellRecord) -> tuple[float | None, float | None]:
    """The max error as measured: when the cell was recorded, and now."""
    run = asked.query.run(record.place)
    deciding = record.deciding
    return run.max_abs if run else None, deciding.max_abs if deciding else None


def show(console: Console, report: GateReport, *, ends: bool = True) -> None:
    """One line per finding under its kind, worst first, and last the exit code in words, which nox replaces by its
    own; one line where nothing moved. `ends`: whether the gate ends with it."""
    counts = Counter(finding.kind for finding in report.findings)
    for kind in (kind for kind in EXIT_CODES if counts[kind]):
        style = "bold red" if EXIT_CODES[kind] else "bold"
        console.print(Text(f"{kind} ({counts[kind]}): {MEANINGS[kind]}", style))
        for finding in report.findings:
            if finding.kind == kind:
                console.print(Text(f"  {finding.subject}: {finding.message}"), soft_wrap=True)
                if finding.known:
                    console.print(Text(f"    {finding.known}"), soft_wrap=True)
    if report.moved:
        count = words.counted(len(report.moved), "finding")
        worst = report.findings[0].kind
        code = f", exit code {report.exit_code}, {worst}: {MEANINGS[worst]}" if ends else ""
        console.print(Text(f"gate: {count}{code}", "bold"), soft_wrap=True)
    else:
        console.print(Text(f"gate: nothing moved in {words.cells(len(report.checked))}", "green"))


def summary(report: GateReport, records: Sequence[CellRecord], found: dict[str, Evidence]) -> str:
    """Markdown: what moved, then the table of the run. Ends with a line feed."""
    tables = [_table(found[name], records) for name in toolchains_of(records)]
    return "\n\n".join([_moved(report), *tables]) + "\n"


def _moved(report: GateReport) -> str:
    """Markdown for a job summary: one line where nothing moved, else counts and a table. Ends with a line feed."""
    cells = words.cells(len(report.checked))
    head = f"{len(report.moved)} of {cells} moved" if report.moved else "nothing moved"
    if not report.findings:
        return f"### Gate: {head}\n\n{cells} as recorded.\n"
    counts = {kind: sum(finding.kind == kind for finding in report.findings) for kind in EXIT_CODES}
    lines = [f"- **{kind}** {count}: {MEANINGS[kind]}" for kind, count in counts.items() if count]
    rows = [
        (
            f"**{finding.kind}**",
            markdown.code(finding.subject),
            markdown.text(finding.was or "–"),
            markdown.text(finding.now or "–"),
            markdown.text(". ".join(filter(None, [finding.message, finding.known]))),
            {None: "–", True: "no", False: "yes"}[finding.same_key],
        )
        for finding in report.findings
    ]
    columns = ("what", "cell or rule", "recorded", "now", "why", "key moved")
    return (
        f"### Gate: {head}\n\n"
        + "\n".join(lines)
        + "\n\n"
        + markdown.table(columns, rows)
        + f"\n\nExit code {report.exit_code}.\n"
    )


def _table(content: Evidence, records: Sequence[CellRecord]) -> str:
    """A toolchain's cells that were run, and the totals of all that were planned."""
    mine = {record.place: record for record in records if record.toolchain == content.toolchain}
    rows = []
    for cell in content.cells:
        deciding = mine[CellId(content.toolchain, cell.case, cell.route)].deciding
        shown = words.verdict(cell.verdict)
        rows.append(
            [
                markdown.code(cell.case),
                markdown.text(cell.route),
                f"{shown.sign} {shown.words}",
                words.number(deciding.max_abs if deciding else None),
                words.opset(cell),
                markdown.text(words.axes(cell.dynamic)),
                markdown.text(words.shortened(why(cell, content.error_of(cell), None), 240))
                + (f" ({markdown.code(cell.limitation)})" if cell.limitation else ""),
            ]
        )
    head = ["case", "route", "verdict", "max error", "opset", "axes kept", "why"]
    counts = Counter(record.verdict for record in mine.values())
    totals = ", ".join(f"{counts[name]} {words.verdict(name).words}" for name in words.VERDICTS if counts[name])
    return f"### {markdown.text(content.toolchain)}\n\n{markdown.table(head, rows, align='lllr')}\n\n{totals}."


def report(
    asked: Session,
    records: Sequence[CellRecord],
    console: Console,
    *,
    junit: Path | None,
    summary_file: Path | None,
    workspace: Path | None = None,
    ends: bool = True,
) -> int:
    """Judge, say and write what the gate says; returns its exit code. workspace: of a GitHub workflow, which is told by
    annotations, too; `ends`: whether the gate ends with it."""
    run = _against(asked, records)
    said = _judged(run)
    if workspace is not None:
        for line in annotated.lines(said, asked.selection.cases, workspace):
            console.print(Text(line), soft_wrap=True)
    show(console, said, ends=ends)
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        paths.write_text(junit, junit_xml(said))
    if summary_file is not None:
        summary_file.parent.mkdir(parents=True, exist_ok=True)
        with summary_file.open("a", encoding="utf-8") as file:
            file.write(summary(said, run.records, run.found))
    return said.exit_code
