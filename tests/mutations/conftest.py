"""Mutations: cells that work, run again over a file in which one thing was changed."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tfparity import options
from tfparity.campaign import Campaign
from tfparity.pytest_front import add_options, ends_in_a_line, read_all
from tfparity.setting import Silent

ROUTE = str(Path(__file__).with_name("mutated.py"))
MUTATIONS = pytest.StashKey["Mutations"]()


class Mutations:
    """A sample of the toolchain's recorded cells that work by onnx-tf, each by the route that changes the file."""

    def __init__(self, config):
        self.campaign = Campaign(replace(options.chosen(config.getoption), routes=("onnx-tf",)))
        self.size = config.getoption("--sample")
        self.records = None

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

    def record(self, cell, cells):
        if self.records is None:
            self.records = {record.id: record for record in self._run(cells)}
        return self.records[cell.id]

    def _run(self, cells):
        with self.campaign.engine(Silent()) as engine:
            whole = engine.setting.matrix
            changed = {}
            for name in self.campaign.toolchains:
                toolchain = whole.toolchains[name]
                changed[name] = toolchain.model_copy(update={"routes": {ROUTE: toolchain.routes["onnx-tf"]}})
            engine.setting.matrix = whole.model_copy(update={"toolchains": changed})
            yield from engine.run(cells)


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


@pytest.fixture
def record(request, cell):
    cells = [item.callspec.params["cell"] for item in request.session.items]
    with ends_in_a_line():
        return request.config.stash[MUTATIONS].record(cell, cells)
