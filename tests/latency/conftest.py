"""Latency through pytest-benchmark: a test per cell and subject, timed by the worker's own clock."""

import datetime
import itertools
import sys
from contextlib import ExitStack

import pytest

from tfparity.errors import TfparityError, UsageError
from tfparity.evidence import latency as results
from tfparity.evidence.latency import Latency
from tfparity.features.latency import bench
from tfparity.features.session import Session
from tfparity.planning import subjects
from tfparity.pytest_plugin import add_options, choice, ends_in_a_line, read_all
from tfparity.records.observer import Silent
from tfparity.report.ending import in_a_line
from tfparity.report.latency import terminal

BENCH = pytest.StashKey["Bench"]()


class Bench:
    """The measurements of a session: each cell is measured when its first test asks, one at a time."""

    def __init__(self, config):
        self.session = Session(choice(config))
        self.rounds, self.processes = config.getoption("--rounds"), config.getoption("--processes")
        self.subjects = subjects.named(config.getoption("--subject"))
        self.measured: dict[str, Latency] = {}
        self._stack = ExitStack()
        self._engine = None
        self._toolchains: list[str] = []

    @property
    def engine(self):
        if self._engine is None:
            self._engine = self._stack.enter_context(self.session.engine(Silent()))
        return self._engine

    def of(self, cell):
        if cell.id not in self.measured:
            if cell.toolchain not in self._toolchains:
                self._toolchains.append(cell.toolchain)
            self.measured[cell.id] = bench.bench(self.engine, cell, self.rounds, self.processes, self.subjects)
        return self.measured[cell.id]

    def end(self):
        self._stack.close()
        if self.session.choice.record:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            for toolchain in self._toolchains:
                mine = [
                    found for id, found in self.measured.items() if id.startswith(f"{toolchain}/") and found.subjects
                ]
                results.save(self.session.selection.project, toolchain, now, mine)


def pytest_addoption(parser):
    group = add_options(parser, "cells to measure", without=("--with",))
    rounds, processes = bench.ROUNDS, bench.PROCESSES
    group.addoption("--rounds", type=int, default=rounds, help=f"calls of each process that count ({rounds})")
    group.addoption("--processes", type=int, default=processes, help=f"processes of each subject ({processes})")
    group.addoption(
        "--subject", action="append", default=[], help=f"only these ({', '.join(subjects.NAMES)}); repeatable"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    try:
        config.stash[BENCH] = Bench(config)
    except UsageError as wrong:
        raise pytest.UsageError(str(wrong)) from None
    return read_all(config, config.stash[BENCH].session)


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
        session.config.stash[BENCH].end()
    except (TfparityError, OSError) as wrong:  # the table is still to come
        ended = in_a_line(wrong)
        print(f"tfparity: {ended}", file=sys.stderr)
        session.exitstatus = ended.exit_code


def pytest_terminal_summary(terminalreporter, config):
    found = [cell for cell in config.stash[BENCH].measured.values() if cell.subjects]
    if not found:
        return
    terminalreporter.section("latency: how many times as long as torch eager, one thread, one core")
    for line in itertools.chain.from_iterable(map(terminal, found)):
        terminalreporter.write_line(line)
