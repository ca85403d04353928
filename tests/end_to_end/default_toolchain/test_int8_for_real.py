"""An 8-bit target on the default toolchain, for real: a converter that aborts, its remedy, one's own examples."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy
import pytest
from folders import REPOSITORY, Folder, variables
from ruamel.yaml import YAML

CASES = """\
from tfparity import case, normal


@case("small/net", inputs=[normal("batch", 3, 16, 16, name="images")], outputs=["scores"])
def net():
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(3, 2, padding=1),  # padded with the least float, which has no place in 8 bits
        torch.nn.Flatten(),
        torch.nn.Linear(8 * 7 * 7, 10),
    ).eval()
"""

MEASURE = """\
import numpy


def spread(predict):
    images = numpy.random.RandomState(11).normal(size=(12, 3, 16, 16)).astype("float32")
    return predict({"images": images})["scores"].std()
"""


@pytest.fixture
def default(tmp_path: Path, cache: Path) -> Folder:
    """A project of the default toolchain alone, by onnx-tf."""
    yaml = YAML()
    matrix = yaml.load((REPOSITORY / "matrix.yaml").read_text())
    (toolchain,) = (entry for entry in matrix["toolchains"] if entry["id"] == matrix["default"])
    toolchain["routes"] = {"onnx-tf": toolchain["id"]}
    root = tmp_path / "project"
    (root / "cases").mkdir(parents=True)
    (root / "lockfiles").mkdir()
    shutil.copy(REPOSITORY / "lockfiles" / f"{toolchain['id']}.txt", root / "lockfiles")
    with (root / "matrix.yaml").open("w") as file:
        yaml.dump({"schema": matrix["schema"], "default": toolchain["id"], "toolchains": [toolchain]}, file)
    (root / "cases" / "small_cases.py").write_text(CASES)
    (root / "limitations.yaml").write_text("[]\n")
    return Folder(root, variables(root, cache))


def test_int8_is_made_by_its_remedy_and_with_ones_own_examples(default: Folder, tmp_path: Path) -> None:
    done = default.run("run", "--tier", "all", "--target", "tflite-int8", timeout=900, COLUMNS="300")
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    (row,) = (line for line in done.stdout.splitlines() if "tflite-int8 " in line and "form only" in line)
    assert "max-pool-without-pads" in row

    data = tmp_path / "data.npz"
    numpy.savez(data, images=numpy.random.RandomState(9).normal(size=(20, 3, 16, 16)).astype("float32"))
    (tmp_path / "measure.py").write_text(MEASURE)
    measure = ("--evaluate", f"{tmp_path / 'measure.py'}:spread")
    given = ("--target", "tflite-int8-io", "--calibration", str(data), *measure, "-o", str(tmp_path / "out"))
    done = default.run("convert", "small/net", *given, timeout=900)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    whole = json.loads((tmp_path / "out" / "verdict.json").read_text())
    scores, verdict = whole["scores"], whole["tflite-int8-io"]
    assert list(scores) == ["torch", "saved-model", "tflite-int8-io"]
    assert scores["saved-model"] == pytest.approx(scores["torch"], rel=1e-5)
    assert scores["tflite-int8-io"] == pytest.approx(scores["torch"], rel=0.1)
    assert scores["tflite-int8-io"] != scores["saved-model"]
    assert "- measure.py\\:spread: torch " in (tmp_path / "out" / "README.md").read_text()
    assert verdict["grade"] == "precision"  # with examples of one's own its numbers count
    assert verdict["snr_db"] > verdict["allowed_db"]
    with numpy.load(tmp_path / "out" / "examples.npz") as examples:
        assert len(examples.files) == 10
    assert "inference_input_type" in (tmp_path / "out" / "convert.py").read_text()

    numpy.savez(data, image=numpy.zeros((20, 3, 16, 16), "float32"))
    done = default.run("convert", "small/net", *given[:-1], str(tmp_path / "other"), timeout=900)
    assert (done.returncode, "Traceback" in done.stderr) == (25, False)
    assert "data.npz: lacks the input 'images' of small/net, did you mean 'image'?" in done.stderr
    assert not (tmp_path / "other").exists()
