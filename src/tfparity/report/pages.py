"""The generated parts of README.md and docs/: made from results/, the matrix and the limitations alone.

README.md and docs/compatibility.md have parts between markers; docs/limitations.md, docs/toolchains/ (a page per
toolchain), docs/zoo/ (a page per case file), docs/routes.md, docs/since.md, docs/claims.md, docs/remedies.md,
docs/targets.md and the pictures of docs/images are whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.evidence.query import Query, Standing, Table, counted
from tfparity.inputs import claims as inputs_claims
from tfparity.inputs.limitations import NO_LINK, Limitation
from tfparity.inputs.matrix import Toolchain
from tfparity.records.vocabulary import Verdict
from tfparity.report import claims, markdown, plots, probing, ranges, readme, remedies, routes, targets, words
from tfparity.report.why import why

MADE = "<!-- Made by `nox -s table` from results/, matrix.yaml and limitations.yaml. Do not edit. -->\n\n"

#: The two models that every guide converts: they stand in the overview, by the form of it that goes best.
LANDMARKS = {"resnet18": ("torchvision/resnet18",), "BERT": ("huggingface/bert", "huggingface/bert-eager")}

#: Longest error text in a table, in characters.
SHOWN = 240


def write(query: Query, *, check: bool = False) -> list[Path]:
    """Write what is out of date; returns those files (with `check`, only returns them).

    Raises EvidenceError where a marker is missing in README.md or docs/compatibility.md.
    """
    project = query.selection.project
    made = contents(Table(query))
    strays = sorted({page for name in ("toolchains", "zoo") for page in (project.docs / name).glob("*.md")} - set(made))
    stale = [path for path, text in made.items() if not path.is_file() or path.read_bytes() != text.encode()]
    if not check:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            paths.write_text(path, made[path])
        for path in strays:
            path.unlink()
    return stale + strays


def contents(table: Table) -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    project = table.project
    made = {
        project.readme: _marked(project.readme, readme.parts(table)),
        project.docs / "compatibility.md": _marked(
            project.docs / "compatibility.md", {"compatibility": overview(table) + "\n\n" + families(table)}
        ),
        project.docs / "limitations.md": MADE + limitations(table),
        project.docs / "routes.md": MADE + routes.page(table),
        project.docs / "remedies.md": MADE + remedies.page(table),
        project.docs / "since.md": MADE + ranges.page(table),
        project.docs / "targets.md": MADE + targets.page(table),
    }
    made.update(plots.contents(table))
    said = inputs_claims.load(project.claims)
    if said:
        made[project.docs / "claims.md"] = MADE + claims.page(said, table)
    for toolchain in table.toolchains:
        made[project.docs / "toolchains" / f"{toolchain.id}.md"] = MADE + page(table, toolchain)
    for name, cases in table.case_files.items():
        made[project.docs / "zoo" / f"{name}.md"] = MADE + f"# cases/{name}.py\n\n{by_case(cases)}\n"
    return made


def _marked(path: Path, parts: Mapping[str, str]) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        for name, content in parts.items():
            text = markdown.between(text, name, content)
        return text
    except (OSError, ValueError) as wrong:
        raise EvidenceError(str(wrong), file=path) from None


def overview(table: Table) -> str:
    """A row per toolchain: its pins, how many cells work (the smoke cases by its leading route; all
    that were run), the landmarks' verdicts; the totals below."""
    rows = []
    for toolchain in table.toolchains:
        pins = table.packages(toolchain)
        name = f"[{toolchain.id}](toolchains/{toolchain.id}.md)"
        counts = table.counts(toolchain.id)
        smoke = table.counts(toolchain.id, table.smoke)
        rows.append(
            [
                f"**{name}**" if toolchain.id == table.default else name,
                table.pythons(toolchain),
                markdown.text(pins.get("torch", "–")),
                markdown.text(pins.get("onnx", "–")),
                markdown.text(pins.get("onnx-tf", "–")),
                markdown.text(pins.get("tensorflow") or pins.get("tensorflow-cpu") or "–"),
                ", ".join(markdown.text(shim) for shim in table.shims(toolchain)) or "–",
                working(smoke),
                working(counts),
                *(brief(best([table.verdict(toolchain.id, case) for case in cases])) for cases in LANDMARKS.values()),
            ]
        )
    head = [
        "toolchain",
        "Python",
        "torch",
        "onnx",
        "onnx-tf",
        "TensorFlow",
        "shims",
        "smoke cases",
        "all cells",
        *LANDMARKS,
    ]
    return f"{markdown.table(head, rows, align='lllllllllll')}\n\n{totals(table)}{_probed(table)}\n\n{legend()}"


def working(counts: Mapping[Verdict, int]) -> str:
    """ "31 of 40" (of the cells that were run), "31 of 40, 5 stale", or what there is instead."""
    run, stale = _ran(counts), counts.get(Verdict.STALE, 0)
    if run:
        return f"{_working(counts)} of {run}" + (f", {stale} {words.verdict(Verdict.STALE).words}" if stale else "")
    others = (Verdict.STALE, Verdict.UNRESOLVABLE, Verdict.UNTESTED, Verdict.NOT_APPLICABLE)
    return words.verdict(next((name for name in others if counts.get(name)), Verdict.UNTESTED)).words


def _ran(counts: Mapping[Verdict, int]) -> int:
    """The cells that were run as they now are."""
    return sum(count for verdict, count in counts.items() if verdict.ran)


def _working(counts: Mapping[Verdict, int]) -> int:
    return sum(count for verdict, count in counts.items() if verdict.works)


def best(forms: Sequence[Standing | None]) -> Standing | None:
    """Of several forms of a model the one with the best verdict, the earlier of equals; a form that cannot exist there
    stands for the model only where none can, one that was never run only where none was."""
    known = [form for form in forms if form is not None]
    there = [form for form in known if form.verdict is not Verdict.NOT_APPLICABLE] or known
    return min(there, key=lambda form: (form.verdict is Verdict.UNTESTED, form.verdict.position), default=None)


def brief(standing: Standing | None) -> str:
    """A verdict in a few characters, with its grade or the way it took."""
    if standing is None:
        return "–"
    shown = words.verdict(standing.verdict)
    if standing.verdict is Verdict.WORKS:
        return f"{shown.sign} {markdown.text(words.number(standing.max_abs))}"
    if standing.verdict is Verdict.WORKS_WITH_REMEDY and standing.cell:
        across = [words.remedy(name) for name in standing.cell.remedies if not name.startswith("shim:")]
        across += ["eager attention"] if standing.planned.case.endswith("-eager") else []
        by = f", {markdown.text(', '.join(across))}" if across else ""
        return f"{shown.sign} {markdown.text(words.number(standing.max_abs))}{by}"
    if standing.verdict is Verdict.BROKEN and standing.error:
        return f"{shown.sign} {standing.error.stage}"
    return f"{shown.sign} {shown.words}"


def totals(table: Table, toolchain: str | None = None) -> str:
    """Every planned cell once, and beside it how many that fail have a remedy yet to try: "560 cells: 402 works, …"."""
    counts = table.counts(toolchain)
    parts = ", ".join(f"{count} {words.verdict(name).words}" for name, count in counts.items())
    beside = words.untried(table.untried(toolchain))
    return f"{sum(counts.values())} cells: {parts}.{f' {beside}.' if beside else ''}" if counts else "No cells."


def _probed(table: Table, toolchain: str | None = None) -> str:
    """A sentence on how many cells were probed; empty where none was."""
    every = table.cells[toolchain] if toolchain else [cell for cells in table.cells.values() for cell in cells]
    said = probing.totals(cell.cell for cell in every if cell.cell is not None and cell.verdict.works)
    return f" {said[0].upper()}{said[1:]}." if said else ""


def legend() -> str:
    """What the signs mean."""
    lines = [f"- {shown.sign} **{shown.words}**: {shown.meaning}." for shown in words.VERDICTS.values()]
    counted = (
        "Smoke cases: how many work by onnx-tf (by the toolchain's own route where it has no onnx-tf), of those that "
        "can be there. All cells: of every case and route that was run, which are more on some toolchains than on "
        "others."
    )
    measure = (
        "A number is the largest difference from torch in float64, over every output, three seeds and every size. Bold "
        "is the default toolchain, which `nox -s compat` takes where none is named."
    )
    untried = 'Beside a verdict, "not tried" names the automatic remedies of its rule that no run has tried there yet.'
    return "\n".join(lines) + f"\n\n{counted} {untried}\n\n{measure}"


def families(table: Table) -> str:
    """A row per file of cases: how many it has, how many of them were run, how many of those cells work."""
    rows = []
    for name, cases in table.case_files.items():
        counts = counted(cell for cells in cases.values() for cell in cells)
        ran = sum(any(cell.verdict.ran for cell in cells) for cells in cases.values())
        rows.append([f"[{name}](zoo/{name}.md)", str(len(cases)), str(ran), working(counts)])
    return "## By case\n\n" + markdown.table(
        ["cases", "how many", "run somewhere", "cells that work"], rows, align="lrrl"
    )


def by_case(cases: Mapping[str, Sequence[Standing]]) -> str:
    """A block per case that opens on a click: its verdict on every toolchain and route."""
    blocks = []
    for case, mine in cases.items():
        counts = counted(mine)
        rows = [
            [cell.planned.toolchain, cell.planned.route, *_row(cell, "../")] for cell in mine if cell.cell is not None
        ]
        head = ["toolchain", "route", "verdict", "max error", "opset", "axes kept", "why"]
        parts = [markdown.table(head, rows, align="lllr")] if rows else []
        answers = [(cell.planned, words.answer(cell.run.answer)) for cell in mine if cell.run and cell.run.answer]
        parts += [f"{planned.toolchain}, {planned.route}: {markdown.text(said)}." for planned, said in answers]
        rest = counted(cell for cell in mine if cell.cell is None)
        if rest:
            parts.append(", ".join(f"{count} {words.verdict(name).words}" for name, count in rest.items()) + ".")
        stale = counts[Verdict.STALE]
        summary = f"{markdown.code(case)}: works in {_working(counts)} of {_ran(counts)} cells that were run"
        summary += f", {stale} {words.verdict(Verdict.STALE).words}" if stale else ""
        blocks.append(markdown.folded(summary, "\n\n".join(parts)))
    return "\n".join(blocks)


def page(table: Table, toolchain: Toolchain) -> str:
    """A toolchain's own page: pins, note, every cell, what was not run and why."""
    cells = table.cells[toolchain.id]
    pins = table.packages(toolchain)
    parts = [f"# {toolchain.id}"]
    if toolchain.note:
        parts.append(markdown.text(toolchain.note))
    shims = table.shims(toolchain)
    parts.append(
        f"Python {table.pythons(toolchain)}; " + ", ".join(f"{name} {pins[name]}" for name in sorted(pins)) + "."
    )
    locks = ", ".join(
        f"[lockfiles/{id}.txt](../../lockfiles/{id}.txt)"
        for id in toolchain.environments()
        if (table.project.lockfiles / f"{id}.txt").is_file()
    )
    if locks:
        parts.append(
            f"Every package with its hash: {locks}; how to use it without tfparity: [adopting](../adopting.md)."
        )
    if shims:
        parts.append(f"Shims: {', '.join(shims)}. A cell that works here works with a remedy.")
    parts.append(totals(table, toolchain.id) + _probed(table, toolchain.id))
    head = ["case", "route", "verdict", "max error", "opset", "axes kept", "why"]
    run = [cell for cell in cells if cell.cell is not None]
    if run:
        rows = [[markdown.code(cell.planned.case), cell.planned.route, *_row(cell, "../")] for cell in run]
        parts.append(markdown.table(head, rows, align="lllr"))
    rest: dict[tuple[Verdict, str], list[Standing]] = {}
    for cell in cells:
        if cell.cell is None:
            rest.setdefault((cell.verdict, cell.reason or ""), []).append(cell)
    for (verdict, reason), group in rest.items():
        because = f": {markdown.text(words.shortened(' '.join(reason.split()), 600))}" if reason else ""
        parts.append(markdown.folded(f"{len(group)} {words.verdict(verdict).words}{because}", _listed(group, cells)))
    return "\n\n".join(parts) + "\n"


def _listed(group: Sequence[Standing], cells: Sequence[Standing]) -> str:
    """The cells of a group, route by route; a route that is there as a whole is said so."""
    lines = []
    for route in dict.fromkeys(cell.planned.route for cell in group):
        mine = [cell.planned.case for cell in group if cell.planned.route == route]
        whole = len(mine) == sum(cell.planned.route == route for cell in cells)
        names = "every case" if whole else ", ".join(markdown.code(case) for case in mine)
        lines.append(f"- {markdown.text(route)}: {names}")
    return "\n".join(lines)


def _row(cell: Standing, up: str) -> list[str]:
    """verdict, max error, opset, axes kept, why."""
    shown = words.verdict(cell.verdict)
    text = why(cell.cell, cell.error, None) if cell.cell is not None else " ".join((cell.reason or "").split())
    if cell.cell is not None:
        text = "; ".join(part for part in (text, probing.found(cell.cell, cell.beside)) if part)
        made = targets.brief(cell.cell)
        shown_targets = f"; [targets]({up}targets.md): {made}" if made else ""
    else:
        shown_targets = ""
    rules = dict.fromkeys(rule.id for rule in (cell.limitation, *cell.probed.values()) if rule)
    explained = f" ({', '.join(f'[{id}]({up}limitations.md#{id})' for id in rules)})" if rules else ""
    untried = f"; not tried: {', '.join(cell.untried)}" if cell.untried else ""
    return [
        f"{shown.sign} {shown.words}{untried}{shown_targets}",
        words.number(cell.max_abs),
        words.opset(cell.cell),
        words.axes(cell.cell.dynamic if cell.cell else None),
        markdown.text(words.shortened(text, SHOWN)) + explained,
    ]


def limitations(table: Table) -> str:
    """Every limitation with its cause, link and remedy, and the cells that it explains."""
    every = [cell for cells in table.cells.values() for cell in cells]
    failing = [cell for cell in every if cell.verdict.failing]
    stale = sum(cell.verdict is Verdict.STALE for cell in every)
    understood = [cell for cell in failing if cell.limitation and cell.limitation.understood]
    parts = ["# Limitations"]
    parts.append(
        f"{len(failing)} of {len(every)} cells are broken or partial; {len(understood)} of them are understood, "
        f"{len(failing) - len(understood)} are not."
        + (f" {stale} more were recorded under an older revision." if stale else "")
    )
    cured, made = _cured(every), targets.made(every)
    probed = [cell for cell in every if cell.probed]
    for limitation in table.limitations:
        parts.append(
            _limitation(
                limitation,
                [cell for cell in failing if cell.limitation == limitation],
                [cell for cell in probed if limitation in cell.probed.values()],
                targets.explained(made, limitation),
                cured,
            )
        )
    return "\n\n".join(parts) + "\n"


def _with(operators: Sequence[str]) -> str:
    return (
        f", of a model of your own with {' and '.join(map(markdown.code, operators))} in its file" if operators else ""
    )


def _cured(cells: Sequence[Standing]) -> Counter[str]:
    """Remedy → number of cases that work with it on some toolchain."""
    working = {
        (name, cell.planned.case)
        for cell in cells
        if cell.cell is not None and cell.verdict is Verdict.WORKS_WITH_REMEDY
        for name in cell.cell.named
    }
    return Counter(name for name, _ in working)


def _limitation(
    limitation: Limitation,
    failing: Sequence[Standing],
    probed: Sequence[Standing],
    made: Sequence[str],
    cured: Mapping[str, int],
) -> str:
    """A rule's block: what it says, the cells that fail by it, those of which a probe finds it, the targets."""
    when = ", ".join(f"{name} {specifier}" for name, specifier in limitation.when.items()) or "everywhere"
    link = markdown.text(limitation.link) if limitation.link == NO_LINK else f"<{limitation.link}>"
    lines = [
        f'## <a id="{limitation.id}"></a>{limitation.id}',
        f"- where: {markdown.text(when)}, stage {' or '.join(limitation.stage)}{_with(limitation.operators)}",
        f"- the error has: {' or '.join(map(markdown.code, limitation.matches))}",
        f"- cause: {markdown.text(limitation.cause)}",
        f"- link: {link}",
        f"- remedy: {markdown.text(limitation.remedy)}",
    ]
    if limitation.remedies:
        tried = (f"[{name}](remedies.md#{name}) (cases that work by it: {cured[name]})" for name in limitation.remedies)
        how = "remedies" if limitation.stage == ("probe",) else "remedies that are tried automatically"
        lines.append(f"- {how}: {', '.join(tried)}")
    if limitation.shown:
        lines.append(f"- shown by: {', '.join(map(markdown.code, limitation.shown))}")
    if limitation.investigated:
        lines.append(f"- investigated: {markdown.text(limitation.investigated)}")
    head, *facts = lines
    blocks = [markdown.folded(f"{len(failing)} cells", _by_case(failing))] if failing else []
    if probed:
        blocks.append(markdown.folded(f"{words.cells(len(probed))} at level 2", _by_case(probed)))
    if made:
        blocks.append(markdown.folded(f"{len(made)} targets", "\n".join(made)))
    return "\n\n".join([head, "\n".join(facts), *(blocks or ["No recorded cell."])])


def _by_case(cells: Sequence[Standing]) -> str:
    """A line per case and route, with the toolchains."""
    by_case: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        by_case.setdefault((cell.planned.case, cell.planned.route), []).append(cell.planned.toolchain)
    return "\n".join(
        f"- {markdown.code(case)} ({route}): {', '.join(toolchains)}" for (case, route), toolchains in by_case.items()
    )
