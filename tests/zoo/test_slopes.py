"""What gradients tell of a weight agrees with moving it, inside the default toolchain's environment, for models whose
gradients mislead, are partly there, or not at all. Run by `nox -s zoo`."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tfparity import paths
from tfparity.environments import install
from tfparity.inputs import matrix

PROJECT = paths.project(Path(__file__).parents[2])
SCRIPT = Path(__file__).with_name("slopes.py")

#: Where gradients are none, or no derivatives, every weight is moved.
ALL_MOVED = ("straight through", "another gradient", "argmax", "sign", "no gradient", "halves", "dead", "layer scale")

#: Where they are, most are not.
FEW_MOVED = ("plain", "in place", "unused", "several", "remembers", "masked", "tied", "normalised twice", "transformer")

#: Here they tell of some.
SOME_MOVED = ("batch norm", "weight norm", "half way", "recurrent")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    found = matrix.load(PROJECT.matrix)
    environment = found.environments[found.toolchains[found.default].source]
    python = install.ensure(PROJECT, environment, paths.cache()).python
    command = [python, "-I", SCRIPT, paths.PACKAGE.parent]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_every_model_sees_by_gradients_what_it_sees_by_moving(told: dict[str, Any]) -> None:
    assert len(told) >= 25
    assert {name: one["unlike"] + one["moved differ"] for name, one in told.items()} == {name: [] for name in told}


def test_the_model_is_left_as_it_was(told: dict[str, Any]) -> None:
    """A tensor that asks for its gradient could not be exported as a constant."""
    assert all(one["untouched"] and not one["left"] for one in told.values())


def test_gradients_are_used_where_they_tell_and_nowhere_else(told: dict[str, Any]) -> None:
    assert {name: told[name]["bounded"] for name in ALL_MOVED} == dict.fromkeys(ALL_MOVED, 0)
    assert [name for name in FEW_MOVED if told[name]["bounded"] < told[name]["weights"] / 2] == []
    assert [name for name in SOME_MOVED if not told[name]["bounded"]] == []
