"""Latency through pytest-benchmark: a test per cell and subject, timed by the worker's own clock."""

import datetime
import itertools
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tfparity.errors import TfparityError, UsageError
from tfparity.evidence import latency as results
from tfparity.evidence.latency import Latency
from tfparity.features.latency import bench, gate
from tfparity.features.session import Session
from tfparity.planning import subjects
from tfparity.pytest_plugin import add_options, choice, ends_in_a_line, read_all
from tfparity.records.cells import PlannedCell
from tfparity.records.observer import Silent
from tfparity.report import latency as report
from tfparity.report import terminal
from tfparity.report.ending import in_a_line

BENCH = pytest.StashKey["Bench"]()


class Bench:
    """The measurements of a session: each cell is measured when its first test asks, one at a time."""

    def __init__(self, config):
        self.session = Session(choice(config))
        self.rounds, self.processes = config.getoption("--rounds"), config.getoption("--processes")
        self.subjects = subjects.named(config.getoption("--subject"))
        self.compares, self.base = config.getoption("--compare"), config.getoption("--base")
        if self.base is not None and not self.compares:
            raise UsageError("--base names what --compare compares with: give both")
        self.bases = {}
        self.compared = {}
        self.measured: dict[PlannedCell, Latency] = {}
        self._stack = ExitStack()
        self._engine = None

    def read(self):
        """What a run is held against is read before anything is measured, and says how many processes it takes."""
        if self.compares:
            cells = [cell for cell in self.session.cells if cell.applicable]
            toolchains = dict.fromkeys(cell.toolchain for cell in cells)
            self.bases = gate.bases(self.session.selection.project, list(toolchains), self.base)
            if self.processes is None:
                self.processes = gate.processes(self.bases, cells, self.subjects)
        self.processes = self.processes or bench.PROCESSES

    @property
    def engine(self):
        if self._engine is None:
            self._engine = self._stack.enter_context(self.session.engine(Silent()))
        return self._engine

    def of(self, cell):
        if cell not in self.measured:
            self.measured[cell] = self.measure(cell)
        return self.measured[cell]

    def measure(self, cell):
        return bench.bench(self.engine, cell, self.rounds, self.processes, self.subjects)

    def end(self):
        """Compare and record what was asked for; the exit code that it takes, 0 where none."""
        timed = {cell: found for cell, found in self.measured.items() if found.subjects}
        try:
            if self.compares:
                self.compared = gate.compared(self.bases, timed, self.measure)
        finally:
            self._stack.close()
        if self.session.choice.record:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            for toolchain in dict.fromkeys(cell.toolchain for cell in timed):
                mine = [found for cell, found in timed.items() if cell.toolchain == toolchain]
                results.save(self.session.selection.project, toolchain, now, mine)
        return gate.exit_code(self.compared)


def pytest_addoption(parser):
    group = add_options(parser, "cells to measure", without=("--with", "--quarantine"))
    rounds, processes = bench.ROUNDS, bench.PROCESSES
    group.addoption("--rounds", type=int, default=rounds, help=f"calls of each process that count ({rounds})")
    group.addoption(
        "--processes", type=int, help=f"processes of each subject ({processes}; as many as --compare needs)"
    )
    group.addoption(
        "--subject", action="append", default=[], help=f"only these ({', '.join(subjects.NAMES)}); repeatable"
    )
    group.addoption("--compare", action="store_true", help="hold this run against a recorded one; 39 if it is slower")
    group.addoption("--base", type=Path, metavar="FILE", help="with --compare: against this file, not results/latency/")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    try:
        config.stash[BENCH] = Bench(config)
        ended = read_all(config, config.stash[BENCH].session)
        if ended is None and not (config.option.help or config.option.version):
            config.stash[BENCH].read()
    except (TfparityError, OSError) as wrong:
        ended = told(wrong)
    return ended


def told(wrong):
    """Say in a line what is wrong; the code to end with."""
    ended = in_a_line(wrong)
    print(f"tfparity: {ended}", file=sys.stderr)
    return ended.exit_code


def pytest_configure(config):
    if getattr(config.option, "numprocesses", None):
        raise pytest.UsageError(
            "latency needs the machine to itself, and pytest-benchmark stops under xdist: no -n here"
        )
    # Of a test that ends before it has samples, which it says itself.
    config.addinivalue_line(
        "filterwarnings", "ignore:Benchmark fixture was not used:pytest_benchmark.logger.PytestBenchmarkWarning"
    )


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        cells = [cell for cell in metafunc.config.stash[BENCH].session.cells if cell.applicable]
        names = metafunc.config.stash[BENCH].subjects
        pairs = [(cell, subject) for cell in cells for subject in names]
        metafunc.parametrize(("cell", "subject"), pairs, ids=[f"{cell.id}/{subject}" for cell, subject in pairs])


@pytest.fixture
def measured(request):
    def of(cell):
        with ends_in_a_line():
            return request.config.stash[BENCH].of(cell)

    return of


@pytest.fixture
def owed(request):
    return lambda cell: bench.owed(request.config.stash[BENCH].engine, cell)


def pytest_sessionfinish(session):
    try:
        code = session.config.stash[BENCH].end()
    except (TfparityError, OSError) as wrong:  # the table is still to come
        code = told(wrong)
    if code:
        session.exitstatus = code


def pytest_terminal_summary(terminalreporter, config):
    run = config.stash[BENCH]
    found = [cell for cell in run.measured.values() if cell.subjects]
    if not found:
        return
    terminalreporter.section("latency: how many times as long as torch eager, one thread, one core")
    for line in itertools.chain.from_iterable(map(report.terminal, found)):
        terminalreporter.write_line(line)
    console = terminal.console(terminalreporter._tw._file, colours=terminalreporter.hasmarkup or None)
    for toolchain, compared in run.compared.items():
        terminalreporter.section(f"{toolchain}: beside what was recorded {run.bases[toolchain].ran_at}")
        console.print(report.compared(compared))
        console.print(report.totals(compared), markup=False)
