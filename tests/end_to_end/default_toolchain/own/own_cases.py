"""Models as people write them: each fails on the default toolchain, and beside it stands the same without the cause."""

import json
from pathlib import Path

from tfparity import case, normal

VECTORS = [normal("batch", 12, name="x")]
IMAGES = [normal("batch", 3, 8, 8, name="x")]


def module(build, forward):
    """A network of the parts that `build` gives, called by forward(self, x)."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, part in build(torch.nn).items():
                setattr(self, name, part)

    Net.forward = forward
    return Net().eval()


# Quantized, or prepared for it


def dense(torch):
    from torch import nn
    from torch.ao import quantization as q

    torch.manual_seed(1)
    return nn.Sequential(q.QuantStub(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5), q.DeQuantStub())


@case("own/quantized", inputs=VECTORS, trained=True)
def quantized():
    import torch
    from torch.ao import quantization as q

    torch.backends.quantized.engine = "qnnpack"
    model = dense(torch).eval()
    model.qconfig = q.get_default_qconfig("qnnpack")
    prepared = q.prepare(model)
    prepared(torch.randn(64, 12))
    return q.convert(prepared).eval()


@case("own/quantized-way-round", inputs=VECTORS, trained=True)
def quantized_way_round():
    import torch

    return dense(torch).eval()


@case("own/fused-fake-quantize", inputs=VECTORS, trained=True)
def fused_fake_quantize():
    import torch
    from torch.ao import quantization as q

    model = dense(torch).train()
    model.qconfig = q.get_default_qat_qconfig("qnnpack")
    prepared = q.prepare_qat(model)
    prepared(torch.randn(64, 12))
    prepared.apply(q.disable_observer)
    return prepared.eval()


@case("own/fused-fake-quantize-way-round", inputs=VECTORS, trained=True)
def fused_fake_quantize_way_round():
    import torch

    return dense(torch).eval()


@case("own/fake-quantize", inputs=IMAGES, trained=True)
def fake_quantize():
    import torch
    from torch.ao import quantization as q

    torch.manual_seed(1)
    rounded = q.FakeQuantize(q.MovingAverageMinMaxObserver, quant_min=0, quant_max=255)
    model = torch.nn.Sequential(rounded, torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 5))
    model(torch.randn(64, 3, 8, 8))
    model.apply(q.disable_observer)
    return model.eval()


@case("own/fake-quantize-way-round", inputs=IMAGES, trained=True)
def fake_quantize_way_round():
    import torch

    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 5)).eval()


# Sizes


def images(*, open_sizes):
    sizes = ("height", "width") if open_sizes else (8, 8)
    return [normal("batch", 3, *sizes, name="x")]


SIZES = {"height": (8, 6, 11), "width": (9, 12, 7)}


def convolution(nn):
    return {"conv": nn.Conv2d(3, 5, 3, padding=1), "out": nn.Linear(5, 4)}


@case("own/open-window", inputs=images(open_sizes=True), axes=SIZES)
def open_window():
    from torch import nn

    def forward(self, x):
        x = self.conv(x)
        return self.out(nn.functional.avg_pool2d(x, (x.size(-2), x.size(-1))).flatten(1))

    return module(convolution, forward)


@case("own/open-window-way-round", inputs=images(open_sizes=True), axes=SIZES)
def open_window_way_round():
    return module(convolution, lambda self, x: self.out(self.conv(x).mean((-2, -1))))


@case("own/view-of-two", inputs=IMAGES)
def view_of_two():
    return module(lambda nn: {"out": nn.Linear(192, 4)}, lambda self, x: self.out(x.view(int(x.shape[0]), 192)))


@case("own/view-of-two-way-round", inputs=IMAGES)
def view_of_two_way_round():
    return module(lambda nn: {"out": nn.Linear(192, 4)}, lambda self, x: self.out(x.view(-1, 192)))


def alone(nn):
    return {"conv": nn.Conv2d(3, 5, 3)}


@case("own/pad-without-value", inputs=IMAGES)
def pad_without_value():
    from torch import nn

    return module(alone, lambda self, x: self.conv(nn.functional.pad(x, (2, 1))))


@case("own/pad-without-value-way-round", inputs=IMAGES)
def pad_without_value_way_round():
    from torch import nn

    return module(alone, lambda self, x: self.conv(nn.functional.pad(x, (2, 1), value=0.0)))


# Recurrent layers


def recurrent(nn):
    return {"lstm": nn.LSTM(24, 5), "out": nn.Linear(5, 3)}


def after_flatten(self, x):
    return self.out(self.lstm(x.flatten(2))[0])


@case("own/lstm-after-flatten", inputs=[normal(3, "batch", 4, 6, name="x")])
def lstm_after_flatten():
    return module(recurrent, after_flatten)


@case("own/lstm-after-flatten-way-round", inputs=[normal(3, 2, 4, 6, name="x")])
def lstm_after_flatten_way_round():
    return module(recurrent, after_flatten)


def behind_pad(pad):
    return module(
        lambda nn: {"lstm": nn.LSTM(6, 5, batch_first=True)},
        lambda self, x: self.lstm(pad(x).transpose(1, 2))[0],
    )


@case("own/lstm-behind-pad", inputs=[normal("batch", 6, 10, name="x")])
def lstm_behind_pad():
    from torch import nn

    return behind_pad(lambda x: nn.functional.pad(x, (2, 1), mode="reflect"))


@case("own/lstm-behind-pad-way-round", inputs=[normal("batch", 6, 10, name="x")])
def lstm_behind_pad_way_round():
    import torch

    return behind_pad(lambda x: torch.index_select(x, 2, torch.tensor([2, 1, *range(10), 8])))


def one_after_the_other(width):
    return module(
        lambda nn: {"first": nn.LSTM(6, 5), "second": nn.LSTM(5, width)},
        lambda self, x: self.second(self.first(x)[0])[0],
    )


@case("own/two-lstms", inputs=[normal(7, "batch", 6, name="x")])
def two_lstms():
    return one_after_the_other(5)


@case("own/two-lstms-of-two-widths", inputs=[normal(7, "batch", 6, name="x")])
def two_lstms_of_two_widths():
    return one_after_the_other(4)


# Indices


@case("own/mask-and-index", inputs=[normal("batch", name="x")])
def mask_and_index():
    import torch

    def forward(self, x):
        made = torch.zeros((x.shape[0], 2)).to(x.dtype)
        mask = x > 0
        made[mask, 0] = x[mask]
        return self.out(made)

    return module(lambda nn: {"out": nn.Linear(2, 3)}, forward)


@case("own/mask-and-index-way-round", inputs=[normal("batch", name="x")])
def mask_and_index_way_round():
    import torch

    def forward(self, x):
        first = torch.where(x > 0, x, torch.zeros_like(x))
        return self.out(torch.stack((first, torch.zeros_like(first)), 1))

    return module(lambda nn: {"out": nn.Linear(2, 3)}, forward)


def picked(dim):
    import torch

    def forward(self, x):
        x = self.out(x)
        return torch.gather(x, dim, torch.argmax(x, dim, keepdim=True))

    return module(lambda nn: {"out": nn.Linear(6, 5)}, forward)


@case("own/gather-from-the-end", inputs=[normal("batch", 4, 6, name="x")])
def gather_from_the_end():
    return picked(-1)


@case("own/gather-from-the-end-way-round", inputs=[normal("batch", 4, 6, name="x")])
def gather_from_the_end_way_round():
    return picked(2)


def placed(dim):
    import torch

    def forward(self, x):
        x = self.out(x)
        return torch.zeros_like(x).scatter(dim, torch.argmax(x, dim, keepdim=True), x[..., :1])

    return module(lambda nn: {"out": nn.Linear(6, 5)}, forward)


@case("own/scatter-from-the-end", inputs=[normal("batch", 4, 6, name="x")])
def scatter_from_the_end():
    return placed(-1)


@case("own/scatter-from-the-end-way-round", inputs=[normal("batch", 4, 6, name="x")])
def scatter_from_the_end_way_round():
    return placed(2)


# Files and addresses, as a shell has them


def weighed(weights):
    """A network that is a file's weights, (12, 4)."""
    import torch

    model = torch.nn.Linear(12, 4, bias=False)
    model.weight.data = torch.tensor(weights).reshape(4, 12)
    return model.eval()


@case("own/weights-below-home", inputs=VECTORS, trained=True)
def weights_below_home():
    return weighed(json.loads(Path("~/weights.json").expanduser().read_text()))


@case("own/weights-below-home-way-round", inputs=VECTORS, trained=True)
def weights_below_home_way_round():
    return weighed(json.loads(Path(__file__).with_name("weights.json").read_text()))


@case("own/weights-where-it-was-called", inputs=VECTORS, trained=True)
def weights_where_it_was_called():
    import torch

    return weighed(torch.load("weights.pt"))


@case("own/weights-by-address", inputs=VECTORS, trained=True)
def weights_by_address():
    import torch

    return weighed(torch.hub.load_state_dict_from_url("https://weights.invalid/weights.pt"))
