"""More pitfalls: names, signatures, what tracing freezes, aliases, dynamic axes, dtypes, what is no number.

Each case is the smallest model that falls into one, where another model of the same operators does not.
"""

from tfparity import boolean, case, floating, integer, integers, mask, normal, ranking, uniform

# Names


def _named(name, given, answer):
    """A linear layer whose input and output bear these names in the signature."""

    @case("pitfalls/" + name, inputs=[normal("batch", 6, name=given)], outputs=[answer], tags={"signature", "names"})
    def factory():
        import torch

        return torch.nn.Linear(6, 5).eval()


# What TensorFlow does not take for a scope: https://github.com/onnx/onnx-tensorflow/issues/778
_named("name-with-colon", "image_tensor:0", "scores")
_named("name-with-leading-underscore", "_features", "scores")
_named("name-with-at-sign", "features@3", "scores")
_named("name-with-dot", "model.features", "model.scores")
_named("output-name-with-colon", "features", "scores:0")
# A sole output is called output_0 by some routes: https://github.com/PINTO0309/onnx2tf/issues/178
_named("named-single-output", "features", "logits")


# Signatures


@case(
    "pitfalls/three-outputs-alike",
    inputs=[normal("batch", 6)],
    outputs=["zeta", "alpha", "mu"],
    tags={"signature", "core"},
)
def three_outputs_alike():
    """One shape, one dtype, names out of order: only the numbers tell a swap.

    https://github.com/onnx/onnx-tensorflow/issues/898
    """
    import torch

    class Heads(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third = (torch.nn.Linear(6, 4) for _ in range(3))

        def forward(self, x):
            return self.first(x), self.second(x), self.third(x)

    return Heads().eval()


@case(
    "pitfalls/inputs-used-in-other-order",
    inputs=[
        normal("batch", 6, name="first"),
        normal("batch", 6, name="second"),
        normal("batch", 6, name="third"),
    ],
    tags={"signature", "core"},
)
def inputs_used_in_other_order():
    """One shape, one dtype, and the graph meets them backwards: a route that goes by use reorders them.

    https://github.com/AlexanderLutsenko/nobuco/issues/20
    """
    import torch

    class Difference(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 6)

        def forward(self, first, second, third):
            return self.project(torch.tanh(third)) - 2 * second + 3 * first

    return Difference().eval()


@case(
    "pitfalls/unused-input",
    inputs=[normal("batch", 6, name="features"), integers("batch", 4, high=9, name="token_type_ids")],
    tags={"signature"},
    insensitive={"input:token_type_ids": "the model takes it and does not look at it"},
)
def unused_input():
    """An input that callers send and the model ignores: does the signature keep it?"""
    import torch

    class Ignores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, features, token_type_ids):
            return self.project(features)

    return Ignores().eval()


@case(
    "pitfalls/constant-output",
    inputs=[normal("batch", 6)],
    outputs=["scores", "anchors"],
    tags={"signature"},
    insensitive={"output:anchors": "the anchors are the same for every input"},
)
def constant_output():
    """An output that depends on no input: folded into a constant, and an output all the same."""
    import torch

    class Anchored(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)
            self.register_buffer("sizes", torch.rand(4, 2) + 0.5)

        def forward(self, x):
            return self.project(x), self.sizes * 16

    return Anchored().eval()


@case(
    "pitfalls/input-is-output",
    inputs=[normal("batch", 6, name="features")],
    outputs=["scores", "unchanged"],
    operators=["Identity"],
    tags={"signature"},
)
def input_is_output():
    """What came in goes out as well, under another name: Identity, or nothing at all."""
    import torch

    class Passing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, features):
            return self.project(features), features

    return Passing().eval()


@case(
    "pitfalls/same-output-twice",
    inputs=[normal("batch", 6)],
    outputs=["scores", "copy"],
    tags={"signature"},
)
def same_output_twice():
    """One tensor under two names."""
    import torch

    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, x):
            scores = self.project(x)
            return scores, scores

    return Twice().eval()


@case(
    "pitfalls/output-used-inside",
    inputs=[normal("batch", 6)],
    outputs=[floating("hidden"), ranking("logits")],
    tags={"signature"},
)
def output_used_inside():
    """An output that the next layer reads, too."""
    import torch

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 5)

        def forward(self, x):
            hidden = torch.relu(self.first(x))
            return hidden, self.second(hidden)

    return Hidden().eval()


@case(
    "pitfalls/scalar-input",
    inputs=[normal("batch", 6, name="sample"), integers(high=50, name="timestep")],
    operators=["Gather"],
    tags={"signature"},
)
def scalar_input():
    """A step of a diffusion: an input without axes."""
    import torch

    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(50, 6)
            self.project = torch.nn.Linear(6, 6)

        def forward(self, sample, timestep):
            return self.project(sample) + self.table(timestep)

    return Step().eval()


@case(
    "pitfalls/scalar-output",
    inputs=[normal("batch", 6)],
    outputs=["energy"],
    operators=["ReduceLogSumExp"],
    tags={"signature"},
)
def scalar_output():
    """An output without axes."""
    import torch

    class Energy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, x):
            return torch.logsumexp(self.project(x).flatten(), dim=0)

    return Energy().eval()


@case("pitfalls/no-dynamic-axis", inputs=[normal(1, 3, 8, 8)], operators=["Conv", "Flatten"], tags={"signature"})
def no_dynamic_axis():
    """One image, always: every size is known, and batch and channels may be taken for each other."""
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(256, 5)
    ).eval()


@case("pitfalls/default-argument", inputs=[normal("batch", 6)], tags={"signature"})
def default_argument():
    """A forward with a second argument that nobody gives."""
    import torch

    class Optional(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, x, mask=None):
            scores = self.project(x)
            return scores if mask is None else scores.masked_fill(mask, -9.0)

    return Optional().eval()


# What tracing freezes


@case("pitfalls/frozen-branch", inputs=[normal("batch", 6)], tags={"frozen", "core"})
def frozen_branch():
    """`if` on a value: tracing keeps the branch of the example, and other inputs get its answer.

    blocks/scripted-if is the same model as it should be.
    """
    import torch

    class Branch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, x):
            if bool(x.sum() > 0):
                return self.project(x) * 3
            return self.project(x) - 1

    return Branch().eval()


@case(
    "pitfalls/frozen-loop",
    inputs=[normal("batch", "sequence", 6)],
    axes={"sequence": (5, 3, 8)},
    operators=["Gather", "Gemm"],
    tags={"frozen", "dynamic"},
)
def frozen_loop():
    """`for` over the steps of a sequence: tracing writes down as many as the example has."""
    import torch

    class Steps(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 6)

        def forward(self, x):
            state = torch.zeros_like(x[:, 0])
            for step in range(x.size(1)):
                state = torch.tanh(self.project(state + x[:, step]))
            return state

    return Steps().eval()


@case(
    "pitfalls/frozen-size",
    inputs=[normal("batch", "tokens", 6)],
    axes={"tokens": (16, 9, 25)},
    operators=["Reshape"],
    tags={"frozen", "dynamic"},
)
def frozen_size():
    """int() of a size: the side of a square of patches becomes a constant."""
    import torch

    class Square(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve = torch.nn.Conv2d(6, 5, 3, padding=1)

        def forward(self, x):
            side = int(x.size(1) ** 0.5)
            return self.convolve(x.transpose(1, 2).reshape(x.size(0), 6, side, side)).mean((2, 3))

    return Square().eval()


@case(
    "pitfalls/frozen-scale",
    inputs=[normal("batch", "sequence", 6)],
    axes={"sequence": (5, 3, 8)},
    operators=["Div"],
    tags={"frozen", "dynamic"},
)
def frozen_scale():
    """math.sqrt of a size: a factor that stays as it was in the example."""
    import math

    import torch

    class Scaled(torch.nn.Module):
        def forward(self, x):
            return x.sum(1) / math.sqrt(x.size(1))

    return Scaled().eval()


@case("pitfalls/frozen-initial-state", inputs=[normal("batch", 5, 6)], operators=["LSTM"], tags={"frozen", "recurrent"})
def frozen_initial_state():
    """A state of zeros made for int(batch) rows: the model then takes no other batch."""
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = torch.nn.LSTM(6, 5, batch_first=True)

        def forward(self, x):
            zeros = torch.zeros(1, int(x.size(0)), 5, dtype=x.dtype)
            return self.network(x, (zeros, zeros))[0]

    return Recurrent().eval()


@case("pitfalls/scripted-module", inputs=[normal("batch", 6)], tags={"scripted"})
def scripted_module():
    """A module that is TorchScript already: before torch 1.10 its export wants an example of the outputs."""
    import torch

    network = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5))
    return torch.jit.script(network.eval())


@case("pitfalls/traced-module", inputs=[normal("batch", 6)], tags={"scripted"})
def traced_module():
    """A traced module, as archives hold it."""
    import torch

    network = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5)).eval()
    return torch.jit.trace(network, torch.zeros(2, 6))


# Aliases


@case("pitfalls/in-place-on-input", inputs=[normal("batch", 6)], tags={"in-place"})
def in_place_on_input():
    """The model writes into what it was given."""
    import torch

    class Writes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, x):
            x.mul_(2).add_(0.5)
            return self.project(x)

    return Writes().eval()


@case("pitfalls/in-place-on-view", inputs=[normal("batch", 4, 6)], operators=["ScatterND"], tags={"in-place", "core"})
def in_place_on_view():
    """A slice is doubled in place, and the whole is read afterwards."""
    import torch

    class Writes(torch.nn.Module):
        def forward(self, x):
            y = x.clone()
            y[:, 1:3].mul_(2)
            y[:, 0] += 1
            return y.cumsum(1)

    return Writes().eval()


@case("pitfalls/in-place-relu-on-branch", inputs=[normal("batch", 3, 6, 6)], operators=["Relu"], tags={"in-place"})
def in_place_relu_on_branch():
    """ReLU(inplace=True) on a tensor that a shortcut keeps: the shortcut sees the rectified one."""
    import torch

    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.Conv2d(4, 4, 1)
            self.relu = torch.nn.ReLU(inplace=True)

        def forward(self, x):
            shortcut = self.first(x)
            return self.second(self.relu(shortcut)) + shortcut

    return Residual().eval()


@case(
    "pitfalls/shared-module",
    inputs=[normal("batch", 6, name="left"), normal("batch", 6, name="right")],
    tags={"shared"},
)
def shared_module():
    """One layer for two inputs: siamese networks hold their weights once."""
    import torch

    class Siamese(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encode = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4))

        def forward(self, left, right):
            return self.encode(left) - 2 * self.encode(right)

    return Siamese().eval()


@case(
    "pitfalls/square-weights",
    inputs=[normal("batch", 8, 8)],
    operators=["LSTM", "Conv", "MatMul"],
    tags={"layout"},
)
def square_weights():
    """Every matrix is square, so that one that was not transposed fits as well."""
    import torch

    class Square(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(8, 8)
            self.recurrent = torch.nn.LSTM(8, 8, batch_first=True)
            self.convolve = torch.nn.Conv1d(8, 8, 1)

        def forward(self, x):
            return self.convolve(self.recurrent(self.linear(x))[0])

    return Square().eval()


# Layout


@case(
    "pitfalls/equal-dimensions",
    inputs=[normal("batch", 16, 16)],
    operators=["Conv", "Softmax", "CumSum"],
    tags={"layout", "core"},
)
def equal_dimensions():
    """Channels and steps of one size: which axis is which cannot be told by looking.

    https://github.com/PINTO0309/onnx2tf/issues/317
    """
    import torch

    class Mixer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve = torch.nn.Conv1d(16, 16, 3, padding=1)
            self.linear = torch.nn.Linear(16, 16)

        def forward(self, x):
            return torch.softmax(self.convolve(self.linear(x)), dim=1) + x.cumsum(1) * 0.1

    return Mixer().eval()


@case(
    "pitfalls/equal-dimensions-image",
    inputs=[normal("batch", 8, 8, 8)],
    operators=["Conv", "Softmax", "CumSum"],
    tags={"layout"},
)
def equal_dimensions_image():
    """Channels, height and width of one size, with a convolution that treats the last two differently."""
    import torch

    class Mixer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve = torch.nn.Conv2d(8, 8, (3, 1), padding=(1, 0))

        def forward(self, x):
            y = self.convolve(x)
            return torch.softmax(y, dim=1) + y.cumsum(3) * 0.1 + y.flip(2)

    return Mixer().eval()


@case(
    "pitfalls/channels-last-inside",
    inputs=[normal("batch", 6, 6, 3, name="images")],
    operators=["Transpose", "Conv"],
    tags={"layout", "latency"},
)
def channels_last_inside():
    """Images come and go channels last, and every convolution is between two transposes.

    https://github.com/onnx/onnx-tensorflow/issues/921
    """
    import torch

    class Layer(torch.nn.Module):
        def __init__(self, before, after):
            super().__init__()
            self.convolve = torch.nn.Conv2d(before, after, 3, padding=1)
            self.norm = torch.nn.LayerNorm(after)

        def forward(self, x):
            return torch.relu(self.norm(self.convolve(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)))

    return torch.nn.Sequential(Layer(3, 8), Layer(8, 8), Layer(8, 4)).eval()


@case("pitfalls/channels-last-memory", inputs=[normal("batch", 3, 6, 5)], operators=["Conv"], tags={"layout"})
def channels_last_memory():
    """memory_format=channels_last: the axes stay where they are, and only their strides change."""
    import torch

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve = torch.nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x):
            return self.convolve(x.contiguous(memory_format=torch.channels_last)).flatten(1)

    return Layer().to(memory_format=torch.channels_last).eval()


@case(
    "pitfalls/broadcast-against-channels",
    inputs=[normal("batch", 4, 4, 4)],
    operators=["Mul", "Add"],
    tags={"layout", "broadcast"},
)
def broadcast_against_channels():
    """Constants of one axis and of three, which broadcast against the last axes and not against the channels."""
    import torch

    class Shift(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve = torch.nn.Conv2d(4, 4, 1)
            self.columns = torch.nn.Parameter(torch.randn(4))
            self.channels = torch.nn.Parameter(torch.randn(4, 1, 1))

        def forward(self, x):
            return self.convolve(x) * self.columns + self.channels

    return Shift().eval()


# Dynamic axes


@case(
    "pitfalls/dynamic-batch-and-sequence",
    inputs=[
        integers("batch", "sequence", high=30, name="input_ids"),
        mask("batch", "sequence", name="attention_mask"),
    ],
    axes={"sequence": (8, 5, 13)},
    operators=["Where", "Softmax"],
    tags={"dynamic", "core"},
)
def dynamic_batch_and_sequence():
    """Two axes in two inputs that have to agree: dynamic_axes of the one exporter, dynamic_shapes of the other.

    https://github.com/pytorch/pytorch/issues/165748
    """
    import torch

    class Pooled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(30, 8)
            self.project = torch.nn.Linear(8, 8)

        def forward(self, input_ids, attention_mask):
            states = torch.tanh(self.project(self.table(input_ids)))
            scores = torch.matmul(states, states.transpose(1, 2))
            scores = scores.masked_fill(attention_mask[:, None, :] == 0, -1e4)
            weights = attention_mask.unsqueeze(-1).to(states.dtype)
            return (torch.matmul(torch.softmax(scores, dim=-1), states) * weights).sum(1) / weights.sum(1)

    return Pooled().eval()


@case(
    "pitfalls/dynamic-concat",
    inputs=[normal("batch", 3, "height", "width")],
    axes={"height": (8, 6, 12), "width": (8, 10, 4)},
    operators=["Conv", "Concat"],
    tags={"dynamic"},
)
def dynamic_concat():
    """Branches of images of any size, joined: onnx-tf can lose their rank.

    https://github.com/onnx/onnx-tensorflow/issues/1042
    """
    import torch

    class Branches(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Conv2d(3, 4, 1), torch.nn.Conv2d(3, 5, 3, padding=1)

        def forward(self, x):
            return torch.cat((self.first(x), torch.nn.functional.max_pool2d(x, 3, 1, 1), self.second(x)), dim=1)

    return Branches().eval()


@case(
    "pitfalls/dynamic-conv-transpose",
    inputs=[normal("batch", 3, "height", "width")],
    axes={"height": (5, 3, 8), "width": (6, 4, 7)},
    operators=["ConvTranspose"],
    tags={"dynamic"},
)
def dynamic_conv_transpose():
    """The size of the answer is computed from a size that is not known.

    https://github.com/onnx/onnx-tensorflow/issues/750
    """
    import torch

    return torch.nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1).eval()


@case(
    "pitfalls/dynamic-adaptive-pool",
    inputs=[normal("batch", 3, "height", "width")],
    axes={"height": (8, 4, 12), "width": (8, 6, 10)},
    operators=["AveragePool"],
    tags={"dynamic", "pooling"},
)
def dynamic_adaptive_pool():
    """Two by two cells of any image: the windows would have to follow the size."""
    import torch

    return torch.nn.AdaptiveAvgPool2d(2).eval()


@case(
    "pitfalls/dynamic-upsample",
    inputs=[normal("batch", 3, "height", "width")],
    axes={"height": (5, 3, 8), "width": (6, 4, 7)},
    operators=["Resize"],
    tags={"dynamic", "resampling"},
)
def dynamic_upsample():
    """Twice the size, whatever that is, as numbers: Shape, Mul, Resize."""
    import torch

    class Twice(torch.nn.Module):
        def forward(self, x):
            height, width = x.shape[-2:]
            return torch.nn.functional.interpolate(x, size=(height * 2, width * 2), mode="nearest")

    return Twice().eval()


@case(
    "pitfalls/dynamic-group-norm",
    inputs=[normal("batch", 8, "height", "width", mean=1.0)],
    axes={"height": (5, 3, 8), "width": (6, 4, 7)},
    operators=["InstanceNormalization"],
    tags={"dynamic", "normalisation"},
)
def dynamic_group_norm():
    """Groups are made by a reshape that has to put the unknown sizes back."""
    import torch

    return torch.nn.GroupNorm(2, 8).eval()


@case(
    "pitfalls/dynamic-axis-becomes-one",
    inputs=[normal("batch", "sequence", 8)],
    axes={"sequence": (6, 1, 9)},
    operators=["MatMul", "Softmax"],
    tags={"dynamic"},
)
def dynamic_axis_becomes_one():
    """A sequence of one: the size at which everything broadcasts and squeezes."""
    import torch

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.value = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)

        def forward(self, x):
            scores = torch.matmul(self.query(x), x.transpose(1, 2))
            return torch.matmul(torch.softmax(scores, dim=-1), self.value(x)) + x.mean(1, keepdim=True)

    return Attention().eval()


@case("pitfalls/flatten-before-linear", inputs=[normal("batch", 4, 4, 4)], operators=["Flatten"], tags={"dynamic"})
def flatten_before_linear():
    """torch.flatten(x, 1), on which litert-torch loses the batch.

    https://github.com/google-ai-edge/litert-torch/issues/685
    """
    import torch

    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(64, 5)

        def forward(self, x):
            return self.linear(torch.flatten(x, 1))

    return Head().eval()


@case("pitfalls/reshape-before-linear", inputs=[normal("batch", 4, 4, 4)], operators=["Reshape"], tags={"dynamic"})
def reshape_before_linear():
    """The same with reshape(-1, 64): the way round."""
    import torch

    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(64, 5)

        def forward(self, x):
            return self.linear(x.reshape(-1, 64))

    return Head().eval()


@case("pitfalls/split-query-key-value", inputs=[normal("batch", 5, 8)], operators=["Split"], tags={"opset"})
def split_query_key_value():
    """Three parts of one linear layer: an exporter that writes opset 18 cannot go back, for Split changed there.

    https://github.com/onnx/onnx/issues/8209
    """
    import torch

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(8, 24)

        def forward(self, x):
            query, key, value = self.project(x).split(8, dim=-1)
            return torch.matmul(torch.softmax(torch.matmul(query, key.transpose(1, 2)) / 3, dim=-1), value)

    return Attention().eval()


# Batch norm and dropout


@case("pitfalls/batch-statistics", inputs=[normal("batch", 4, 5, 5)], operators=["BatchNormalization"], tags={"norm"})
def batch_statistics():
    """No running statistics: in evaluation, too, every image's answer depends on its neighbours.

    https://github.com/pytorch/pytorch/issues/75252
    """
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(4, 6, 3, bias=False), torch.nn.BatchNorm2d(6, track_running_stats=False), torch.nn.ReLU()
    ).eval()


@case("pitfalls/batch-norm-folded", inputs=[normal("batch", 4, 6, 6)], operators=["Conv"], tags={"norm"})
def batch_norm_folded():
    """Convolutions with and without a bias, each before a batch norm, that exporters and converters fold in."""
    import torch

    return torch.nn.Sequential(
        torch.nn.Conv2d(4, 6, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(6, eps=1e-3),
        torch.nn.ReLU(),
        torch.nn.Conv2d(6, 6, 3, groups=6),
        torch.nn.BatchNorm2d(6),
        torch.nn.ConvTranspose2d(6, 5, 2, stride=2),
        torch.nn.BatchNorm2d(5, affine=False),
    ).eval()


@case("pitfalls/dropout-kinds", inputs=[normal("batch", 4, 6)], tags={"norm"})
def dropout_kinds():
    """Every dropout that does nothing in evaluation, and the functional one that has to be told."""
    import torch

    class Drops(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 5)
            self.drops = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.AlphaDropout(0.5), torch.nn.Dropout2d(0.5))

        def forward(self, x):
            hidden = torch.nn.functional.dropout(torch.tanh(self.first(x)), 0.5, self.training)
            return self.second(self.drops(hidden.unsqueeze(0)).squeeze(0))

    return Drops().eval()


# Numbers


@case(
    "pitfalls/int64-beyond-int32",
    inputs=[integers("batch", 6, low=2**33, high=2**34, name="identifiers")],
    outputs=[integer("buckets")],
    operators=["Mul", "Mod"],
    tags={"dtype", "integer"},
)
def int64_beyond_int32():
    """Identifiers that do not fit in 32 bits, put in buckets by what is left of a division."""
    import torch

    class Buckets(torch.nn.Module):
        def forward(self, identifiers):
            return torch.fmod(identifiers * 31 + 7, 1009)

    return Buckets().eval()


@case(
    "pitfalls/uint8-wraps",
    inputs=[integers("batch", 6, high=256, name="pixels", dtype="uint8")],
    outputs=[integer("shifted")],
    operators=["Add"],
    tags={"dtype", "integer"},
)
def uint8_wraps():
    """Bytes stay bytes: 200 plus 100 is 44."""
    import torch

    class Shift(torch.nn.Module):
        def forward(self, pixels):
            return pixels + 100

    return Shift().eval()


@case("pitfalls/double-inside", inputs=[normal("batch", 6)], operators=["Cast", "Sub", "Div"], tags={"dtype"})
def double_inside():
    """A buffer of float64, from numpy: everything behind it, and the output, are float64."""
    import torch

    class Standardise(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.linspace(-1, 1, 6, dtype=torch.float64))
            self.register_buffer("deviation", torch.linspace(0.5, 2, 6, dtype=torch.float64))

        def forward(self, x):
            return (x - self.mean) / self.deviation

    return Standardise().eval()


@case(
    "pitfalls/half-precision-weights",
    inputs=[integers("batch", 6, high=30, name="tokens")],
    operators=["Cast", "Gather"],
    tags={"dtype"},
)
def half_precision_weights():
    """A table kept in float16, cast when it is read."""
    import torch

    class Lookup(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(30, 8).half()
            self.project = torch.nn.Linear(8, 5)

        def forward(self, tokens):
            return self.project(self.table(tokens).to(self.project.weight.dtype))

    return Lookup().eval()


@case(
    "pitfalls/bfloat16-weights",
    inputs=[integers("batch", 6, high=30, name="tokens")],
    operators=["Cast", "Gather"],
    tags={"dtype"},
)
def bfloat16_weights():
    """The same in bfloat16, as large models are kept."""
    import torch

    class Lookup(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(30, 8).bfloat16()
            self.project = torch.nn.Linear(8, 5)

        def forward(self, tokens):
            return self.project(self.table(tokens).to(self.project.weight.dtype))

    return Lookup().eval()


@case(
    "pitfalls/int32-ids",
    inputs=[integers("batch", 6, high=30, name="tokens", dtype="int32")],
    operators=["Cast", "Gather"],
    tags={"dtype"},
)
def int32_ids():
    """int32 goes in, and an index has to be int64 in torch: the signature's dtype is int32 all the same."""
    import torch

    class Lookup(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(30, 8)

        def forward(self, tokens):
            return self.table(tokens.long()).mean(1)

    return Lookup().eval()


@case(
    "pitfalls/integer-output-of-float-network",
    inputs=[normal("batch", 6)],
    outputs=[integer("label"), floating("confidence"), integer("sure")],
    operators=["ArgMax", "ReduceMax", "Greater"],
    tags={"dtype", "signature"},
)
def integer_output_of_float_network():
    """int64, float32 and bool come out side by side."""
    import torch

    class Answer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, x):
            confidence, label = torch.softmax(self.project(x), dim=-1).max(-1)
            return label, confidence, confidence > 0.35

    return Answer().eval()


@case("pitfalls/nan-through-relu", inputs=[normal("batch", 6)], operators=["Relu"], tags={"not-finite"})
def nan_through_relu():
    """NaN stays NaN in torch; max(x, 0) may make zero of it."""
    import torch

    class Root(torch.nn.Module):
        def forward(self, x):
            return torch.relu(torch.log(x + 0.3))

    return Root().eval()


@case(
    "pitfalls/nan-through-maximum",
    inputs=[normal("batch", 3, 4)],
    operators=["ReduceMax"],
    tags={"not-finite"},
)
def nan_through_maximum():
    """A row with a NaN has the maximum NaN."""
    import torch

    class Largest(torch.nn.Module):
        def forward(self, x):
            return torch.log(x + 1.2).max(-1)[0]

    return Largest().eval()


@case(
    "pitfalls/infinity-in-mask",
    inputs=[normal("batch", 5, 5, name="scores"), mask("batch", 5, name="attention_mask")],
    outputs=["scores_masked"],
    operators=["Where"],
    tags={"not-finite", "mask"},
)
def infinity_in_mask():
    """Minus infinity goes out as it is: what comes back has to have it in the same places."""
    import torch

    class Masked(torch.nn.Module):
        def forward(self, scores, attention_mask):
            return scores.masked_fill(attention_mask[:, None, :] == 0, float("-inf"))

    return Masked().eval()


@case(
    "pitfalls/lowest-number-twice",
    inputs=[normal("batch", 5, 5, name="scores"), mask("batch", 5, name="attention_mask")],
    operators=["Add", "Softmax"],
    tags={"not-finite", "mask"},
)
def lowest_number_twice():
    """Two masks of the lowest float32 added up: minus infinity, or clamped again, as transformers do."""
    import torch

    class Masked(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lowest = torch.finfo(torch.float32).min
            self.register_buffer("later", torch.ones(5, 5).tril() == 0)

        def forward(self, scores, attention_mask):
            padding = (1.0 - attention_mask[:, None, :].to(torch.float32)) * self.lowest
            causal = torch.zeros(5, 5).to(torch.float32).masked_fill(self.later, self.lowest)
            bias = torch.clamp(padding + causal, min=self.lowest)
            return torch.softmax(scores + bias.to(scores.dtype), dim=-1)

    return Masked().eval()


@case(
    "pitfalls/small-epsilon",
    inputs=[uniform("batch", 6, low=-1e-4, high=1e-4)],
    operators=["ReduceMean"],
    tags={"extremes"},
)
def small_epsilon():
    """A norm over numbers so small that its epsilon decides."""
    import torch

    return torch.nn.LayerNorm(6, eps=1e-9).eval()


@case(
    "pitfalls/variance-of-large-mean",
    inputs=[normal("batch", 32, mean=8.0)],
    operators=["ReduceMean"],
    tags={"extremes"},
)
def variance_of_large_mean():
    """A mean of eight deviations: E[x²] - E[x]² loses what (x - E[x])² keeps."""
    import torch

    return torch.nn.LayerNorm(32).eval()


# Complex numbers and spectra


@case(
    "pitfalls/fourier-mixing",
    inputs=[normal("batch", 6, 8)],
    requires={"torch": ">=1.8"},
    operators=["DFT"],
    tags={"complex"},
)
def fourier_mixing():
    """FNet: the real part of a transform over both axes, in the place of attention.

    https://github.com/pytorch/pytorch/issues/126972
    """
    import torch

    class Mixing(torch.nn.Module):
        def forward(self, x):
            return torch.fft.fft(torch.fft.fft(x, dim=-1), dim=1).real

    return Mixing().eval()


@case(
    "pitfalls/fourier-convolution",
    inputs=[normal("batch", 4, 16)],
    requires={"torch": ">=1.8"},
    operators=["DFT"],
    tags={"complex"},
)
def fourier_convolution():
    """A product of spectra and back, as neural operators and long convolutions do."""
    import torch

    class Convolution(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel = torch.nn.Parameter(torch.randn(4, 16))

        def forward(self, x):
            return torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(self.kernel), n=16)

    return Convolution().eval()


@case(
    "pitfalls/fourier-by-matrix",
    inputs=[normal("batch", 6, 8)],
    operators=["MatMul"],
    tags={"complex"},
)
def fourier_by_matrix():
    """The same real part by matrices of cosines and sines: the way round."""
    import math

    import torch

    class Mixing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, size in (("rows", 6), ("columns", 8)):
                steps = torch.arange(size, dtype=torch.float64)
                angles = 2 * math.pi * steps[:, None] * steps[None, :] / size
                self.register_buffer(name + "_cosine", angles.cos().float())
                self.register_buffer(name + "_sine", angles.sin().float())

        def forward(self, x):
            real, imaginary = torch.matmul(x, self.columns_cosine), torch.matmul(x, self.columns_sine)
            return torch.matmul(self.rows_cosine, real) - torch.matmul(self.rows_sine, imaginary)

    return Mixing().eval()


# Custom operators and weights that are made


@case("pitfalls/custom-domain-operator", inputs=[normal("batch", 6)], tags={"custom"})
def custom_domain_operator():
    """A function whose `symbolic` names an operator of somebody's own domain: a file that only they can run."""
    import torch

    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.5 + 0.5

        @staticmethod
        def symbolic(g, x):
            return g.op("example::Scale", x, factor_f=2.5, shift_f=0.5)

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(6, 5)

        def forward(self, x):
            return Scale.apply(self.linear(x))

    return Layer().eval()


@case(
    "pitfalls/custom-function-without-symbolic",
    inputs=[normal("batch", 6)],
    operators=["Sigmoid", "Mul"],
    tags={"custom"},
)
def custom_function_without_symbolic():
    """A function with its own gradient and no `symbolic`: torch 2 looks inside it, older torch gives up."""
    import torch

    class Swish(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * torch.sigmoid(x)

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(6, 5)

        def forward(self, x):
            return Swish.apply(self.linear(x))

    return Layer().eval()


@case("pitfalls/forward-hook", inputs=[normal("batch", 6)], tags={"custom"})
def forward_hook():
    """A hook that changes what a layer gives: no line of forward says so."""
    import torch

    network = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 5))
    network[0].register_forward_hook(lambda module, given, answer: answer * 3 - 1)
    return network.eval()


@case("pitfalls/pruned-weights", inputs=[normal("batch", 6)], operators=["Gemm"], tags={"custom"})
def pruned_weights():
    """A mask that a hook multiplies in before every call."""
    import torch
    from torch.nn.utils import prune

    network = torch.nn.Linear(6, 5)
    prune.l1_unstructured(network, "weight", amount=0.4)
    return network.eval()


@case(
    "pitfalls/parametrized-weight",
    inputs=[normal("batch", 6)],
    requires={"torch": ">=1.9"},
    operators=["Exp", "Gemm"],
    tags={"custom"},
)
def parametrized_weight():
    """A weight that is computed from another whenever it is read."""
    import torch
    from torch.nn.utils import parametrize

    class Positive(torch.nn.Module):
        def forward(self, weight):
            return torch.exp(weight)

    network = torch.nn.Linear(6, 5)
    parametrize.register_parametrization(network, "weight", Positive())
    return network.eval()


# Size


@case(
    "pitfalls/large-constant",
    inputs=[integers("batch", 4, high=60000, name="tokens")],
    operators=["Gather"],
    tags={"size", "latency"},
)
def large_constant():
    """A table of 3.8 million numbers, which onnx-tf takes through Python lists.

    https://github.com/onnx/onnx-tensorflow/issues/983
    """
    import torch

    return torch.nn.Sequential(torch.nn.Embedding(60000, 64), torch.nn.Linear(64, 5)).eval()


@case("pitfalls/many-layers", inputs=[normal("batch", 4)], tags={"size"})
def many_layers():
    """Eighty layers of next to nothing: what is slow per node, or recursive, shows."""
    import torch

    class Deep(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4) for _ in range(80)])

        def forward(self, x):
            for layer in self.layers:
                x = x + torch.tanh(layer(x)) * 0.3
            return x

    return Deep().eval()


@case(
    "pitfalls/boolean-arithmetic",
    inputs=[boolean("batch", 6, name="mask")],
    operators=["Not", "Cast", "Mul"],
    tags={"dtype", "mask"},
)
def boolean_arithmetic():
    """1 - mask is refused by torch for booleans; ~mask and a product with a float are what is written instead."""
    import torch

    class Weights(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.randn(6))

        def forward(self, mask):
            return mask * self.scale + (~mask) * 0.25

    return Weights().eval()
