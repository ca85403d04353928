"""The route of transformers' own TensorFlow classes: which cases may go it."""

import pytest

from tfparity.worker.routes import hf_from_pt


@pytest.mark.parametrize(
    ("case", "refused"),
    [
        ("huggingface/bert", False),
        ("huggingface/xlm-roberta-masked-lm", False),
        ("huggingface/bertweet", True),
        ("huggingface/llama-own-mask", True),
        ("yours/sentiment", False),
        ("torchvision/resnet18", True),
        ("operators/gelu", True),
    ],
)
def test_families_with_tensorflow_classes_may_go(case: str, refused: bool) -> None:
    assert (hf_from_pt.refusal(case) is not None) == refused


def test_the_families_are_those_that_transformers_lists() -> None:
    assert len(hf_from_pt.FAMILIES) == 71
    assert {"bert", "blenderbot-small", "vision-text-dual-encoder", "xlm-roberta"} <= hf_from_pt.FAMILIES
