"""What the gate says, to a person: lines in the terminal, Markdown for a job summary, JUnit XML for the CI server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tfparity import evidence, gate, paths
from tfparity.campaign import Campaign
from tfparity.gate import EXIT_CODES, MEANINGS, Verdict
from tfparity.report import gate_summary, markdown, words
from tfparity.report.why import why
from tfparity.run import CellRecord


def judged(asked: Campaign, records: Sequence[CellRecord]) -> Verdict:
    """The gate's verdict on records that carried out a campaign. Cells left untested by a budget count as missing."""
    chosen = (content for name, content in asked.recorded.items() if name in asked.toolchains)
    recorded = {content.toolchain: evidence.explain(content, asked.limitations) for content in chosen}
    return gate.compare(
        recorded,
        asked.found(records),
        asked.cells,
        declared=asked.declared,
        limitations=asked.limitations,
        whole=asked.everything,
        untested={
            (record.toolchain, record.case, record.route): record.reason or "nothing was run"
            for record in records
            if record.verdict == "untested"
        },
    )


def show(console: Console, verdict: Verdict) -> None:
    """One line per finding under its kind, worst first; one line where nothing moved."""
    if not verdict.findings:
        console.print(Text(f"gate: nothing moved in {len(verdict.checked)} cells", "green"))
        return
    counts = Counter(finding.kind for finding in verdict.findings)
    for kind in (kind for kind in EXIT_CODES if counts[kind]):
        console.print(Text(f"{kind} ({counts[kind]}): {MEANINGS[kind]}", "bold red"))
        for finding in verdict.findings:
            if finding.kind == kind:
                console.print(Text(f"  {finding.subject}: {finding.message}"), soft_wrap=True)
    console.print(Text(f"gate: {len(verdict.findings)} findings, exit code {verdict.exit_code}", "bold"))


def summary(verdict: Verdict, records: Sequence[CellRecord], asked: Campaign) -> str:
    """Markdown: what moved, then the table of the run. Ends with a line feed."""
    tables = [_table(asked, records, name) for name in dict.fromkeys(record.toolchain for record in records)]
    return "\n\n".join([gate_summary.summary(verdict), *tables]) + "\n"


def _table(asked: Campaign, records: Sequence[CellRecord], toolchain: str) -> str:
    """A toolchain's cells that were run, and the totals of all that were planned."""
    content = asked.found(records)[toolchain]
    rows = []
    for cell in content.cells:
        error = content.errors.get(cell["error"]) if cell["error"] else None
        rule = (error or {}).get("limitation")
        shown = words.verdict(cell["verdict"])
        rows.append(
            [
                markdown.code(cell["case"]),
                markdown.text(cell["route"]),
                f"{shown.sign} {shown.words}",
                words.number(cell["max_abs"]),
                words.opset(cell),
                markdown.text(words.axes(cell["dynamic"])),
                markdown.text(words.shortened(why(cell, error, None), 240))
                + (f" ({markdown.code(rule)})" if rule else ""),
            ]
        )
    head = ["case", "route", "verdict", "max error", "opset", "axes kept", "why"]
    counts = Counter(record.verdict for record in records if record.toolchain == toolchain)
    totals = ", ".join(f"{counts[name]} {shown.words}" for name, shown in words.VERDICTS.items() if counts[name])
    return f"### {markdown.text(toolchain)}\n\n{markdown.table(head, rows, align='lllr')}\n\n{totals}."


def report(
    asked: Campaign, records: Sequence[CellRecord], console: Console, *, junit: Path | None, summary_file: Path | None
) -> int:
    """Judge, say and write what the gate says; returns its exit code."""
    verdict = judged(asked, records)
    show(console, verdict)
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        paths.write_text(junit, gate.junit(verdict))
    if summary_file is not None:
        summary_file.parent.mkdir(parents=True, exist_ok=True)
        with summary_file.open("a", encoding="utf-8") as file:
            file.write(summary(verdict, records, asked))
    return verdict.exit_code
