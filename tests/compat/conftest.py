"""pytest's front of the engine: a test per planned cell; what is selected is what runs; a table at the end."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tfparity import cli, options
from tfparity.campaign import Campaign
from tfparity.errors import TfparityError
from tfparity.plan import PlannedCell
from tfparity.pytest_front import add_options, ends_in_a_line, read_all
from tfparity.report import progress, terminal, words
from tfparity.run import CellRecord, Engine

RUN = pytest.StashKey["Run"]()


class Run:
    """The engine's run behind a pytest session: begun by the first test, ended with the session."""

    def __init__(self, config: pytest.Config) -> None:
        self.campaign = Campaign(options.chosen(config.getoption))
        # Capturing has not begun, or is suspended, when plugins are configured: this is the person's own terminal.
        self.console = terminal.console(os.fdopen(os.dup(2), "w"))
        self.selected: list[PlannedCell] = []
        self.records: dict[str, CellRecord] = {}
        self._engine: Engine | None = None
        self._coming: Iterator[CellRecord] | None = None
        self._stack = ExitStack()

    def record(self, cell: PlannedCell) -> CellRecord:
        """The record of a selected cell; waits for it."""
        if self._coming is None:
            display = self._stack.enter_context(progress.progress(self.console, self.selected, self.campaign.seconds))
            self._engine = self._stack.enter_context(self.campaign.engine(display))
            self._coming = self._engine.run(self.selected)
        while cell.id not in self.records:
            record = next(self._coming)
            self.records[record.id] = record
        return self.records[cell.id]

    def end(self) -> None:
        """Begin no other cell, let those that run come to their end, keep what was asked to be kept."""
        if self._engine is not None:
            self._engine.stop()
            self._coming.close()
        self._stack.close()
        if self.campaign.choice.record and self.records:
            self.campaign.record(self.records.values())


def pytest_addoption(parser):
    add_options(parser, "cells to run")


def pytest_configure(config):
    config.stash[RUN] = Run(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    read_all(session.config.stash[RUN].campaign)
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and session.config.option.verbose <= 0:
        reporter.showfspath = False
        reporter._show_progress_info = False


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        cells = metafunc.config.stash[RUN].campaign.cells
        metafunc.parametrize("cell", cells, ids=[cell.id for cell in cells])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session):
    run = session.config.stash[RUN]
    run.selected = [
        item.callspec.params["cell"] for item in session.items if "cell" in getattr(item, "fixturenames", ())
    ]


def pytest_report_collectionfinish(config):
    run = config.stash[RUN]
    runnable = [cell for cell in run.selected if cell.applicable]
    if not run.selected and config.option.keyword:
        return (
            f"-k {config.option.keyword!r} matches no cell of the tier {run.campaign.tier}: --tier all has every case, "
            f"and --case '*{config.option.keyword}*' chooses among them all"
        )
    if not runnable or config.option.collectonly:
        return None
    seconds = run.campaign.estimate(runnable)
    if run.campaign.choice.budget is not None:
        seconds = min(seconds, run.campaign.choice.budget)
    return f"{words.cells(len(runnable))} to run: about {words.duration(seconds)}, less for what was done before"


@pytest.fixture
def record(request, cell):
    """The record of the test's cell."""
    with ends_in_a_line():
        return request.config.stash[RUN].record(cell)


@pytest.fixture
def limitation(request, record):
    """What limitations.yaml says of the record, or None."""
    return request.config.stash[RUN].campaign.explain(record)


@pytest.fixture
def regressed(request, record):
    """Whether it fails and evidence has it working."""
    return request.config.stash[RUN].campaign.regressed(record)


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report, config):
    """Our own progress says how cells end; pytest's letters would run through it."""
    if config.option.verbose > 0 or "test_cell[" not in report.nodeid:
        return None
    if report.when != "call" and report.passed:
        return "", "", ""
    category = ("xfailed" if report.skipped else "xpassed") if hasattr(report, "wasxfail") else report.outcome
    if report.when != "call" and report.failed:
        category = "error"
    return category, "", {"xfailed": "XFAIL", "xpassed": "XPASS"}.get(category, category.upper())


def pytest_sessionfinish(session):
    try:
        session.config.stash[RUN].end()
    except (TfparityError, OSError) as wrong:  # the table is still to come
        ended = cli.in_a_line(wrong)
        session.config.stash[RUN].console.print(f"tfparity: {ended}", markup=False, soft_wrap=True)
        session.exitstatus = ended.exit_code


def pytest_terminal_summary(terminalreporter, config):
    run = config.stash[RUN]
    if run.records:
        console = terminal.console(terminalreporter._tw._file, colours=terminalreporter.hasmarkup or None)
        order = [run.records[cell.id] for cell in run.selected if cell.id in run.records]
        terminal.show(console, order, run.campaign.explain)
