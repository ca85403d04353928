"""Latency: how many times as long as torch each way of running a model takes. The terminal's lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import TYPE_CHECKING

from tfparity.evidence.latency import BASELINE, Latency, Series
from tfparity.evidence.ratios import Ratio
from tfparity.evidence.slowdowns import Compared, Word, counted
from tfparity.records.fingerprint import printable
from tfparity.report import words

if TYPE_CHECKING:
    from rich.table import Table as Rows

STYLES = {Word.SLOWER: "bold red", Word.FASTER: "green", Word.SAME: "", Word.INSUFFICIENT: "yellow"}


def seconds(value: float | None) -> str:
    """ "17.1 ms", "0.305 ms", "12.4 s"."""
    if value is None:
        return "–"
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def ratio(found: Ratio | None) -> str:
    """ "1.52 [1.49, 1.55] slower"; "insufficient data" without figures."""
    if found is None:
        return "–"
    if found.median is None or found.low is None or found.high is None:
        return found.verdict
    return f"{found.median:.2f} [{found.low:.2f}, {found.high:.2f}] {found.verdict}"


def middle(series: Series, field: str) -> float | None:
    """The median over a subject's processes of what each says under that name; None where one does not."""
    values = [getattr(one, field) for one in series.processes]
    return None if None in values else float(median(values))


def terminal(cell: Latency) -> Iterator[str]:
    """A cell's heading, then a line for each subject."""
    sizes = ", ".join(f"{name} {size}" for name, size in cell.sizes.items())
    yield f"{cell.case} ({cell.route}, opset {cell.opset}{f', {sizes}' if sizes else ''})"
    for name, series in cell.subjects.items():
        against = "1" if name == BASELINE else ratio(cell.ratios.get(name))
        call = median(value for one in series.processes for value in one.samples)
        memory, waited = middle(series, "memory_mib"), middle(series, "waited")
        beside = [
            f"call {seconds(call)}",
            f"first {seconds(middle(series, 'first_seconds'))}",
            f"load {seconds(middle(series, 'load_seconds'))}",
            *([f"memory {memory:.0f} MiB"] if memory is not None else []),
            *([f"disk {series.megabytes:.3g} MB"] if series.megabytes is not None else []),
            *([f"waited {waited:.0%}"] if waited is not None and waited >= 0.01 else []),
            *([series.ran] if series.ran else []),
        ]
        yield f"  {name:16} {against:36} {'; '.join(beside)}"
    for name, reason in cell.failed.items():
        yield f"  {name:16} does not run: {words.shortened(' '.join(printable(reason).split()), 200)}"


def compared(found: Sequence[Compared]) -> Rows:
    """A row for each comparison, the worst first."""
    from rich import box  # the pages are made without it
    from rich.table import Table as Rows
    from rich.text import Text

    table = Rows(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("case", "route", "subject", "beside BASE"):
        table.add_column(name, no_wrap=True)
    for name in ("takes longer by", "A/A spread", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why")
    order = list(Word)
    for one in sorted(found, key=lambda one: order.index(one.word)):
        table.add_row(
            Text(one.case, "bold"),
            one.route,
            one.subject,
            Text(one.word, STYLES[one.word]),
            "–" if one.effect is None else f"{one.effect:+.1%}",
            "–" if one.spread is None else f"{one.spread:.1%}",
            "–" if one.p is None else f"{one.p:.2g}",
            Text(words.shortened(" ".join(printable(one.why or "").split()), 160)),
        )
    return table


def totals(found: Sequence[Compared]) -> str:
    """ "96 comparisons: 1 slower, 80 as before, 15 insufficient data."."""
    parts = ", ".join(f"{count} {word}" for word, count in counted(found).items())
    return f"{len(found)} comparisons: {parts}." if found else "Nothing was compared."
