"""Mutations: cells that work, run again over a file in which one thing was changed."""

import random
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tfparity.features.session import Session
from tfparity.pytest_plugin import add_options, choice, ends_in_a_line, read_all
from tfparity.records.observer import Silent

ROUTE = str(Path(__file__).with_name("mutated.py"))
MUTATIONS = pytest.StashKey["Mutations"]()


class Mutations:
    """A sample of the toolchain's recorded cells that work by onnx-tf, each by the route that changes the file."""

    def __init__(self, config):
        self.choice = replace(choice(config), routes=("onnx-tf",))
        self.session = Session(self.choice)
        self.size = config.getoption("--sample")
        self._stack = ExitStack()
        self._engine = None

    def cells(self):
        query = self.session.query
        working = [cell for cell in self.session.cells if query.verdict(cell).works and self._weights(cell)]
        drawn = random.Random(0).sample(working, min(self.size, len(working)))
        return [cell._replace(route=ROUTE) for cell in drawn]

    def _weights(self, cell):
        """Whether the case has weights: a file without any may have nothing to change."""
        ran = self.session.query.run(cell.place)
        return bool(ran and ran.model and ran.model.weights)

    def attempt(self, cell):
        """The attempt that is recorded to convert the cell, its opset and remedies, over the changed file."""
        if self._engine is None:
            changed = Session(self.choice)
            changed.selection.matrix = self._changed(self.session.selection.matrix)
            self._engine = self._stack.enter_context(changed.engine(Silent()))
        recorded = self.session.query.cell(cell._replace(route="onnx-tf").place)
        return self._engine.attempt(cell, recorded.opset, recorded.named)

    def _changed(self, matrix):
        """The matrix, where the chosen toolchains have the route that changes the file."""
        toolchains = dict(matrix.toolchains)
        for name in self.session.selection.toolchains:
            toolchain = toolchains[name]
            toolchains[name] = toolchain.model_copy(update={"routes": {ROUTE: toolchain.routes["onnx-tf"]}})
        return matrix.model_copy(update={"toolchains": toolchains})

    def end(self):
        self._stack.close()


def pytest_addoption(parser):
    group = add_options(parser, "cells to change something in", without=("--with", "--quarantine"))
    group.addoption("--sample", type=int, default=40, help="cells to draw among those that work (40)")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    config.stash[MUTATIONS] = Mutations(config)
    return read_all(config, config.stash[MUTATIONS].session)


def pytest_generate_tests(metafunc):
    if "cell" in metafunc.fixturenames:
        cells = metafunc.config.stash[MUTATIONS].cells()
        metafunc.parametrize("cell", cells, ids=[f"{cell.toolchain}/{cell.case}" for cell in cells])


def pytest_unconfigure(config):
    config.stash[MUTATIONS].end()


@pytest.fixture
def attempt(request, cell):
    with ends_in_a_line():
        return request.config.stash[MUTATIONS].attempt(cell)
