"""What a person sees while cells run: a live display on a terminal, plain lines elsewhere.

Both are observers of the engine, which calls them from several threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from tfparity.planning import probes
from tfparity.records import called
from tfparity.records.cells import CellId, CellRecord, PlannedCell
from tfparity.records.observer import Silent
from tfparity.records.vocabulary import Verdict
from tfparity.report import probing, words
from tfparity.report.forecast import Forecast


class Progress(Protocol):
    """An observer to use as a context manager around a run."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def note(self, text: str) -> None: ...
    def environment(self, id: str, text: str) -> None: ...
    def cell_started(self, cell: PlannedCell) -> None: ...
    def cell_stage(self, cell: PlannedCell, stage: str) -> None: ...
    def cell_finished(self, record: CellRecord) -> None: ...


def progress(
    console: Console,
    cells: Sequence[PlannedCell],
    seconds: Mapping[CellId, float],
    *,
    live: bool | None = None,
) -> Progress:
    """The display that fits the console; `live` overrules."""
    forecast = Forecast(cells, seconds)
    several = len({cell.toolchain for cell in cells}) > 1
    if console.is_terminal if live is None else live:
        return LiveProgress(console, forecast, several)
    return PlainProgress(console, forecast, several)


def outcome(record: CellRecord, *, several: bool) -> Text:
    """One line for a cell that ended."""
    shown = probing.shown(record)
    name = called.in_words(f"{record.toolchain}  {record.case}") if several else record.case
    line = Text.assemble((f"{shown.sign:<2}", shown.style), " ", (name, "bold"), "  ", (record.route, "dim"), "  ")
    line.append(shown.words, shown.style)
    works = record.cell is not None and probes.verdict(record.cell).works
    if works and record.cell and record.cell.grade:
        line.append(f" {words.GRADES[record.cell.grade]}")
    if record.cached:
        line.append("  done before", "dim")
    elif record.seconds:
        line.append(f"  {words.duration(record.seconds)}", "dim")
    return line


#: So many cells that were done before have a line each; of more, only how many there are.
MOST_BEFORE = 50


class PlainProgress:
    """A line per event, for logs."""

    def __init__(self, console: Console, forecast: Forecast, several: bool) -> None:
        self._console, self._forecast, self._several = console, forecast, several
        self._lock = threading.Lock()
        self._before = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before > MOST_BEFORE:
            self._say(Text(f"{words.cells(self._before)} done before"))

    def _say(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)

    def note(self, text: str) -> None:
        with self._lock:
            self._say(Text(text))

    def environment(self, id: str, text: str) -> None:
        with self._lock:
            self._say(Text(f"{id}: {text}"))

    def cell_started(self, cell: PlannedCell) -> None:  # noqa: ARG002
        with self._lock:
            self._forecast.started()

    def cell_stage(self, cell: PlannedCell, stage: str) -> None:
        """Too much for a log."""

    def cell_finished(self, record: CellRecord) -> None:
        with self._lock:
            self._forecast.finished(record.id, cached=record.cached)
            if record.verdict in (Verdict.NOT_APPLICABLE, Verdict.UNRESOLVABLE):
                return
            self._before += record.cached
            if record.cached and self._before > MOST_BEFORE:
                return
            line = Text(f"[{self._forecast.done:>{len(str(self._forecast.total))}}/{self._forecast.total}] ")
            line.append_text(outcome(record, several=self._several))
            left = self._forecast.left()
            if left and self._forecast.done < self._forecast.total:
                line.append(f"  (about {words.duration(left)} left)")
            self._say(line)


class Notes(Silent):
    """Of a run nothing but what a person is to know of the whole."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True, highlight=False)


class Steps:
    """What one conversion does: on a terminal the stage that runs, elsewhere a line at most every ten seconds."""

    EVERY = 10.0

    def __init__(self, console: Console, *, clock: Callable[[], float] = monotonic) -> None:
        self._console, self._clock = console, clock
        self._lock = threading.RLock()
        self._status = console.status("") if console.is_terminal else None
        self._began = self._said = clock()

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._said = self._clock()
            self._console.print(Text(text), soft_wrap=True)

    def note(self, text: str) -> None:
        self.say(f"  {text}")

    def environment(self, id: str, text: str) -> None:
        if text.startswith("importing"):
            self._doing(f"{id}: {text}")
        else:
            self.say(f"  {id}: {text}")

    def cell_started(self, cell: PlannedCell) -> None: ...

    def cell_stage(self, cell: PlannedCell, stage: str) -> None:  # noqa: ARG002
        self._doing(words.stage(stage))

    def cell_finished(self, record: CellRecord) -> None: ...

    def _doing(self, text: str) -> None:
        with self._lock:
            now = self._clock()
            if self._status:
                self._status.update(Text(f"{text}, {now - self._began:.0f} s"))
            elif now - self._said >= self.EVERY:
                self.say(f"  {text}, after {now - self._began:.0f} s")


class LiveProgress:
    """Cells that ended scroll by; below them what runs now, by stage, and how much is left."""

    def __init__(self, console: Console, forecast: Forecast, several: bool) -> None:
        self._console, self._forecast, self._several = console, forecast, several
        self._lock = threading.RLock()
        self._preparing: dict[str, str] = {}
        self._running: dict[str, tuple[PlannedCell, str, float]] = {}
        self._spinner = Spinner("dots")
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._running.clear()
            self._preparing.clear()
        self._live.stop()

    def _render(self) -> RenderableType:
        with self._lock:
            lines: list[RenderableType] = []
            lines += [
                Text(called.in_words(f"   {id}: {text}"), "cyan", no_wrap=True) for id, text in self._preparing.items()
            ]
            now = monotonic()
            for cell, stage, began in self._running.values():
                name = called.in_words(f"{cell.toolchain}  {cell.case}") if self._several else cell.case
                if not stage and self._preparing:
                    continue  # waiting for that
                what = words.stage(stage)
                lines.append(
                    Text.assemble("   ", (name, "bold"), f"  {what}  ", (f"{now - began:.0f} s", "dim"), no_wrap=True)
                )
            left = self._forecast.left()
            tail = f", about {words.duration(left)} left" if left else ""
            self._spinner.update(text=Text(f" {self._forecast.done} of {words.cells(self._forecast.total)}{tail}"))
            return Group(*lines, self._spinner)

    def note(self, text: str) -> None:
        self._console.print(Text(text, "dim"), soft_wrap=True, highlight=False)

    def environment(self, id: str, text: str) -> None:
        with self._lock:
            self._preparing[id] = text

    def cell_started(self, cell: PlannedCell) -> None:
        with self._lock:
            self._forecast.started()
            self._running[cell.id] = (cell, "", monotonic())

    def cell_stage(self, cell: PlannedCell, stage: str) -> None:
        with self._lock:
            self._preparing.clear()
            _, _, began = self._running.get(cell.id, (cell, "", monotonic()))
            self._running[cell.id] = (cell, stage, began)

    def cell_finished(self, record: CellRecord) -> None:
        with self._lock:
            self._running.pop(record.id, None)
            self._forecast.finished(record.id, cached=record.cached)
        if record.verdict not in (Verdict.NOT_APPLICABLE, Verdict.UNRESOLVABLE):
            self._console.print(outcome(record, several=self._several), soft_wrap=True, highlight=False)
