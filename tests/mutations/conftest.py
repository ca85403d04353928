"""Mutations: cells that work, run again over a file in which one thing was changed."""

import random
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tfparity import judge, options
from tfparity.campaign import Campaign
from tfparity.crossing import Crossing
from tfparity.pytest_front import add_options, ends_in_a_line, read_all
from tfparity.setting import Silent

ROUTE = str(Path(__file__).with_name("mutated.py"))
MUTATIONS = pytest.StashKey["Mutations"]()


class Mutations:
    """A sample of the toolchain's recorded cells that work by onnx-tf, each by the route that changes the file."""

    def __init__(self, config):
        self.campaign = Campaign(replace(options.chosen(config.getoption), routes=("onnx-tf",)))
        self.size = config.getoption("--sample")
        self._stack = ExitStack()
        self._engine = None
        self._sides = {}

    def cells(self):
        verdicts = self.campaign.verdicts(self.campaign.cells)
        working = [
            cell
            for cell in self.campaign.cells
            if verdicts[cell.toolchain, cell.case, cell.route] in ("works", "works-with-remedy") and self._weights(cell)
        ]
        drawn = random.Random(0).sample(working, min(self.size, len(working)))
        return [replace(cell, route=ROUTE) for cell in drawn]

    def _weights(self, cell):
        """Whether the case has weights: a file without any may have nothing to change."""
        ran = {found["case"]: found for found in self.campaign.runs.get(cell.toolchain, {}).get("cells", [])}
        model = (ran.get(cell.case) or {}).get("model") or {}
        return bool(model.get("weights"))

    def attempt(self, cell):
        """The attempt that is recorded to get the cell across, its opset and remedies, over the changed file."""
        if self._engine is None:
            self._engine = self._stack.enter_context(self.campaign.engine(Silent()))
            self._engine.setting.matrix = self._changed(self._engine.setting.matrix)
        if cell.toolchain not in self._sides:
            self._sides[cell.toolchain] = self._engine.sides(self._stack)
        recorded = self.campaign.recorded[cell.toolchain].cell(cell.case, "onnx-tf")
        crossing = Crossing(self._engine.setting, cell, self._sides[cell.toolchain])
        return crossing.attempt(recorded["opset"], tuple(judge.named(recorded["remedies"])))

    def _changed(self, matrix):
        """The matrix, where the chosen toolchains have the route that changes the file."""
        toolchains = dict(matrix.toolchains)
        for name in self.campaign.toolchains:
            toolchain = toolchains[name]
            toolchains[name] = toolchain.model_copy(update={"routes": {ROUTE: toolchain.routes["onnx-tf"]}})
        return matrix.model_copy(update={"toolchains": toolchains})

    def end(self):
        self._stack.close()


def pytest_addoption(parser):
    group = add_options(parser, "cells to change something in")
    group.addoption("--sample", type=int, default=40, help="cells to draw among those that work (40)")


def pytest_configure(config):
    config.stash[MUTATIONS] = Mutations(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    read_all(session.config.stash[MUTATIONS].campaign)


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
