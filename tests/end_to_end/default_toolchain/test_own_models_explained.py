"""Models of one's own on the default toolchain, for real: each fails by its rule and works the way round it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from folders import REPOSITORY, Folder, variables

from tfparity import paths
from tfparity.environments import install, uv_command
from tfparity.inputs.limitations import Met
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection

CASES = Path(__file__).with_name("own") / "own_cases.py"

#: Case → the rule that explains it; the case of the same name with "-way-round" works.
EXPLAINED = {
    "own/quantized": "quantized-already",
    "own/fused-fake-quantize": "exporter-fused-fake-quantize",
    "own/fake-quantize": "onnx-tf-quantize-scale-of-one",
    "own/open-window": "exporter-open-window",
    "own/pad-without-value": "onnx-tf-pad-without-value",
    "own/lstm-after-flatten": "onnx-tf-lstm-depth",
    "own/lstm-behind-pad": "onnx-tf-lstm-behind-pad",
    "own/two-lstms": "onnx-tf-stacked-lstm",
    "own/two-lstms-of-two-widths": "onnx-tf-stacked-lstm-widths",
    "own/view-of-two": "frozen-size",
    "own/mask-and-index": "exporter-mask-and-index",
    "own/gather-from-the-end": "onnx-tf-gather-elements-axis",
    "own/scatter-from-the-end": "onnx-tf-scatter-elements-shape",
    "own/weights-below-home": "built-without-your-folders",
    "own/weights-where-it-was-called": "built-without-your-folders",
    "own/weights-by-address": "built-without-network",
}

#: Of these another case shows the way round.
ELSEWHERE = {
    "own/two-lstms",
    "own/two-lstms-of-two-widths",
    "own/weights-where-it-was-called",
    "own/weights-by-address",
}


@pytest.fixture(scope="module")
def found(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str | None]]:
    """Case → verdict and limitation, of every case of the file."""
    results = tmp_path_factory.mktemp("results")
    repository = Folder(REPOSITORY, variables(REPOSITORY, cache))
    asked = ["--cases", str(CASES), "--route", "onnx-tf", "--results", str(results), "--record"]
    done = repository.run("run", *asked, timeout=3000)
    print(done.stdout, done.stderr)
    (file,) = results.glob("*.json")
    return {cell["case"]: (cell["verdict"], cell["limitation"]) for cell in json.loads(file.read_text())["cells"]}


def test_each_failure_is_explained_and_its_way_round_works(found: dict[str, tuple[str, str | None]]) -> None:
    rules = {case: limitation for case, (_, limitation) in found.items() if not case.endswith("-way-round")}
    assert rules == EXPLAINED
    around = {case: verdict for case, (verdict, _) in found.items() if case.endswith("-way-round")}
    assert {case.removesuffix("-way-round") for case in around} == {*EXPLAINED} - ELSEWHERE
    assert {case: verdict for case, verdict in around.items() if not verdict.startswith("works")} == {}


def test_a_probability_that_is_too_new_is_explained(cache: Path, tmp_path: Path) -> None:
    """tensorflow-probability 0.25 beside TensorFlow 2.15, in front of the release that fits."""
    selection = Selection(Choice())
    environment = selection.matrix.environments[selection.matrix.default]
    locked = selection.keys.locked(environment)
    assert Folder(REPOSITORY, variables(REPOSITORY, cache)).run("install", environment.id).returncode == 0
    python = install.place(environment, locked, paths.cache()) / "bin" / "python"
    newer = ["tensorflow-probability==0.25.0", "--no-deps", "--target", str(tmp_path)]
    subprocess.run(
        [uv_command.uv(), "pip", "install", "--python", str(python), *newer], check=True, capture_output=True
    )
    command = [str(python), "-c", "import onnx_tf.backend"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == 1
    met = Met(locked.packages, None, "onnx-tf", selection.matrix.default, None, "import", done.stderr.splitlines()[-1])
    assert [rule.id for rule in selection.limitations.explaining(met)] == ["probability-newer-than-tensorflow"]
