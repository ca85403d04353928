"""Targets: which keep the answers of a model that converts, at what size. The terminal's table and docs/targets.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfparity.evidence.query import Standing, Table
from tfparity.inputs.limitations import Limitation
from tfparity.inputs.matrix import Maker
from tfparity.planning import targets
from tfparity.records.cells import CellRecord, Deployed, Entry, Failure, TargetRun
from tfparity.records.vocabulary import Grade, Precision, Target
from tfparity.report import compilers, markdown, words
from tfparity.report.why import explained as why_of

if TYPE_CHECKING:
    from rich.table import Table as Rows

#: Models below this size in megabytes say nothing of what quantizing saves: the graph is most of them.
WEIGHTY = 5.0

#: What each target is, in a few words.
WHAT = {
    Target.SAVED_MODEL: "what the route converts to, as it is",
    Target.SAVED_MODEL_XLA: "the same, compiled by XLA",
    Target.TFLITE_FLOAT32: ".tflite, 32-bit floats",
    Target.TFLITE_DYNAMIC: ".tflite, weights in 8 bits",
    Target.TFLITE_FLOAT16: ".tflite, weights in 16-bit floats",
    Target.TFLITE_INT8: ".tflite, 8-bit integers inside, floats in and out",
    Target.TFLITE_INT8_IO: ".tflite, 8-bit integers throughout, in and out too",
    Target.LITERT_DYNAMIC_INT8: "by litert-quantizer, weights in 8 bits, activations too while it runs",
    Target.LITERT_WEIGHT_ONLY_INT8: "by litert-quantizer, weights in 8 bits, computed in floats",
    Target.LITERT_DYNAMIC_INT4: "by litert-quantizer, weights in 4 bits, activations in 8 while it runs",
    Target.LITERT_INT8: "by litert-quantizer, 8-bit integers where it has them, in and out too",
}


@dataclass(frozen=True)
class Made:
    """A target of a cell, with its entry, what was measured where it ran, and what explains a failure."""

    cell: Standing
    target: Target
    entry: Entry
    deployed: Deployed
    run: TargetRun | None
    rule: Limitation | None

    @property
    def keeps(self) -> bool:
        """Whether the answers are right, and not only their form."""
        return self.deployed.verdict.works and self.deployed.grade is not Grade.FORM

    @property
    def form_only(self) -> bool:
        return self.deployed.verdict.works and self.deployed.grade is Grade.FORM

    @property
    def error(self) -> Failure | None:
        return self.cell.beside.get(self.entry.error or "")


def sign(deployed: Deployed) -> str:
    """A verdict's sign; of form alone a sign of its own."""
    return "○" if deployed.verdict.works and deployed.grade is Grade.FORM else words.verdict(deployed.verdict).sign


def said(deployed: Deployed) -> str:
    """ "✓ works", "○ form only", "✓* works with a remedy: max-pool-without-pads"."""
    form = deployed.verdict.works and deployed.grade is Grade.FORM
    text = words.GRADES[Grade.FORM] if form else words.verdict(deployed.verdict).words
    by = f", by {', '.join(deployed.remedies)}" if deployed.remedies else ""
    return f"{sign(deployed)} {text}{by}"


def size(megabytes: float | None) -> str:
    """ "46.7 MB", "2 kB"."""
    if megabytes is None:
        return "–"
    return f"{megabytes:g} MB" if megabytes >= 0.1 else f"{megabytes * 1e3:.3g} kB"


def ratio(decibels: float | None) -> str:
    return "–" if decibels is None else f"{decibels:.0f} dB"


def terminal(records: Sequence[CellRecord]) -> Rows:
    """A row for each target of each record."""
    from rich import box  # the pages are made without it
    from rich.table import Table as Rows
    from rich.text import Text

    table = Rows(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    routes = len({record.route for record in records}) > 1
    for name in ("case", *(("route",) if routes else ()), "target", "came out"):
        table.add_column(name, no_wrap=True)
    for name in ("size", "max error", "signal to noise"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("axes kept", "TensorFlow's operators"):
        table.add_column(name, no_wrap=True)
    for record in records:
        entries: Mapping[str, Entry] = record.cell.targets if record.cell else {}
        for target in (target for target in Target if target in entries):
            entry, run = entries[target], record.targets.get(target)
            if entry.deployed is None:
                continue
            shown = words.verdict(entry.deployed.verdict)
            table.add_row(
                Text(record.case, "bold"),
                *([Text(record.route)] if routes else []),
                target.value,
                Text(said(entry.deployed), shown.style),
                size(entry.megabytes),
                words.number(run.max_abs if run else entry.max_abs),
                ratio(run.snr_db if run else entry.deployed.snr_db),
                words.axes(entry.deployed.dynamic),
                ", ".join(entry.deployed.flex or ()) or "–",
            )
    return table


def failures(records: Sequence[CellRecord]) -> list[str]:
    """A line for each failing target: what went wrong."""
    lines = []
    for record in records:
        known = {failure.fingerprint: failure for failure in record.beside}
        for entry in record.cell.targets.values() if record.cell else ():
            failure = known.get(entry.error or "")
            if failure is not None:
                lines.append(f"{record.case} ({record.route}): {words.shortened(' '.join(failure.text.split()), 300)}")
    return lines


def refusals(records: Sequence[CellRecord]) -> list[str]:
    """A line for each reason why a route cannot give a target."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        for name, why in record.without.items():
            found.setdefault((record.route, why), []).append(name)
    return [
        f"not applicable to {route}: {', '.join(dict.fromkeys(names))}: {why}" for (route, why), names in found.items()
    ]


# docs/targets.md


def made(cells: Iterable[Standing]) -> list[Made]:
    """The recorded targets of cells."""
    found = []
    for cell in cells:
        entries: Mapping[str, Entry] = cell.cell.targets if cell.cell else {}
        for target in (target for target in Target if target in entries):
            entry, runs = entries[target], cell.run.targets if cell.run else {}
            if entry.deployed is not None:
                found.append(Made(cell, target, entry, entry.deployed, runs.get(target), cell.of_targets.get(target)))
    return found


def explained(found: Iterable[Made], limitation: Limitation) -> list[str]:
    """The targets that a rule explains, a line each."""
    return [
        f"- {one.target} of {markdown.code(one.cell.planned.case)} ({one.cell.planned.route}): "
        f"{one.cell.planned.toolchain}"
        for one in found
        if one.rule == limitation
    ]


def page(table: Table) -> str:
    """What keeps the answers, at what size, in a sentence; per target over all cells; case by case."""
    cells = [cell for cells in table.cells.values() for cell in cells if cell.cell is not None and cell.cell.targets]
    found = made(cells)
    trained = {id for id, case in table.selection.cases.items() if case.trained}
    if not found:
        return "# Targets\n\nNothing is recorded of any target.\n"
    parts = [
        "# Targets",
        answer(found, trained),
        advice(found),
        "\n".join([NOTES, *map(_made_by, table.selection.matrix.makers.values())]),
        markdown.table(
            [
                "target",
                "what it is",
                "checked",
                "keeps the answers",
                "form only",
                "fails",
                "size",
                "signal to noise",
                "needs TensorFlow's operators",
            ],
            [_row(target, found) for target in Target if any(one.target is target for one in found)],
            align="llrrrrrrr",
        ),
        (
            "Size: the median share of the SavedModel's, over models of five megabytes or more. Signal to noise: the "
            "median, and the least, over targets that work."
        ),
        *_refused(table),
        *compilers.section(table),
        "## By case",
        *(_toolchain(id, [one for one in found if one.cell.planned.toolchain == id], trained) for id in table.cells),
        "## What fails, and why",
        _failing(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def answer(found: Sequence[Made], trained: set[str]) -> str:
    """Which target keeps the answers, at what size: the page's first sentence, all of it counted."""

    def kept(target: Target, among: Sequence[Made] = found) -> str:
        mine = [one for one in among if one.target is target]
        return f"{sum(one.keeps for one in mine)} of {len(mine)}"

    def at(target: Target) -> str:
        share = shares(target, found)
        return f" at {share:.2f} of the SavedModel's size" if share else ""

    wide, half, narrow = Target.TFLITE_FLOAT32, Target.TFLITE_FLOAT16, Target.TFLITE_DYNAMIC
    said = (
        f"**A .tflite of 32-bit floats keeps the answers of {kept(wide)}{at(wide)}, 16-bit weights those of "
        f"{kept(half)}{at(half)}, 8-bit weights those of {kept(narrow)}{at(narrow)}, and XLA those of "
        f"{kept(Target.SAVED_MODEL_XLA)}"
    )
    int8 = [one for one in found if one.target is Target.TFLITE_INT8]
    known = [one for one in int8 if one.cell.planned.case in trained]
    random = [one for one in int8 if one.cell.planned.case not in trained]
    if known:
        whole = kept(Target.TFLITE_INT8, known)
        said += f"; 8-bit integers inside keep those of {whole} with trained weights{at(Target.TFLITE_INT8)}"
    if any(one.target is Target.LITERT_DYNAMIC_INT8 for one in found):
        said += (
            f"; by litert-quantizer, 8-bit weights keep those of {kept(Target.LITERT_WEIGHT_ONLY_INT8)} computed in "
            f"floats and of {kept(Target.LITERT_DYNAMIC_INT8)} computed in integers, 4-bit weights those of "
            f"{kept(Target.LITERT_DYNAMIC_INT4)}"
        )
    if random:
        ran = sum(one.form_only for one in random)
        said += f"; of 8-bit integers and random weights {ran} of {len(random)} are made, load and run"
    return said + ".**"


def advice(found: Sequence[Made]) -> str:
    """Which target for what it is to run on, with what is recorded of each."""

    def of(target: Target) -> str:
        mine = [one for one in found if one.target is target]
        kept = sum(one.keeps for one in mine)
        share = shares(target, found)
        size = f", {share:.2f} of the size" if share else ""
        return f"`{target}` (right for {kept} of {len(mine)}{size})" if mine else f"`{target}` (untested)"

    floats = [one for one in found if one.target is Target.TFLITE_FLOAT32]
    flex = sum(bool(one.deployed.flex) for one in floats)
    took = [one for one in found if one.target is Target.TFLITE_INT8_IO]
    made = sum(one.deployed.verdict.works for one in took)
    words = {
        "A server or a desktop": (
            f"{of(Target.SAVED_MODEL)}; try {of(Target.SAVED_MODEL_XLA)} beside it, and measure ([latency](latency.md))"
        ),
        "A phone, by the TFLite interpreter on its CPU": (
            f"{of(Target.TFLITE_DYNAMIC)}, which needs no data of yours; {of(Target.TFLITE_FLOAT32)} where digits "
            f"count. {flex} of {len(floats)} files need TensorFlow's own operators, which a plain interpreter has not: "
            "for these the app links Flex, or another route is taken ([to TFLite](tflite.md))"
        ),
        "A phone's GPU": f"{of(Target.TFLITE_FLOAT16)}; checked on a CPU here, no GPU was there",
        "A microcontroller or an accelerator of integers alone": (
            f"`{Target.TFLITE_INT8_IO}`, made of {made} of {len(took)} models: with `--calibration` and a measure of "
            "your own (`--evaluate`), since rounding to 8 bits is for your data to judge ([converting](converting.md))"
        ),
    }
    lines = [f"- **{who}:** {which}" for who, which in words.items()]
    return "Which one?\n\n" + "\n".join(lines)


def shares(target: Target, among: Sequence[Made]) -> float | None:
    """The median share of a target's size of its SavedModel's; None where no model is weighty."""
    whole = {one.cell.planned.place: one.entry.megabytes for one in among if one.target is Target.SAVED_MODEL}
    known = [
        one.entry.megabytes / large
        for one in among
        if one.target is target
        and one.entry.megabytes is not None
        and (large := whole.get(one.cell.planned.place)) is not None
        and large >= WEIGHTY
    ]
    return statistics.median(known) if known else None


#: How to read the page.
NOTES = """\
- ✓ works: the answers are right for the target's precision, every axis and the signature are kept
- ○ form only: made, loads, runs, every axis and the signature kept; the weights are random, so that numbers of 8 bits
  say nothing of a model of yours
- 32-bit floats are held to the same tolerance as the cell. Of fewer bits the signal-to-noise ratio has to reach what
  rounding to so many allows: [judging/precision.py](../src/tfparity/judging/precision.py) has the formula, its source
- int8 targets are made with the inputs that they are then held to; `--calibration data.npz` names your own. Whether
  the same answer comes first is told of trained weights alone"""


def _made_by(maker: Maker) -> str:
    """The line of an environment of its own that makes targets."""
    pins = ", ".join(f"{name} {version}" for name, version in maker.pins.items())
    return (
        f"- {', '.join(maker.makes)}: made of tflite-float32 in `{maker.id}`, an environment of its own ({pins}; no "
        "TensorFlow), and loaded and run by the toolchain's own interpreter"
    )


def _row(target: Target, found: Sequence[Made]) -> list[str]:
    mine = [one for one in found if one.target is target]
    ratios = [one.run.snr_db for one in mine if one.run and one.run.snr_db is not None and one.deployed.verdict.works]
    share = shares(target, found)
    flex = sum(bool(one.deployed.flex) for one in mine)
    return [
        f"**{target}**",
        WHAT[target],
        str(len(mine)),
        str(sum(one.keeps for one in mine)),
        str(sum(one.form_only for one in mine)),
        str(sum(one.deployed.verdict.failing for one in mine)),
        f"{share:.2f}" if share else "–",
        f"{statistics.median(ratios):.0f} dB, {min(ratios):.0f} dB" if ratios else "–",
        "–" if target in (Target.SAVED_MODEL, Target.SAVED_MODEL_XLA) else str(flex),
    ]


def _refused(table: Table) -> list[str]:
    """Which routes cannot give which targets."""
    names = dict.fromkeys(name for toolchain in table.toolchains for name in toolchain.routes)
    lines = []
    for name in names:
        route = table.selection.keys.route(name)
        refused = {target: why for target in Target if (why := targets.refused(route, target, table.selection.matrix))}
        if refused:
            why = next(iter(refused.values()))
            lines.append(f"- {markdown.text(name)}: no {', '.join(refused)}: {markdown.text(why)}")
    return ["Not applicable:\n\n" + "\n".join(lines)] if lines else []


def _toolchain(id: str, found: Sequence[Made], trained: set[str]) -> str:
    """A row for each cell, those of trained weights first."""
    if not found:
        return ""
    cells = {one.cell.planned.place: one.cell for one in found}
    ordered = sorted(cells.values(), key=lambda cell: cell.planned.case not in trained)
    columns = [target for target in Target if any(one.target is target for one in found)]
    rows: list[list[str]] = []
    for cell in ordered:
        mine = {one.target: one for one in found if one.cell is cell}
        kind = " (trained)" if cell.planned.case in trained else ""
        rows.append(
            [
                f"{markdown.code(cell.planned.case)}{kind}",
                markdown.text(cell.planned.route),
                *(_short(mine.get(target)) for target in columns),
            ]
        )
    return f"### {id}\n\n{markdown.table(['case', 'route', *columns], rows)}"


def _short(one: Made | None) -> str:
    if one is None:
        return "–"
    if one.deployed.verdict.failing:
        return sign(one.deployed)
    lossy = one.deployed.precision is not Precision.FLOAT32
    told = ratio(one.run.snr_db if one.run else one.deployed.snr_db) if lossy else ""
    return f"{sign(one.deployed)} {size(one.entry.megabytes)}" + (f", {told}" if told else "")


def _failing(found: Sequence[Made]) -> str:
    """Failing targets, rule by rule."""
    failing = [one for one in found if one.deployed.verdict.failing]
    if not failing:
        return "Nothing."
    by_rule: dict[str, list[Made]] = {}
    for one in failing:
        by_rule.setdefault(one.rule.id if one.rule else "", []).append(one)
    parts = []
    for id, mine in sorted(by_rule.items()):
        rule = mine[0].rule
        because = f"[{id}](limitations.md#{id}): {markdown.text(why_of(rule))}" if rule else "**no rule says why**"
        listed = ", ".join(
            f"{one.target} of {markdown.code(one.cell.planned.case)} ({one.cell.planned.route}, "
            f"{one.cell.planned.toolchain})"
            for one in mine
        )
        parts.append(f"- {because} {len(mine)}: {listed}")
    return "\n".join(parts)
