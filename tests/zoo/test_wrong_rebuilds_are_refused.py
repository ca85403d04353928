"""The route keras-rebuild refuses what people get wrong by hand, inside the default toolchain's environment, and says
which layer or weight it is. Run by `nox -s zoo`."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tfparity import paths
from tfparity.environments import install
from tfparity.inputs import matrix

PROJECT = paths.project(Path(__file__).parents[2])
SCRIPT = Path(__file__).with_name("wrong_rebuilds.py")

WAYS = {
    "keras.applications.ResNet50": ("LayerDiffers", "the layer layer2.0.conv1 (Conv2d) gives shape"),
    "epsilon of Keras's batch norm": ("LayerDiffers", "the layer bn1 (BatchNorm2d) is off"),
    "same padding": ("LayerDiffers", "the layer conv1 (Conv2d) is off"),
    "a weight off by 1 %": ("LayerDiffers", "the layer layer3.0.conv2 (Conv2d) is off"),
    "a weight not transposed": ("LayerDiffers", "the layer encoder.layer.0.attention.self.query (Linear) is off"),
    "gates in another order": ("LayerDiffers", "the layer lstm (LSTM) is off"),
    "one bias of an LSTM": ("LayerDiffers", "the layer lstm (LSTM) is off"),
    "GELU by tanh": (
        "LayerDiffers",
        "the layer encoder.layer.0.intermediate.intermediate_act_fn (GELUActivation) is off",
    ),
    "epsilon of Keras's layer norm": ("LayerDiffers", "the layer embeddings.LayerNorm (LayerNorm) is off"),
    "a weight of torch's left over": ("WeightsLeftOver", "torch's head.scale went nowhere"),
    "a weight of Keras's left over": ("WeightsLeftOver", "Keras's layer1.0.bn2/beta"),
    "a layer forgotten": ("WeightsLeftOver", "torch's layer4.1.conv1.weight, "),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = matrix.load(PROJECT.matrix)
    environment = found.environments[found.toolchains[found.default].source]
    python = install.ensure(PROJECT, environment, paths.cache()).python
    folder = tmp_path_factory.mktemp("rebuilds")
    command = [python, "-I", SCRIPT, paths.PACKAGE.parent, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_the_right_way_is_taken(told: dict[str, Any]) -> None:
    assert {way: told[way] for way in told if way not in WAYS} == {
        f"{name} as it is": None for name in ("resnet18", "resnet50", "tagger", "bert")
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_way_is_refused_and_named(told: dict[str, Any], way: str) -> None:
    kind, text = WAYS[way]
    assert told[way]["type"] == kind
    assert told[way]["message"].startswith(text)


def test_what_keras_applications_answers_is_wrong(told: dict[str, Any]) -> None:
    assert told["keras.applications.ResNet50"]["off"] > 1e-3
