"""The route of MMdnn: which cases may go it, and how pictures are laid out for it."""

import numpy as np
import pytest

from tfparity.worker.routes import mmdnn


@pytest.mark.parametrize(
    ("case", "refused"), [("huggingface/bert", True), ("torchvision/resnet18", False), ("yours/net", False)]
)
def test_transformers_may_not_go(case: str, refused: bool) -> None:
    assert (mmdnn.refusal(case) is not None) == refused


def test_pictures_go_in_with_channels_last_and_come_back_with_channels_first() -> None:
    pictures = np.zeros((2, 3, 5, 7))
    laid = mmdnn.laid_out(pictures, mmdnn.LAST)
    assert laid.shape == (2, 5, 7, 3)
    assert mmdnn.laid_out(laid, mmdnn.FIRST).shape == pictures.shape


def test_what_has_other_than_four_dimensions_stays() -> None:
    assert mmdnn.laid_out(np.zeros((2, 10)), mmdnn.FIRST).shape == (2, 10)
