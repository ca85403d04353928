"""The route of transformers' own TensorFlow classes: which cases may go it, by their code and by the built model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from builders import case

from tfparity.inputs import case_files
from tfparity.paths import project
from tfparity.worker import pickles
from tfparity.worker.exporters import hf_checkpoint
from tfparity.worker.messages import NotApplicable, Refused
from tfparity.worker.routes import _code, hf_from_pt


@pytest.mark.parametrize(
    ("case", "refused"),
    [
        ("huggingface/bert", False),
        ("huggingface/xlm-roberta-masked-lm", False),
        ("huggingface/bertweet", True),
        ("huggingface/llama-own-mask", True),
        ("torchvision/resnet18", True),
        ("operators/gelu", True),
        ("deployment/bert-base", False),
        ("deployment/vit-b-16", True),
    ],
)
def test_families_with_tensorflow_classes_may_go(case: str, refused: bool) -> None:
    assert (hf_from_pt.of_zoo(case) is not None) == refused


def test_the_families_are_those_that_transformers_lists() -> None:
    assert len(hf_from_pt.FAMILIES) == 71
    assert {"bert", "blenderbot-small", "vision-text-dual-encoder", "xlm-roberta"} <= hf_from_pt.FAMILIES


# By the code of a case's file


@pytest.mark.parametrize("id", ["mine/net", "operators/net", "huggingface/bert"])
@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("from tfparity import case\ndef net():\n    import torch\n    return torch.nn.ReLU()\n", True),
        ("import math, numpy as np\nfrom torchvision.models import resnet18\n", True),
        ("from torch import nn\nnet = nn.ReLU().eval()\n", True),
        ("net = eval('nn')\n", False),
        ("def net():\n    from transformers import BertModel\n", False),
        ("NAME = 'transformers'\n", False),
        ("from my_package import net\n", False),
        ("from . import net\n", False),
        ("import timm\n", False),
        ("import torch\nnet = torch.load('net.pt')\n", False),
        ("import torch\nnet = torch.hub.load('a/b', 'net')\n", False),
        ("from torch import hub\n", False),
        ("net = __import__('a').net\n", False),
        ("import importlib\n", False),
        ("def net(:\n", False),
    ],
)
def test_what_cannot_reach_transformers_may_not_go_whatever_it_is_called(
    tmp_path: Path, id: str, code: str, refused: bool
) -> None:
    (tmp_path / "mine.py").write_text(code)
    assert (hf_from_pt.refusal(case(id=id, file=str(tmp_path / "mine.py"))) is not None) == refused


def test_a_file_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    assert not _code.cannot_reach(str(tmp_path / "gone.py"), "transformers")


def test_no_case_of_the_zoo_that_may_go_is_refused_by_its_code() -> None:
    zoo = case_files.load([project(Path(__file__).parents[2]).cases])
    taken = [case for case in zoo.values() if hf_from_pt.of_zoo(case.id) is None]
    assert len(taken) == 179
    assert not [case.id for case in taken if hf_from_pt.refusal(case)]


# By the built model


class PreTrainedModel:
    """Stands for the class of transformers."""

    def __init__(self, *weights: object) -> None:
        self._weights = weights

    def parameters(self) -> Iterator[object]:
        return iter(self._weights)


class Bert(PreTrainedModel):
    __module__ = "transformers.models.bert.modeling_bert"


class Mine(PreTrainedModel):
    __module__ = "my_package.net"


class Wrapper:
    """A torch module around others."""

    def __init__(self, *inside: PreTrainedModel, **beside: object) -> None:
        self._inside, self._beside = inside, beside

    def modules(self) -> Iterator[Any]:
        return iter((self, *self._inside))

    def named_parameters(self) -> Iterator[tuple[str, object]]:
        yield from (("inside", weight) for one in self._inside for weight in one.parameters())
        yield from self._beside.items()


@pytest.fixture
def transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ModuleType("transformers")
    made.PreTrainedModel = PreTrainedModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", made)


@pytest.mark.usefixtures("transformers")
def test_the_model_of_transformers_inside_a_wrapper_is_taken() -> None:
    inside = Bert(object(), object())
    assert hf_checkpoint._pretrained(Wrapper(inside)) is inside


@pytest.mark.usefixtures("transformers")
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Wrapper(), "none is inside this one"),
        (Wrapper(Mine()), "not Mine of my_package.net"),
        (Wrapper(Bert(object()), head=object()), "without head beside them"),
    ],
)
def test_a_model_that_is_not_all_of_transformers_is_not_taken(model: Wrapper, reason: str) -> None:
    with pytest.raises(NotApplicable, match=reason):
        hf_checkpoint._pretrained(model)


def test_without_transformers_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(NotApplicable):
        hf_checkpoint._pretrained(Wrapper())


# Checkpoints of a bundle that was handed on


@pytest.mark.parametrize(("version", "safe"), [("2.6.0", True), ("2.10.0+cpu", True), ("2.5.1", False), ("1.7", False)])
def test_weights_that_were_handed_on_are_read_as_tensors_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, version: str, safe: bool
) -> None:
    asked: list[tuple[Any, ...]] = []
    torch = ModuleType("torch")
    torch.__version__ = version  # type: ignore[attr-defined]
    torch.load = lambda *given, **named: asked.append((given, named))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0")
    pickles.forbid()
    if safe:
        torch.load("a.bin", weights_only=False)
        assert asked == [(("a.bin",), {"weights_only": True})]
    else:
        with pytest.raises(Refused, match="safetensors"):
            torch.load("a.bin", weights_only=True)
        assert not asked
    assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
