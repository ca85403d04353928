"""Layers one at a time: convolution, pooling, normalisation, recurrence, attention, resampling.

Each setting that has been seen to get lost on the way (groups, dilation, an uneven padding, the order of directions)
is a case of its own.
"""

from tfparity import boolean, case, integers, mask, normal, uniform

# Convolution


def _convolution(name, dimensions, shape, operators, *tags, **settings):
    """`torch.nn.Conv<dimensions>d` from 4 channels to 6, or as the settings say, over images of a shape."""

    @case(
        "operators/" + name,
        inputs=[normal("batch", *shape)],
        operators=operators,
        tags=["convolution", *tags],
    )
    def factory():
        import torch

        given = dict({"in_channels": shape[0], "out_channels": 6, "kernel_size": 3}, **settings)
        return getattr(torch.nn, "Conv%dd" % dimensions)(**given).eval()


_convolution("conv1d", 1, [4, 9], ["Conv"], stride=2, padding=1)
_convolution("conv2d", 2, [4, 7, 6], ["Conv"], padding=1)
_convolution("conv2d-without-bias", 2, [4, 7, 6], ["Conv"], bias=False)
# Even sizes and a stride: one side gets more padding in TensorFlow's SAME than in torch's.
_convolution("conv2d-stride-even-size", 2, [4, 8, 8], ["Conv"], stride=2, padding=1)
_convolution("conv2d-uneven", 2, [4, 9, 8], ["Conv"], kernel_size=(3, 2), stride=(2, 1), padding=(0, 2))
_convolution("conv2d-pointwise-stride", 2, [4, 7, 6], ["Conv"], kernel_size=1, stride=2)
_convolution("conv2d-large-kernel", 2, [4, 9, 9], ["Conv"], kernel_size=7, padding=3)
_convolution("conv2d-dilation", 2, [4, 11, 10], ["Conv"], dilation=(2, 3), padding=(2, 3))
_convolution("conv2d-dilation-stride", 2, [4, 12, 11], ["Conv"], dilation=2, padding=2, stride=2)
# TensorFlow has had grouped convolutions on GPUs alone: https://github.com/tensorflow/tensorflow/issues/29005
_convolution("conv2d-groups", 2, [4, 7, 6], ["Conv"], "core", groups=2, padding=1)
_convolution("conv2d-depthwise", 2, [6, 7, 8], ["Conv"], groups=6, padding=1)
_convolution("conv2d-depthwise-stride", 2, [6, 8, 8], ["Conv"], groups=6, padding=1, stride=2)
_convolution("conv2d-depthwise-dilation", 2, [6, 9, 9], ["Conv"], groups=6, padding=2, dilation=2)
# Two outputs for every input channel, next to each other.
_convolution("conv2d-depthwise-multiplier", 2, [4, 7, 6], ["Conv"], out_channels=8, groups=4)
_convolution("conv1d-depthwise", 1, [6, 9], ["Conv"], groups=6, padding=1)
_convolution("conv1d-dilation-groups", 1, [4, 12], ["Conv"], groups=2, dilation=3, padding=3)
_convolution("conv3d", 3, [2, 4, 5, 6], ["Conv"], padding=1, stride=(1, 2, 2))
_convolution("conv3d-groups", 3, [4, 4, 5, 6], ["Conv"], groups=2, padding=(1, 0, 1))
# The border repeated, mirrored or wrapped around: a Pad of its own before the convolution.
_convolution("conv2d-circular", 2, [4, 7, 6], ["Conv"], padding=(1, 2), kernel_size=(3, 5), padding_mode="circular")
_convolution("conv2d-reflect", 2, [4, 7, 6], ["Pad", "Conv"], padding=1, padding_mode="reflect")
_convolution("conv2d-replicate", 2, [4, 7, 6], ["Pad", "Conv"], padding=1, padding_mode="replicate")


@case(
    "operators/conv2d-same-even-kernel",
    inputs=[normal("batch", 4, 7, 6)],
    requires={"torch": ">=1.9"},
    operators=["Conv"],
    tags={"convolution", "padding"},
)
def conv2d_same_even_kernel():
    """padding="same" with an even kernel pads one side more than the other."""
    import torch

    return torch.nn.Conv2d(4, 6, (4, 2), padding="same").eval()


@case(
    "operators/conv2d-asymmetric-padding",
    inputs=[normal("batch", 4, 7, 6)],
    operators=["Pad", "Conv"],
    tags={"convolution", "padding"},
)
def conv2d_asymmetric_padding():
    """Below and to the right only, as ported TensorFlow models and diffusion encoders do."""
    import torch

    return torch.nn.Sequential(torch.nn.ZeroPad2d((0, 1, 0, 1)), torch.nn.Conv2d(4, 6, 3, stride=2)).eval()


@case(
    "operators/conv2d-weight-from-input",
    inputs=[normal("batch", 4, 7, 6, name="images"), normal(6, 4, 3, 3, name="kernel")],
    operators=["Conv"],
    tags={"convolution"},
)
def conv2d_weight_from_input():
    """A kernel that is an input, not a constant: its layout has to be changed at run time."""
    import torch

    class Convolution(torch.nn.Module):
        def forward(self, images, kernel):
            return torch.nn.functional.conv2d(images, kernel, padding=1)

    return Convolution().eval()


@case(
    "operators/conv2d-dynamic-size",
    inputs=[normal("batch", 4, "height", "width")],
    axes={"height": (7, 5, 10), "width": (6, 9, 4)},
    operators=["Conv"],
    tags={"convolution", "dynamic"},
)
def conv2d_dynamic_size():
    """A stride over images of any size."""
    import torch

    return torch.nn.Conv2d(4, 6, 3, stride=2, padding=1).eval()


@case(
    "operators/deform-conv2d",
    inputs=[normal("batch", 4, 6, 7, name="images"), normal("batch", 18, 6, 7, name="offsets")],
    requires={"torchvision": ">=0.8"},
    operators=["DeformConv"],
    tags={"convolution"},
)
def deform_conv2d():
    """Taps that are moved by learnt offsets; an operator of ONNX from opset 19 on."""
    import torch
    from torchvision.ops import DeformConv2d

    class Convolution(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = DeformConv2d(4, 5, 3, padding=1)

        def forward(self, images, offsets):
            return self.convolution(images, offsets)

    return Convolution().eval()


def _transposed(name, dimensions, shape, *tags, **settings):
    """`torch.nn.ConvTranspose<dimensions>d` from 4 channels to 6, over images of a shape."""

    @case(
        "operators/" + name,
        inputs=[normal("batch", *shape)],
        operators=["ConvTranspose"],
        tags=["convolution", *tags],
    )
    def factory():
        import torch

        given = dict({"in_channels": shape[0], "out_channels": 6, "kernel_size": 3}, **settings)
        return getattr(torch.nn, "ConvTranspose%dd" % dimensions)(**given).eval()


_transposed("conv-transpose1d", 1, [4, 6], stride=2, padding=1)
_transposed("conv-transpose-upsample", 2, [4, 5, 4], "core", kernel_size=2, stride=2)
_transposed("conv-transpose-uneven", 2, [4, 5, 4], kernel_size=(3, 4), stride=(1, 3), padding=(2, 1))
_transposed("conv-transpose-groups", 2, [4, 5, 4], groups=2, stride=2)
_transposed("conv-transpose-dilation", 2, [4, 5, 4], dilation=2, padding=1)
_transposed("conv-transpose3d", 3, [4, 3, 4, 3], stride=2, padding=1, output_padding=1)

# Pooling


def _pool(name, module, shape, operators, *tags, **settings):
    """`torch.nn.<module>` over images of a shape, most of them above zero: padding with zeros would show."""

    @case(
        "operators/" + name,
        inputs=[normal("batch", *shape, mean=0.5)],
        operators=operators,
        tags=["pooling", *tags],
    )
    def factory():
        import torch

        return getattr(torch.nn, module)(**settings).eval()


_pool("max-pool1d", "MaxPool1d", [3, 9], ["MaxPool"], kernel_size=2)
_pool("max-pool2d", "MaxPool2d", [3, 8, 6], ["MaxPool"], kernel_size=2)
_pool("max-pool2d-uneven", "MaxPool2d", [3, 9, 8], ["MaxPool"], kernel_size=(3, 2), stride=(1, 2), padding=(1, 0))
_pool("max-pool2d-dilation", "MaxPool2d", [3, 9, 8], ["MaxPool"], kernel_size=3, stride=2, dilation=2, padding=1)
# The last window begins inside and ends outside.
_pool("max-pool2d-ceil", "MaxPool2d", [3, 8, 9], ["MaxPool"], "core", kernel_size=3, stride=2, ceil_mode=True)
_pool("max-pool2d-ceil-padded", "MaxPool2d", [3, 8, 7], ["MaxPool"], kernel_size=3, stride=2, padding=1, ceil_mode=True)
_pool("max-pool3d", "MaxPool3d", [2, 4, 6, 5], ["MaxPool"], kernel_size=(1, 3, 2), stride=2)
_pool("avg-pool1d", "AvgPool1d", [3, 9], ["AveragePool"], kernel_size=3, stride=2, padding=1)
_pool("avg-pool2d", "AvgPool2d", [3, 8, 6], ["AveragePool"], kernel_size=2)
# The border counts, or it does not: the divisor at the edges tells.
_pool("avg-pool2d-padded", "AvgPool2d", [3, 8, 6], ["AveragePool"], kernel_size=3, stride=2, padding=1)
_pool(
    "avg-pool2d-border-left-out",
    "AvgPool2d",
    [3, 8, 6],
    ["AveragePool"],
    kernel_size=3,
    stride=1,
    padding=1,
    count_include_pad=False,
)
_pool("avg-pool2d-ceil", "AvgPool2d", [3, 8, 6], ["AveragePool"], kernel_size=3, stride=2, ceil_mode=True)
_pool("avg-pool2d-divisor", "AvgPool2d", [3, 8, 6], ["AveragePool"], kernel_size=2, stride=2, divisor_override=3)
_pool("avg-pool3d", "AvgPool3d", [2, 4, 6, 5], ["AveragePool"], kernel_size=2, stride=(1, 2, 2))
_pool("global-avg-pool", "AdaptiveAvgPool2d", [3, 7, 5], ["GlobalAveragePool"], output_size=1)
_pool("global-max-pool", "AdaptiveMaxPool2d", [3, 7, 5], ["MaxPool"], output_size=1)
_pool("adaptive-avg-pool", "AdaptiveAvgPool2d", [3, 8, 6], ["AveragePool"], output_size=(4, 3))
# Windows of unequal sizes, for which ONNX has no operator.
_pool("adaptive-avg-pool-uneven", "AdaptiveAvgPool2d", [3, 7, 5], ["AveragePool"], output_size=(3, 2))
_pool("adaptive-max-pool1d", "AdaptiveMaxPool1d", [3, 8], ["MaxPool"], output_size=4)
_pool("lp-pool", "LPPool2d", [3, 8, 6], ["AveragePool", "Pow"], norm_type=2, kernel_size=2)


@case(
    "operators/max-unpool",
    inputs=[normal("batch", 3, 6, 8)],
    operators=["MaxPool", "ScatterElements"],
    tags={"pooling"},
)
def max_unpool():
    """SegNet: what was largest goes back to where it was; the indices count within a channel in torch, and over the
    whole tensor in ONNX."""
    import torch

    class Unpool(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = torch.nn.MaxPool2d(2, return_indices=True)
            self.unpool = torch.nn.MaxUnpool2d(2)

        def forward(self, x):
            largest, places = self.pool(x)
            return self.unpool(largest * 2, places)

    return Unpool().eval()


@case(
    "operators/max-pool-indices",
    inputs=[normal("batch", 3, 6, 8)],
    operators=["MaxPool"],
    tags={"pooling"},
)
def max_pool_indices():
    """The indices of a pooling as numbers, per channel."""
    import torch

    class Places(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = torch.nn.MaxPool2d(2, return_indices=True)

        def forward(self, x):
            largest, places = self.pool(x)
            return largest + places.to(largest.dtype) * 0.1

    return Places().eval()


# Normalisation

_LAYER_NORM = ["ReduceMean", "LayerNormalization"]


def _norm(name, module, shape, operators, *tags, **settings):
    """`torch.nn.<module>` over inputs off zero and not of deviation one."""

    @case(
        "operators/" + name,
        inputs=[normal("batch", *shape, mean=1.5, std=2.0)],
        operators=operators,
        tags=["normalisation", *tags],
    )
    def factory():
        import torch

        return getattr(torch.nn, module)(**settings).eval()


_norm("batch-norm", "BatchNorm2d", [6, 5, 4], ["BatchNormalization"], "core", num_features=6)
# Keras's default epsilon is 1e-3, torch's 1e-5: with this one, a lost epsilon shows.
_norm("batch-norm-epsilon", "BatchNorm2d", [6, 5, 4], ["BatchNormalization"], num_features=6, eps=0.5)
_norm("batch-norm-plain", "BatchNorm2d", [6, 5, 4], ["BatchNormalization"], num_features=6, affine=False)
_norm("batch-norm-rank-2", "BatchNorm1d", [6], ["BatchNormalization"], num_features=6)
_norm("batch-norm-rank-3", "BatchNorm1d", [6, 5], ["BatchNormalization"], num_features=6)
_norm("batch-norm-rank-5", "BatchNorm3d", [4, 3, 4, 2], ["BatchNormalization"], num_features=4)
_norm("instance-norm", "InstanceNorm2d", [6, 5, 4], ["InstanceNormalization"], num_features=6)
_norm("instance-norm-affine", "InstanceNorm2d", [6, 5, 4], ["InstanceNormalization"], num_features=6, affine=True)
_norm("instance-norm-rank-3", "InstanceNorm1d", [6, 9], ["InstanceNormalization"], num_features=6, affine=True)
_norm("group-norm-rank-3", "GroupNorm", [8, 9], ["InstanceNormalization"], num_groups=2, num_channels=8)
_norm("group-norm-of-one", "GroupNorm", [6, 5, 4], ["InstanceNormalization"], num_groups=1, num_channels=6)
_norm("layer-norm-two-axes", "LayerNorm", [3, 4, 5], _LAYER_NORM, normalized_shape=[4, 5])
_norm("layer-norm-plain", "LayerNorm", [3, 8], _LAYER_NORM, normalized_shape=8, elementwise_affine=False, eps=0.3)
_norm("local-response-norm", "LocalResponseNorm", [7, 4, 3], ["AveragePool"], size=3, alpha=0.4, beta=0.6, k=1.5)


@case(
    "operators/instance-norm-statistics",
    inputs=[normal("batch", 6, 5, 4, mean=1.5, std=2.0)],
    operators=["BatchNormalization"],
    tags={"normalisation"},
)
def instance_norm_statistics():
    """With running statistics an instance norm is a batch norm in evaluation."""
    import torch

    network = torch.nn.InstanceNorm2d(6, affine=True, track_running_stats=True)
    torch.nn.init.normal_(network.running_mean, 1.5, 0.5)
    torch.nn.init.uniform_(network.running_var, 2.0, 6.0)
    return network.eval()


@case(
    "operators/layer-norm-channels-first",
    inputs=[normal("batch", 6, 5, 4, mean=1.5, std=2.0)],
    operators=["ReduceMean", "Sqrt"],
    tags={"normalisation"},
)
def layer_norm_channels_first():
    """ConvNeXt's second form: over axis 1, spelt out."""
    import torch

    class Norm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.rand(6) + 0.5)
            self.bias = torch.nn.Parameter(torch.randn(6))

        def forward(self, x):
            mean = x.mean(1, keepdim=True)
            spread = (x - mean).pow(2).mean(1, keepdim=True)
            return (x - mean) / torch.sqrt(spread + 1e-6) * self.weight[:, None, None] + self.bias[:, None, None]

    return Norm().eval()


@case(
    "operators/rms-norm-by-hand",
    inputs=[normal("batch", 5, 8, std=2.0)],
    operators=["Pow", "ReduceMean", "Sqrt"],
    tags={"normalisation", "core"},
)
def rms_norm_by_hand():
    """As T5 and Llama have it, with a cast to float32 inside."""
    import torch

    class Norm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.rand(8) + 0.5)

        def forward(self, x):
            spread = x.to(torch.float32).pow(2).mean(-1, keepdim=True)
            return self.weight * (x * torch.rsqrt(spread + 1e-6)).to(x.dtype)

    return Norm().eval()


@case(
    "operators/rms-norm",
    inputs=[normal("batch", 5, 8, std=2.0)],
    requires={"torch": ">=2.4"},
    operators=["ReduceMean"],
    tags={"normalisation"},
)
def rms_norm():
    """The operator of its own, from torch 2.4 on."""
    import torch

    return torch.nn.RMSNorm(8, eps=1e-6).eval()


# Recurrence


def _recurrent(name, module, operators, *tags, **settings):
    """`torch.nn.<module>` over a sequence of 8 numbers a step: the whole sequence and the last hidden states."""

    @case(
        "operators/" + name,
        inputs=[normal("batch", 7, 8)],
        outputs=["sequence", "state"],
        operators=operators,
        tags=["recurrent", *tags],
    )
    def factory():
        import torch

        class Recurrent(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.network = getattr(torch.nn, module)(8, 6, batch_first=True, **settings)

            def forward(self, x):
                sequence, state = self.network(x)
                return sequence, state[0] if isinstance(state, tuple) else state

        return Recurrent().eval()


_recurrent("lstm-bidirectional", "LSTM", ["LSTM"], "core", bidirectional=True)
_recurrent("lstm-stacked", "LSTM", ["LSTM"], num_layers=2)
_recurrent("lstm-stacked-bidirectional", "LSTM", ["LSTM"], num_layers=2, bidirectional=True)
_recurrent("lstm-without-bias", "LSTM", ["LSTM"], bias=False)
_recurrent("gru-bidirectional", "GRU", ["GRU"], bidirectional=True)
_recurrent("gru-stacked", "GRU", ["GRU"], num_layers=2)
_recurrent("rnn-tanh", "RNN", ["RNN"])
_recurrent("rnn-relu-bidirectional", "RNN", ["RNN"], nonlinearity="relu", bidirectional=True)
# A hidden state that is projected before it is fed back, as in speech models; ONNX's LSTM has none.
_recurrent("lstm-projection", "LSTM", ["LSTM"], proj_size=4)


@case(
    "operators/lstm-sequence-first",
    inputs=[normal("sequence", "batch", 8)],
    outputs=["sequence_out", "cell"],
    axes={"sequence": (7, 3, 10)},
    operators=["LSTM"],
    tags={"recurrent", "dynamic"},
)
def lstm_sequence_first():
    """Time first, of any length, and the cell state that comes out."""
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = torch.nn.LSTM(8, 6)

        def forward(self, x):
            sequence, state = self.network(x)
            return sequence, state[1]

    return Recurrent().eval()


@case(
    "operators/lstm-stacked-alike",
    inputs=[normal("batch", 7, 6)],
    outputs=["sequence"],
    operators=["LSTM"],
    tags=["recurrent"],
)
def lstm_stacked_alike():
    """Two layers whose weights have the same shapes, so that mixing them up raises no error."""
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = torch.nn.LSTM(6, 6, num_layers=2, batch_first=True)

        def forward(self, x):
            return self.network(x)[0]

    return Recurrent().eval()


@case(
    "operators/gru-sequence-first",
    inputs=[normal("sequence", "batch", 8, name="steps"), normal("batch", 6, name="hidden")],
    outputs=["sequence_out", "next_hidden"],
    axes={"sequence": (7, 3, 10)},
    operators=["GRU"],
    tags={"recurrent", "dynamic"},
)
def gru_sequence_first():
    """Time first, of any length, from a state that is given."""
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = torch.nn.GRU(8, 6)

        def forward(self, steps, hidden):
            sequence, state = self.network(steps, hidden.unsqueeze(0))
            return sequence, state.squeeze(0)

    return Recurrent().eval()


@case(
    "operators/lstm-given-state",
    inputs=[normal("batch", 7, 8, name="steps"), normal("batch", 6, name="hidden"), normal("batch", 6, name="cell")],
    outputs=["sequence", "next_hidden", "next_cell"],
    operators=["LSTM"],
    tags={"recurrent"},
)
def lstm_given_state():
    """Streaming: the state comes in and goes out."""
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = torch.nn.LSTM(8, 6, batch_first=True)

        def forward(self, steps, hidden, cell):
            sequence, (hidden, cell) = self.network(steps, (hidden.unsqueeze(0), cell.unsqueeze(0)))
            return sequence, hidden.squeeze(0), cell.squeeze(0)

    return Recurrent().eval()


@case(
    "operators/lstm-cell",
    inputs=[normal("batch", 8, name="step"), normal("batch", 6, name="hidden"), normal("batch", 6, name="cell")],
    outputs=["next_hidden", "next_cell"],
    operators=["Gemm", "Sigmoid", "Tanh"],
    tags={"recurrent"},
)
def lstm_cell():
    """One step by the cell: spelt out in products, since ONNX has no cell."""
    import torch

    class Cell(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.LSTMCell(8, 6)

        def forward(self, step, hidden, cell):
            return self.cell(step, (hidden, cell))

    return Cell().eval()


@case(
    "operators/gru-cell",
    inputs=[normal("batch", 8, name="step"), normal("batch", 6, name="hidden")],
    outputs=["next_hidden"],
    operators=["Gemm", "Sigmoid", "Tanh"],
    tags={"recurrent"},
)
def gru_cell():
    """One step of a GRU: the way round its reset gate, which onnx-tf refuses."""
    import torch

    class Cell(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = torch.nn.GRUCell(8, 6)

        def forward(self, step, hidden):
            return self.cell(step, hidden)

    return Cell().eval()


@case(
    "operators/lstm-packed",
    inputs=[normal("batch", 7, 8, name="steps"), mask("batch", 7, name="attention_mask")],
    outputs=["sequence", "state"],
    operators=["LSTM"],
    tags={"recurrent"},
)
def lstm_packed():
    """Sequences of different lengths, packed and padded again: the lengths become an input of ONNX's LSTM."""
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = torch.nn.LSTM(8, 6, batch_first=True, bidirectional=True)

        def forward(self, steps, attention_mask):
            lengths = attention_mask.sum(1)
            packed = torch.nn.utils.rnn.pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
            sequence, (hidden, _) = self.network(packed)
            padded, _ = torch.nn.utils.rnn.pad_packed_sequence(sequence, batch_first=True, total_length=7)
            return padded, hidden

    return Recurrent().eval()


# Attention


@case(
    "operators/multihead-attention",
    inputs=[normal("batch", 6, 16)],
    outputs=["attended", "weights"],
    requires={"torch": ">=1.9"},
    operators=["MatMul", "Softmax"],
    tags={"attention", "core"},
)
def multihead_attention():
    """nn.MultiheadAttention on itself, with the average of its heads' weights."""
    import torch

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = torch.nn.MultiheadAttention(16, 4, batch_first=True)

        def forward(self, x):
            return self.attention(x * 2, x, x)

    return Attention().eval()


@case(
    "operators/multihead-attention-masked",
    inputs=[
        normal(5, "batch", 16, name="query"),
        normal(7, "batch", 12, name="memory"),
        mask("batch", 7, name="attention_mask"),
    ],
    outputs=["attended"],
    operators=["MatMul", "Softmax", "Where"],
    tags={"attention"},
)
def multihead_attention_masked():
    """Over a memory of another width, time first, with padding left out."""
    import torch

    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = torch.nn.MultiheadAttention(16, 4, kdim=12, vdim=12)

        def forward(self, query, memory, attention_mask):
            return self.attention(query, memory, memory, key_padding_mask=attention_mask == 0, need_weights=False)[0]

    return Attention().eval()


@case(
    "operators/transformer-encoder-layer",
    inputs=[normal("batch", 6, 16, name="states"), mask("batch", 6, name="attention_mask")],
    requires={"torch": ">=1.9"},
    operators=["MatMul", "Softmax"],
    tags={"attention", "core"},
)
def transformer_encoder_layer():
    """The layer of torch itself, which from 1.12 on takes a fused path in evaluation, an operator that tracing meets.

    What stands at padding is zero by that path and anything by the other, so it is set to zero.
    """
    import torch

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.TransformerEncoderLayer(16, 4, 24, batch_first=True, activation="gelu")

        def forward(self, states, attention_mask):
            answer = self.layer(states, src_key_padding_mask=attention_mask == 0)
            return answer * attention_mask.unsqueeze(-1).to(states.dtype)

    return Layer().eval()


@case(
    "operators/transformer-decoder-layer",
    inputs=[normal("batch", 5, 16, name="states"), normal("batch", 7, 16, name="memory")],
    requires={"torch": ">=1.9"},
    operators=["MatMul", "Softmax"],
    tags={"attention"},
)
def transformer_decoder_layer():
    """Self-attention under a causal mask, attention over a memory, norms first."""
    import torch

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.TransformerDecoderLayer(16, 4, 24, batch_first=True)
            self.register_buffer("later", torch.ones(5, 5).tril() == 0)

        def forward(self, states, memory):
            return self.layer(states, memory, tgt_mask=self.later)

    return Layer().eval()


_ATTENDED = [
    normal("batch", 2, 6, 16, name="query"),
    normal("batch", 2, 6, 16, name="key"),
    normal("batch", 2, 6, 16, name="value"),
]


@case(
    "operators/attention-by-hand",
    inputs=_ATTENDED,
    outputs=["attended"],
    operators=["MatMul", "Div", "Softmax"],
    tags={"attention"},
)
def attention_by_hand():
    """Two products and a softmax: the attention that every opset has."""
    import math

    import torch

    class Attention(torch.nn.Module):
        def forward(self, query, key, value):
            scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.size(-1))
            return torch.matmul(torch.softmax(scores, dim=-1), value)

    return Attention().eval()


@case(
    "operators/scaled-dot-product-attention-causal",
    inputs=_ATTENDED,
    outputs=["attended"],
    requires={"torch": ">=2.0"},
    operators=["MatMul", "Softmax", "Trilu"],
    tags={"attention", "mask"},
)
def scaled_dot_product_attention_causal():
    """is_causal: the mask is made by the exporter."""
    import torch

    class Attention(torch.nn.Module):
        def forward(self, query, key, value):
            return torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)

    return Attention().eval()


@case(
    "operators/scaled-dot-product-attention-masked",
    inputs=[*_ATTENDED, mask("batch", 1, 1, 6, name="attention_mask")],
    outputs=["attended"],
    requires={"torch": ">=2.1"},
    operators=["MatMul", "Softmax", "Where"],
    tags={"attention", "mask"},
)
def scaled_dot_product_attention_masked():
    """A mask of booleans, and a scale that is not the root of the width."""
    import torch

    class Attention(torch.nn.Module):
        def forward(self, query, key, value, attention_mask):
            return torch.nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=attention_mask.bool(), scale=0.4
            )

    return Attention().eval()


@case(
    "operators/scaled-dot-product-attention-grouped",
    inputs=[
        normal("batch", 4, 6, 8, name="query"),
        normal("batch", 2, 6, 8, name="key"),
        normal("batch", 2, 6, 8, name="value"),
    ],
    outputs=["attended"],
    requires={"torch": ">=2.5"},
    operators=["MatMul", "Softmax"],
    tags={"attention"},
)
def scaled_dot_product_attention_grouped():
    """enable_gqa: two heads of queries to one of keys, repeated inside the operator."""
    import torch

    class Attention(torch.nn.Module):
        def forward(self, query, key, value):
            return torch.nn.functional.scaled_dot_product_attention(query, key, value, enable_gqa=True)

    return Attention().eval()


# Resampling


def _resize(name, shape, *tags, **settings):
    """`torch.nn.functional.interpolate` over images of a shape."""

    @case(
        "operators/interpolate-" + name,
        inputs=[normal("batch", *shape)],
        operators=["Resize"],
        tags=["resampling", *tags],
    )
    def factory():
        import torch

        class Resize(torch.nn.Module):
            def forward(self, x):
                return torch.nn.functional.interpolate(x, **settings)

        return Resize().eval()


_resize("nearest-1d", [3, 7], scale_factor=2, mode="nearest")
_resize("nearest-3d", [2, 3, 4, 3], scale_factor=2, mode="nearest")
# Sizes that do not divide: which pixel is the nearest is a matter of rounding.
_resize("nearest-size", [3, 5, 7], "core", size=(8, 9), mode="nearest")
_resize("nearest-down", [3, 9, 8], size=(4, 3), mode="nearest")
_resize("nearest-scale-fraction", [3, 6, 8], scale_factor=1.5, mode="nearest")
# 1-D and 3-D: onnx-tf resizes images only.
_resize("linear", [3, 7], scale_factor=2, mode="linear", align_corners=False)
_resize("linear-aligned", [3, 7], size=12, mode="linear", align_corners=True)
_resize("trilinear", [2, 3, 4, 3], scale_factor=2, mode="trilinear", align_corners=False)
_resize("bilinear-size", [3, 5, 7], "core", size=(8, 12), mode="bilinear", align_corners=False)
_resize("bilinear-down", [3, 9, 8], size=(4, 3), mode="bilinear", align_corners=False)
# 1.3 times 7 is 9.1: the size is rounded down, and then it matters which scale the coordinates use.
_resize("bilinear-scale-fraction", [3, 7, 7], scale_factor=1.3, mode="bilinear", align_corners=False)
_resize(
    "bilinear-scale-recomputed",
    [3, 7, 7],
    scale_factor=1.3,
    mode="bilinear",
    align_corners=False,
    recompute_scale_factor=True,
)
_resize("bicubic-aligned", [3, 5, 7], scale_factor=2, mode="bicubic", align_corners=True)


@case(
    "operators/interpolate-area",
    inputs=[normal("batch", 3, 8, 6)],
    operators=["AveragePool"],
    tags={"resampling"},
)
def interpolate_area():
    """Made smaller by averaging: an adaptive pooling by another name."""
    import torch

    return torch.nn.Upsample(size=(4, 3), mode="area").eval()


@case(
    "operators/interpolate-nearest-exact",
    inputs=[normal("batch", 3, 5, 7)],
    requires={"torch": ">=1.11"},
    operators=["Resize"],
    tags={"resampling"},
)
def interpolate_nearest_exact():
    """Pillow's nearest, by the middles of pixels: half_pixel with nearest, which onnx-tf refuses.

    https://github.com/onnx/onnx-tensorflow/issues/1006
    """
    import torch

    return torch.nn.Upsample(size=(8, 9), mode="nearest-exact").eval()


@case(
    "operators/interpolate-antialias",
    inputs=[normal("batch", 3, 12, 10)],
    requires={"torch": ">=1.11"},
    operators=["Resize"],
    tags={"resampling"},
)
def interpolate_antialias():
    """Smoothed before it is made smaller; an attribute of Resize from opset 18 on."""
    import torch

    class Resize(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.interpolate(x, size=(5, 4), mode="bilinear", align_corners=False, antialias=True)

    return Resize().eval()


@case(
    "operators/interpolate-to-other",
    inputs=[normal("batch", 3, 4, 5, name="coarse"), normal("batch", 3, "height", "width", name="fine")],
    axes={"height": (8, 7, 12), "width": (10, 9, 15)},
    operators=["Shape", "Resize"],
    tags={"resampling", "dynamic"},
)
def interpolate_to_other():
    """To the size of another input, as pyramids do: Resize with sizes that are read at run time."""
    import torch

    class Merge(torch.nn.Module):
        def forward(self, coarse, fine):
            return fine + torch.nn.functional.interpolate(coarse, size=fine.shape[-2:], mode="nearest")

    return Merge().eval()


def _sample(name, **settings):
    """`torch.nn.functional.grid_sample`, with places beyond the border."""

    @case(
        "operators/grid-sample-" + name,
        inputs=[normal("batch", 3, 6, 8, name="image"), uniform("batch", 5, 4, 2, name="grid", low=-1.3, high=1.3)],
        outputs=["sampled"],
        operators=["GridSample"],
        tags=["resampling"],
    )
    def factory():
        import torch

        class Sample(torch.nn.Module):
            def forward(self, image, grid):
                return torch.nn.functional.grid_sample(image, grid, **settings)

        return Sample().eval()


_sample("aligned", align_corners=True)
_sample("nearest", mode="nearest", align_corners=False)
_sample("border", padding_mode="border", align_corners=False)
_sample("reflection", padding_mode="reflection", align_corners=True)
_sample("bicubic", mode="bicubic", align_corners=False)


@case(
    "operators/affine-grid",
    inputs=[normal("batch", 2, 3, name="angles")],
    outputs=["grid"],
    operators=["AffineGrid"],
    tags={"resampling"},
)
def affine_grid():
    """The places of a spatial transformer; an operator of ONNX from opset 20 on."""
    import torch

    class Grid(torch.nn.Module):
        def forward(self, angles):
            return torch.nn.functional.affine_grid(angles, [angles.size(0), 1, 4, 5], align_corners=False)

    return Grid().eval()


@case(
    "operators/where-in-attention",
    inputs=[normal("batch", 2, 5, 5, name="scores"), boolean("batch", 1, 1, 5, name="mask")],
    operators=["Where", "Softmax"],
    tags={"attention", "mask"},
)
def where_in_attention():
    """GPT-2's older mask: where with a scalar tensor of -1e4. Where has no handler of opset 16 in onnx-tf."""
    import torch

    class Masked(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("low", torch.tensor(-1e4))

        def forward(self, scores, mask):
            return torch.softmax(torch.where(mask, scores, self.low.to(scores.dtype)), dim=-1)

    return Masked().eval()


@case(
    "operators/relative-attention-bias",
    inputs=[normal("batch", 2, "sequence", "sequence", name="scores"), integers("batch", high=3, name="task")],
    axes={"sequence": (6, 4, 9)},
    operators=["Range", "Gather", "Clip"],
    tags={"attention", "position", "dynamic"},
)
def relative_attention_bias():
    """A learnt number per distance and head, looked up for a length that is read at run time."""
    import torch

    class Bias(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(9, 2)
            self.tasks = torch.nn.Embedding(3, 2)

        def forward(self, scores, task):
            steps = torch.arange(scores.size(-1))
            distance = torch.clamp(steps[None, :] - steps[:, None], -4, 4) + 4
            return scores + self.table(distance).permute(2, 0, 1) + self.tasks(task)[:, :, None, None]

    return Bias().eval()
