"""Remedies on the default toolchain, for real: a model fails as it is, and works with the one that its rule names."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from folders import REPOSITORY, Folder, variables
from ruamel.yaml import YAML

CASES = """\
from tfparity import case, normal, uniform

WIDE = uniform("batch", 8, low=-120.0, high=120.0, name="x")


def module(function, width=8):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(width))

        def forward(self, *given):
            return self.scale * function(*given)

    return Net().eval()


@case("bent/elu", inputs=[WIDE])
def elu():
    import torch

    return module(lambda x: torch.nn.functional.elu(x, alpha=0.5))


@case("bent/celu", inputs=[WIDE])
def celu():
    import torch

    return module(lambda x: torch.nn.functional.celu(x, alpha=0.5))


@case("angle/on-the-axes", inputs=[normal("batch", 8, name="y"), normal("batch", 8, name="x")], outputs=["angle"])
def angle():
    import torch

    def on_the_axes(y, x):
        y = torch.where(y > 0.5, torch.zeros_like(y), y)
        return torch.atan2(y, torch.where(x.abs() < 0.5, torch.zeros_like(x), x))

    return module(on_the_axes)


@case("stable/log-sigmoid", inputs=[WIDE])
def log_sigmoid():
    import torch

    return module(torch.nn.functional.logsigmoid)


@case("stable/cross-entropy", inputs=[WIDE, uniform("batch", 8, name="target")], outputs=["loss"])
def cross_entropy():
    import torch

    return module(lambda x, y: torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none"))


@case("stable/linspace", inputs=[normal("batch", "width", name="x")], axes={"width": (7, 1, 4)})
def linspace():
    import torch

    return module(lambda x: x + torch.linspace(-1, 1, x.size(1)).to(x.dtype), 1)


@case("sum/in-place", inputs=[normal(6, 4, name="x")])
def in_place():
    import torch

    return module(lambda x: torch.zeros(3, 4).to(x.dtype).index_add_(0, torch.tensor([0, 1, 2, 0, 0, 1]), x), 4)
"""

RULE = """\
- id: {id}
  stage: {stage}
  matches: {says}
  cases: ["{cases}"]
  cause: unknown
  investigated: Planted for this test.
  link: none found
  remedy: The remedy does.
  remedies: [{remedy}]
"""

CURES = {
    "elu-handlers": ("bent/*", ["parity"], ["ConverterDiverged: ONNX Runtime gives the right answer"]),
    "atan2-by-quadrants": ("angle/*", ["parity"], ["ExporterDiverged: ONNX Runtime gives a wrong answer"]),
    "stable-functions": (
        "stable/*",
        ["parity", "dynamic-shape"],
        ["ExporterDiverged: ONNX Runtime gives a wrong answer", "AxisLost: axis 'width' is lost"],
    ),
    "functions-by-masks": ("sum/*", ["export"], ["'index_add_()' function with duplicated values"]),
}


@pytest.fixture
def default(tmp_path: Path, cache: Path) -> Folder:
    """A project of the default toolchain alone, which tries remedies on every case."""
    yaml = YAML()
    matrix = yaml.load((REPOSITORY / "matrix.yaml").read_text())
    (toolchain,) = (entry for entry in matrix["toolchains"] if entry["id"] == matrix["default"])
    toolchain["remedies"], toolchain["routes"] = ["*"], {"onnx-tf": toolchain["id"]}
    root = tmp_path / "project"
    (root / "cases").mkdir(parents=True)
    (root / "lockfiles").mkdir()
    shutil.copy(REPOSITORY / "lockfiles" / f"{toolchain['id']}.txt", root / "lockfiles")
    with (root / "matrix.yaml").open("w") as file:
        yaml.dump({"schema": matrix["schema"], "default": toolchain["id"], "toolchains": [toolchain]}, file)
    (root / "cases" / "edge_cases.py").write_text(CASES)
    rules = [
        RULE.format(id=remedy, cases=cases, stage=json.dumps(stage), says=json.dumps(says), remedy=remedy)
        for remedy, (cases, stage, says) in CURES.items()
    ]
    (root / "limitations.yaml").write_text("".join(rules))
    return Folder(root, variables(root, cache))


def test_each_fails_as_it_is_and_works_with_its_remedy(default: Folder) -> None:
    done = default.run("run", "--tier", "all", "--level", "2", timeout=900, COLUMNS="300")
    print(done.stdout, done.stderr)
    assert done.returncode == 0  # probes find nothing else that decides, either
    for remedy, (cases, *_) in CURES.items():
        names = re.findall(rf'"({cases[:-1]}[a-z-]+)"', CASES)
        for name in names:
            (row,) = (line for line in done.stdout.splitlines() if line.startswith(name) and "│" not in line)
            assert "works with a remedy" in row
            assert remedy in row
