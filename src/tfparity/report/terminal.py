"""The table that a run ends with, for someone who sees it for the first time."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TextIO, cast

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from tfparity.inputs.limitations import Limitation
from tfparity.records.cells import CellRecord, Note
from tfparity.records.vocabulary import Stage, Verdict
from tfparity.report import plain, probing, runtimes, targets, words
from tfparity.report.why import packages, why

#: Which limitation explains a record, if any.
Explain = Callable[[CellRecord], Limitation | None]

#: By failing probe of a record the limitation that explains it, if any.
ExplainProbes = Callable[[CellRecord], probing.Rules]

#: Verdicts that get no row of their own, only a line below the table.
ASIDE = (Verdict.NOT_APPLICABLE, Verdict.UNRESOLVABLE, Verdict.UNTESTED)

#: Reasons stand beside the cells where so many characters are left for them; on a narrower terminal, below.
ROOM_FOR_REASONS = 60

#: As many characters as a column that folds its text needs to be read.
ROOM_TO_FOLD = 20

#: The width of a file or a pipe: a row is a line there, however long.
ENDLESS = 1_000_000


#: Variables that say a terminal's size; what is no number, or one of thousands of digits, says nothing.
_SIZES = ("COLUMNS", "LINES")


class _Filtering(Console):
    """Adds colours of its own to texts, of which none reaches the terminal as a sequence."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain.shown(segment.text))


def console(stream: TextIO | plain.Screen, *, colours: bool | None = None) -> Console:
    """A console on the stream: as wide as the terminal, or ENDLESS where there is none."""
    file = cast("TextIO", stream.unfiltered() if isinstance(stream, plain.Screen) else stream)
    no_size = {name for name in _SIZES if not re.fullmatch(r"\d{1,6}", os.environ.get(name, ""))}
    told = {name: value for name, value in os.environ.items() if name not in no_size}
    made = _Filtering(file=file, force_terminal=colours, highlight=False, _environ=told)
    if not stream.isatty() and "COLUMNS" not in os.environ:
        made.width = ENDLESS
    return made


def put(out: Console, table: Table) -> None:
    """Print a table; on a terminal too narrow for it each row as lines; where there is no terminal a line for each row,
    with nothing around it."""
    if out.width < ENDLESS:
        if _least(out, table) <= out.width:
            out.print(table)
            return
        for values in zip(*(list(column.cells) for column in table.columns), strict=True):
            out.print(values[0], overflow="fold")
            for column, value in zip(table.columns[1:], values[1:], strict=True):
                indented(out, Text.assemble(_text(column.header), ": ", _text(value)))
        return
    table.box, table.expand = None, False
    for line in out.render_lines(table, pad=False):
        row = Text.assemble(*((segment.text, segment.style or "") for segment in line))
        row.rstrip()
        out.print(row)


def _least(out: Console, table: Table) -> int:
    """The columns of a terminal below which the table would cut what stands in it."""
    endless = out.options.update(width=ENDLESS)
    least = 0
    for column in table.columns:
        sizes = [Measurement.get(out, endless, value) for value in (column.header, *column.cells)]
        folds = column.overflow == "fold" and not column.no_wrap
        least += ROOM_TO_FOLD if folds else max(size.maximum if column.no_wrap else size.minimum for size in sizes)
    return least + 2 * len(table.columns)


def _text(value: RenderableType) -> Text:
    return value if isinstance(value, Text) else Text(str(value))


def indented(out: Console, text: Text) -> None:
    """Print it two columns to the right, its further lines too."""
    out.print(Padding(text, (0, 0, 0, 2)) if out.width < ENDLESS else Text.assemble("  ", text))


def show(
    out: Console,
    records: Sequence[CellRecord],
    explain: Explain,
    explain_probes: ExplainProbes = lambda _: probing.NONE,
    *,
    all_names: bool = False,
) -> None:
    """Print one table per toolchain, what the words mean, and the totals. all_names: of the notes on a user's own
    models, each with every weight that it is about."""
    for toolchain in dict.fromkeys(record.toolchain for record in records):
        mine = [record for record in records if record.toolchain == toolchain]
        rows = [group[0] for group in alike([record for record in mine if record.verdict not in ASIDE])]
        routes = {group[0].id: ", ".join(one.route for one in group) for group in alike(mine)}
        out.print()
        out.print(Text.assemble((toolchain, "bold underline"), "  ", (stack(mine), "dim")))
        if rows:
            reasons = {record.id: reason(record, explain, explain_probes) for record in rows}
            forms = (_table(rows, routes), _table(rows, routes, axes=True))
            bare, with_axes = (Measurement.get(out, out.options.update(width=ENDLESS), form).maximum for form in forms)
            beside = out.width >= with_axes + ROOM_FOR_REASONS
            if beside:
                form = _table(rows, routes, axes=True, reasons=reasons)
            elif bare > out.width:
                form = _table(rows, routes, folds=True)
            else:
                form = forms[out.width >= with_axes > bare]
            put(out, form)
            for record in rows:
                if reasons[record.id] and not beside:
                    indented(out, Text(f"{record.case} ({routes[record.id]}): {reasons[record.id]}"))
        for record in rows:
            said = record.deciding.answer if record.deciding else None
            if said:
                indented(out, Text(f"{record.case}: {words.answer(said)}"))
        if any(record.cell and record.cell.targets for record in rows):
            out.print()
            put(out, targets.terminal(rows))
        for line in (*targets.failures(rows), *targets.refusals(rows)):
            indented(out, Text(line))
        for record in rows:
            said_of_runtimes = runtimes.found(record)
            if said_of_runtimes:
                indented(out, Text(f"{record.case} ({record.route}): {said_of_runtimes}"))
        for line in noted(rows, all_names=all_names):
            indented(out, Text(line))
        for line in aside(mine):
            indented(out, Text(line, "dim"))
    out.print()
    for meaning in legend(records):
        out.print(meaning)
    out.print(totals(records))


def stack(records: Sequence[CellRecord]) -> str:
    """The versions that matter, out of the records' environments: "torch 1.13.1 · onnx 1.13.1 · …"."""
    versions: dict[str, str] = {}
    for record in records:
        for environment in record.environments.values():
            for package in ("torch", "onnx", "onnx-tf", "tensorflow"):
                if package in environment.packages:
                    versions.setdefault(package, environment.packages[package])
    return " · ".join(f"{package} {version}" for package, version in versions.items())


def alike(records: Sequence[CellRecord]) -> list[list[CellRecord]]:
    """The records in their order; those of one case that did not build, and for the same reason, together: no route
    came to it."""
    found: dict[tuple[str, ...], list[CellRecord]] = {}
    for record in records:
        error = record.deciding.error if record.deciding else None
        same = error is not None and error.stage is Stage.BUILD
        place = (record.toolchain, record.case, error.fingerprint) if same and error else record.place
        found.setdefault(place, []).append(record)
    return list(found.values())


def reason(record: CellRecord, explain: Explain, explain_probes: ExplainProbes = lambda _: probing.NONE) -> str:
    """Why the record has its verdict and the way round it, in one line; empty for one that simply works."""
    if record.cell is None:
        return ""
    deciding = record.deciding
    text = why(record.cell, deciding.error if deciding else None, explain(record), packages(record))
    failures = {failure.fingerprint: failure for failure in record.beside}
    probed = probing.found(record.cell, failures, explain_probes(record)) if failures else ""
    text = "; ".join(part for part in (text, probed) if part)
    where = deciding.where if deciding else None
    return text + (f" ({where})" if where else "")


def _table(
    records: Sequence[CellRecord],
    routes: Mapping[str, str],
    *,
    axes: bool = False,
    reasons: Mapping[str, str] | None = None,
    folds: bool = False,
) -> Table:
    """A row per record, with a column of routes, by a record's id, where there are several; folds: of long names."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    several = len({route for record in records for route in routes[record.id].split(", ")}) > 1
    table.add_column("case", no_wrap=not folds, overflow="fold", min_width=ROOM_TO_FOLD if folds else None)
    if several:
        table.add_column("route", style="dim", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("max error", justify="right", no_wrap=True)
    table.add_column("opset", justify="right")
    if axes:
        table.add_column("axes kept")
    if reasons is not None:
        table.add_column("why, and the way round it", overflow="fold", ratio=1)
    for record in records:
        cell, deciding = record.cell, record.deciding
        shown = probing.shown(record)
        row = [
            Text(record.case, "bold"),
            *([Text(routes[record.id])] if several else []),
            Text(f"{shown.sign} {shown.words}", shown.style),
            Text(words.number(deciding.max_abs if deciding else None)),
            Text(words.opset(cell)),
            *([Text(words.axes(cell.dynamic if cell else None))] if axes else []),
            *([Text(reasons[record.id])] if reasons is not None else []),
        ]
        table.add_row(*row)
    return table


def noted(records: Sequence[CellRecord], *, all_names: bool) -> list[str]:
    """What verdicts on a user's own models do not tell, each once for all routes."""
    found: dict[tuple[str, Note], None] = {}
    for record in records:
        deciding = record.deciding
        found.update(dict.fromkeys((record.case, note) for note in (deciding.notes if deciding else ())))
    lines = []
    for case, note in found:
        lines.append(f"{case}: {note.text}.")
        if all_names:
            lines += [f"    {name}" for name in note.names]
        elif note.shortened:
            lines[-1] += " All names: --all-names."
    return lines


def aside(records: Sequence[CellRecord]) -> list[str]:
    """A line per reason for cells that nothing was run for."""
    reasons: dict[tuple[Verdict, str], list[str]] = {}
    for record in records:
        if record.verdict in ASIDE:
            reasons.setdefault((record.verdict, record.reason or ""), []).append(f"{record.case} ({record.route})")
    lines = []
    for (verdict, reason), names in reasons.items():
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        lines.append(f"{words.verdict(verdict).words}: {some}: {words.shortened(' '.join(reason.split()), 600)}")
    return lines


def legend(records: Iterable[CellRecord]) -> list[Text]:
    """What the verdicts that occur mean; the numbers' unit."""
    met = {probing.shown(record) for record in records if record.verdict not in ASIDE}
    signs = [shown.sign for shown in words.VERDICTS.values()]
    lines = [
        Text.assemble((f"{shown.sign:<2} {shown.words}", shown.style), f": {shown.meaning}")
        for shown in sorted(met, key=lambda shown: (signs.index(shown.sign), shown.words))
    ]
    lines.append(
        Text(
            "max error: the largest difference from torch in float64, over every output, three seeds and every size;"
            " opset: that of the attempt that decided, or all that a broken cell tried",
            "dim",
        )
    )
    return lines


def totals(records: Sequence[CellRecord]) -> Text:
    """ "24 cells: 18 works, 2 works with a remedy, 4 broken": the parts add up to the whole."""
    counts = Counter(record.verdict for record in records)
    parts = [f"{counts[name]} {shown.words}" for name, shown in words.VERDICTS.items() if counts[name]]
    probed = probing.totals(record.cell for record in records if record.cell)
    more = f"; {probed}" if probed else ""
    return Text(f"{words.cells(sum(counts.values()))}: {', '.join(parts) or 'none'}{more}", "bold")
