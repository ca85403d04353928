"""The route of MMdnn: which cases may go it, and how pictures are laid out for it."""

from typing import Any

import numpy as np
import pytest
from builders import case

from tfparity import normal
from tfparity.worker.routes import mmdnn


@pytest.mark.parametrize(
    ("shapes", "refused"),
    [
        ([("batch", 3, 64, 64)], False),
        ([("batch", 3, "height", "width")], False),
        ([("batch", "sequence")], True),
        ([("batch", 3, 8, 64, 64)], True),
        ([("batch", 3, 64, 64), ("batch", 10)], True),
        ([("batch", 3, 64, 64), ("batch", 3, 64, 64)], True),
    ],
)
@pytest.mark.parametrize("id", ["yours/net", "huggingface/vit", "torchvision/resnet18"])
def test_one_batch_of_pictures_may_go_whatever_it_is_called(id: str, shapes: list[Any], refused: bool) -> None:
    inputs = [normal(*shape, name=f"input_{place}") for place, shape in enumerate(shapes)]
    assert (mmdnn.refusal(case(id, inputs=inputs)) is not None) == refused


def test_pictures_go_in_with_channels_last_and_come_back_with_channels_first() -> None:
    pictures = np.zeros((2, 3, 5, 7))
    laid = mmdnn.laid_out(pictures, mmdnn.LAST)
    assert laid.shape == (2, 5, 7, 3)
    assert mmdnn.laid_out(laid, mmdnn.FIRST).shape == pictures.shape


def test_what_has_other_than_four_dimensions_stays() -> None:
    assert mmdnn.laid_out(np.zeros((2, 10)), mmdnn.FIRST).shape == (2, 10)
