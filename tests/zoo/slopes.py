"""Models whose gradients mislead, are partly there, or not at all: run inside the default toolchain's environment by
test_slopes.py. Prints, as JSON, per model whether weights are seen as a forward pass a weight sees them."""

import json
import sys

sys.path.insert(0, sys.argv[1])

import numpy
import torch
from torch import nn

from tfparity.worker import arrays, sensitivity
from tfparity.worker.declare import Case, floating, integer, normal
from tfparity.worker.frameworks import pytorch

WIDTH, DEPTH = 6, 18


class Layers(nn.Module):
    """Linear layers, and what comes before, between and after them."""

    def __init__(self, before=None, between=torch.tanh, after=None):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))
        for layer in self.layers:
            nn.init.orthogonal_(layer.weight, 1.5)
        self.before, self.between, self.after = before, between, after

    def forward(self, x):
        x = self.before(x) if self.before else x
        for layer in self.layers:
            x = self.between(layer(x))
        return self.after(x) if self.after else x


def straight_through(x):
    """Rounding to tenths, with the gradient of no rounding: what the layers before do shows in no decimal."""
    return x + ((x * 0.1).round() / 0.1 - x).detach()


class Reversed(torch.autograd.Function):
    """The forward pass is a constant, and the gradient says otherwise."""

    @staticmethod
    def forward(context, x):
        return torch.ones_like(x)

    @staticmethod
    def backward(context, slope):
        return 100 * slope


class Scaled(nn.Module):
    """A branch with a scale of 1e-6, as residual networks of large depth begin."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.gamma = inner, nn.Parameter(torch.full((WIDTH,), 1e-6))

    def forward(self, x):
        return x + self.gamma * self.inner(x)


class Norms(nn.Module):
    """Convolutions under batch norms, whose statistics are weights too."""

    def __init__(self):
        super().__init__()
        parts = [(nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.Tanh()) for _ in range(6)]
        self.body = nn.Sequential(*[part for three in parts for part in three])

    def forward(self, x):
        return self.body(x.reshape(-1, 1, 1, WIDTH).expand(-1, 3, 4, WIDTH))


class InPlace(Layers):
    """Writes into a weight's copy, and into the input."""

    def forward(self, x):
        x += 0
        kept = self.layers[0].weight.detach().clone()
        kept.mul_(1)
        return super().forward(x @ kept)


class NoGradient(Layers):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


class HalfWay(Layers):
    """The first half keeps no gradient."""

    def forward(self, x):
        for place, layer in enumerate(self.layers):
            x = torch.tanh(layer(x))
            x = x.detach() if place == DEPTH // 2 else x
        return x


class Tied(Layers):
    def __init__(self):
        super().__init__()
        for layer in self.layers[1::2]:
            layer.weight = self.layers[0].weight


class Unused(Layers):
    def __init__(self):
        super().__init__()
        self.spare = nn.Linear(WIDTH, WIDTH)


class Several(Layers):
    """Three outputs, an integer one and one that half of the weights don't reach."""

    def forward(self, x):
        seen = []
        for layer in self.layers:
            x = torch.tanh(layer(x))
            seen.append(x)
        return x, x.argmax(-1), seen[DEPTH // 2]


class Masked(Layers):
    """Infinities and fills stand in the output."""

    def forward(self, x):
        x = super().forward(x).clone()
        x[:, 0] = float("-inf")
        return x


class Remembers(Layers):
    """Keeps what it computed, with whatever hangs on it."""

    def forward(self, x):
        self.last = super().forward(x)
        return self.last


class Halves(Layers):
    def __init__(self):
        super().__init__()
        self.to(torch.bfloat16)

    def forward(self, x):
        return super().forward(x.to(torch.bfloat16)).float()


MODELS = {
    "plain": Layers,
    "batch norm": Norms,
    "straight through": lambda: Layers(after=straight_through),
    "straight through between": lambda: Layers(between=lambda x: straight_through(x * 30)),
    "another gradient": lambda: Layers(after=Reversed.apply),
    "argmax": lambda: Layers(after=lambda x: x.argmax(-1)),
    "sign": lambda: Layers(after=torch.sign),
    "clipped": lambda: Layers(after=lambda x: (x * 1e6).clamp(-1e-6, 1e-6)),
    "clipped all but flat": lambda: Layers(after=lambda x: x.clamp(0, 1e-6)),
    "root at zero": lambda: Layers(after=lambda x: ((x - x.detach()).abs() + 1e-12).sqrt()),
    "normalised twice": lambda: Layers(between=lambda x: x / x.norm(dim=-1, keepdim=True)),
    "dead": lambda: Layers(between=lambda x: torch.relu(x - 10)),
    "layer scale": lambda: Scaled(Layers()),
    "in place": InPlace,
    "no gradient": NoGradient,
    "half way": HalfWay,
    "tied": Tied,
    "unused": Unused,
    "several": Several,
    "masked": Masked,
    "remembers": Remembers,
    "halves": Halves,
    "scripted": lambda: torch.jit.script(nn.Sequential(*[nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])),
    "weight norm": lambda: nn.Sequential(
        *[nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, WIDTH)) for _ in range(DEPTH)]
    ),
    "transformer": lambda: nn.Sequential(
        nn.Unflatten(1, (1, WIDTH)), nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, 2, 8), 4)
    ),
    "recurrent": lambda: nn.Sequential(nn.Unflatten(1, (WIDTH, 1)), Recurrent()),
}


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(1, 4, 4, bidirectional=True, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0]


def both(build):
    torch.manual_seed(0)
    model = build().eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    outputs = pytorch.run(model, [numpy.zeros((2, WIDTH), "float32")])
    named = tuple((integer if y.dtype.kind in "iu" else floating)(f"y{place}") for place, y in enumerate(outputs))
    case = Case("a/b", (normal("batch", WIDTH, name="x"),), named, {"batch": (2, 1)}, {}, (), {}, build, "", 1)
    inputs = [arrays.inputs(case, sample) for sample in case.samples()]
    stored = {
        f"float32/{sample.index}/{output.name}": value
        for sample, given in zip(case.samples(), inputs, strict=True)
        for output, value in zip(named, pytorch.run(model, given), strict=True)
    }
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    exact = sensitivity.measured(case, pytorch.FRAMEWORK._replace(slopes=None), model, inputs, stored).changes
    found, bounded, _ = sensitivity.measured(case, pytorch.FRAMEWORK, model, inputs, stored)
    enough = sensitivity.enough(case, stored)
    return {
        "weights": len([name for name in exact if ":" not in name]),
        "bounded": len(bounded),
        "unlike": [n for n in exact if sensitivity.shows(exact[n], enough) != sensitivity.shows(found[n], enough)],
        "moved differ": [name for name in exact if name not in bounded and exact[name] != found[name]],
        "untouched": all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
        and not any(tensor.requires_grad for tensor in model.state_dict(keep_vars=True).values()),
        "left": [name for name, value in vars(model).items() if getattr(value, "requires_grad", False)],
    }


print(json.dumps({name: both(build) for name, build in MODELS.items()}))
