"""Building blocks of well-known model families, at a toy size: what a network is made of that no library's class holds.

Where a block can be written in a form that crosses and in one that does not, both are here.
"""

from tfparity import boolean, case, floating, integer, integers, mask, normal, ranking, uniform


def _heads(x, heads):
    """(batch, length, heads · width) to (batch, heads, length, width)."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def _attend(query, key, value, bias=None):
    """Softmax attention over (batch, heads, length, width), joined again to (batch, length, heads · width)."""
    import math

    import torch

    scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(query.shape[-1])
    if bias is not None:
        scores = scores + bias
    return torch.matmul(torch.softmax(scores, dim=-1), value).transpose(1, 2).flatten(2)


# Diffusion


@case(
    "blocks/diffusion-unet",
    inputs=[
        normal("batch", 4, 8, 8, name="sample"),
        integers("batch", high=1000, name="timestep"),
        normal("batch", 5, 12, name="context"),
    ],
    outputs=["noise"],
    operators=["Conv", "InstanceNormalization", "Resize", "Sin", "Concat", "Softmax"],
    tags={"diffusion", "core"},
)
def diffusion_unet():
    """One level of a text-to-image U-Net: sinusoidal time, group norms, cross-attention, a gated MLP, a skip."""
    import math

    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, before, after):
            super().__init__()
            self.first_norm, self.first = nn.GroupNorm(4, before), nn.Conv2d(before, after, 3, padding=1)
            self.time = nn.Linear(32, after)
            self.second_norm, self.second = nn.GroupNorm(4, after), nn.Conv2d(after, after, 3, padding=1)
            self.shortcut = nn.Conv2d(before, after, 1)

        def forward(self, x, time):
            hidden = self.first(nn.functional.silu(self.first_norm(x)))
            hidden = hidden + self.time(nn.functional.silu(time))[:, :, None, None]
            return self.shortcut(x) + self.second(nn.functional.silu(self.second_norm(hidden)))

    class Attention(nn.Module):
        def __init__(self, width, context):
            super().__init__()
            self.query = nn.Linear(width, width, bias=False)
            self.key, self.value = nn.Linear(context, width, bias=False), nn.Linear(context, width, bias=False)
            self.out = nn.Linear(width, width)
            for part in (self.query, self.key, self.value):  # flat attention would hide the norm before it
                nn.init.normal_(part.weight, std=0.6)

        def forward(self, x, context):
            parts = (self.query(x), self.key(context), self.value(context))
            return self.out(_attend(*[_heads(part, 2) for part in parts]))

    class Transformer(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm, self.into = nn.GroupNorm(4, width), nn.Conv2d(width, width, 1)
            self.out = nn.Conv2d(width, width, 1)
            self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(3)])
            self.itself, self.across = Attention(width, width), Attention(width, 12)
            self.gate, self.down = nn.Linear(width, 4 * width), nn.Linear(2 * width, width)

        def forward(self, x, context):
            batch, width, height, length = x.shape
            y = self.into(self.norm(x)).permute(0, 2, 3, 1).reshape(batch, height * length, width)
            first = self.norms[0](y)
            y = y + self.itself(first, first)
            y = y + self.across(self.norms[1](y), context)
            states, gate = self.gate(self.norms[2](y)).chunk(2, dim=-1)
            y = y + self.down(states * nn.functional.gelu(gate))
            return x + self.out(y.reshape(batch, height, length, width).permute(0, 3, 1, 2))

    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            self.time = nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 32))
            self.into = nn.Conv2d(4, 16, 3, padding=1)
            self.residual, self.transformer = Residual(16, 16), Transformer(16)
            self.down = nn.Conv2d(16, 16, 3, stride=2, padding=1)
            self.middle = Residual(16, 16)
            self.up, self.merge = nn.Conv2d(16, 16, 3, padding=1), Residual(32, 16)
            self.norm, self.out = nn.GroupNorm(4, 16), nn.Conv2d(16, 4, 3, padding=1)

        def forward(self, sample, timestep, context):
            steps = torch.arange(8, dtype=sample.dtype)
            # A hundredth of the usual angles: float32 is off by 6e-5 in the sine of a thousand.
            angles = timestep[:, None].to(sample.dtype) * 0.01 * torch.exp(-math.log(10000.0) / 8 * steps)[None]
            time = self.time(torch.cat((torch.cos(angles), torch.sin(angles)), dim=-1))
            skip = self.transformer(self.residual(self.into(sample), time), context)
            x = self.middle(self.down(skip), time)
            x = self.up(nn.functional.interpolate(x, scale_factor=2.0, mode="nearest"))
            return self.out(nn.functional.silu(self.norm(self.merge(torch.cat((x, skip), dim=1), time))))

    return Unet().eval()


@case(
    "blocks/vae-decoder",
    inputs=[normal("batch", 4, 4, 4, name="latents")],
    outputs=["images"],
    operators=["Conv", "InstanceNormalization", "Resize", "MatMul", "Softmax"],
    tags={"diffusion"},
)
def vae_decoder():
    """Latents to pixels: residual blocks, attention over pixels with one head, nearest upsampling."""
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.body = nn.Sequential(
                nn.GroupNorm(4, width),
                nn.SiLU(),
                nn.Conv2d(width, width, 3, padding=1),
                nn.GroupNorm(4, width),
                nn.SiLU(),
                nn.Conv2d(width, width, 3, padding=1),
            )

        def forward(self, x):
            return x + self.body(x)

    class Attention(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm = nn.GroupNorm(4, width)
            self.query, self.key = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1, bias=False)
            self.value, self.out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)

        def forward(self, x):
            batch, width, height, length = x.shape
            y = self.norm(x)
            query, key, value = (part(y).reshape(batch, width, -1) for part in (self.query, self.key, self.value))
            weights = torch.softmax(torch.bmm(query.transpose(1, 2), key) * width**-0.5, dim=2)
            return x + self.out(torch.bmm(value, weights.transpose(1, 2)).reshape(batch, width, height, length))

    return nn.Sequential(
        nn.Conv2d(4, 16, 3, padding=1),
        Residual(16),
        Attention(16),
        nn.Upsample(scale_factor=2.0, mode="nearest"),
        nn.Conv2d(16, 16, 3, padding=1),
        Residual(16),
        nn.GroupNorm(4, 16),
        nn.SiLU(),
        nn.Conv2d(16, 3, 3, padding=1),
    ).eval()


@case(
    "blocks/diffusion-transformer",
    inputs=[normal("batch", 4, 8, 8, name="latents"), normal("batch", 16, name="condition")],
    operators=["Conv", "Split", "MatMul", "Transpose"],
    tags={"diffusion"},
)
def diffusion_transformer():
    """Patches, norms without weights that a condition scales and shifts, gates, patches back to an image."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(16, elementwise_affine=False, eps=1e-6)
            self.modulate = nn.Linear(16, 96)
            self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16, bias=False), nn.Linear(16, 16)
            nn.init.normal_(self.query.weight)
            nn.init.normal_(self.query.bias)
            self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

        def forward(self, x, condition):
            parts = self.modulate(nn.functional.silu(condition)).unsqueeze(1).split(16, dim=-1)
            shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = parts
            y = self.norm(x) * (1 + scale) + shift
            x = x + gate * _attend(*[_heads(part(y), 2) for part in (self.query, self.key, self.value)])
            return x + mlp_gate * self.mlp(self.norm(x) * (1 + mlp_scale) + mlp_shift)

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.block, self.out = nn.Conv2d(4, 16, 2, stride=2), Block(), nn.Linear(16, 16)

        def forward(self, latents, condition):
            x = self.patch(latents).flatten(2).transpose(1, 2)
            x = self.out(self.block(x, condition)).reshape(-1, 4, 4, 2, 2, 4)
            return x.permute(0, 5, 1, 3, 2, 4).reshape(-1, 4, 8, 8)

    return Transformer().eval()


# Attention and position


def _angles(length, width):
    """Angles of rotary embeddings, (length, width / 2): https://arxiv.org/abs/2104.09864."""
    import torch

    return torch.arange(length).float()[:, None] * 10000.0 ** (-torch.arange(0, width, 2).float() / width)


@case(
    "blocks/rotary-attention-cache",
    inputs=[
        normal("batch", 2, 16, name="states"),
        normal("batch", 2, "past", 8, name="past_key"),
        normal("batch", 2, "past", 8, name="past_value"),
    ],
    outputs=["attended", "key", "value"],
    axes={"past": (6, 1, 9)},
    operators=["Shape", "Slice", "Concat", "Softmax", "Neg"],
    tags={"attention", "position", "cache", "core"},
)
def rotary_attention_cache():
    """A decoder's attention at work: rotated at positions that follow the cache, which comes in and goes out longer."""
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
            self.value, self.out = nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False)
            self.register_buffer("cosine", _angles(16, 8).repeat(1, 2).cos(), persistent=False)
            self.register_buffer("sine", _angles(16, 8).repeat(1, 2).sin(), persistent=False)

        def rotate(self, x, past):
            cosine, sine = self.cosine[past : past + x.size(2)], self.sine[past : past + x.size(2)]
            return x * cosine + torch.cat((-x[..., 4:], x[..., :4]), dim=-1) * sine

        def forward(self, states, past_key, past_value):
            past = past_key.size(2)
            query = self.rotate(_heads(self.query(states), 2), past)
            key = torch.cat((past_key, self.rotate(_heads(self.key(states), 2), past)), dim=2)
            value = torch.cat((past_value, _heads(self.value(states), 2)), dim=2)
            steps = torch.arange(key.size(2))
            later = steps[None, :] > steps[past:][:, None]
            bias = torch.zeros_like(later, dtype=states.dtype).masked_fill(later, -1e9)
            return self.out(_attend(query, key, value, bias)), key, value

    return Attention().eval()


@case(
    "blocks/rotary-attention-complex",
    inputs=[normal("batch", "sequence", 16)],
    axes={"sequence": (6, 3, 9)},
    requires={"torch": ">=1.8"},
    operators=["MatMul", "Softmax"],
    tags={"attention", "position", "complex"},
)
def rotary_attention_complex():
    """Queries and keys turned by a table of complex numbers, as the first Llama was published.

    https://github.com/pytorch/pytorch/issues/126972
    """
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(16, 16, bias=False) for _ in range(3))
            angles = _angles(9, 8)
            self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))

        def rotate(self, x):
            pairs = torch.view_as_complex(x.reshape(x.shape[0], x.shape[1], x.shape[2], 4, 2))
            return torch.view_as_real(pairs * self.turns[: x.shape[2]]).flatten(3)

        def forward(self, x):
            query, key = self.rotate(_heads(self.query(x), 2)), self.rotate(_heads(self.key(x), 2))
            return _attend(query, key, _heads(self.value(x), 2))

    return Attention().eval()


@case(
    "blocks/grouped-query-attention",
    inputs=[normal("batch", "sequence", 16)],
    axes={"sequence": (6, 3, 9)},
    operators=["Expand", "MatMul", "Softmax"],
    tags={"attention"},
)
def grouped_query_attention():
    """Four heads of queries to two of keys and values, which are expanded and reshaped."""
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query = nn.Linear(16, 16, bias=False)
            self.key, self.value = nn.Linear(16, 8, bias=False), nn.Linear(16, 8, bias=False)

        @staticmethod
        def repeated(x):
            batch, heads, length, width = x.shape
            return x[:, :, None].expand(batch, heads, 2, length, width).reshape(batch, heads * 2, length, width)

        def forward(self, x):
            key, value = self.repeated(_heads(self.key(x), 2)), self.repeated(_heads(self.value(x), 2))
            return _attend(_heads(self.query(x), 4), key, value)

    return Attention().eval()


@case(
    "blocks/attention-alibi",
    inputs=[normal("batch", "sequence", 16, name="states"), mask("batch", "sequence", name="attention_mask")],
    axes={"sequence": (6, 3, 9)},
    operators=["CumSum", "Mul", "Softmax"],
    tags={"attention", "position"},
)
def attention_alibi():
    """BLOOM's positions: a slope per head times a distance that is counted along the mask."""
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16, bias=False), nn.Linear(16, 16)
            self.register_buffer("slopes", torch.tensor([0.5, 0.0625]).view(1, 2, 1, 1))

        def forward(self, states, attention_mask):
            places = (attention_mask.cumsum(-1) - 1) * attention_mask
            bias = self.slopes * places[:, None, None, :].to(states.dtype)
            bias = bias.masked_fill(attention_mask[:, None, None, :] == 0, -1e9)
            return _attend(*[_heads(part(states), 2) for part in (self.query, self.key, self.value)], bias)

    return Attention().eval()


@case(
    "blocks/attention-relative-buckets",
    inputs=[normal("batch", "sequence", 16)],
    axes={"sequence": (12, 5, 20)},
    operators=["Range", "Log", "Where", "Gather", "Softmax"],
    tags={"attention", "position"},
)
def attention_relative_buckets():
    """T5's positions: exact up to four steps, then buckets that grow with the logarithm, looked up per head."""
    import math

    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(16, 16, bias=False) for _ in range(3))
            self.bias = nn.Embedding(16, 2)

        @staticmethod
        def buckets(length):
            steps = torch.arange(length)
            distance = steps[None, :] - steps[:, None]
            side = (distance > 0).to(torch.long) * 8
            distance = torch.abs(distance)
            # A hundredth keeps the logarithm off whole numbers, where float32 may fall on either side.
            grown = torch.log(distance.float() / 4 + 1e-6) / math.log(23 / 4) * 4 + 0.01
            far = torch.min(4 + grown.to(torch.long), torch.full_like(distance, 7))
            return side + torch.where(distance < 4, distance, far)

        def forward(self, x):
            bias = self.bias(self.buckets(x.size(1))).permute(2, 0, 1).unsqueeze(0)
            return _attend(*[_heads(part(x), 2) for part in (self.query, self.key, self.value)], bias)

    return Attention().eval()


@case(
    "blocks/attention-relative-shift",
    inputs=[normal("batch", 6, 16)],
    operators=["Pad", "Reshape", "Slice", "MatMul"],
    tags={"attention", "position"},
)
def attention_relative_shift():
    """Transformer-XL's shift: a column of zeros, another shape, a slice; every row moves by one more."""
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = (nn.Linear(16, 16, bias=False) for _ in range(3))
            self.positions = nn.Parameter(torch.randn(2, 6, 8))

        def forward(self, x):
            query = _heads(self.query(x), 2)
            scores = nn.functional.pad(torch.matmul(query, self.positions.transpose(1, 2)), (1, 0))
            batch, heads, rows, columns = scores.shape
            shifted = scores.reshape(batch, heads, columns, rows)[:, :, 1:].reshape(batch, heads, rows, columns - 1)
            return _attend(query, _heads(self.key(x), 2), _heads(self.value(x), 2), shifted)

    return Attention().eval()


@case(
    "blocks/window-attention-shifted",
    inputs=[normal("batch", 8, 8, 16, name="features")],
    operators=["Slice", "Concat", "Reshape", "Transpose", "Gather", "Softmax"],
    tags={"attention", "vision", "core"},
)
def window_attention_shifted():
    """Swin's: rolled, cut into windows, a bias by relative place, a mask where windows hold parts of two sides."""
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.project, self.out = nn.Linear(16, 48, bias=False), nn.Linear(16, 16)
            self.table = nn.Parameter(torch.randn(49, 2))
            places = torch.stack([torch.arange(4).repeat_interleave(4), torch.arange(4).repeat(4)])
            apart = (places[:, :, None] - places[:, None, :]) + 3
            self.register_buffer("index", apart[0] * 7 + apart[1])
            regions = torch.zeros(8, 8)
            for number, (rows, columns) in enumerate(
                (rows, columns)
                for rows in (slice(0, 4), slice(4, 6), slice(6, 8))
                for columns in (slice(0, 4), slice(4, 6), slice(6, 8))
            ):
                regions[rows, columns] = number
            windows = regions.view(2, 4, 2, 4).permute(0, 2, 1, 3).reshape(4, 16)
            apart = windows[:, None, :] != windows[:, :, None]
            self.register_buffer("mask", apart.float().masked_fill(apart, -100.0), persistent=False)

        def forward(self, features):
            batch = features.size(0)
            x = torch.roll(features, shifts=(-2, -2), dims=(1, 2))
            x = x.reshape(batch, 2, 4, 2, 4, 16).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, 16)
            query, key, value = self.project(x).reshape(-1, 16, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
            bias = self.table[self.index.view(-1)].view(16, 16, 2).permute(2, 0, 1)
            bias = bias + self.mask.repeat(batch, 1, 1).unsqueeze(1)
            x = self.out(_attend(query, key, value, bias))
            x = x.reshape(batch, 2, 2, 4, 4, 16).permute(0, 1, 3, 2, 4, 5).reshape(batch, 8, 8, 16)
            return torch.roll(x, shifts=(2, 2), dims=(1, 2))

    return Attention().eval()


@case(
    "blocks/attention-linear",
    inputs=[normal("batch", "sequence", 16)],
    axes={"sequence": (6, 3, 9)},
    operators=["Elu", "Einsum", "CumSum"],
    tags={"attention"},
)
def attention_linear():
    """Attention without a softmax: positive features and running sums, causal."""
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
            nn.init.normal_(self.query.bias)
            nn.init.normal_(self.key.bias)

        def forward(self, x):
            query, key = (nn.functional.elu(part(x)) + 1 for part in (self.query, self.key))
            memory = torch.einsum("bld,ble->blde", key, self.value(x)).cumsum(1)
            scale = torch.einsum("bld,bld->bl", query, key.cumsum(1))
            return torch.einsum("bld,blde->ble", query, memory) / scale.unsqueeze(-1)

    return Attention().eval()


@case(
    "blocks/attention-pooling",
    inputs=[normal("batch", "sequence", 16, name="states"), mask("batch", "sequence", name="attention_mask")],
    outputs=["pooled", "weights"],
    axes={"sequence": (6, 3, 9)},
    operators=["Tanh", "Softmax", "MatMul"],
    tags={"attention", "pooling"},
)
def attention_pooling():
    """A learnt query asks a sequence: one vector out, padding left out."""
    import torch
    from torch import nn

    class Pooling(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.query = nn.Linear(16, 8), nn.Parameter(torch.randn(8))

        def forward(self, states, attention_mask):
            scores = torch.matmul(torch.tanh(self.hidden(states)), self.query)
            weights = torch.softmax(scores.masked_fill(attention_mask == 0, float("-inf")), dim=1)
            return torch.bmm(weights.unsqueeze(1), states).squeeze(1), weights

    return Pooling().eval()


@case(
    "blocks/latent-attention",
    inputs=[normal("batch", "sequence", 16)],
    axes={"sequence": (6, 3, 9)},
    operators=["Expand", "MatMul", "Softmax"],
    tags={"attention"},
)
def latent_attention():
    """Perceiver's: learnt latents, one set for the whole batch, look at an input of any length."""
    import torch
    from torch import nn

    class Latents(nn.Module):
        def __init__(self):
            super().__init__()
            self.latents = nn.Parameter(torch.randn(1, 4, 16))
            self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16, bias=False), nn.Linear(16, 16)

        def forward(self, x):
            latents = self.latents.expand(x.size(0), -1, -1)
            return _attend(_heads(self.query(latents), 2), _heads(self.key(x), 2), _heads(self.value(x), 2))

    return Latents().eval()


@case(
    "blocks/spatial-self-attention",
    inputs=[normal("batch", 8, "height", "width")],
    axes={"height": (5, 3, 7), "width": (4, 6, 8)},
    operators=["Conv", "Reshape", "MatMul", "Softmax"],
    tags={"attention", "vision"},
)
def spatial_self_attention():
    """A non-local block: every pixel of an image of any size with every other, and a learnt gate."""
    import torch
    from torch import nn

    class NonLocal(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.key = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 1, bias=False)
            self.value, self.gate = nn.Conv2d(8, 8, 1), nn.Parameter(torch.tensor([0.7]))

        def forward(self, x):
            query, key, value = (part(x).flatten(2) for part in (self.query, self.key, self.value))
            weights = torch.softmax(torch.bmm(query.transpose(1, 2), key), dim=-1)
            return x + self.gate * torch.bmm(value, weights.transpose(1, 2)).view_as(x)

    return NonLocal().eval()


@case(
    "blocks/patches-and-class-token",
    inputs=[normal("batch", 3, 16, 16, name="images")],
    outputs=[ranking("logits")],
    operators=["Conv", "Expand", "Concat", "Gather"],
    tags={"vision"},
)
def patches_and_class_token():
    """The way into and out of a vision transformer: patches, a token for the class, positions, the first row."""
    import torch
    from torch import nn

    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.norm, self.head = nn.Conv2d(3, 16, 4, stride=4), nn.LayerNorm(16), nn.Linear(16, 5)
            self.token, self.places = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 17, 16))
            self.mix = nn.Linear(17, 17, bias=False)

        def forward(self, images):
            x = self.patch(images).flatten(2).transpose(1, 2)
            x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1) + self.places
            return self.head(self.norm(x + self.mix(x.transpose(1, 2)).transpose(1, 2))[:, 0])

    return Vision().eval()


@case(
    "blocks/positions-interpolated",
    inputs=[normal("batch", 3, "height", "width", name="images")],
    axes={"height": (16, 12, 24), "width": (16, 20, 12)},
    operators=["Shape", "Resize", "Conv"],
    tags={"vision", "dynamic", "position"},
)
def positions_interpolated():
    """Learnt positions of a grid resized to the patches that an image has."""
    import torch
    from torch import nn

    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.places = nn.Conv2d(3, 8, 4, stride=4), nn.Parameter(torch.randn(1, 8, 5, 5))

        def forward(self, images):
            x = self.patch(images)
            places = nn.functional.interpolate(self.places, size=x.shape[-2:], mode="bilinear", align_corners=False)
            return (x + places).flatten(2).transpose(1, 2)

    return Vision().eval()


@case(
    "blocks/patch-merging",
    inputs=[normal("batch", 6, 8, 4, name="features")],
    operators=["Slice", "Concat", "MatMul"],
    tags={"vision"},
)
def patch_merging():
    """Four neighbours become one, with four times the channels and then twice."""
    import torch
    from torch import nn

    class Merge(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.reduce = nn.LayerNorm(16), nn.Linear(16, 8, bias=False)

        def forward(self, x):
            parts = (x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2])
            return self.reduce(self.norm(torch.cat(parts, dim=-1)))

    return Merge().eval()


# Decoding


@case(
    "blocks/decoder-step",
    inputs=[
        integers("batch", 1, high=30, name="token"),
        normal("batch", 5, 16, name="encoded"),
        normal("batch", 2, "past", 8, name="past_key"),
        normal("batch", 2, "past", 8, name="past_value"),
    ],
    outputs=[ranking("logits"), floating("key"), floating("value")],
    axes={"past": (4, 1, 7)},
    operators=["Gather", "Concat", "MatMul", "Softmax"],
    tags={"decoding", "cache", "core"},
)
def decoder_step():
    """One step of a translator or a speech recogniser: the cache of itself grows, what was encoded stays."""
    import torch
    from torch import nn

    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(30, 16), nn.Embedding(12, 16)
            self.query, self.key, self.value = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
            self.ask, self.seen = nn.Linear(16, 16), nn.Linear(16, 32, bias=False)
            self.norms = nn.ModuleList([nn.LayerNorm(16) for _ in range(3)])
            self.head = nn.Linear(16, 30)
            for part in (self.query, self.key, self.ask, self.seen):  # flat attention would hide the norms before it
                nn.init.normal_(part.weight, std=0.5)

        def forward(self, token, encoded, past_key, past_value):
            place = torch.arange(1) + past_key.size(2)
            x = self.tokens(token) + self.places(place)
            y = self.norms[0](x)
            key = torch.cat((past_key, _heads(self.key(y), 2)), dim=2)
            value = torch.cat((past_value, _heads(self.value(y), 2)), dim=2)
            x = x + _attend(_heads(self.query(y), 2), key, value)
            seen = self.seen(encoded).split(16, dim=-1)
            x = x + _attend(_heads(self.ask(self.norms[1](x)), 2), *[_heads(part, 2) for part in seen])
            return self.head(self.norms[2](x)).squeeze(1), key, value

    return Step().eval()


@case(
    "blocks/weight-tying",
    inputs=[integers("batch", "sequence", high=30, name="tokens")],
    outputs=[ranking("logits")],
    axes={"sequence": (6, 3, 9)},
    operators=["Gather", "MatMul"],
    tags={"decoding", "shared"},
)
def weight_tying():
    """One table for what goes in and what comes out, read by Gather and, transposed, by MatMul."""
    from torch import nn

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = nn.Embedding(30, 16), nn.Linear(16, 30, bias=False)
            self.hidden = nn.Linear(16, 16)
            self.head.weight = self.table.weight

        def forward(self, tokens):
            return self.head(nn.functional.gelu(self.hidden(self.table(tokens))))

    return Tied().eval()


@case(
    "blocks/top-k-sampling",
    inputs=[normal("batch", 20, name="logits", std=2.0), uniform("batch", 1, name="chance", high=0.999)],
    outputs=["probabilities", integer("token")],
    operators=["TopK", "Where", "Softmax", "CumSum"],
    tags={"decoding"},
)
def top_k_sampling():
    """The five best, their shares, and the one on which a given chance falls: sampling without a generator."""
    import torch
    from torch import nn

    class Sampling(nn.Module):
        def forward(self, logits, chance):
            least = torch.topk(logits / 0.8, 5, dim=-1)[0][:, -1:]
            kept = (logits / 0.8).masked_fill(logits / 0.8 < least, float("-inf"))
            probabilities = torch.softmax(kept, dim=-1)
            return probabilities, (probabilities.cumsum(-1) < chance).sum(-1)

    return Sampling().eval()


@case(
    "blocks/nucleus-sampling",
    inputs=[normal("batch", 20, name="logits", std=2.0)],
    outputs=["probabilities"],
    operators=["TopK", "CumSum", "ScatterElements", "Softmax"],
    tags={"decoding"},
)
def nucleus_sampling():
    """The best until nine tenths are reached: sorted, added up, scattered back."""
    import torch
    from torch import nn

    class Nucleus(nn.Module):
        def forward(self, logits):
            ordered, order = torch.sort(logits, dim=-1, descending=True)
            shares = torch.softmax(ordered, dim=-1)
            beyond = shares.cumsum(-1) - shares > 0.9
            kept = ordered.masked_fill(beyond, float("-inf"))
            return torch.softmax(torch.zeros_like(logits).scatter(-1, order, kept), dim=-1)

    return Nucleus().eval()


@case(
    "blocks/beam-step",
    inputs=[
        normal("batch", 3, 20, name="logits"),
        normal("batch", 3, name="scores"),
        integers("batch", 3, 4, high=20, name="history"),
    ],
    outputs=[floating("best"), integer("tokens"), integer("histories")],
    requires={"torch": ">=1.8"},
    operators=["TopK", "Div", "Mod", "GatherElements"],
    tags={"decoding"},
)
def beam_step():
    """The three best of all beams and tokens: a flat index taken apart, and the histories gathered by beam."""
    import torch
    from torch import nn

    class Step(nn.Module):
        def forward(self, logits, scores, history):
            total = (torch.log_softmax(logits, dim=-1) + scores.unsqueeze(-1)).flatten(1)
            best, places = total.topk(3, dim=-1)
            beams = torch.div(places, 20, rounding_mode="floor")
            tokens = places - beams * 20
            histories = history.gather(1, beams.unsqueeze(-1).expand(-1, -1, history.size(-1)))
            return best, tokens, torch.cat((histories, tokens.unsqueeze(-1)), dim=-1)

    return Step().eval()


@case(
    "blocks/repetition-penalty",
    inputs=[normal("batch", 20, name="logits"), integers("batch", 5, high=20, name="history")],
    outputs=["penalised"],
    operators=["GatherElements", "Where", "ScatterElements"],
    tags={"decoding"},
)
def repetition_penalty():
    """What was said before becomes less likely: gathered, divided or multiplied by its sign, scattered back."""
    import torch
    from torch import nn

    class Penalty(nn.Module):
        def forward(self, logits, history):
            seen = logits.gather(1, history)
            return logits.scatter(1, history, torch.where(seen < 0, seen * 1.3, seen / 1.3))

    return Penalty().eval()


@case(
    "blocks/ctc-head",
    inputs=[normal("batch", 1, 8, "width", name="lines")],
    outputs=["log_probabilities", integer("greedy")],
    axes={"width": (24, 16, 36)},
    operators=["Conv", "LSTM", "LogSoftmax", "ArgMax"],
    tags={"recurrent", "vision", "dynamic"},
)
def ctc_head():
    """A line of text of any width: convolutions, a bidirectional LSTM over columns, a score per column."""
    import torch
    from torch import nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, (4, 3), padding=(0, 1))
            )
            self.recurrent, self.head = nn.LSTM(8, 10, bidirectional=True), nn.Linear(20, 12)
            nn.init.normal_(self.recurrent.weight_ih_l0)

        def forward(self, lines):
            columns = self.features(lines).squeeze(2).permute(2, 0, 1)
            scores = torch.log_softmax(self.head(self.recurrent(columns)[0]), dim=-1)
            return scores, scores.argmax(-1)

    return Reader().eval()


@case(
    "blocks/lstm-tagger",
    inputs=[integers("batch", "sequence", high=40, name="tokens")],
    outputs=[ranking("scores")],
    axes={"sequence": (9, 5, 14)},
    operators=["Gather", "LSTM", "MatMul"],
    tags={"recurrent", "dynamic"},
)
def lstm_tagger():
    """A score per token and tag: an embedding, an LSTM that reads both ways, a linear layer over its states."""
    from torch import nn

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(40, 16)
            self.lstm, self.head = nn.LSTM(16, 12, batch_first=True, bidirectional=True), nn.Linear(24, 7)

        def forward(self, tokens):
            return self.head(self.lstm(self.embedding(tokens))[0])

    return Tagger().eval()


@case(
    "blocks/crf-decoding",
    inputs=[normal("batch", 5, 4, name="emissions")],
    outputs=["score", integer("tags")],
    operators=["ReduceMax", "ArgMax", "GatherElements"],
    tags={"decoding"},
)
def crf_decoding():
    """Viterbi over five steps: the best way to each tag, then back along what was best."""
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.start, self.steps = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4, 4))

        def forward(self, emissions):
            scores, back = self.start + emissions[:, 0], []
            for step in range(1, 5):
                best, origin = (scores.unsqueeze(2) + self.steps).max(1)
                scores = best + emissions[:, step]
                back.append(origin)
            score, last = scores.max(1, keepdim=True)
            tags = [last]
            for origin in reversed(back):
                tags.append(origin.gather(1, tags[-1]))
            return score.squeeze(1), torch.cat(tags[::-1], dim=1)

    return Decoder().eval()


@case(
    "blocks/pointer-scores",
    inputs=[
        normal("batch", 6, 8, name="memory"),
        normal("batch", 8, name="query"),
        boolean("batch", 5, name="taken"),
    ],
    outputs=[ranking("probabilities")],
    operators=["Tanh", "MatMul", "Where", "Softmax"],
    tags={"attention", "recurrent"},
)
def pointer_scores():
    """Additive attention whose weights are the answer, with what was taken left out."""
    import torch
    from torch import nn

    class Pointer(nn.Module):
        def __init__(self):
            super().__init__()
            self.memory, self.query = nn.Linear(8, 8), nn.Linear(8, 8, bias=False)
            self.score = nn.Linear(8, 1, bias=False)

        def forward(self, memory, query, taken):
            scores = self.score(torch.tanh(self.memory(memory) + self.query(query).unsqueeze(1))).squeeze(-1)
            free = torch.zeros_like(taken[:, :1])
            return torch.softmax(scores.masked_fill(torch.cat((free, taken), dim=1), -1e4), dim=-1)

    return Pointer().eval()


@case(
    "blocks/recurrent-decoder-unrolled",
    inputs=[normal("batch", 6, 8, name="memory"), integers("batch", 4, high=12, name="tokens")],
    outputs=[ranking("logits")],
    operators=["Gemm", "Sigmoid", "Tanh", "Softmax"],
    tags={"recurrent", "attention"},
)
def recurrent_decoder_unrolled():
    """An LSTM cell, four steps written out, that looks back at a memory before each."""
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.cell, self.head = nn.Embedding(12, 8), nn.LSTMCell(16, 8), nn.Linear(16, 12)

        def forward(self, memory, tokens):
            hidden, cell, steps = memory[:, -1], torch.zeros_like(memory[:, 0]), []
            for step in range(4):
                weights = torch.softmax(torch.bmm(memory, hidden.unsqueeze(2)), dim=1)
                seen = (weights * memory).sum(1)
                hidden, cell = self.cell(torch.cat((self.table(tokens[:, step]), seen), dim=-1), (hidden, cell))
                steps.append(self.head(torch.cat((hidden, seen), dim=-1)))
            return torch.stack(steps, dim=1)

    return Decoder().eval()


# Experts, gates and norms


@case(
    "blocks/mixture-of-experts",
    inputs=[normal("batch", "sequence", 8)],
    outputs=["mixed", "gates"],
    axes={"sequence": (6, 3, 9)},
    operators=["TopK", "ScatterElements", "Softmax", "Einsum"],
    tags={"experts", "core"},
)
def mixture_of_experts():
    """Four experts, all of them computed, and of each token the two best taken: routing that a graph can hold."""
    import torch
    from torch import nn

    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.route = nn.Linear(8, 4, bias=False)
            self.up, self.down = nn.Parameter(torch.randn(4, 8, 12) * 0.4), nn.Parameter(torch.randn(4, 12, 8) * 0.4)

        def forward(self, x):
            best, places = torch.topk(torch.softmax(self.route(x * 3), dim=-1), 2, dim=-1)
            gates = torch.zeros_like(x[..., :4]).scatter(-1, places, best / best.sum(-1, keepdim=True))
            hidden = nn.functional.silu(torch.einsum("bld,edh->bleh", x, self.up))
            return torch.einsum("bleh,ehd,ble->bld", hidden, self.down, gates), gates

    return Experts().eval()


@case(
    "blocks/mixture-of-experts-by-index",
    inputs=[normal("batch", 6, 8)],
    operators=["NonZero", "Gather", "ScatterND"],
    tags={"experts", "data-dependent"},
)
def mixture_of_experts_by_index():
    """The same routing as models of many experts write it: each expert gets the rows that chose it."""
    import torch
    from torch import nn

    class Experts(nn.Module):
        def __init__(self):
            super().__init__()
            self.route = nn.Linear(8, 3, bias=False)
            self.experts = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])

        def forward(self, x):
            rows = x.reshape(-1, 8)
            gate, chosen = torch.softmax(self.route(rows * 3), dim=-1).max(-1)
            answer = torch.zeros_like(rows)
            for number, expert in enumerate(self.experts):
                places = torch.nonzero(chosen == number).squeeze(1)
                answer = answer.index_put((places,), expert(rows[places]) * gate[places].unsqueeze(1))
            return answer.view_as(x)

    return Experts().eval()


def _gated(name, activation, operators):
    """A feed-forward layer of two branches, one of which is the gate by an activation of torch.nn.functional."""

    @case("blocks/" + name, inputs=[normal("batch", 5, 8)], operators=operators, tags={"gate"})
    def factory():
        import torch
        from torch import nn

        class Gated(nn.Module):
            def __init__(self):
                super().__init__()
                self.gate, self.up, self.down = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(12, 8)
                self.activate = torch.sigmoid if activation == "sigmoid" else getattr(nn.functional, activation)

            def forward(self, x):
                return self.down(self.activate(self.gate(x)) * self.up(x))

        return Gated().eval()


# Variants of gated linear units: https://arxiv.org/abs/2002.05202
_gated("gated-linear-unit", "sigmoid", ["Sigmoid", "Mul"])
_gated("swiglu", "silu", ["Sigmoid", "Mul"])
_gated("geglu", "gelu", ["Erf", "Mul"])
_gated("reglu", "relu", ["Relu", "Mul"])


@case(
    "blocks/gated-spatial-unit",
    inputs=[normal("batch", 6, 8)],
    operators=["Split", "Conv", "Mul"],
    tags={"gate"},
)
def gated_spatial_unit():
    """gMLP's: half of the channels, mixed along the sequence, gate the other half."""
    import torch
    from torch import nn

    class Unit(nn.Module):
        def __init__(self):
            super().__init__()
            self.into, self.norm, self.mix, self.out = (
                nn.Linear(8, 16),
                nn.LayerNorm(8),
                nn.Conv1d(6, 6, 1),
                nn.Linear(8, 8),
            )

        def forward(self, x):
            left, right = torch.split(nn.functional.gelu(self.into(x)), 8, dim=-1)
            return x + self.out(left * self.mix(self.norm(right)))

    return Unit().eval()


@case("blocks/highway", inputs=[normal("batch", 8)], operators=["Sigmoid", "Relu", "Sub"], tags={"gate"})
def highway():
    """A gate between what a layer makes and what came in."""
    import torch
    from torch import nn

    class Highway(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate, self.hidden = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x):
            gate = torch.sigmoid(self.gate(x))
            return gate * torch.relu(self.hidden(x)) + (1 - gate) * x

    return Highway().eval()


@case(
    "blocks/squeeze-excite",
    inputs=[normal("batch", 8, 6, 5, mean=1.0)],
    operators=["GlobalAveragePool", "HardSigmoid", "Mul"],
    tags={"gate", "vision", "core"},
)
def squeeze_excite():
    """A gate per channel from the whole image, hard-sigmoid as in MobileNetV3."""
    from torch import nn

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Hardsigmoid()
            )

        def forward(self, x):
            return x * self.gate(x * 2)

    return Gate().eval()


@case(
    "blocks/channel-and-spatial-attention",
    inputs=[normal("batch", 8, 6, 5)],
    operators=["GlobalAveragePool", "ReduceMax", "Concat", "Sigmoid"],
    tags={"gate", "vision"},
)
def channel_and_spatial_attention():
    """CBAM: a gate per channel from mean and maximum, then a gate per pixel from the same two."""
    import torch
    from torch import nn

    class Gates(nn.Module):
        def __init__(self):
            super().__init__()
            self.channels = nn.Sequential(nn.Conv2d(8, 4, 1, bias=False), nn.ReLU(), nn.Conv2d(4, 8, 1, bias=False))
            self.pixels = nn.Conv2d(2, 1, 3, padding=1, bias=False)

        def forward(self, x):
            mean, largest = nn.functional.adaptive_avg_pool2d(x, 1), nn.functional.adaptive_max_pool2d(x, 1)
            x = x * torch.sigmoid(self.channels(mean) + self.channels(largest))
            both = torch.cat((x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]), dim=1)
            return x * torch.sigmoid(self.pixels(both))

    return Gates().eval()


@case(
    "blocks/efficient-channel-attention",
    inputs=[normal("batch", 8, 6, 5, mean=0.5)],
    operators=["Transpose", "Conv", "Sigmoid"],
    tags={"gate", "vision"},
)
def efficient_channel_attention():
    """A 1-D convolution along the channels: the axis that is elsewhere the one of features."""
    import torch
    from torch import nn

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve = nn.Conv1d(1, 1, 3, padding=1, bias=False)

        def forward(self, x):
            pooled = x.mean((2, 3)).unsqueeze(1)
            return x * torch.sigmoid(self.convolve(pooled)).transpose(1, 2).unsqueeze(-1)

    return Gate().eval()


@case(
    "blocks/feature-modulation",
    inputs=[normal("batch", 8, 6, 5, name="features"), normal("batch", 4, name="condition")],
    operators=["Gemm", "Split", "Unsqueeze", "Mul"],
    tags={"norm", "vision"},
)
def feature_modulation():
    """FiLM: a condition scales and shifts every channel."""
    import torch
    from torch import nn

    class Modulation(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(4, 16)

        def forward(self, features, condition):
            scale, shift = torch.split(self.project(condition), 8, dim=1)
            return features * (1 + scale[:, :, None, None]) + shift[:, :, None, None]

    return Modulation().eval()


@case(
    "blocks/adaptive-instance-norm",
    inputs=[normal("batch", 8, 6, 5, name="content"), normal("batch", 8, 4, 4, name="style", mean=0.5, std=2.0)],
    operators=["ReduceMean", "Sqrt", "Div"],
    tags={"norm", "vision"},
)
def adaptive_instance_norm():
    """Style transfer: the content takes the mean and deviation of a style, per channel."""
    from torch import nn

    class Transfer(nn.Module):
        def forward(self, content, style):
            def moments(x):
                flat = x.flatten(2)
                return flat.mean(2)[:, :, None, None], (flat.var(2) + 1e-5).sqrt()[:, :, None, None]

            (mean, deviation), (style_mean, style_deviation) = moments(content), moments(style)
            return (content - mean) / deviation * style_deviation + style_mean

    return Transfer().eval()


@case(
    "blocks/style-transfer-residual",
    inputs=[normal("batch", 4, 8, 8)],
    operators=["Pad", "Conv", "InstanceNormalization", "ConvTranspose"],
    tags={"norm", "vision"},
)
def style_transfer_residual():
    """Mirrored borders, instance norms, a residual, a transposed convolution: an image-to-image generator."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(
                nn.ReflectionPad2d(1),
                nn.Conv2d(6, 6, 3, bias=False),
                nn.InstanceNorm2d(6, affine=True),
                nn.ReLU(),
                nn.ReflectionPad2d(1),
                nn.Conv2d(6, 6, 3, bias=False),
                nn.InstanceNorm2d(6),
            )

        def forward(self, x):
            return x + self.body(x)

    return nn.Sequential(
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        Residual(),
        nn.ConvTranspose2d(6, 3, 3, stride=2, padding=1, output_padding=1),
        nn.Tanh(),
    ).eval()


@case(
    "blocks/spectral-norm",
    inputs=[normal("batch", 4, 6, 6)],
    operators=["Conv", "MatMul", "Div"],
    tags={"norm", "vision"},
)
def spectral_norm():
    """A discriminator whose weights are divided by their largest singular value, in a hook, at every call."""
    from torch import nn
    from torch.nn.utils import spectral_norm as normalised

    return nn.Sequential(
        normalised(nn.Conv2d(4, 6, 3, padding=1)), nn.LeakyReLU(0.2), nn.Flatten(), normalised(nn.Linear(216, 1))
    ).eval()


@case(
    "blocks/weight-norm",
    inputs=[normal("batch", 4, 12)],
    operators=["Conv"],
    tags={"norm", "audio"},
)
def weight_norm():
    """Direction and length of every filter apart, put together in a hook at every call."""
    from torch import nn
    from torch.nn.utils import weight_norm as normalised

    return nn.Sequential(
        normalised(nn.Conv1d(4, 6, 3, padding=1)), nn.ELU(), normalised(nn.ConvTranspose1d(6, 4, 4, 2, 1))
    ).eval()


@case(
    "blocks/normalised-classifier",
    inputs=[normal("batch", 8)],
    outputs=[ranking("logits")],
    operators=["ReduceL2", "Div", "MatMul"],
    tags={"norm"},
)
def normalised_classifier():
    """Cosines as logits, as face recognisers have them: features and weights are both brought to length one."""
    import torch
    from torch import nn

    class Cosines(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(6, 8))

        def forward(self, x):
            return 16 * nn.functional.linear(nn.functional.normalize(x), nn.functional.normalize(self.weight))

    return Cosines().eval()


# Control flow. The scripted functions stand inside, because they look for torch where they are made.


@case(
    "blocks/scripted-if",
    inputs=[normal("batch", 6)],
    operators=["If"],
    tags={"scripted", "core"},
)
def scripted_if():
    """`if` on a value in a scripted function: both branches cross, in an If, which onnx-tf lacks from opset 16 on."""
    import torch

    def either(x, y):
        if bool(x.sum() > 0):
            z = y * 3
            z = z + 0.5
        else:
            z = y - 1
        return z

    chosen = torch.jit.script(either)

    class Branch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 5)

        def forward(self, x):
            return chosen(x, self.project(x))

    return Branch().eval()


@case(
    "blocks/scripted-loop",
    inputs=[normal("batch", "sequence", 6)],
    axes={"sequence": (5, 3, 8)},
    operators=["Loop"],
    tags={"scripted", "dynamic", "core"},
)
def scripted_loop():
    """`for` over the steps of a sequence in a scripted function: a Loop that asks for the length at run time."""
    import torch

    def recur(x, weight):
        state = torch.zeros_like(x[:, 0])
        for step in range(x.size(1)):
            state = torch.tanh(torch.matmul(state, weight) + x[:, step])
        return state

    recurred = torch.jit.script(recur)

    class Steps(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 6)

        def forward(self, x):
            return recurred(self.project(x), self.project.weight)

    return Steps().eval()


@case(
    "blocks/scripted-while",
    inputs=[normal("batch", 6, name="x"), integers(high=7, low=1, name="times")],
    operators=["Loop"],
    tags={"scripted"},
)
def scripted_while():
    """`while` on a number that is an input: a Loop with a condition and no count."""
    import torch

    def until(x, weight, times):
        count = int(times)
        while count > 0:
            x = torch.tanh(torch.matmul(x, weight)) + 0.5 * x
            count -= 1
        return x

    repeated = torch.jit.script(until)

    class Repeats(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 6)

        def forward(self, x, times):
            return repeated(self.project(x), self.project.weight, times)

    return Repeats().eval()


@case(
    "blocks/scripted-list",
    inputs=[normal("batch", "sequence", 6)],
    axes={"sequence": (5, 3, 8)},
    operators=["Loop", "SequenceInsert", "ConcatFromSequence"],
    tags={"scripted", "dynamic"},
)
def scripted_list():
    """Steps appended to a list and stacked: a sequence of tensors inside a Loop."""
    import torch

    def collect(x, weight):
        state = torch.zeros_like(x[:, 0])
        states = [state]
        for step in range(x.size(1)):
            state = torch.tanh(torch.matmul(state, weight) + x[:, step])
            states.append(state)
        return torch.stack(states, dim=1)

    collected = torch.jit.script(collect)

    class Steps(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(6, 6)

        def forward(self, x):
            return collected(self.project(x), self.project.weight)

    return Steps().eval()


# Vision


@case(
    "blocks/feature-pyramid",
    inputs=[normal("batch", 3, "height", "width", name="images")],
    outputs=["fine", "middle", "coarse"],
    axes={"height": (16, 20, 24), "width": (24, 16, 12)},
    operators=["Conv", "Resize", "Add", "Shape"],
    tags={"vision", "dynamic", "core"},
)
def feature_pyramid():
    """Three levels of images of any size, each resized to the next finer one and added."""
    import torch
    from torch import nn

    class Pyramid(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([nn.Conv2d(before, 6, 3, stride=2, padding=1) for before in (3, 6, 6)])
            self.across = nn.ModuleList([nn.Conv2d(6, 5, 1) for _ in range(3)])
            self.smooth = nn.ModuleList([nn.Conv2d(5, 5, 3, padding=1) for _ in range(3)])

        def forward(self, images):
            levels = []
            for down in self.down:
                images = torch.relu(down(images))
                levels.append(images)
            merged = [self.across[2](levels[2])]
            for number in (1, 0):
                larger = nn.functional.interpolate(merged[0], size=levels[number].shape[-2:], mode="nearest")
                merged.insert(0, self.across[number](levels[number]) + larger)
            return tuple(smooth(level) for smooth, level in zip(self.smooth, merged))

    return Pyramid().eval()


@case(
    "blocks/atrous-spatial-pyramid",
    inputs=[normal("batch", 6, 9, 11, mean=0.5)],
    operators=["Conv", "GlobalAveragePool", "Resize", "Concat"],
    tags={"vision"},
)
def atrous_spatial_pyramid():
    """DeepLab's head: three dilations, and the mean of the image brought back to its size."""
    import torch
    from torch import nn

    class Pyramid(nn.Module):
        def __init__(self):
            super().__init__()
            self.point, self.pooled = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 4, 1)
            self.dilated = nn.ModuleList([nn.Conv2d(6, 4, 3, padding=rate, dilation=rate) for rate in (2, 4)])
            self.join = nn.Conv2d(16, 5, 1)

        def forward(self, x):
            mean = self.pooled(nn.functional.adaptive_avg_pool2d(x, 1))
            mean = nn.functional.interpolate(mean, size=x.shape[-2:], mode="bilinear", align_corners=False)
            return self.join(torch.cat([self.point(x), *[part(x) for part in self.dilated], mean], dim=1))

    return Pyramid().eval()


@case(
    "blocks/pyramid-pooling",
    inputs=[normal("batch", 6, 8, 8)],
    operators=["AveragePool", "Conv", "Resize", "Concat"],
    tags={"vision", "pooling"},
)
def pyramid_pooling():
    """PSPNet's head: means over the whole, halves and quarters, with corners aligned when they grow again."""
    import torch
    from torch import nn

    class Pyramid(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.ModuleList([nn.Conv2d(6, 3, 1) for _ in range(3)])

        def forward(self, x):
            levels = [x]
            for part, size in zip(self.parts, (1, 2, 4)):
                pooled = part(nn.functional.adaptive_avg_pool2d(x, size))
                levels.append(nn.functional.interpolate(pooled, size=(8, 8), mode="bilinear", align_corners=True))
            return torch.cat(levels, dim=1)

    return Pyramid().eval()


@case(
    "blocks/inverted-residual",
    inputs=[normal("batch", 6, 8, 8)],
    operators=["Conv", "HardSwish", "HardSigmoid", "GlobalAveragePool"],
    tags={"vision"},
)
def inverted_residual():
    """MobileNetV3's: wide, depthwise, gated, narrow; hard activations and batch norms throughout."""
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide = nn.Sequential(nn.Conv2d(6, 18, 1, bias=False), nn.BatchNorm2d(18), nn.Hardswish())
            self.deep = nn.Sequential(
                nn.Conv2d(18, 18, 5, padding=2, groups=18, bias=False), nn.BatchNorm2d(18), nn.Hardswish()
            )
            self.gate = nn.Sequential(nn.Conv2d(18, 8, 1), nn.ReLU(), nn.Conv2d(8, 18, 1), nn.Hardsigmoid())
            self.narrow = nn.Sequential(nn.Conv2d(18, 6, 1, bias=False), nn.BatchNorm2d(6))

        def forward(self, x):
            y = self.deep(self.wide(x))
            return x + self.narrow(y * self.gate(torch.nn.functional.adaptive_avg_pool2d(y, 1)))

    return Residual().eval()


@case(
    "blocks/dense-block",
    inputs=[normal("batch", 6, 8, 8)],
    operators=["BatchNormalization", "Conv", "Concat", "AveragePool"],
    tags={"vision"},
)
def dense_block():
    """Every layer reads all before it; norms stand before the convolutions and cannot be folded into them."""
    import torch
    from torch import nn

    def layer(before, after, size):
        convolve = nn.Conv2d(before, after, size, padding=size // 2, bias=False)
        return nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(), convolve)

    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([layer(6 + 4 * number, 4, 3) for number in range(3)])
            self.reduce, self.pool = layer(18, 8, 1), nn.AvgPool2d(2, 2)

        def forward(self, x):
            for part in self.layers:
                x = torch.cat((x, part(x)), dim=1)
            return self.pool(self.reduce(x))

    return Dense().eval()


@case(
    "blocks/inception",
    inputs=[normal("batch", 6, 9, 9, mean=0.5)],
    operators=["Conv", "AveragePool", "MaxPool", "Concat"],
    tags={"vision"},
)
def inception():
    """Four branches of other shapes of kernel, two of them pools with padding."""
    import torch
    from torch import nn

    class Inception(nn.Module):
        def __init__(self):
            super().__init__()
            self.point = nn.Conv2d(6, 3, 1)
            self.cross = nn.Sequential(nn.Conv2d(6, 4, (1, 7), padding=(0, 3)), nn.Conv2d(4, 3, (7, 1), padding=(3, 0)))
            self.pooled, self.largest = nn.Conv2d(6, 3, 1), nn.MaxPool2d(3, stride=1, padding=1)

        def forward(self, x):
            mean = self.pooled(nn.functional.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
            return torch.cat((self.point(x), self.cross(x), mean, self.largest(x)), dim=1)

    return Inception().eval()


@case(
    "blocks/shuffle-unit",
    inputs=[normal("batch", 8, 6, 6)],
    operators=["Split", "Conv", "Concat", "Reshape", "Transpose"],
    tags={"vision"},
)
def shuffle_unit():
    """ShuffleNetV2's: half of the channels pass, half are convolved, then they are dealt out in turn."""
    import torch
    from torch import nn

    class Unit(nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = nn.Sequential(
                nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Conv2d(4, 4, 1)
            )

        def forward(self, x):
            left, right = torch.split(x, 4, dim=1)
            batch, _, height, width = x.shape
            joined = torch.cat((left, self.branch(right)), dim=1)
            return joined.view(batch, 2, 4, height, width).transpose(1, 2).reshape(batch, 8, height, width)

    return Unit().eval()


@case(
    "blocks/cropped-skip",
    inputs=[normal("batch", 3, "height", "width", name="images")],
    axes={"height": (14, 12, 20), "width": (16, 20, 14)},
    operators=["Shape", "Slice", "ConvTranspose", "Concat"],
    tags={"vision", "dynamic"},
)
def cropped_skip():
    """The first U-Net: convolutions without padding, and a skip cut in its middle to the size that came back."""
    import torch
    from torch import nn

    class Unet(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.deep = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3)
            self.up, self.last = nn.ConvTranspose2d(6, 4, 2, stride=2), nn.Conv2d(8, 2, 1)

        def forward(self, images):
            skip = torch.relu(self.first(images))
            x = self.up(torch.relu(self.deep(nn.functional.max_pool2d(skip, 2))))
            top, left = (skip.size(2) - x.size(2)) // 2, (skip.size(3) - x.size(3)) // 2
            skip = skip[:, :, top : top + x.size(2), left : left + x.size(3)]
            return self.last(torch.cat((skip, x), dim=1))

    return Unet().eval()


@case(
    "blocks/pixel-shuffle-upsampler",
    inputs=[normal("batch", 3, "height", "width", name="images")],
    axes={"height": (6, 4, 9), "width": (5, 8, 7)},
    operators=["Conv", "DepthToSpace", "Resize"],
    tags={"vision", "dynamic"},
)
def pixel_shuffle_upsampler():
    """Super-resolution: twice the pixels out of four times the channels, beside a plain enlargement."""
    import torch
    from torch import nn

    class Upsampler(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)

        def forward(self, images):
            plain = nn.functional.interpolate(images, scale_factor=2.0, mode="nearest")
            return plain + nn.functional.pixel_shuffle(self.second(torch.tanh(self.first(images))), 2)

    return Upsampler().eval()


@case(
    "blocks/modulated-convolution",
    inputs=[normal("batch", 4, 6, 6, name="features"), normal("batch", 5, name="style")],
    operators=["Conv", "Reshape", "ReduceSum", "Mul"],
    tags={"vision", "generative"},
)
def modulated_convolution():
    """StyleGAN2's: every image has its own kernels, so images become groups, as many as the batch is large."""
    import torch
    from torch import nn

    class Modulated(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.style = nn.Parameter(torch.randn(1, 6, 4, 3, 3)), nn.Linear(5, 4)

        def forward(self, features, style):
            batch = features.size(0)
            weight = self.weight * (self.style(style) + 1)[:, None, :, None, None]
            weight = weight * torch.rsqrt(weight.pow(2).sum((2, 3, 4), keepdim=True) + 1e-8)
            x = features.reshape(1, -1, 6, 6)
            x = nn.functional.conv2d(x, weight.reshape(-1, 4, 3, 3), padding=1, groups=batch)
            return x.reshape(batch, 6, 6, 6)

    return Modulated().eval()


@case(
    "blocks/modulated-features",
    inputs=[normal("batch", 4, 6, 6, name="features"), normal("batch", 5, name="style")],
    operators=["Conv", "MatMul", "Mul"],
    tags={"vision", "generative"},
)
def modulated_features():
    """The same numbers by scaling what goes in and what comes out: one kernel for every image."""
    import torch
    from torch import nn

    class Modulated(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.style = nn.Parameter(torch.randn(6, 4, 3, 3)), nn.Linear(5, 4)

        def forward(self, features, style):
            scale = self.style(style) + 1
            length = torch.matmul(scale.pow(2), self.weight.pow(2).sum((2, 3)).transpose(0, 1))
            x = nn.functional.conv2d(features * scale[:, :, None, None], self.weight, padding=1)
            return x * torch.rsqrt(length + 1e-8)[:, :, None, None]

    return Modulated().eval()


@case(
    "blocks/deformable-sampling",
    inputs=[normal("batch", 4, 7, 8, name="features"), uniform("batch", 5, 2, name="places", low=0.1, high=0.9)],
    operators=["GridSample", "Softmax"],
    tags={"vision", "attention"},
)
def deformable_sampling():
    """Deformable attention on one level: every query looks at four places that it chooses around its own."""
    import torch
    from torch import nn

    class Deformable(nn.Module):
        def __init__(self):
            super().__init__()
            self.query, self.offsets, self.weights = nn.Linear(2, 8), nn.Linear(8, 8), nn.Linear(8, 4)
            self.value = nn.Conv2d(4, 6, 1)

        def forward(self, features, places):
            query = torch.tanh(self.query(places * 3))
            offsets = self.offsets(query).reshape(query.size(0), 5, 4, 2)
            grid = 2 * (places.unsqueeze(2) + offsets * 0.2) - 1
            seen = nn.functional.grid_sample(self.value(features), grid, padding_mode="zeros", align_corners=False)
            return (seen * torch.softmax(self.weights(query), dim=-1).unsqueeze(1)).sum(-1).transpose(1, 2)

    return Deformable().eval()


@case(
    "blocks/bilinear-sampling-by-gather",
    inputs=[normal("batch", 4, 7, 8, name="features"), uniform("batch", 5, 2, name="places", low=-0.9, high=0.9)],
    outputs=["sampled"],
    operators=["Floor", "Cast", "GatherElements"],
    tags={"vision"},
)
def bilinear_sampling_by_gather():
    """What grid_sample does, by floor and four gathers: the way round where the operator is missing.

    https://github.com/PINTO0309/onnx2tf/issues/274
    """
    import torch
    from torch import nn

    class Sampling(nn.Module):
        def forward(self, features, places):
            flat = features.flatten(2)
            x, y = (places[..., 0] + 1) * 4 - 0.5, (places[..., 1] + 1) * 3.5 - 0.5
            left, top = torch.floor(x), torch.floor(y)
            total = torch.zeros_like(flat[:, :, :5])
            for across, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
                column, row = left + across, top + down
                weight = (1 - torch.abs(x - column)) * (1 - torch.abs(y - row))
                inside = (column >= 0) & (column <= 7) & (row >= 0) & (row <= 6)
                index = torch.clamp(row, 0, 6).long() * 8 + torch.clamp(column, 0, 7).long()
                taken = flat.gather(2, index.unsqueeze(1).expand(-1, 4, -1))
                total = total + taken * (weight * inside.to(weight.dtype)).unsqueeze(1)
            return total

    return Sampling().eval()


@case(
    "blocks/spatial-transformer",
    inputs=[normal("batch", 2, 8, 8, name="images")],
    operators=["GridSample", "MatMul"],
    tags={"vision"},
)
def spatial_transformer():
    """An image turned and shifted by angles that it gives itself; the grid is a product with constant corners."""
    import torch
    from torch import nn

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.angles = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(27, 6))
            rows, columns = torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8)
            corners = torch.stack((columns.repeat(8), rows.repeat_interleave(8), torch.ones(64)), dim=1)
            self.register_buffer("corners", corners, persistent=False)

        def forward(self, images):
            turn = self.angles(images).view(-1, 2, 3) * 0.3 + torch.eye(2, 3).to(images.dtype) * 0.8
            grid = torch.matmul(self.corners, turn.transpose(1, 2)).view(-1, 8, 8, 2)
            return nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=True)

    return Transformer().eval()


@case(
    "blocks/correlation-volume",
    inputs=[normal("batch", 4, 6, 7, name="first"), normal("batch", 4, 6, 7, name="second")],
    operators=["Pad", "Slice", "ReduceSum", "Concat"],
    tags={"vision"},
)
def correlation_volume():
    """Optical flow: one image against nine shifts of the other."""
    import torch
    from torch import nn

    class Correlation(nn.Module):
        def forward(self, first, second):
            padded, height, width = nn.functional.pad(second, (1, 1, 1, 1)), first.size(2), first.size(3)
            shifts = [(row, column) for row in range(3) for column in range(3)]
            parts = [padded[:, :, row : row + height, column : column + width] for row, column in shifts]
            return torch.stack([(first * part).sum(1) for part in parts], dim=1) / 2

    return Correlation().eval()


@case(
    "blocks/box-decoding",
    inputs=[normal("batch", 18, 4, 5, name="predictions")],
    outputs=["boxes", "scores"],
    operators=["Reshape", "Transpose", "Sigmoid", "Exp", "Concat"],
    tags={"vision", "detection"},
)
def box_decoding():
    """YOLO's head: cells and anchors apart, centres by a sigmoid and a grid, sizes by an exponential."""
    import torch
    from torch import nn

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer(
                "anchors", torch.tensor([[10.0, 14.0], [23.0, 27.0], [37.0, 58.0]]).view(1, 3, 1, 1, 2)
            )

        def forward(self, predictions):
            batch, _, height, width = predictions.shape
            x = predictions.view(batch, 3, 6, height, width).permute(0, 1, 3, 4, 2)
            columns = torch.arange(width).view(1, 1, 1, width, 1).expand(1, 1, height, width, 1)
            rows = torch.arange(height).view(1, 1, height, 1, 1).expand(1, 1, height, width, 1)
            grid = torch.cat((columns, rows), dim=-1).to(x.dtype)
            centres = (torch.sigmoid(x[..., :2]) * 2 - 0.5 + grid) * 16 / 80
            sizes = torch.exp(x[..., 2:4]) * self.anchors / 80
            boxes = torch.cat((centres - sizes / 2, centres + sizes / 2), dim=-1)
            return boxes.reshape(batch, -1, 4), torch.sigmoid(x[..., 4:]).reshape(batch, -1, 2)

    return Decoder().eval()


@case(
    "blocks/peaks-of-heatmap",
    inputs=[normal("batch", 3, 8, 9, name="heat"), normal("batch", 2, 8, 9, name="offsets")],
    outputs=["scores", integer("classes"), "places"],
    requires={"torch": ">=1.8"},
    operators=["MaxPool", "Equal", "TopK", "GatherElements", "Mod"],
    tags={"vision", "detection"},
)
def peaks_of_heatmap():
    """CenterNet: what is the largest around itself, the four best of these, their class and place."""
    import torch
    from torch import nn

    class Peaks(nn.Module):
        def forward(self, heat, offsets):
            heat = torch.sigmoid(heat)
            peaks = heat * (nn.functional.max_pool2d(heat, 3, stride=1, padding=1) == heat).to(heat.dtype)
            scores, index = peaks.flatten(1).topk(4, dim=1)
            classes = torch.div(index, 72, rounding_mode="floor")
            cell = index - classes * 72
            row = torch.div(cell, 9, rounding_mode="floor")
            moved = offsets.flatten(2).gather(2, cell.unsqueeze(1).expand(-1, 2, -1))
            corner = torch.stack((cell - row * 9, row), dim=1).to(heat.dtype)
            return scores, classes, (corner + moved).transpose(1, 2)

    return Peaks().eval()


@case(
    "blocks/generalised-mean-pooling",
    inputs=[uniform("batch", 4, 6, 5, high=2.0)],
    operators=["Clip", "Pow", "GlobalAveragePool"],
    tags={"vision", "pooling"},
)
def generalised_mean_pooling():
    """Retrieval: a power that is learnt per channel, a mean, the root of it."""
    import torch
    from torch import nn

    class Pooling(nn.Module):
        def __init__(self):
            super().__init__()
            self.power = nn.Parameter(torch.tensor([2.0, 2.5, 3.0, 3.5]))

        def forward(self, x):
            powered = torch.clamp(x, min=1e-6).pow(self.power[:, None, None])
            return nn.functional.adaptive_avg_pool2d(powered, 1).flatten(1).pow(1.0 / self.power)

    return Pooling().eval()


@case(
    "blocks/residual-vectors",
    inputs=[normal("batch", 4, 5, 5)],
    operators=["Softmax", "Sub", "ReduceSum", "ReduceL2"],
    tags={"vision", "pooling"},
)
def residual_vectors():
    """NetVLAD: how far every pixel is from every centre, by soft assignment, normalised twice."""
    import torch
    from torch import nn

    class Vlad(nn.Module):
        def __init__(self):
            super().__init__()
            self.assign, self.centres = nn.Conv2d(4, 3, 1, bias=False), nn.Parameter(torch.randn(3, 4))

        def forward(self, x):
            weights = torch.softmax(self.assign(x * 2).flatten(2), dim=1)
            apart = x.flatten(2).unsqueeze(1) - self.centres[None, :, :, None]
            vectors = nn.functional.normalize((apart * weights.unsqueeze(2)).sum(-1), dim=2)
            return nn.functional.normalize(vectors.flatten(1), dim=1)

    return Vlad().eval()


@case(
    "blocks/vector-quantiser",
    inputs=[normal("batch", 4, 5, 5, name="features")],
    outputs=["quantised", integer("codes")],
    operators=["ReduceSum", "MatMul", "ArgMin", "Gather"],
    tags={"generative"},
)
def vector_quantiser():
    """The nearest of twelve codes by |x|² - 2xc + |c|², and the code in its place, straight through."""
    import torch
    from torch import nn

    class Quantiser(nn.Module):
        def __init__(self):
            super().__init__()
            self.codes = nn.Embedding(12, 4)

        def forward(self, features):
            x = features.permute(0, 2, 3, 1)
            table = self.codes.weight
            apart = x.pow(2).sum(-1, keepdim=True) + table.pow(2).sum(1) - 2 * torch.matmul(x, table.transpose(0, 1))
            codes = apart.argmin(-1)
            quantised = self.codes(codes).permute(0, 3, 1, 2)
            return features + (quantised - features).detach(), codes

    return Quantiser().eval()


@case(
    "blocks/involution",
    inputs=[normal("batch", 4, 6, 6)],
    operators=["Conv", "Reshape", "ReduceSum"],
    tags={"vision"},
)
def involution():
    """A kernel of its own for every pixel, applied to patches that were unfolded."""
    from torch import nn

    class Involution(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel, self.patches = nn.Conv2d(4, 18, 1), nn.Unfold(3, padding=1)

        def forward(self, x):
            kernels = self.kernel(x).view(-1, 2, 1, 9, 6, 6)
            patches = self.patches(x).view(-1, 2, 2, 9, 6, 6)
            return (kernels * patches).sum(3).view(-1, 4, 6, 6)

    return Involution().eval()


@case(
    "blocks/convolutional-lstm",
    inputs=[normal("batch", 3, 3, 5, 6, name="frames")],
    operators=["Conv", "Split", "Sigmoid", "Tanh"],
    tags={"vision", "recurrent"},
)
def convolutional_lstm():
    """Three frames of a film, gates by one convolution, the state an image."""
    import torch
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.gates = nn.Conv2d(7, 16, 3, padding=1)

        def forward(self, frames):
            hidden = torch.zeros_like(frames[:, 0, :1]).repeat(1, 4, 1, 1)
            cell = hidden
            for step in range(3):
                gates = self.gates(torch.cat((frames[:, step], hidden), dim=1))
                into, forget, out, fresh = torch.split(gates, 4, dim=1)
                cell = torch.sigmoid(forget) * cell + torch.sigmoid(into) * torch.tanh(fresh)
                hidden = torch.sigmoid(out) * torch.tanh(cell)
            return hidden

    return Recurrent().eval()


@case(
    "blocks/mlp-mixer",
    inputs=[normal("batch", 8, 8)],
    operators=["LayerNormalization", "Transpose", "MatMul", "Erf"],
    tags={"vision", "layout"},
)
def mlp_mixer():
    """As many patches as channels, mixed along the one and along the other."""
    from torch import nn

    class Mixer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norms = nn.ModuleList([nn.LayerNorm(8), nn.LayerNorm(8)])
            self.patches, self.channels = (
                nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8)) for _ in range(2)
            )

        def forward(self, x):
            x = x + self.patches(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
            return x + self.channels(self.norms[1](x))

    return Mixer().eval()


@case(
    "blocks/capsule-routing",
    inputs=[normal("batch", 6, 4)],
    operators=["Einsum", "Softmax", "ReduceSum"],
    tags={"vision"},
)
def capsule_routing():
    """Capsules that vote and agree, twice around, with lengths squashed below one."""
    import torch
    from torch import nn

    class Routing(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(6, 3, 4, 5))

        def forward(self, x):
            votes = torch.einsum("bij,iojd->biod", x, self.weight)
            agreement = torch.zeros_like(votes[..., 0])
            for _ in range(2):
                total = (torch.softmax(agreement, dim=2).unsqueeze(-1) * votes).sum(1)
                length = total.pow(2).sum(-1, keepdim=True)
                capsules = total * length / (1 + length) / torch.sqrt(length + 1e-8)
                agreement = agreement + (votes * capsules.unsqueeze(1)).sum(-1)
            return capsules

    return Routing().eval()


# Sound and long sequences


@case(
    "blocks/mel-front-end-convolution",
    inputs=[uniform("batch", "samples", name="sound", low=-1.0, high=1.0)],
    outputs=["features"],
    axes={"samples": (256, 192, 320)},
    operators=["Pad", "Conv", "MatMul", "Log"],
    tags={"audio", "dynamic", "core"},
)
def mel_front_end_convolution():
    """A spectrogram by a strided convolution with cosines and sines: the form that crosses."""
    import math

    import torch
    from torch import nn

    class FrontEnd(nn.Module):
        def __init__(self):
            super().__init__()
            steps = torch.arange(64, dtype=torch.float64)
            angles = 2 * math.pi * torch.arange(33, dtype=torch.float64)[:, None] * steps[None, :] / 64
            window = 0.5 - 0.5 * torch.cos(2 * math.pi * steps / 64)
            waves = torch.cat((angles.cos(), -angles.sin())) * window
            self.register_buffer("waves", waves.float().unsqueeze(1), persistent=False)
            self.register_buffer("filters", _mel_filters(), persistent=False)

        def forward(self, sound):
            padded = nn.functional.pad(sound.unsqueeze(1), (32, 32), mode="reflect")
            spectrum = nn.functional.conv1d(padded, self.waves, stride=32)
            power = spectrum[:, :33].pow(2) + spectrum[:, 33:].pow(2)
            return torch.log(torch.matmul(self.filters, power) + 0.1)

    return FrontEnd().eval()


def _mel_filters():
    """Eight triangles over 33 frequencies, (8, 33), wider and wider."""
    import torch

    edges = 32 * (2.0 ** torch.linspace(0, 4, 10) - 1) / 15
    places = torch.arange(33).float()
    up = (places[None, :] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - places[None, :]) / (edges[2:] - edges[1:-1])[:, None]
    return torch.clamp(torch.min(up, down), min=0.0)


@case(
    "blocks/mel-front-end-stft",
    inputs=[uniform("batch", 256, name="sound", low=-1.0, high=1.0)],
    outputs=["features"],
    requires={"torch": ">=1.8"},
    operators=["STFT", "MatMul", "Log"],
    tags={"audio", "complex"},
)
def mel_front_end_stft():
    """The same by torch.stft with complex numbers; ONNX has STFT from opset 17 on.

    https://github.com/pytorch/pytorch/issues/126972
    """
    import torch
    from torch import nn

    class FrontEnd(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("window", torch.hann_window(64), persistent=False)
            self.register_buffer("filters", _mel_filters(), persistent=False)

        def forward(self, sound):
            spectrum = torch.stft(sound, 64, hop_length=32, window=self.window, center=False, return_complex=True)
            return torch.log(torch.matmul(self.filters, spectrum.abs().pow(2)) + 0.1)

    return FrontEnd().eval()


@case(
    "blocks/mel-front-end-stft-real",
    inputs=[uniform("batch", 256, name="sound", low=-1.0, high=1.0)],
    outputs=["features"],
    operators=["STFT", "MatMul", "Log"],
    tags={"audio"},
)
def mel_front_end_stft_real():
    """The same with real and imaginary parts as an axis, which torch has long announced to drop."""
    import torch
    from torch import nn

    class FrontEnd(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("window", torch.hann_window(64), persistent=False)
            self.register_buffer("filters", _mel_filters(), persistent=False)

        def forward(self, sound):
            spectrum = torch.stft(sound, 64, hop_length=32, window=self.window, center=False, return_complex=False)
            return torch.log(torch.matmul(self.filters, spectrum.pow(2).sum(-1)) + 0.1)

    return FrontEnd().eval()


@case(
    "blocks/dilated-causal-convolutions",
    inputs=[normal("batch", 4, "samples")],
    outputs=["scores"],
    axes={"samples": (24, 16, 33)},
    operators=["Pad", "Conv", "Tanh", "Sigmoid"],
    tags={"audio", "dynamic"},
)
def dilated_causal_convolutions():
    """WaveNet: padded on the left alone, gated, with a residual and a skip at every dilation."""
    import torch
    from torch import nn

    class Layer(nn.Module):
        def __init__(self, dilation):
            super().__init__()
            self.convolve, self.reach = nn.Conv1d(6, 12, 3, dilation=dilation), 2 * dilation
            self.out = nn.Conv1d(6, 11, 1)

        def forward(self, x):
            state, gate = torch.split(self.convolve(nn.functional.pad(x, (self.reach, 0))), 6, dim=1)
            residual, skip = torch.split(self.out(torch.tanh(state) * torch.sigmoid(gate)), [6, 5], dim=1)
            return x + residual, skip

    class Wave(nn.Module):
        def __init__(self):
            super().__init__()
            self.into, self.layers = nn.Conv1d(4, 6, 1), nn.ModuleList([Layer(size) for size in (1, 2, 4)])
            self.state, self.out = nn.Conv1d(6, 5, 1), nn.Conv1d(5, 5, 1)

        def forward(self, x):
            x, total = self.into(x), 0.0
            for layer in self.layers:
                x, skip = layer(x)
                total = total + skip
            return self.out(torch.relu(total + self.state(x)))

    return Wave().eval()


@case(
    "blocks/vocoder",
    inputs=[normal("batch", 6, "frames", name="mel")],
    outputs=["sound"],
    axes={"frames": (8, 5, 12)},
    operators=["ConvTranspose", "Conv", "Sin", "Tanh"],
    tags={"audio", "dynamic"},
)
def vocoder():
    """Frames to samples: a transposed convolution, dilations side by side, a periodic activation."""
    import torch
    from torch import nn

    class Snake(nn.Module):
        def __init__(self):
            super().__init__()
            self.rate = nn.Parameter(torch.rand(1, 4, 1) + 0.5)

        def forward(self, x):
            return x + torch.sin(self.rate * x).pow(2) / self.rate

    class Vocoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.snake = nn.ConvTranspose1d(6, 4, 8, stride=4, padding=2), Snake()
            self.wide = nn.ModuleList([nn.Conv1d(4, 4, 3, padding=size, dilation=size) for size in (1, 3)])
            self.out = nn.Conv1d(4, 1, 7, padding=3)

        def forward(self, mel):
            x = self.snake(self.up(mel))
            x = sum(wide(nn.functional.leaky_relu(x, 0.1)) for wide in self.wide) / 2 + x
            return torch.tanh(self.out(x))

    return Vocoder().eval()


@case(
    "blocks/conformer-convolution",
    inputs=[normal("batch", "frames", 8, name="states"), mask("batch", "frames", name="attention_mask")],
    axes={"frames": (12, 7, 16)},
    operators=["Transpose", "Conv", "Sigmoid", "Where"],
    tags={"audio", "dynamic"},
)
def conformer_convolution():
    """A gated pointwise, a depthwise and a pointwise convolution along time, with padding set to zero before."""
    from torch import nn

    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.wide = nn.LayerNorm(8), nn.Conv1d(8, 16, 1)
            self.deep = nn.Conv1d(8, 8, 5, padding=2, groups=8, bias=False)
            self.batch_norm, self.narrow = nn.BatchNorm1d(8), nn.Conv1d(8, 8, 1)

        def forward(self, states, attention_mask):
            x = nn.functional.glu(self.wide(self.norm(states).transpose(1, 2)), dim=1)
            x = self.batch_norm(self.deep(x.masked_fill(attention_mask[:, None, :] == 0, 0.0)))
            return states + self.narrow(nn.functional.silu(x)).transpose(1, 2)

    return Convolution().eval()


@case(
    "blocks/selective-scan",
    inputs=[normal("batch", 6, 4)],
    operators=["Softplus", "Exp", "Einsum", "Mul"],
    tags={"sequence"},
)
def selective_scan():
    """Mamba's recurrence written out over six steps: step size, input and output all depend on the input."""
    import torch
    from torch import nn

    class Scan(nn.Module):
        def __init__(self):
            super().__init__()
            self.project, self.step = nn.Linear(4, 6, bias=False), nn.Linear(4, 4)
            self.rates, self.direct = nn.Parameter(torch.rand(4, 3)), nn.Parameter(torch.randn(4))

        def forward(self, x):
            step = nn.functional.softplus(self.step(x))
            into, out = self.project(x).split(3, dim=-1)
            decay = torch.exp(step.unsqueeze(-1) * -torch.exp(self.rates))
            fresh = (step * x).unsqueeze(-1) * into.unsqueeze(2)
            state, answers = torch.zeros_like(fresh[:, 0]), []
            for number in range(6):
                state = decay[:, number] * state + fresh[:, number]
                answers.append(torch.einsum("bds,bs->bd", state, out[:, number]))
            return torch.stack(answers, dim=1) + x * self.direct

    return Scan().eval()


@case(
    "blocks/time-mixing",
    inputs=[normal("batch", 6, 4)],
    operators=["Pad", "Exp", "Sigmoid", "Max"],
    tags={"sequence"},
)
def time_mixing():
    """RWKV's: each step mixed with the one before, and a weighted mean that is carried with its largest exponent."""
    import torch
    from torch import nn

    class Mixing(nn.Module):
        def __init__(self):
            super().__init__()
            self.key, self.value, self.gate = (nn.Linear(4, 4, bias=False) for _ in range(3))
            self.mix, self.decay, self.first = (nn.Parameter(torch.rand(4)) for _ in range(3))

        def forward(self, x):
            x = x * self.mix + nn.functional.pad(x, (0, 0, 1, -1)) * (1 - self.mix)
            keys, values, answers = self.key(x), self.value(x), []
            above = below = torch.zeros_like(keys[:, 0])
            largest = torch.full_like(keys[:, 0], -1e3)
            for step in range(6):
                key, value = keys[:, step], values[:, step]
                peak = torch.max(largest, self.first + key)
                old, new = torch.exp(largest - peak), torch.exp(self.first + key - peak)
                answers.append((old * above + new * value) / (old * below + new))
                peak = torch.max(largest - torch.exp(self.decay), key)
                old, new = torch.exp(largest - torch.exp(self.decay) - peak), torch.exp(key - peak)
                above, below, largest = old * above + new * value, old * below + new, peak
            return torch.sigmoid(self.gate(x)) * torch.stack(answers, dim=1)

    return Mixing().eval()


# Recommenders, graphs, points


@case(
    "blocks/factorisation-machine",
    inputs=[integers("batch", 5, high=40, name="fields")],
    outputs=["score"],
    operators=["Gather", "ReduceSum", "Pow", "Sub"],
    tags={"recommender"},
)
def factorisation_machine():
    """DeepFM: the square of sums less the sum of squares, a linear part, a network beside them."""
    from torch import nn

    class Machine(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.weights = nn.Embedding(40, 4), nn.Embedding(40, 1)
            self.deep = nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 1))

        def forward(self, fields):
            x = self.table(fields)
            pairs = 0.5 * (x.sum(1).pow(2) - x.pow(2).sum(1)).sum(1, keepdim=True)
            return pairs * 0.1 + self.weights(fields).sum(1) + self.deep(x.flatten(1)) * 3

    return Machine().eval()


@case(
    "blocks/dot-interaction",
    inputs=[normal("batch", 6, name="numbers"), integers("batch", 3, high=40, name="categories")],
    outputs=["score"],
    operators=["Gather", "MatMul", "Concat"],
    tags={"recommender"},
)
def dot_interaction():
    """DLRM: every pair of features multiplied, and of the square of answers the lower triangle taken by indices."""
    import torch
    from torch import nn

    class Interaction(nn.Module):
        def __init__(self):
            super().__init__()
            self.bottom, self.top = nn.Linear(6, 4), nn.Linear(10, 1)
            self.tables = nn.ModuleList([nn.Embedding(40, 4) for _ in range(3)])
            rows, columns = torch.tril_indices(4, 4, offset=-1)
            self.register_buffer("rows", rows)
            self.register_buffer("columns", columns)

        def forward(self, numbers, categories):
            x = torch.relu(self.bottom(numbers))
            parts = [x] + [table(categories[:, place]) for place, table in enumerate(self.tables)]
            together = torch.stack(parts, dim=1)
            pairs = torch.bmm(together, together.transpose(1, 2))[:, self.rows, self.columns]
            return self.top(torch.cat((x, pairs), dim=1))

    return Interaction().eval()


@case(
    "blocks/two-towers",
    inputs=[integers("batch", high=40, name="user"), integers(7, high=30, name="items")],
    outputs=[ranking("scores")],
    operators=["Gather", "ReduceL2", "MatMul"],
    tags={"recommender"},
)
def two_towers():
    """Users against a list of items: cosines of two towers."""
    import torch
    from torch import nn

    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.users = nn.Sequential(nn.Embedding(40, 8), nn.Linear(8, 6))
            self.items = nn.Sequential(nn.Embedding(30, 8), nn.Linear(8, 6))

        def forward(self, user, items):
            left, right = nn.functional.normalize(self.users(user)), nn.functional.normalize(self.items(items))
            return torch.matmul(left, right.transpose(0, 1)) * 5

    return Towers().eval()


@case(
    "blocks/graph-convolution",
    inputs=[normal("nodes", 4, name="features"), integers(2, "edges", high=5, name="links")],
    axes={"nodes": (6, 5, 9), "edges": (10, 7, 16)},
    operators=["Gather", "ScatterElements"],
    tags={"graph", "dynamic"},
)
def graph_convolution():
    """Messages along edges added up where they arrive, by scatter_add, and divided by how many came."""
    import torch
    from torch import nn

    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.itself, self.others = nn.Linear(4, 5), nn.Linear(4, 5, bias=False)

        def forward(self, features, links):
            messages = self.others(features)[links[0]]
            place = links[1].unsqueeze(-1)
            total = torch.zeros_like(self.itself(features)).scatter_add(0, place.expand(-1, 5), messages)
            count = torch.zeros_like(features[:, :1]).scatter_add(0, place, torch.ones_like(messages[:, :1]))
            return self.itself(features) + total / torch.clamp(count, min=1)

    return Convolution().eval()


@case(
    "blocks/graph-attention-dense",
    inputs=[normal("batch", 6, 4, name="features"), boolean("batch", 6, 6, name="links")],
    operators=["LeakyRelu", "Where", "Softmax", "MatMul"],
    tags={"graph", "attention"},
)
def graph_attention_dense():
    """Attention between neighbours of a graph that is a matrix of booleans, with a loop at every node."""
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(4, 5, bias=False)
            self.sender, self.receiver = nn.Linear(5, 1, bias=False), nn.Linear(5, 1, bias=False)
            self.register_buffer("loops", torch.eye(6).bool())

        def forward(self, features, links):
            x = self.project(features)
            scores = nn.functional.leaky_relu(self.receiver(x) + self.sender(x).transpose(1, 2), 0.2)
            weights = torch.softmax(scores.masked_fill(~(links | self.loops), -1e9), dim=-1)
            return nn.functional.elu(torch.matmul(weights, x))

    return Attention().eval()


@case(
    "blocks/point-set",
    inputs=[normal("batch", "points", 3)],
    axes={"points": (12, 7, 20)},
    operators=["Conv", "ReduceMax", "MatMul"],
    tags={"points", "dynamic"},
)
def point_set():
    """PointNet: points turned by a matrix that they give themselves, features by points, the largest of each."""
    import torch
    from torch import nn

    class Points(nn.Module):
        def __init__(self):
            super().__init__()
            self.turn, self.matrix = nn.Conv1d(3, 8, 1), nn.Linear(8, 9)
            self.features, self.out = nn.Conv1d(3, 8, 1), nn.Linear(8, 5)

        def forward(self, x):
            turn = self.matrix(torch.tanh(self.turn(x.transpose(1, 2))).max(2)[0]).view(-1, 3, 3)
            turned = torch.bmm(x, turn + torch.eye(3).to(x.dtype))
            return self.out(self.features(turned.transpose(1, 2)).max(2)[0])

    return Points().eval()


# Fields, flows and densities


@case(
    "blocks/volume-rendering",
    inputs=[uniform("batch", 6, 3, name="points", low=-1.0, high=1.0)],
    outputs=["colour", "weights"],
    operators=["Sin", "Cos", "Exp", "CumSum", "Sigmoid"],
    tags={"fields"},
)
def volume_rendering():
    """A radiance field along rays: sines of growing frequency, densities, and light that is left, by a running sum."""
    import torch
    from torch import nn

    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = nn.Sequential(nn.Linear(27, 16), nn.Tanh(), nn.Linear(16, 4))
            self.register_buffer("frequencies", 2.0 ** torch.arange(4), persistent=False)

        def forward(self, points):
            angles = (points.unsqueeze(-1) * self.frequencies).flatten(2)
            found = self.network(torch.cat((points, torch.sin(angles), torch.cos(angles)), dim=-1))
            density = nn.functional.softplus(found[..., 3]) * 0.4
            left = torch.exp(-(density.cumsum(1) - density))
            weights = left * (1 - torch.exp(-density))
            return (weights.unsqueeze(-1) * torch.sigmoid(found[..., :3])).sum(1), weights

    return Field().eval()


@case(
    "blocks/sine-layers", inputs=[uniform("batch", 2, low=-1.0, high=1.0)], operators=["Sin", "Gemm"], tags={"fields"}
)
def sine_layers():
    """An implicit image: sines of up to ten turns, where a coarse sine shows."""
    import torch
    from torch import nn

    class Sines(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.out = nn.Linear(2, 16), nn.Linear(16, 16), nn.Linear(16, 3)

        def forward(self, x):
            return self.out(torch.sin(6 * self.second(torch.sin(30 * self.first(x)))))

    return Sines().eval()


@case(
    "blocks/affine-coupling",
    inputs=[normal("batch", 6)],
    outputs=["moved", "log_determinant"],
    operators=["Slice", "Exp", "Tanh", "Concat"],
    tags={"flow"},
)
def affine_coupling():
    """A normalising flow: one half scales and shifts the other, two times, changing places between."""
    import torch
    from torch import nn

    class Coupling(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = nn.ModuleList([nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 6)) for _ in range(2)])

        def forward(self, x):
            total = 0.0
            for step in self.steps:
                left, right = x[:, :3], x[:, 3:]
                scale, shift = torch.split(step(left), 3, dim=1)
                scale = torch.tanh(scale)
                x = torch.cat((right * torch.exp(scale) + shift, left), dim=1)
                total = total + scale.sum(1)
            return x, total

    return Coupling().eval()


@case(
    "blocks/mixture-density",
    inputs=[normal("batch", 4, name="features"), normal("batch", 2, name="places")],
    outputs=["log_likelihood"],
    operators=["LogSoftmax", "Exp", "Pow", "ReduceLogSumExp"],
    tags={"density"},
)
def mixture_density():
    """Three Gaussians that a network gives, and how likely a place is under them."""
    import math

    import torch
    from torch import nn

    class Density(nn.Module):
        def __init__(self):
            super().__init__()
            self.shares, self.means, self.spreads = nn.Linear(4, 3), nn.Linear(4, 6), nn.Linear(4, 6)

        def forward(self, features, places):
            means, spreads = self.means(features).view(-1, 3, 2), self.spreads(features).view(-1, 3, 2)
            apart = (places.unsqueeze(1) - means) * torch.exp(-spreads)
            each = (-0.5 * apart.pow(2) - spreads - 0.5 * math.log(2 * math.pi)).sum(-1)
            return torch.logsumexp(each + torch.log_softmax(self.shares(features), dim=-1), dim=-1)

    return Density().eval()


# Quantisation


def _zero_points(count):
    """Zeros of the dtype that the version's fake quantisation takes: int32, or int64 in older torch."""
    import torch

    zeros = torch.zeros(count, dtype=torch.int32)
    try:
        torch.fake_quantize_per_channel_affine(torch.zeros(count, 1), torch.ones(count), zeros, 0, -128, 127)
    except RuntimeError:
        return zeros.long()
    return zeros


@case(
    "blocks/fake-quantize-tensor",
    inputs=[normal("batch", 4, 6, 6)],
    operators=["QuantizeLinear", "DequantizeLinear"],
    tags={"quantisation"},
)
def fake_quantize_tensor():
    """Quantisation-aware training as it is exported: rounded to steps of 1/16, with a zero point that is not zero."""
    import torch
    from torch import nn

    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolve = nn.Conv2d(4, 5, 3)

        def forward(self, x):
            return self.convolve(torch.fake_quantize_per_tensor_affine(x, 0.0625, 3, -128, 127))

    return Quantised().eval()


@case(
    "blocks/fake-quantize-channels",
    inputs=[normal("batch", 4, 6, 6)],
    operators=["QuantizeLinear", "DequantizeLinear", "Conv"],
    tags={"quantisation"},
)
def fake_quantize_channels():
    """Weights rounded to steps that every output channel has for itself; ONNX has an axis for it from opset 13 on."""
    import torch
    from torch import nn

    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.randn(5, 4, 3, 3)), nn.Parameter(torch.randn(5))
            self.register_buffer("scale", 2.0 ** -torch.arange(3.0, 8.0), persistent=False)
            self.register_buffer("zero_point", _zero_points(5), persistent=False)

        def forward(self, x):
            weight = torch.fake_quantize_per_channel_affine(self.weight, self.scale, self.zero_point, 0, -128, 127)
            return nn.functional.conv2d(x, weight, self.bias)

    return Quantised().eval()


@case(
    "blocks/fake-quantize-by-hand",
    inputs=[normal("batch", 4, 6, 6)],
    operators=["Round", "Clip", "Mul"],
    tags={"quantisation", "rounding"},
)
def fake_quantize_by_hand():
    """The same rounding in plain operators, per channel: halves go to the even step."""
    import torch
    from torch import nn

    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(5, 4, 3, 3))
            self.register_buffer("scale", 2.0 ** -torch.arange(3.0, 8.0).view(5, 1, 1, 1), persistent=False)

        def forward(self, x):
            steps = torch.clamp(torch.round(self.weight / self.scale), -128, 127)
            coarse = torch.round(x * 4) / 4
            return nn.functional.conv2d(coarse, steps * self.scale)

    return Quantised().eval()
