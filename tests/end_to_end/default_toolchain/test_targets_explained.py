"""Targets of a SavedModel that is right, on the default toolchain, for real: each that is not right is explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import REPOSITORY, Folder, variables

CASES = """\
from tfparity import case, normal


@case("own/set-at-repeated-indices", inputs=[normal(6, 4, name="x")])
def set_at_repeated_indices():
    import torch

    class Net(torch.nn.Module):
        def forward(self, x):
            y = x.clone()
            y[torch.tensor([1, 3, 1])] = 2 * x[:3]
            return y

    return Net().eval()


@case(
    "own/lstm-of-given-states",
    inputs=[normal("steps", 1, 3, name="input"), normal(1, 1, 3, name="h0"), normal(1, 1, 3, name="c0")],
    outputs=["output", "hn", "cn"],
    axes={"steps": (5, 9, 2)},
)
def lstm_of_given_states():
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = torch.nn.LSTM(3, 3)

        def forward(self, input, h0, c0):
            out, (hn, cn) = self.lstm(input, (h0, c0))
            return out, hn, cn

    return Net().eval()
"""

#: Case → the rule that says why its .tflite is not right.
EXPLAINED = {
    "own/set-at-repeated-indices": "tflite-adds-at-repeated-indices",
    "own/lstm-of-given-states": "tflite-loop-of-a-recurrent-layer",
}


@pytest.mark.parametrize("case", EXPLAINED)
def test_each_target_that_is_not_right_is_explained(cache: Path, tmp_path: Path, case: str) -> None:
    (tmp_path / "cases.py").write_text(CASES)
    repository = Folder(REPOSITORY, variables(REPOSITORY, cache))
    asked = [f"{tmp_path / 'cases.py'}:{case}", "--target", "tflite-float32", "-o", str(tmp_path / "out")]
    done = repository.run("convert", *asked, "--toolchain", "default", "--route", "onnx-tf", timeout=1500)
    print(done.stdout, done.stderr)
    assert "no tflite-float32: what was made of this SavedModel is not right" in done.stdout
    assert f"({EXPLAINED[case]}, https" in done.stdout.replace("\\", "")
