"""One operator at a time: those that exporters and converters are known to miss or to get wrong.

Nothing here is a network, so a failure names the operator and nothing else.
"""

from tfparity import case, normal, uniform

# Activations


@case("operators/gelu", inputs=[normal("batch", 16, 32)], tags={"activation", "smoke"})
def gelu():
    """The exact GELU, by erf; an ONNX operator of its own only from opset 20."""
    import torch

    return torch.nn.GELU().eval()


@case(
    "operators/gelu-tanh",
    inputs=[normal("batch", 16, 32)],
    requires={"torch": ">=1.12"},
    tags={"activation"},
)
def gelu_tanh():
    """The tanh form that the classic workaround for old opsets uses; it differs from the exact one by 1.5e-4."""
    import torch

    return torch.nn.GELU(approximate="tanh").eval()


@case("operators/silu", inputs=[normal("batch", 16, 32)], tags={"activation"})
def silu():
    """Swish, the custom activation that guides say may not map; ONNX has it as Sigmoid and Mul."""
    import torch

    return torch.nn.SiLU().eval()


@case("operators/mish", inputs=[normal("batch", 16, 32)], requires={"torch": ">=1.9"}, tags={"activation"})
def mish():
    """Mish: softplus, tanh and a product, or one operator from opset 18, for which onnx-tf has no handler."""
    import torch

    return torch.nn.Mish().eval()


@case("operators/hardswish", inputs=[normal("batch", 16, 32, std=3.0)], tags={"activation"})
def hardswish():
    """Mobile nets' activation: HardSwish from opset 14, else a slope of 1/6, where ONNX's HardSigmoid has 0.2."""
    import torch

    return torch.nn.Hardswish().eval()


# Normalisation


@case("operators/layer-norm", inputs=[normal("batch", 8, 32, mean=1.0, std=2.0)], tags={"normalisation"})
def layer_norm():
    """Opset 17 has it as one operator, for which onnx-tf has no handler; earlier opsets spell it out.

    https://github.com/onnx/onnx-tensorflow/issues/1059
    """
    import torch

    return torch.nn.LayerNorm(32).eval()


@case("operators/group-norm", inputs=[normal("batch", 16, 6, 6, mean=1.0, std=2.0)], tags={"normalisation"})
def group_norm():
    """Exported as a reshape and an InstanceNormalization, or as one operator from opset 18."""
    import torch

    return torch.nn.GroupNorm(4, 16).eval()


# Attention and position


@case(
    "operators/scaled-dot-product-attention",
    inputs=[
        normal("batch", 2, 6, 16, name="query"),
        normal("batch", 2, 10, 16, name="key"),
        normal("batch", 2, 10, 16, name="value"),
    ],
    outputs=["attended"],
    requires={"torch": ">=2.0"},
    tags={"attention"},
)
def scaled_dot_product_attention():
    """The fused operator of torch 2: exportable from opset 14 only.

    https://github.com/pytorch/pytorch/issues/106612
    """
    import torch

    class Attention(torch.nn.Module):
        def forward(self, query, key, value):
            return torch.nn.functional.scaled_dot_product_attention(query, key, value)

    return Attention().eval()


def _rotary_angles(length, width):
    """Angles, (length, width / 2), by which pairs of features turn: https://arxiv.org/abs/2104.09864."""
    import torch

    frequencies = 10000.0 ** (-torch.arange(0, width, 2).float() / width)
    return torch.arange(length).float().unsqueeze(1) * frequencies


@case(
    "operators/rotary-complex",
    inputs=[normal("batch", 2, 12, 16)],
    requires={"torch": ">=1.8"},
    tags={"position", "complex"},
)
def rotary_complex():
    """Rotary position embedding as a product of complex numbers, which ONNX's operators don't take.

    https://github.com/pytorch/pytorch/issues/126972
    """
    import torch

    class Rotary(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("angles", _rotary_angles(12, 16))

        def forward(self, x):
            turn = torch.polar(torch.ones_like(self.angles), self.angles)
            pairs = torch.view_as_complex(x.reshape(x.shape[0], 2, 12, 8, 2))
            return torch.view_as_real(pairs * turn).flatten(3)

    return Rotary().eval()


@case("operators/rotary-real", inputs=[normal("batch", 2, 12, 16)], tags={"position"})
def rotary_real():
    """Rotary position embedding by sine, cosine and a rotated half: the form that crosses."""
    import torch

    class Rotary(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("angles", _rotary_angles(12, 16).repeat(1, 2))

        def forward(self, x):
            first, second = x[..., :8], x[..., 8:]
            return x * self.angles.cos() + torch.cat((-second, first), dim=-1) * self.angles.sin()

    return Rotary().eval()


# Recurrence


def _recurrent(network):
    """`network` with two plain outputs: the whole sequence and the last hidden state, (layers, batch, width)."""
    import torch

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            sequence, state = self.network(x)
            return sequence, state[0] if isinstance(state, tuple) else state

    return Recurrent().eval()


@case(
    "operators/lstm",
    inputs=[normal("batch", 7, 8)],
    outputs=["sequence", "state"],
    tags={"recurrent"},
)
def lstm():
    """Gate order and the initial state's batch size both have to survive."""
    import torch

    return _recurrent(torch.nn.LSTM(8, 12, batch_first=True))


@case(
    "operators/gru",
    inputs=[normal("batch", 7, 8)],
    outputs=["sequence", "state"],
    tags={"recurrent"},
)
def gru():
    """Torch's GRU resets after the product with the state (linear_before_reset), which onnx-tf refuses."""
    import torch

    return _recurrent(torch.nn.GRU(8, 12, batch_first=True))


# Contraction


@case(
    "operators/einsum",
    inputs=[normal("batch", 5, 3, 8, name="query"), normal("batch", 7, 3, 8, name="key")],
    outputs=["scores"],
    tags={"contraction"},
)
def einsum():
    """A contraction with a transposed result; ONNX has Einsum from opset 12."""
    import torch

    class Scores(torch.nn.Module):
        def forward(self, query, key):
            return torch.einsum("bqhd,bkhd->bhqk", query, key)

    return Scores().eval()


# Resampling


@case("operators/interpolate-nearest", inputs=[normal("batch", 3, 5, 7)], tags={"resampling"})
def interpolate_nearest():
    """Upsampling as decoders do it; ONNX's rounding mode has to be floor, on asymmetric coordinates."""
    import torch

    return torch.nn.Upsample(scale_factor=2, mode="nearest").eval()


@case("operators/interpolate-bilinear", inputs=[normal("batch", 3, 5, 7)], tags={"resampling"})
def interpolate_bilinear():
    """align_corners=False, torch's default: pytorch_half_pixel in the file, which onnx-tf refuses.

    https://github.com/onnx/onnx-tensorflow/issues/632
    """
    import torch

    return torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False).eval()


@case("operators/interpolate-bilinear-aligned", inputs=[normal("batch", 3, 5, 7)], tags={"resampling"})
def interpolate_bilinear_aligned():
    """align_corners=True, the older convention, which segmentation decoders still carry."""
    import torch

    return torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True).eval()


@case("operators/interpolate-bicubic", inputs=[normal("batch", 3, 5, 7)], tags={"resampling"})
def interpolate_bicubic():
    """Torch's cubic coefficient is -0.75, TensorFlow's resize uses -0.5: an answer that is close and wrong."""
    import torch

    return torch.nn.Upsample(scale_factor=2, mode="bicubic", align_corners=False).eval()


@case(
    "operators/grid-sample",
    inputs=[normal("batch", 3, 6, 8, name="image"), uniform("batch", 5, 4, 2, name="grid", low=-1.1, high=1.1)],
    outputs=["sampled"],
    tags={"resampling"},
)
def grid_sample():
    """ONNX has GridSample from opset 16, for which onnx-tf has no handler.

    https://github.com/PINTO0309/onnx2tf/issues/274
    """
    import torch

    class Sample(torch.nn.Module):
        def forward(self, image, grid):
            return torch.nn.functional.grid_sample(image, grid, align_corners=False)

    return Sample().eval()


# Pooling and convolution


@case("operators/avg-pool-ceil", inputs=[normal("batch", 3, 8, 8, mean=1.0)], tags={"pooling"})
def avg_pool_ceil():
    """ceil_mode with count_include_pad: the last window reaches beyond the padding; by what is it divided?

    https://github.com/pytorch/pytorch/issues/183528
    """
    import torch

    return torch.nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=True).eval()


@case("operators/conv-transpose", inputs=[normal("batch", 4, 6, 5)], tags={"convolution"})
def conv_transpose():
    """Stride, padding and output padding together; onnx-tf loses track of a dynamic size here.

    https://github.com/onnx/onnx-tensorflow/issues/750
    """
    import torch

    return torch.nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1).eval()
