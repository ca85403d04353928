"""Latency through pytest-benchmark: a test per cell and subject, timed by the worker's own clock."""

import datetime
import sys
from contextlib import ExitStack

import pytest

from tfparity.errors import TfparityError
from tfparity.evidence import latency as results
from tfparity.evidence.latency import Latency
from tfparity.features.latency.bench import ROUNDS, bench
from tfparity.features.latency.measure import SUBJECTS
from tfparity.features.session import Session
from tfparity.pytest_plugin import add_options, choice, ends_in_a_line, read_all
from tfparity.records.observer import Silent
from tfparity.report.ending import in_a_line

BENCH = pytest.StashKey["Bench"]()


class Bench:
    """The measurements of a session: each cell is measured when its first test asks, one at a time."""

    def __init__(self, config):
        self.session = Session(choice(config))
        self.rounds = config.getoption("--rounds")
        self.measured: dict[str, Latency] = {}
        self._stack = ExitStack()
        self._engine = None
        self._toolchains: list[str] = []

    def of(self, cell):
        if cell.id not in self.measured:
            if self._engine is None:
                self._engine = self._stack.enter_context(self.session.engine(Silent()))
            if cell.toolchain not in self._toolchains:
                self._toolchains.append(cell.toolchain)
            self.measured[cell.id] = bench(self._engine, cell, self.rounds)
        return self.measured[cell.id]

    def end(self):
        self._stack.close()
        if self.session.choice.record:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            for toolchain in self._toolchains:
                mine = [
                    found for id, found in self.measured.items() if id.startswith(f"{toolchain}/") and found.samples
                ]
                results.save(self.session.selection.project, toolchain, now, mine)


def pytest_addoption(parser):
    group = add_options(parser, "cells to measure", without=("--with",))
    group.addoption("--rounds", type=int, default=ROUNDS, help=f"calls of each subject that count ({ROUNDS})")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    config.stash[BENCH] = Bench(config)
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
        pairs = [(cell, subject) for cell in cells for subject in SUBJECTS]
        metafunc.parametrize(("cell", "subject"), pairs, ids=[f"{cell.id}/{subject}" for cell, subject in pairs])


@pytest.fixture
def measured(request):
    def of(cell):
        with ends_in_a_line():
            return request.config.stash[BENCH].of(cell)

    return of


def pytest_sessionfinish(session):
    try:
        session.config.stash[BENCH].end()
    except (TfparityError, OSError) as wrong:  # the table is still to come
        ended = in_a_line(wrong)
        print(f"tfparity: {ended}", file=sys.stderr)
        session.exitstatus = ended.exit_code


def pytest_terminal_summary(terminalreporter, config):
    found = [cell for cell in config.stash[BENCH].measured.values() if cell.ratios]
    if not found:
        return
    terminalreporter.section("latency: how many times as long as torch eager, one thread, one core")
    for cell in found:
        told = [
            f"{name} {ratio.median:.2f} [{ratio.low:.2f}, {ratio.high:.2f}] {ratio.verdict}"
            if ratio.median is not None
            else f"{name} {ratio.verdict}"
            for name, ratio in cell.ratios.items()
        ]
        told += [f"{name} failed" for name in cell.failed]
        terminalreporter.write_line(f"{cell.case} ({cell.route}, opset {cell.opset}): {'; '.join(told)}")
