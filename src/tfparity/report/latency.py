"""Latency: how many times as long as torch each way of running a model takes. The terminal's lines."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from tfparity.evidence.latency import BASELINE, Latency, Series
from tfparity.evidence.ratios import Ratio
from tfparity.records.fingerprint import printable
from tfparity.report import words


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
