"""The generated parts of README.md and docs/: made from results/, the matrix and the limitations alone.

README.md and docs/compatibility.md have parts between markers; docs/limitations.md with docs/limitations/ (a page per
stage), docs/routes.md, docs/since.md, docs/claims.md, docs/remedies.md, docs/targets.md, docs/tflite.md,
docs/latency.md and the pictures of docs/images are whole. What is recorded of each cell stands on the site alone
(report/site).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfparity import paths
from tfparity.errors import EvidenceError
from tfparity.evidence.query import Query, Standing, Table, counted
from tfparity.inputs import claims as inputs_claims
from tfparity.records.vocabulary import Verdict
from tfparity.report import (
    claims,
    latency_page,
    limitations,
    markdown,
    plots,
    probing,
    ranges,
    readme,
    remedies,
    routes,
    targets,
    tflite,
    words,
)

MADE = "<!-- Made by `nox -s table` from results/, matrix.yaml and limitations.yaml. Do not edit. -->\n\n"

#: The two models that every guide converts: they stand in the overview, by the form of it that goes best.
LANDMARKS = {"resnet18": ("torchvision/resnet18",), "BERT": ("huggingface/bert", "huggingface/bert-eager")}


def write(query: Query, *, check: bool = False) -> list[Path]:
    """Write what is out of date; returns those files (with `check`, only returns them).

    Raises EvidenceError where a marker is missing in README.md or docs/compatibility.md.
    """
    project = query.selection.project
    made = contents(Table(query))
    strays = sorted({*(project.docs / "limitations").glob("*.md")} - set(made))
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
        project.docs / "routes.md": MADE + routes.page(table),
        project.docs / "remedies.md": MADE + remedies.page(table),
        project.docs / "since.md": MADE + ranges.page(table),
        project.docs / "targets.md": MADE + targets.page(table),
        project.docs / "tflite.md": MADE + tflite.page(table),
        project.docs / "latency.md": MADE + latency_page.page(table),
    }
    made.update(plots.contents(table))
    said = inputs_claims.load(project.claims)
    if said:
        made[project.docs / "claims.md"] = MADE + claims.page(said, table)
    made |= {project.docs / name: MADE + text for name, text in limitations.pages(table).items()}
    return made


def _marked(path: Path, parts: Mapping[str, str]) -> str:
    try:
        text = paths.read_text(path)
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
        name = readme.locked(table.project, toolchain, "../")
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
        rows.append([f"[{name}](../cases/{name}.py)", str(len(cases)), str(ran), working(counts)])
    return "## By case\n\n" + markdown.table(
        ["cases", "how many", "run somewhere", "cells that work"], rows, align="lrrl"
    )
