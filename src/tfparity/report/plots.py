"""The pictures of README and docs: how much of the zoo works over TensorFlow's versions and over dates, how exactly,
and how fast."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tfparity.evidence import ranges
from tfparity.evidence.query import Standing, Table
from tfparity.evidence.ranges import ReleaseId
from tfparity.records.vocabulary import Verdict
from tfparity.report import words
from tfparity.report.svg import Box, Dot, Line, Picture, Shape, Words, render

#: What a bar is made of, from below; the class of the style sheet and the word.
PARTS = (
    (Verdict.WORKS, "whole", words.verdict(Verdict.WORKS).words),
    (Verdict.WORKS_WITH_REMEDY, "remedy", "with a remedy or shim"),
    (Verdict.PARTIAL, "part", words.verdict(Verdict.PARTIAL).words),
    (Verdict.BROKEN, "failed", words.verdict(Verdict.BROKEN).words),
    (Verdict.UNTESTED, "unknown", "not run"),
)

#: Where the drawing is in a picture: left, top, and the room on the right and below.
LEFT, TOP, RIGHT, BELOW = 52, 64, 20, 56


def contents(table: Table) -> dict[Path, str]:
    """Every picture with the text that its file should have."""
    folder = table.project.docs / "images"
    return {
        folder / "versions.svg": render(versions(table)),
        folder / "dates.svg": render(dates(table)),
        folder / "exactness.svg": render(exactness(table)),
        folder / "latency.svg": render(latency(table)),
    }


def by_release(table: Table) -> dict[ReleaseId, Counter[Verdict]]:
    """Release of TensorFlow → of the core cases how many have which verdict by the best route and toolchain, those that
    cannot be there left out."""
    matrix = table.selection.matrix
    found: dict[ReleaseId, Counter[Verdict]] = {
        id: Counter() for id in ranges.releases(matrix) if id.name == "TensorFlow"
    }
    for cells in table.core.values():
        mine: dict[ReleaseId, list[Standing]] = {}
        for cell in cells:
            id = ranges.release_of(matrix, (cell.planned.toolchain, cell.planned.route))
            if id in found:
                mine.setdefault(id, []).append(cell)
        for id, there in mine.items():
            best = ranges.best([cell for cell in there if cell.planned.applicable])
            if best:
                found[id][Verdict.UNTESTED if best.verdict is Verdict.STALE else best.verdict] += 1
    return found


def versions(table: Table) -> Picture:
    """A bar for each TensorFlow: the core cases by their best verdict."""
    found = by_release(table)
    width, height = 760, 380
    across, down = width - LEFT - RIGHT, height - TOP - BELOW - 30
    most = max((sum(counts.values()) for counts in found.values()), default=0) or 1
    title = "Core models that convert, by TensorFlow"
    shapes: list[Shape] = [Words(LEFT, 22, f"{title}: the best route of each", kind="title")]
    shapes += _legend(LEFT, 44)
    for share in range(0, most + 1, 20):
        y = TOP + down * (1 - share / most)
        shapes += [Line(LEFT, y, width - RIGHT, y), Words(LEFT - 8, y + 4, str(share), "end", "small")]
    step = across / max(1, len(found))
    days = ranges.releases(table.selection.matrix)
    for place, (id, counts) in enumerate(found.items()):
        x, y = LEFT + step * (place + 0.12), float(TOP + down)
        for verdict, kind, word in PARTS:
            tall = down * counts[verdict] / most
            y -= tall
            if counts[verdict]:
                said = f"{id}: {counts[verdict]} of {sum(counts.values())} {word}"
                shapes.append(Box(x, y, step * 0.76, tall, kind, said))
        middle = x + step * 0.38
        shapes.append(Words(middle, TOP + down + 16, id.version, "middle"))
        shapes.append(Words(middle + 4, TOP + down + 30, f"{max(days[id]):%Y-%m}", "end", "small", -40))
    below = "TensorFlow, and the month of its newest toolchain"
    shapes.append(Words(LEFT + across / 2, height - 6, below, "middle", "small"))
    about = "; ".join(f"{id}: {_works(counts)} of {_ran(counts)} that were run" for id, counts in found.items())
    return Picture(width, height, title, about, shapes)


def _ran(counts: Counter[Verdict]) -> int:
    return sum(count for verdict, count in counts.items() if verdict.ran)


def _works(counts: Counter[Verdict]) -> int:
    return sum(count for verdict, count in counts.items() if verdict.works)


def _legend(x: float, y: float) -> list[Shape]:
    shapes: list[Shape] = []
    for _, kind, word in PARTS:
        shapes += [Box(x, y - 10, 14, 12, kind), Words(x + 20, y, word, kind="small")]
        x += 34 + 6.5 * len(word)
    return shapes


def dates(table: Table) -> Picture:
    """A dot for each toolchain at its day: the share of its smoke cases that work by its leading route."""
    width, height = 760, 340
    across, down = width - LEFT - RIGHT - 20, height - TOP - BELOW
    matrix = table.selection.matrix
    dots: list[tuple[datetime.date, float, str, bool, str]] = []
    for toolchain in table.toolchains:
        counts = table.counts(toolchain.id, table.smoke)
        day = matrix.environments[toolchain.routes[table.leading(toolchain.id)]].as_of
        if _ran(counts):
            works = _works(counts)
            release = ranges.release_of(matrix, (toolchain.id, table.leading(toolchain.id)))
            said = f"{toolchain.id}: {works} of {_ran(counts)} smoke cases work by {table.leading(toolchain.id)}"
            shims = bool(table.shims(toolchain))
            dots.append((day, works / _ran(counts), release.version if release else "", shims, said))
    first, last = min((dot[0] for dot in dots), default=None), max((dot[0] for dot in dots), default=None)
    shapes: list[Shape] = [Words(LEFT, 22, "Smoke cases that work, by the day of the toolchain", kind="title")]
    shapes += [Dot(LEFT + 6, 40, 5, "filled"), Words(LEFT + 18, 44, "as it is", kind="small")]
    shapes += [Dot(LEFT + 86, 40, 5, "hollow"), Words(LEFT + 98, 44, "with shims", kind="small")]
    shapes.append(Words(LEFT + 180, 44, "beside it: TensorFlow, or the version of LiteRT", kind="small"))
    for share in (0, 25, 50, 75, 100):
        y = TOP + down * (1 - share / 100)
        shapes += [Line(LEFT, y, width - RIGHT, y), Words(LEFT - 8, y + 4, f"{share} %", "end", "small")]
    if first is None or last is None:
        return Picture(width, height, "Smoke cases that work, by date", "nothing was run", shapes)
    span = max(1, (last - first).days)

    def at(day: datetime.date) -> float:
        return LEFT + 10 + across * (day - first).days / span

    for year in range(first.year + 1, last.year + 1):
        x = at(datetime.date(year, 1, 1))
        shapes += [Line(x, TOP, x, TOP + down), Words(x, height - 10, str(year), "middle", "small")]
    together: dict[tuple[datetime.date, float, bool], list[str]] = {}
    for day, part, version, shims, said in sorted(dots):
        shapes.append(Dot(at(day), TOP + down * (1 - part), 5, "hollow" if shims else "filled", said))
        together.setdefault((day, part, shims), []).append(version)
    for (day, part, _), there in together.items():
        label = ", ".join(dict.fromkeys(there))
        shapes.append(Words(at(day) + 2, TOP + down * (1 - part) + 14, label, "end", "small", -40))
    about = "; ".join(dot[-1] for dot in sorted(dots))
    return Picture(width, height, "Smoke cases that work, by date", about, shapes)


def exactness(table: Table) -> Picture:
    """For each route: the differences of the cells that work, in units of torch's own float32 rounding error."""
    found = ratios(table)
    rows = len(found)
    left, step = 130, 26
    width, height = 760, TOP + step * max(1, rows) + BELOW
    low, high = -2, 2  # powers of ten
    across = width - left - RIGHT - 60

    def at(value: float) -> float:
        place = (math.log10(value) if value > 0 else low) - low
        return left + across * min(max(place, 0.0), high - low) / (high - low)

    title = "How exact: the difference from torch, in torch's own float32 rounding errors"
    shapes: list[Shape] = [Words(20, 22, title, kind="title")]
    key = "of cells that work; bar: 9 of 10; dot: the median; dashed: four times, the limit of noise"
    shapes.append(Words(20, 42, key, kind="small"))
    bottom = TOP + step * max(1, rows)
    for power in range(low, high + 1):
        x = at(10.0**power)
        label = f"{10.0**power:g}×"
        shapes += [Line(x, TOP - 6, x, bottom), Words(x, bottom + 16, label, "middle", "small")]
    shapes.append(Line(at(4), TOP - 6, at(4), bottom, "limit"))
    for place, (route, values) in enumerate(found.items()):
        y = TOP + step * (place + 0.5)
        begin, middle, end = (_quantile(values, share) for share in (0.05, 0.5, 0.95))
        said = f"{route}: median {middle:.2g}, 9 of 10 from {begin:.2g} to {end:.2g}, {len(values)} cells"
        shapes += [
            Words(left - 10, y + 4, route, "end"),
            Box(at(begin), y - 5, max(1.0, at(end) - at(begin)), 10, "range", said),
            Dot(at(middle), y, 4, "filled", said),
            Words(width - RIGHT, y + 4, f"{len(values)} cells", "end", "small"),
        ]
    about = "; ".join(f"{route}: median {_quantile(v, 0.5):.2g} of {len(v)} cells" for route, v in found.items())
    return Picture(width, height, title, about or "nothing was run", shapes)


#: What is timed against torch, the class of its dot and its words.
TIMED = (("saved-model", "filled", "SavedModel"), ("saved-model-xla", "hollow", "the same under XLA"))


def latency(table: Table) -> Picture:
    """For each cell that was timed: how many times as long as torch the SavedModel takes, without and with XLA."""
    found = {place: one for place, one in table.query.latencies.items() if one.subjects}
    left, step = 290, 26
    rows = max(1, len(found))
    width, height, bottom = 760, TOP + step * rows + BELOW, TOP + step * rows
    low, high = -1, 1  # powers of ten
    across = width - left - RIGHT - 10

    def at(value: float) -> float:
        return left + across * min(max((math.log10(value) - low) / (high - low), 0.0), 1.0)

    title = "How fast: time against torch, one thread of a CPU, smallest batch"
    shapes: list[Shape] = [Words(20, 22, title, kind="title")]
    for place, (_, kind, word) in enumerate(TIMED):
        x = 26 + 110 * place
        shapes += [Dot(x, 40, 5, kind), Words(x + 12, 44, word, kind="small")]
    shapes.append(Words(280, 44, "dot: the median; bar: its 95 % interval; left of 1×: faster", kind="small"))
    for value in (0.1, 0.2, 0.5, 1, 2, 5, 10):
        kind = "limit" if value == 1 else "grid"
        shapes += [Line(at(value), TOP - 6, at(value), bottom, kind)]
        shapes.append(Words(at(value), bottom + 16, f"{value:g}×", "middle", "small"))
    said = []
    for row, (id, one) in enumerate(found.items()):
        y = TOP + step * (row + 0.5)
        shapes.append(Words(left - 10, y + 4, f"{id.case} · {id.toolchain}", "end", "small"))
        for subject, kind, word in TIMED:
            mine = one.compared(subject, "torch")
            if mine and mine.median and mine.low and mine.high:
                said.append(f"{id.case}, {word}: {mine.median:.2f}×")
                shapes.append(Box(at(mine.low), y - 3, max(1.0, at(mine.high) - at(mine.low)), 6, "range", said[-1]))
                shapes.append(Dot(at(mine.median), y, 5, kind, said[-1]))
    return Picture(width, height, title, "; ".join(said) or "nothing was timed", shapes)


def ratios(table: Table) -> dict[str, list[float]]:
    """Route → the largest difference over torch's own float32 rounding error, of every cell that works and whose run
    measured both; in order of size."""
    found: dict[str, list[float]] = {}
    for cells in table.cells.values():
        for cell in cells:
            run = cell.run
            if cell.verdict.works and run and run.max_abs is not None and run.floor:
                found.setdefault(cell.planned.route, []).append(run.max_abs / run.floor)
    return {route: sorted(values) for route, values in found.items()}


def _quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them is, the nearest rank."""
    return values[min(len(values) - 1, max(0, math.ceil(share * len(values)) - 1))]
