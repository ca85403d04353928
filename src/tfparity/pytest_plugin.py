"""pytest's door: a test per planned cell; what is selected is what runs; a table at the end.

Without a clone: `python -m pytest -p tfparity.pytest_plugin --pyargs tfparity.pytest_cells --cases my_cases.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tfparity import signals
from tfparity.errors import TfparityError
from tfparity.features import flaky, own_models, under_test, unnamed
from tfparity.features.session import Session
from tfparity.inputs.limitations import Limitation
from tfparity.planning import options
from tfparity.records.cells import CellId, CellRecord, PlannedCell
from tfparity.report import plain, progress, terminal
from tfparity.report.ending import in_a_line

if TYPE_CHECKING:
    from tfparity.engine.engine import Engine

RUN = pytest.StashKey["Run"]()


# For every suite over planned cells


def add_options(parser: pytest.Parser, title: str, *, without: Collection[str] = ()) -> pytest.OptionGroup:
    """The options of `tfparity run` but those flags, in a group of that title."""
    group = parser.getgroup("tfparity", title)
    for option in options.OPTIONS:
        if option.flag not in without:
            group.addoption(option.flag, help=option.help, **option.settings)
    return group


def choice(config: pytest.Config) -> options.Choice:
    """The choice that a session's options make."""
    return options.chosen(lambda name: config.getoption(name, None))


@contextmanager
def ends_in_a_line() -> Iterator[None]:
    """An error of ours, or of the system, ends the session with one line and its own exit code."""
    try:
        yield
    except (TfparityError, OSError) as wrong:
        ended = in_a_line(wrong)
        pytest.exit(plain.shown(str(ended)), returncode=ended.exit_code)


def read_all(config: pytest.Config, session: Session) -> int | None:
    """Read all that can be wrong, for pytest_cmdline_main: the code to end with where something is, told in a line, as
    every command of ours tells it; None where pytest may go on. (Of what ends a session later pytest itself tells, and
    twice.)"""
    if config.option.help or config.option.version:
        return None
    try:
        session.read()
    except (TfparityError, OSError) as wrong:
        return _told(wrong)
    return None


def _told(wrong: TfparityError | OSError) -> int:
    """Tell an error in a line; the code to end with."""
    ended = in_a_line(wrong)
    print(plain.shown(f"tfparity: {ended}"), file=sys.stderr)
    return ended.exit_code


# For cells as tests


class Run:
    """The engine's run behind a pytest session: begun by the first test, ended with the session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        # Capturing has not begun, or is suspended, where this is made: this is the person's own terminal.
        self.console = terminal.console(plain.take(os.fdopen(os.dup(2), "w"), quiet=True))
        self.selected: list[PlannedCell] = []
        self.records: dict[str, CellRecord] = {}
        self.failed = False
        self._engine: Engine | None = None
        self._coming: Iterator[CellRecord] = iter(())
        self._stack = ExitStack()

    def record(self, cell: PlannedCell) -> CellRecord:
        """The record of a selected cell; waits for it."""
        if self._engine is None:
            self._stack.enter_context(unnamed.removed(self.session))
            display = progress.progress(self.console, self.selected, self.session.costs(self.selected))
            self._engine = self._stack.enter_context(
                self.session.engine(self._stack.enter_context(display)),
            )
            self._coming = self._engine.run(self.selected)
        while cell.id not in self.records:
            try:
                record = next(self._coming)
            except BaseException:
                self.failed = True
                raise
            self.records[record.id] = record
        return self.records[cell.id]

    def end(self) -> None:
        """Begin no other cell, let those that run come to their end, keep what was asked to be kept."""
        if self._engine is not None:
            self._engine.stop()
            self._coming.close()  # type: ignore[attr-defined]  # a generator
        self._stack.close()
        if self.session.choice.record and (self.records or self.session.choice.shard):
            self.session.keep(list(self.records.values()))

    def ordered(self) -> list[CellRecord]:
        """The records in the order of the selection."""
        return [self.records[cell.id] for cell in self.selected if cell.id in self.records]


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser, "cells to run")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    if config.option.help or config.option.version:
        config.stash[RUN] = Run(Session(choice(config)))
        return None
    signals.take()
    try:
        session = under_test.session(choice(config), lambda text: print(plain.shown(text), file=sys.stderr, flush=True))
    except (TfparityError, OSError) as wrong:
        return _told(wrong)
    config.stash[RUN] = Run(session)
    return read_all(config, session)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and session.config.option.verbose <= 0:
        reporter.showfspath = False
        reporter._show_progress_info = False  # noqa: SLF001 - pytest has no option for it


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" in metafunc.fixturenames:
        cells = metafunc.config.stash[RUN].session.cells
        metafunc.parametrize("cell", cells, ids=[cell.id for cell in cells])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    items = (item for item in session.items if isinstance(item, pytest.Function) and "cell" in item.fixturenames)
    cells = [item.callspec.params["cell"] for item in items]
    session.config.stash[RUN].selected = [cell for cell in cells if isinstance(cell, PlannedCell)]


def pytest_report_collectionfinish(config: pytest.Config) -> str | None:
    run = config.stash[RUN]
    runnable = [cell for cell in run.selected if cell.applicable]
    if not run.selected and config.option.keyword:
        return (
            f"-k {config.option.keyword!r} matches no cell of the tier {run.session.selection.tier}: --tier all has "
            f"every case, and --case '*{config.option.keyword}*' chooses among them all"
        )
    if not runnable or config.option.collectonly:
        return None
    return "\n".join([*flaky.notes(run.session), run.session.forecast(runnable, run.session.to_run(runnable))])


@pytest.fixture
def record(request: pytest.FixtureRequest, cell: PlannedCell) -> CellRecord:
    """The record of the test's cell."""
    with ends_in_a_line():
        return request.config.stash[RUN].record(cell)


@pytest.fixture
def limitation(request: pytest.FixtureRequest, record: CellRecord) -> Limitation | None:
    """What limitations.yaml says of the record, or None."""
    return request.config.stash[RUN].session.explain(record)


@pytest.fixture
def regressed(request: pytest.FixtureRequest, record: CellRecord) -> bool:
    """Whether it fails and evidence has it working."""
    return request.config.stash[RUN].session.regressed(record)


@pytest.fixture
def falls(request: pytest.FixtureRequest, record: CellRecord) -> bool:
    """Whether probes or targets come to otherwise than level 1, and no limitation says why."""
    return request.config.stash[RUN].session.falls(record)


@pytest.fixture
def own(request: pytest.FixtureRequest, cell: PlannedCell, record: CellRecord) -> list[CellRecord] | None:  # noqa: ARG001
    """All records of the test's model, where it is a user's own; waits for them."""
    run = request.config.stash[RUN]
    if not run.session.selection.is_own(cell.case):
        return None
    with ends_in_a_line():
        return [run.record(other) for other in run.selected if other.case == cell.case]


@pytest.fixture
def excused(request: pytest.FixtureRequest, record: CellRecord, own: list[CellRecord] | None) -> dict[CellId, str]:
    """Of the record, and of all of a user's own model, those that flaky.yaml excuses: why, and what came out."""
    return flaky.excused(request.config.stash[RUN].session, [record, *(own or [])])


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Our own progress says how cells end; pytest's letters would run through it."""
    if config.option.verbose > 0 or "test_cell[" not in report.nodeid:
        return None
    if report.when != "call" and report.passed:
        return "", "", ""
    category: str = ("xfailed" if report.skipped else "xpassed") if hasattr(report, "wasxfail") else report.outcome
    if report.when != "call" and report.failed:
        category = "error"
    return category, "", {"xfailed": "XFAIL", "xpassed": "XPASS"}.get(category, category.upper())


def pytest_sessionfinish(session: pytest.Session) -> None:
    run = session.config.stash[RUN]
    try:
        run.end()
    except (TfparityError, OSError) as wrong:  # the table is still to come
        if run.failed:  # why was told
            return
        ended = in_a_line(wrong)
        run.console.print(f"tfparity: {ended}", markup=False, soft_wrap=True)
        session.exitstatus = ended.exit_code


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    run = config.stash[RUN]
    if run.records:
        stream = terminalreporter._tw._file  # noqa: SLF001 - the stream that pytest itself writes to
        console = terminal.console(plain.take(stream), colours=terminalreporter.hasmarkup or None)
        session, records = run.session, run.ordered()
        names = session.choice.all_names
        terminal.show(console, records, session.explain, session.explain_probes, all_names=names)
        flaky.show(console, flaky.excused(session, records))
        left = {**own_models.stuck(session, records), **own_models.fallen(session, records)}
        own_models.show(console, session, left)
