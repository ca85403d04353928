"""Networks written again by hand: the account of their weights, and the check of their layers, without a framework."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from tfparity.worker import arrays
from tfparity.worker.messages import NotApplicable, Refused
from tfparity.worker.routes import keras_rebuild
from tfparity.worker.routes._rebuild import architectures, description, layers, network, verify
from tfparity.worker.routes._rebuild.description import Module, Weights

LAYERS = {"conv": "torch.nn.modules.conv.Conv2d", "drop": "torch.nn.modules.dropout.Dropout"}


def written(**changes: Any) -> dict[str, Any]:
    """What model.json says of a convolution, a dropout and the convolution again."""
    modules = [{"name": "", "class": "yours.Net", "settings": {}, "children": list(LAYERS)}]
    modules += [{"name": name, "class": path, "settings": {}, "children": []} for name, path in LAYERS.items()]
    calls = [("conv", 0), ("drop", 0), ("conv", 1)]
    return {
        "format": 1,
        "case": "yours/net",
        "inputs": [{"name": "images", "dtype": "float32", "shape": ["batch", 3, 8, 8]}],
        "outputs": [{"name": "features", "noise": 0.0}],
        "config": {},
        "modules": modules,
        "calls": [
            {"module": module, "call": number, "output": f"layer/{index}", "noise": 0.0}
            for index, (module, number) in enumerate(calls)
        ],
        **changes,
    }


@pytest.fixture
def recorded() -> dict[str, Any]:
    random = numpy.random.default_rng(0)
    names = ("layer/0", "layer/1", "layer/2", "answer/features")
    return {name: random.normal(size=(2, 4, 5, 5)).astype("float32") for name in names}


@pytest.fixture
def made(recorded: dict[str, Any]) -> dict[verify.Key, Any]:
    return {("conv", 0): recorded["layer/0"].copy(), ("conv", 1): recorded["layer/2"].copy()}


DESCRIBED = description.described(written())


@pytest.mark.parametrize(
    ("case", "refused"),
    [
        ("torchvision/resnet18", False),
        ("torchvision/resnext50-32x4d", False),
        ("torchvision/wide-resnet50-2", False),
        ("torchvision/vgg16-bn", False),
        ("torchvision/mobilenet-v2", False),
        ("torchvision/mobilenet-v3-small", True),
        ("torchvision/quantizable-resnet18", True),
        ("huggingface/bert", False),
        ("huggingface/bert-eager", False),
        ("huggingface/bertweet", True),
        ("huggingface/resnet", True),
        ("blocks/lstm-tagger", False),
        ("operators/lstm", True),
        ("trained/all-minilm-l6-v2", True),
    ],
)
def test_what_is_written_down_may_go(case: str, refused: bool) -> None:
    assert (keras_rebuild.of_zoo(case) is not None) == refused


def test_what_nobody_wrote_down_is_told_once_the_model_is_there() -> None:
    assert keras_rebuild.ROUTE.refusal is None
    with pytest.raises(NotApplicable, match=r"how the layers of yours\.Net are joined"):
        architectures.found(DESCRIBED)


def test_a_description_is_read_with_the_whole_names_of_children(tmp_path: Path) -> None:
    changed = written()
    changed["modules"][1]["children"] = ["0", "1"]
    (tmp_path / "model.json").write_text(json.dumps(changed))
    arrays.write_npz(str(tmp_path / "state.npz"), {"conv.weight": numpy.ones(2)})
    read = description.read(str(tmp_path))
    assert (read.modules[""].children, read.modules["conv"].children) == (["conv", "drop"], ["conv.0", "conv.1"])
    assert (read.modules["conv"].kind, read.outputs, read.calls[2].number) == ("Conv2d", ["features"], 1)
    assert list(description.read_arrays(str(tmp_path))) == ["conv.weight"]


def test_a_description_of_another_format_is_refused() -> None:
    with pytest.raises(Refused, match="format 2"):
        description.described(written(format=2))


def test_every_weight_is_taken_once() -> None:
    state = {"conv.weight": numpy.ones(2), "conv.bias": numpy.ones(2), "norm.num_batches_tracked": numpy.array(3)}
    weights = Weights(state)
    assert "conv.weight" in weights and "fc.weight" not in weights
    weights.take("conv.weight")
    assert (weights.left(), weights.integers()) == (["conv.bias"], ["norm.num_batches_tracked"])
    with pytest.raises(Refused) as twice:
        weights.take("conv.weight")
    with pytest.raises(Refused) as missing:
        weights.take("fc.weight")
    assert (twice.value.type, missing.value.type) == ("WeightTwice", "WeightMissing")


@pytest.mark.parametrize(
    ("torch", "keras", "message"),
    [
        (["fc.bias"], [], "torch's fc.bias went nowhere"),
        ([], ["fc/bias:0"], "Keras's fc/bias:0 got nothing"),
        (list("abcdef"), ["g"], "torch's a, b, c, d and 2 more went nowhere; Keras's g got nothing"),
    ],
)
def test_a_weight_left_over_on_either_side_is_named(torch: list[str], keras: list[str], message: str) -> None:
    description.nothing_left([], [])
    with pytest.raises(Refused) as why:
        description.nothing_left(torch, keras)
    assert (why.value.type, str(why.value)) == ("WeightsLeftOver", message)


def test_layers_that_agree_are_listed_with_their_differences(
    recorded: dict[str, Any], made: dict[verify.Key, Any]
) -> None:
    made["conv", 1] = made["conv", 1] * numpy.float32(1 + 3e-6)
    (first, second) = verify.layers(DESCRIBED, recorded, made)
    assert first == ("conv", 0.0)
    assert second[0] == "conv, call 2" and 1e-6 < second[1] < 1e-5


@pytest.mark.parametrize("off", [4e-3, 2e-4, 3e-5])
def test_a_layer_that_is_plausible_and_wrong_is_named(
    recorded: dict[str, Any], made: dict[verify.Key, Any], off: float
) -> None:
    made["conv", 1] = made["conv", 1] + numpy.float32(off) * abs(made["conv", 1]).max()
    with pytest.raises(Refused, match=r"the layer conv, call 2 \(Conv2d\) is off by") as why:
        verify.layers(DESCRIBED, recorded, made)
    assert why.value.type == "LayerDiffers"


def test_what_is_rounding_in_torch_itself_is_no_mistake(recorded: dict[str, Any], made: dict[verify.Key, Any]) -> None:
    made["conv", 1] = made["conv", 1] * numpy.float32(1 + 3e-5)
    noisy = written()
    noisy["calls"][2]["noise"] = 1e-5 * float(abs(recorded["layer/2"]).max())
    verify.layers(description.described(noisy), recorded, made)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_layer_that_is_not_finite_differs(
    recorded: dict[str, Any], made: dict[verify.Key, Any], broken: float
) -> None:
    made["conv", 0][0, 0, 0, 0] = broken
    recorded["layer/0"][0, 0, 0, 0] = broken
    with pytest.raises(Refused, match="the layer conv "):
        verify.layers(DESCRIBED, recorded, made)


def test_another_shape_differs(recorded: dict[str, Any], made: dict[verify.Key, Any]) -> None:
    made["conv", 0] = made["conv", 0][:, :, ::2, ::2]
    with pytest.raises(Refused, match=r"gives shape \[2, 4, 3, 3\], torch's gives \[2, 4, 5, 5\]"):
        verify.layers(DESCRIBED, recorded, made)


def test_a_dead_layer_has_to_be_dead(recorded: dict[str, Any], made: dict[verify.Key, Any]) -> None:
    recorded["layer/0"][:] = 0
    made["conv", 0][:] = 0
    verify.layers(DESCRIBED, recorded, made)
    made["conv", 0][0] = 1e-3
    with pytest.raises(Refused):
        verify.layers(DESCRIBED, recorded, made)


def test_layers_of_one_side_alone_are_named_and_dropout_is_none(
    recorded: dict[str, Any], made: dict[verify.Key, Any]
) -> None:
    del made["conv", 1]
    made["extra", 0] = made["conv", 0]
    with pytest.raises(Refused) as why:
        verify.layers(DESCRIBED, recorded, made)
    assert why.value.type == "LayersLeftOver"
    assert str(why.value) == (
        "torch calls conv, call 2, the rebuilt network does not; the rebuilt network calls extra, torch does not"
    )


def test_an_output_that_differs_is_named(recorded: dict[str, Any]) -> None:
    right = recorded["answer/features"]
    assert verify.answers(DESCRIBED, recorded, {"features": right.copy()}) == [("features", 0.0)]
    with pytest.raises(Refused, match="the output features is off by") as why:
        verify.answers(DESCRIBED, recorded, {"features": right[::-1]})
    assert why.value.type == "OutputDiffers"


def test_outputs_are_chosen_by_name_else_by_order() -> None:
    states = {"last_hidden_state": 1, "pooler_output": 2}
    assert keras_rebuild.chosen(["pooler_output"], states) == {"pooler_output": 2}
    assert keras_rebuild.chosen(["states", "pooled"], states) == {"states": 1, "pooled": 2}
    with pytest.raises(Refused, match="gives last_hidden_state, pooler_output, not embedding"):
        keras_rebuild.chosen(["embedding"], states)


class Filled:
    """A variable of Keras's."""

    def __init__(self, *shape: int) -> None:
        self.shape, self.name = shape, "layer/kernel:0"

    def assign(self, value: Any) -> None:
        self.value = value


def test_a_weight_is_poured_in_transposed_and_kept_in_the_account() -> None:
    weight = numpy.arange(6.0).reshape(2, 3)
    net = network.Network(DESCRIBED, Weights({"fc.weight": weight}))
    kernel = Filled(3, 2)
    net.pour(kernel, "fc.weight", 1, 0)
    assert (kernel.value == weight.T).all()
    assert net.mapped == [("fc.weight", "layer/kernel:0")]
    left = Filled(2)
    model = type("Model", (), {"weights": [kernel, left]})()
    assert net.unfilled(model) == ["layer/kernel:0"]


def test_a_weight_of_another_shape_is_refused() -> None:
    net = network.Network(DESCRIBED, Weights({"fc.weight": numpy.ones((2, 3))}))
    with pytest.raises(Refused, match=r"fc.weight: Keras wants shape \(2, 3\), torch has \(3, 2\)"):
        net.pour(Filled(2, 3), "fc.weight", 1, 0)


def test_a_layer_without_a_mapping_is_named() -> None:
    changed = written()
    changed["modules"][1]["class"] = "torch.nn.modules.conv.ConvTranspose2d"
    net = network.Network(description.described(changed), Weights({}))
    with pytest.raises(Refused, match=r"conv: no mapping is written for torch.nn.modules.conv.ConvTranspose2d"):
        net("conv", None)


def test_a_setting_that_a_mapping_does_not_know_is_refused() -> None:
    pool = Module("pool", "torch.nn.modules.pooling.MaxPool2d", {"ceil_mode": True}, [])
    assert description.one_of(pool, "return_indices", False) is False
    with pytest.raises(Refused, match=r"pool \(MaxPool2d\): no mapping for ceil_mode=True"):
        description.one_of(pool, "ceil_mode", False)


@pytest.mark.parametrize(
    ("padding", "kernel", "dilation", "sides"),
    [
        (1, [3, 3], [1, 1], ((1, 1), (1, 1))),
        ([0, 2], [1, 5], [1, 1], ((0, 0), (2, 2))),
        ("same", [4, 3], [1, 2], ((1, 2), (2, 2))),
        ("valid", [3, 3], [1, 1], ((0, 0), (0, 0))),
    ],
)
def test_padding_is_that_of_torch(padding: Any, kernel: list[int], dilation: list[int], sides: layers.Sides) -> None:
    assert layers._sides(padding, kernel, dilation) == sides


def test_bins_of_an_adaptive_average_overlap_as_those_of_torch() -> None:
    image = numpy.arange(5.0)
    assert (layers.bins(5, 3) @ image).tolist() == pytest.approx([0.5, 2.0, 3.5])
    assert (layers.bins(2, 4) @ image[:2]).tolist() == pytest.approx([0.0, 0.0, 1.0, 1.0])


def test_an_architecture_is_found_by_the_class_and_below_a_wrapper() -> None:
    changed = written()
    changed["modules"][1]["class"] = "torchvision.models.resnet.ResNet"
    assert architectures.found(description.described(changed)) == [architectures.resnet, "conv."]


def test_a_class_of_the_same_name_from_elsewhere_is_unknown() -> None:
    changed = written()
    changed["modules"][1]["class"] = "my.package.ResNet"
    with pytest.raises(NotApplicable, match=r"nobody wrote down in Keras how the layers of yours.Net are joined"):
        architectures.found(description.described(changed))


def test_an_embedding_an_lstm_and_a_linear_layer_are_a_tagger() -> None:
    kinds = ["sparse.Embedding", "rnn.LSTM", "dropout.Dropout", "linear.Linear"]
    modules = [{"name": "", "class": "yours.Net", "settings": {}, "children": list("abcd")}]
    modules += [
        {"name": name, "class": f"torch.nn.modules.{kind}", "settings": {}, "children": []}
        for name, kind in zip("abcd", kinds, strict=True)
    ]
    calls = [{"module": name, "call": 0, "output": f"layer/{name}", "noise": 0.0} for name in "abcd"]
    found = architectures.found(description.described(written(modules=modules, calls=calls)))
    assert found == [architectures.tagger, ""]
