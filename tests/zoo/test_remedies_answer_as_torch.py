"""What remedies put in the place of torch's functions answers as those do, within float32's rounding."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tfparity import paths
from tfparity.environments import install
from tfparity.inputs import matrix

HERE = Path(__file__).parent
PROJECT = paths.project(HERE.parents[1])
ENVIRONMENT = "tf2.15-torch2.15"

#: Of the largest value: a few roundings of float32.
NOISE = 2e-6


@pytest.fixture(scope="module")
def apart(cache: Path) -> dict[str, dict[str, float | str | None]]:
    environment = matrix.load(PROJECT.matrix).environments[ENVIRONMENT]
    python = install.ensure(PROJECT, environment, paths.Cache(cache), progress=print).python
    command = [str(python), "-I", str(HERE / "remedies" / "apart.py"), str(HERE.parents[1] / "src")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "remedy",
    [
        "complex-as-pairs",
        "elementary-functions",
        "explicit-attention",
        "functions-by-masks",
        "functions-by-parts",
        "gelu-by-parts",
        "lines-as-images",
        "norms-by-parts",
        "resizing-by-matrices",
        "sampling-by-gathers",
        "stable-functions",
        "vectors-as-matrices",
    ],
)
def test_functions_answer_as_torch(apart: dict[str, dict[str, float | str | None]], remedy: str) -> None:
    wrong = {name: by for name, by in apart[remedy].items() if not isinstance(by, float) or not by <= NOISE}
    assert apart[remedy]
    assert not wrong
