"""What the gate found, as Markdown for a job summary."""

from __future__ import annotations

from tfparity import gate
from tfparity.report import markdown


def summary(verdict: gate.Verdict) -> str:
    """Markdown for a job summary: one line where nothing moved, else counts and a table. Ends with a line feed."""
    cells = f"{len(verdict.checked)} {'cell' if len(verdict.checked) == 1 else 'cells'}"
    if not verdict.findings:
        return f"### Gate: nothing moved\n\n{cells} as recorded.\n"
    counts = {kind: sum(finding.kind == kind for finding in verdict.findings) for kind in gate.EXIT_CODES}
    lines = [f"- **{kind}** {count}: {gate.MEANINGS[kind]}" for kind, count in counts.items() if count]
    rows = [
        (
            f"**{finding.kind}**",
            markdown.code(finding.subject),
            markdown.text(finding.was or "–"),
            markdown.text(finding.now or "–"),
            markdown.text(finding.message),
            {None: "–", True: "no", False: "yes"}[finding.same_key],
        )
        for finding in verdict.findings
    ]
    head = ("what", "cell or rule", "recorded", "now", "why", "key moved")
    return (
        f"### Gate: {len(verdict.findings)} of {cells} moved\n\n"
        + "\n".join(lines)
        + "\n\n"
        + markdown.table(head, rows)
        + f"\n\nExit code {verdict.exit_code}.\n"
    )
