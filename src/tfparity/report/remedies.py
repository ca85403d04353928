"""docs/remedies.md: every named change, the failures that it is tried on, and the cases that it got across."""

from __future__ import annotations

from collections.abc import Sequence

from tfparity.evidence.query import Standing, Table
from tfparity.paths import worker_modules
from tfparity.records.vocabulary import Verdict
from tfparity.report import markdown
from tfparity.report.words import counted
from tfparity.worker import remedies, targets

#: So many lines of cases stand under a remedy, the rest is counted.
NAMED = 8

#: Which part of a remedy acts where, in the order of a crossing.
_PARTS = {"declare": "the case", "exporting": "the export", "rewrite": "the file", "converting": "the conversion"}


def page(table: Table) -> str:
    names = worker_modules("remedies")
    across: dict[str, list[Standing]] = {name: [] for name in names}
    for cells in table.cells.values():
        for cell in cells:
            if cell.cell is not None and cell.verdict in (Verdict.WORKS_WITH_REMEDY, Verdict.PARTIAL):
                for name in cell.cell.remedies:
                    if name in across:
                        across[name].append(cell)
    saved = {
        cell.planned.case for cells in across.values() for cell in cells if cell.verdict is Verdict.WORKS_WITH_REMEDY
    }
    parts = [
        "# Remedies",
        (
            "Named changes that get a model across where the plain way fails. A rule of "
            "[limitations.yaml](limitations.md) names those that may help, a toolchain the cases that try them "
            "(`remedies:` in matrix.yaml); the cell keeps every attempt, and parity is held against the model as it "
            "was before any. [Converting](converting.md) leaves them beside the script that uses them; what each does "
            "stands below, for code of your own."
        ),
        (
            f"{len(saved)} cases work by one or more of these on some toolchain. Lower opsets, shims and models made "
            "with another attention are not counted here."
        ),
        markdown.table(
            ["remedy", "changes", "works with it", "partly"],
            [
                [
                    f"[{name}](#{name})",
                    _place(name),
                    str(_cases(across[name], Verdict.WORKS_WITH_REMEDY)),
                    str(_cases(across[name], Verdict.PARTIAL)),
                ]
                for name in names
            ],
        ),
        "Works with it, partly: cases, on any toolchain.",
        *(_block(table, name, across[name]) for name in names),
    ]
    return "\n\n".join(parts) + "\n"


def _targets(name: str) -> list[str]:
    return [target for target in worker_modules("targets") if name in targets.load(target).remedies]


def _place(name: str) -> str:
    remedy = remedies.load(name)
    return ", ".join(place for part, place in _PARTS.items() if getattr(remedy, part))


def _cases(cells: Sequence[Standing], verdict: Verdict) -> int:
    return len({cell.planned.case for cell in cells if cell.verdict is verdict})


def _block(table: Table, name: str, cells: Sequence[Standing]) -> str:
    words = (remedies.described(name)).split()
    says = " ".join(f"<{word}>" if word.startswith("https://") else markdown.text(word) for word in words)
    rules = [
        f"[{rule.id}](limitations.md#{rule.id})" for rule in table.limitations if name in rule.remedies
    ]  # fmt: skip
    rules += [f"the target {target} that is wrong where its SavedModel is right" for target in _targets(name)]
    by_case: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        assert cell.cell is not None
        others = ", ".join(one for one in cell.cell.remedies if one != name)
        by_case.setdefault((cell.planned.case, cell.planned.route, others), []).append(cell.planned.toolchain)
    lines = [
        f"- {markdown.code(case)} ({route}{others and f', with {markdown.text(others)}'}): {', '.join(toolchains)}"
        for (case, route, others), toolchains in list(by_case.items())[:NAMED]
    ]
    if len(by_case) > NAMED:
        lines.append(f"- and {counted(len(by_case) - NAMED, 'more case')}")
    parts = [
        f'## <a id="{name}"></a>{name}',
        says,
        f"Tried on: {', '.join(rules)}.",
        markdown.folded(counted(len(cells), "cell"), "\n".join(lines)) if cells else "It got no recorded cell across.",
    ]
    return "\n\n".join(parts)
