"""Operators that move numbers and leave them as they are: reshape, transpose, expand, slice, join, split, pad, tile.

A size that is read at run time and one that tracing froze look alike until the batch changes.
"""

from tfparity import boolean, case, integer, integers, normal


def _function(compute):
    """A module without weights: `compute` of its one input."""
    import torch

    class Function(torch.nn.Module):
        def forward(self, x):
            return compute(x)

    return Function().eval()


def _function_of_two(compute):
    """A module without weights: `compute` of its two inputs."""
    import torch

    class Function(torch.nn.Module):
        def forward(self, first, second):
            return compute(first, second)

    return Function().eval()


# Reshape


@case("operators/reshape-inferred", inputs=[normal("batch", 4, 9)], operators=["Reshape"], tags={"shape"})
def reshape_inferred():
    """-1 stands for the batch: the form that every converter keeps dynamic."""
    return _function(lambda x: x.reshape(-1, 36))


@case(
    "operators/reshape-by-size",
    inputs=[normal("batch", 6, 8)],
    operators=["Shape", "Gather", "Concat", "Reshape"],
    tags={"shape"},
)
def reshape_by_size():
    """Heads split off with x.size(0), as every attention does: Shape, Gather, Unsqueeze, Concat."""
    return _function(lambda x: x.view(x.size(0), x.size(1), 2, 4).permute(0, 2, 1, 3))


@case(
    "operators/reshape-merges-batch",
    inputs=[normal("batch", "frames", 4, 5)],
    axes={"frames": (3, 2, 6)},
    operators=["Shape", "Mul", "Reshape"],
    tags={"shape", "dynamic"},
)
def reshape_merges_batch():
    """Batch and time as one axis, then as two again: the size is a product of two that are read at run time."""

    def compute(x):
        batch, frames = x.shape[:2]
        return (x.reshape(batch * frames, 4, 5).transpose(1, 2) * 2).reshape(batch, frames, 20)

    return _function(compute)


@case("operators/flatten", inputs=[normal("batch", 4, 3, 3)], operators=["Flatten"], tags={"shape", "core"})
def flatten():
    """From axis 1 on: Flatten, the operator.

    https://github.com/google-ai-edge/litert-torch/issues/685
    """
    import torch

    return _function(lambda x: torch.flatten(x, 1))


@case("operators/flatten-middle", inputs=[normal("batch", 4, 3, 2, 5)], operators=["Reshape"], tags={"shape"})
def flatten_middle():
    """From axis 1 to axis -2: no Flatten, but a Reshape with the other sizes."""
    import torch

    return _function(lambda x: torch.flatten(x, 1, -2))


@case("operators/flatten-all", inputs=[normal("batch", 4, 3)], operators=["Reshape"], tags={"shape"})
def flatten_all():
    """Everything, with the batch: the answer's only size follows it."""
    return _function(lambda x: x.flatten())


@case("operators/unflatten", inputs=[normal("batch", 12, 5)], operators=["Reshape"], tags={"shape"})
def unflatten():
    """One axis into two, by the module."""
    import torch

    return torch.nn.Unflatten(1, (3, 4)).eval()


@case("operators/squeeze-axis", inputs=[normal("batch", 4, 1, 9)], operators=["Squeeze"], tags={"shape"})
def squeeze_axis():
    """A given axis; from opset 13 on it is an input."""
    return _function(lambda x: x.squeeze(-2))


@case(
    "operators/squeeze-axis-not-one",
    inputs=[normal("batch", "steps", 5)],
    axes={"steps": (4, 2, 7)},
    operators=["If", "Squeeze"],
    tags={"shape", "dynamic"},
)
def squeeze_axis_not_one():
    """Torch leaves an axis alone that is larger than one, where ONNX's Squeeze refuses: of a dynamic axis, an If."""
    return _function(lambda x: x.squeeze(1) * 2)


@case(
    "operators/unsqueeze-negative",
    inputs=[normal("batch", 4)],
    operators=["Unsqueeze"],
    tags={"shape"},
)
def unsqueeze_negative():
    """Counted from the end of the answer; opset 13 made the axes an input, which no released onnx-tf reads.

    https://github.com/onnx/onnx-tensorflow/issues/997
    """
    return _function(lambda x: x.unsqueeze(-1).unsqueeze(-3))


# Order of axes


@case("operators/transpose", inputs=[normal("batch", 4, 9)], operators=["Transpose"], tags={"shape"})
def transpose():
    """The last two."""
    return _function(lambda x: x.transpose(-1, -2))


@case("operators/permute", inputs=[normal("batch", 3, 4, 5)], operators=["Transpose"], tags={"shape"})
def permute():
    """A cycle of three: its inverse is another permutation, so the direction shows."""
    return _function(lambda x: x.permute(0, 2, 3, 1))


@case("operators/permute-rank-6", inputs=[normal("batch", 2, 3, 2, 2, 3)], operators=["Transpose"], tags={"shape"})
def permute_rank_6():
    """Windows cut out of an image: six axes, one more than TFLite's transpose took for long."""
    return _function(lambda x: x.permute(0, 1, 3, 2, 4, 5))


@case("operators/permute-moves-batch", inputs=[normal("batch", 3, 4)], operators=["Transpose"], tags={"shape"})
def permute_moves_batch():
    """The batch ends up in the middle, as transformers without batch_first have it."""
    return _function(lambda x: x.permute(1, 0, 2))


@case("operators/movedim", inputs=[normal("batch", 3, 4, 5)], operators=["Transpose"], tags={"shape"})
def movedim():
    """Channels last."""
    import torch

    return _function(lambda x: torch.movedim(x, 1, -1))


@case(
    "operators/swapaxes",
    inputs=[normal("batch", 3, 4, 5)],
    requires={"torch": ">=1.8"},
    operators=["Transpose"],
    tags={"shape"},
)
def swapaxes():
    """The name that numpy has for transpose."""
    import torch

    return _function(lambda x: torch.swapaxes(x, 1, 3))


# Larger


@case("operators/expand", inputs=[normal("batch", 1, 9)], operators=["Expand"], tags={"shape"})
def expand():
    """-1 keeps a size as it is."""
    return _function(lambda x: x.expand(-1, 4, -1))


@case("operators/expand-new-axes", inputs=[normal(4, 1, name="weights")], operators=["Expand"], tags={"shape"})
def expand_new_axes():
    """Axes in front that were not there; no batch at all."""
    return _function(lambda x: x.expand(2, 3, 4, 5))


@case(
    "operators/expand-to-batch",
    inputs=[normal("batch", 4, 6)],
    operators=["Shape", "Expand", "Concat"],
    tags={"shape", "core"},
)
def expand_to_batch():
    """A learnt token for every image of a batch whose size is read at run time."""
    import torch

    class Tokens(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.token = torch.nn.Parameter(torch.randn(1, 1, 6))

        def forward(self, x):
            return torch.cat((self.token.expand(x.shape[0], -1, -1), x), dim=1)

    return Tokens().eval()


@case(
    "operators/expand-as",
    inputs=[normal("batch", 1, 9, name="first"), normal("batch", 4, 9, name="second")],
    operators=["Shape", "Expand"],
    tags={"shape"},
)
def expand_as():
    """To the shape of another input."""
    return _function_of_two(lambda first, second: first.expand_as(second) * second.sign())


@case(
    "operators/broadcast-to",
    inputs=[normal(1, 9, name="first"), normal("batch", 4, 9, name="second")],
    requires={"torch": ">=1.8"},
    operators=["Shape", "Expand"],
    tags={"shape", "broadcast"},
)
def broadcast_to():
    """A row for every row of another input."""
    import torch

    return _function_of_two(lambda first, second: torch.broadcast_to(first, second.shape).cumsum(1) + second)


@case("operators/repeat", inputs=[normal("batch", 4, 3)], operators=["Tile"], tags={"shape"})
def repeat():
    """abab: whole blocks after one another."""
    return _function(lambda x: x.repeat(1, 2, 3))


@case("operators/repeat-new-axes", inputs=[normal("batch", 3)], operators=["Tile"], tags={"shape"})
def repeat_new_axes():
    """More counts than axes: axes in front, and the batch comes second."""
    return _function(lambda x: x.repeat(2, 1, 2))


@case("operators/repeat-interleave", inputs=[normal("batch", 4, 3)], operators=["Unsqueeze", "Reshape"], tags={"shape"})
def repeat_interleave():
    """aabb: every head of a group of queries, next to itself."""
    return _function(lambda x: x.repeat_interleave(3, dim=1))


@case("operators/tile", inputs=[normal("batch", 4, 3)], requires={"torch": ">=1.8"}, operators=["Tile"], tags={"shape"})
def tile():
    """Fewer counts than axes: numpy's rule, the last axes are meant."""
    import torch

    return _function(lambda x: torch.tile(x, (2,)))


# Join and split


@case(
    "operators/cat-channels",
    inputs=[normal("batch", 3, 5, name="first"), normal("batch", 4, 5, name="second")],
    operators=["Concat"],
    tags={"shape"},
)
def cat_channels():
    """Different sizes along axis 1, and one part twice."""
    import torch

    return _function_of_two(lambda first, second: torch.cat((second, first, second), dim=1))


@case(
    "operators/cat-last-axis",
    inputs=[integers("batch", 3, high=90, name="first"), integers("batch", 2, high=90, name="second")],
    outputs=[integer("joined")],
    operators=["Concat"],
    tags={"shape", "integer"},
)
def cat_last_axis():
    """Token ids, along axis -1."""
    import torch

    return _function_of_two(lambda first, second: torch.cat((first, second), dim=-1))


@case(
    "operators/cat-batches",
    inputs=[normal("batch", 3, name="first"), normal("batch", 3, name="second")],
    operators=["Concat"],
    tags={"shape"},
)
def cat_batches():
    """Along the batch, as guidance without a classifier does: twice the size, read at run time."""
    import torch

    return _function_of_two(lambda first, second: torch.cat((first, second), dim=0))


@case(
    "operators/stack",
    inputs=[normal("batch", 3, name="first"), normal("batch", 3, name="second")],
    operators=["Unsqueeze", "Concat"],
    tags={"shape"},
)
def stack():
    """A new axis at the end."""
    import torch

    return _function_of_two(lambda first, second: torch.stack((first, second, first), dim=-1))


@case(
    "operators/split-equal",
    inputs=[normal("batch", 6, 4)],
    outputs=["first", "second", "third"],
    operators=["Split"],
    tags={"shape", "core"},
)
def split_equal():
    """Parts of a size; from opset 13 on the sizes are an input, from 18 on there may be a number of parts.

    https://github.com/onnx/onnx/issues/8209
    """
    return _function(lambda x: x.split(2, dim=1))


@case(
    "operators/split-sizes",
    inputs=[normal("batch", 4, 6)],
    outputs=["first", "second", "third"],
    operators=["Split"],
    tags={"shape"},
)
def split_sizes():
    """Parts of given sizes, along axis -1."""
    return _function(lambda x: x.split([1, 3, 2], dim=-1))


@case(
    "operators/chunk-uneven",
    inputs=[normal("batch", 7, 4)],
    outputs=["first", "second", "third"],
    operators=["Slice"],
    tags={"shape"},
)
def chunk_uneven():
    """Seven in three: 3, 3 and 1."""
    return _function(lambda x: x.chunk(3, dim=1))


@case(
    "operators/unbind",
    inputs=[normal("batch", 3, 4)],
    operators=["Split", "Squeeze"],
    tags={"shape"},
)
def unbind():
    """Query, key and value out of one tensor."""

    def compute(x):
        query, key, value = x.unbind(1)
        return query * key - value

    return _function(compute)


@case(
    "operators/tensor-split",
    inputs=[normal("batch", 7, 4)],
    outputs=["first", "second", "third"],
    requires={"torch": ">=1.8"},
    operators=["Loop", "SequenceAt"],
    tags={"shape"},
)
def tensor_split():
    """Split at given places."""
    import torch

    return _function(lambda x: torch.tensor_split(x, (2, 5), dim=1))


# Slices


@case("operators/slice", inputs=[normal("batch", 8, 5)], operators=["Slice"], tags={"shape"})
def slice_():
    """Half open, along two axes."""
    return _function(lambda x: x[:, 2:7, 1:3])


@case("operators/slice-step", inputs=[normal("batch", 8, 7)], operators=["Slice"], tags={"shape"})
def slice_step():
    """Every second and every third, with ends that the steps do not meet."""
    return _function(lambda x: x[:, 1::2, :-1:3])


@case("operators/slice-negative", inputs=[normal("batch", 8, 7)], operators=["Slice"], tags={"shape"})
def slice_negative():
    """Starts and ends counted from the end."""
    return _function(lambda x: x[:, -5:-1, -3:])


@case("operators/slice-beyond-end", inputs=[normal("batch", 8, 7)], operators=["Slice"], tags={"shape"})
def slice_beyond_end():
    """An end that is larger than the axis."""
    return _function(lambda x: x[:, 5:100])


@case("operators/slice-ellipsis", inputs=[normal("batch", 3, 8, 6)], operators=["Slice", "Neg"], tags={"shape"})
def slice_ellipsis():
    """The halves of a rotary embedding, changed over."""
    import torch

    return _function(lambda x: torch.cat((-x[..., 3:], x[..., :3]), dim=-1))


@case(
    "operators/slice-by-size",
    inputs=[normal("batch", "sequence", 6)],
    axes={"sequence": (8, 5, 12)},
    operators=["Shape", "Slice"],
    tags={"shape", "dynamic", "core"},
)
def slice_by_size():
    """A table of positions, cut to the length that is there."""
    import torch

    class Positions(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Parameter(torch.randn(1, 5, 6))
            self.register_buffer("later", torch.randn(1, 7, 6))

        def forward(self, x):
            return x + torch.cat((self.table, self.later), dim=1)[:, : x.size(1)]

    return Positions().eval()


@case(
    "operators/slice-from-size",
    inputs=[normal("batch", "sequence", 6)],
    axes={"sequence": (8, 5, 11)},
    operators=["Shape", "Slice"],
    tags={"shape", "dynamic"},
)
def slice_from_size():
    """The later half: a start that is computed from a size."""
    return _function(lambda x: x[:, x.size(1) // 2 :].sum(1))


@case("operators/select-last", inputs=[normal("batch", 8, 5)], operators=["Gather"], tags={"shape"})
def select_last():
    """Index -1: the last step of a sequence."""
    return _function(lambda x: x[:, -1])


@case(
    "operators/select-first-and-new-axis",
    inputs=[normal("batch", 8, 5)],
    operators=["Gather", "Unsqueeze"],
    tags={"shape"},
)
def select_first_and_new_axis():
    """An index and None in one pair of brackets."""
    return _function(lambda x: x[:, 0, None, 1:4])


@case("operators/narrow", inputs=[normal("batch", 8, 5)], operators=["Slice"], tags={"shape"})
def narrow():
    """A start and a length."""
    return _function(lambda x: x.narrow(1, 3, 4))


@case("operators/flip", inputs=[normal("batch", 4, 5)], operators=["Slice"], tags={"shape"})
def flip():
    """One axis backwards: a slice with step -1 and an end before the beginning."""
    return _function(lambda x: x.flip(-1))


@case("operators/flip-two-axes", inputs=[normal("batch", 3, 4, 5)], operators=["Slice"], tags={"shape"})
def flip_two_axes():
    """Both axes of an image."""
    return _function(lambda x: x.flip((2, 3)))


@case("operators/roll", inputs=[normal("batch", 7, 3)], operators=["Slice", "Concat"], tags={"shape"})
def roll():
    """What leaves on one side comes in on the other; towards the front."""
    import torch

    return _function(lambda x: torch.roll(x, -2, 1))


@case("operators/roll-two-axes", inputs=[normal("batch", 5, 6, 3)], operators=["Slice", "Concat"], tags={"shape"})
def roll_two_axes():
    """The shifted windows of Swin."""
    import torch

    return _function(lambda x: torch.roll(x, shifts=(1, -2), dims=(1, 2)))


@case("operators/roll-flat", inputs=[normal("batch", 4, 3)], operators=["Slice", "Concat", "Reshape"], tags={"shape"})
def roll_flat():
    """Without an axis: flattened, batch and all, and back into shape."""
    import torch

    return _function(lambda x: torch.roll(x, 5))


@case("operators/rot90", inputs=[normal("batch", 3, 4, 5)], operators=["Transpose", "Slice"], tags={"shape"})
def rot90():
    """A quarter turn of an image."""
    import torch

    return _function(lambda x: torch.rot90(x, 1, (2, 3)))


@case("operators/diagonal", inputs=[normal("batch", 4, 5)], operators=["Gather"], tags={"shape"})
def diagonal():
    """Of every matrix, one above the middle."""
    import torch

    return _function(lambda x: torch.diagonal(x, offset=1, dim1=1, dim2=2))


@case("operators/diag-embed", inputs=[normal("batch", 4)], operators=[], tags={"shape"})
def diag_embed():
    """A matrix around every row."""
    import torch

    return _function(torch.diag_embed)


@case("operators/tril", inputs=[normal("batch", 4, 6)], operators=["Trilu"], tags={"shape"})
def tril():
    """What is on and below the diagonal above the middle; Trilu from opset 14 on."""
    import torch

    return _function(lambda x: torch.tril(x, diagonal=1))


@case("operators/triu", inputs=[normal("batch", 4, 6)], operators=["Trilu"], tags={"shape"})
def triu():
    """What is above the diagonal."""
    import torch

    return _function(lambda x: torch.triu(x, diagonal=1))


@case(
    "operators/causal-mask-by-ones",
    inputs=[normal("batch", "sequence", "sequence")],
    axes={"sequence": (6, 4, 9)},
    operators=["Trilu"],
    tags={"shape", "mask", "dynamic"},
)
def causal_mask_by_ones():
    """The mask of a decoder, made at run time by a triangle of ones."""
    import torch

    def compute(x):
        length = x.shape[-1]
        later = torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)
        return torch.softmax(x.masked_fill(later, float("-inf")), dim=-1)

    return _function(compute)


@case(
    "operators/causal-mask-by-ranges",
    inputs=[normal("batch", "sequence", "sequence")],
    axes={"sequence": (6, 4, 9)},
    operators=["Range", "LessOrEqual"],
    tags={"shape", "mask", "dynamic", "core"},
)
def causal_mask_by_ranges():
    """The same mask by comparing two ranges, for opsets before Trilu."""
    import torch

    def compute(x):
        steps = torch.arange(x.shape[-1])
        return torch.softmax(x.masked_fill(~(steps[None, :] <= steps[:, None]), float("-inf")), dim=-1)

    return _function(compute)


# Patches


@case(
    "operators/pixel-shuffle",
    inputs=[normal("batch", 8, 3, 4)],
    operators=["DepthToSpace"],
    tags={"shape"},
)
def pixel_shuffle():
    """Channels become pixels in ONNX's CRD order; TensorFlow's depth_to_space has DCR."""
    import torch

    return torch.nn.PixelShuffle(2).eval()


@case(
    "operators/pixel-unshuffle",
    inputs=[normal("batch", 2, 6, 4)],
    requires={"torch": ">=1.8"},
    operators=["Reshape", "Transpose"],
    tags={"shape"},
)
def pixel_unshuffle():
    """Pixels become channels."""
    import torch

    return torch.nn.PixelUnshuffle(2).eval()


@case("operators/channel-shuffle", inputs=[normal("batch", 6, 3, 4)], operators=["Transpose"], tags={"shape"})
def channel_shuffle():
    """ShuffleNet's: groups and channels of a group change places."""

    def compute(x):
        batch, channels, height, width = x.shape
        return x.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)

    return _function(compute)


@case("operators/space-to-depth", inputs=[normal("batch", 3, 4, 6)], operators=["Slice", "Concat"], tags={"shape"})
def space_to_depth():
    """YOLO's focus: four strided slices joined."""
    import torch

    return _function(
        lambda x: torch.cat((x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]), dim=1)
    )


@case(
    "operators/unfold-image",
    inputs=[normal("batch", 2, 6, 7)],
    operators=["Gather", "Pad"],
    tags={"shape"},
)
def unfold_image():
    """Patches as columns (im2col), with stride, dilation and padding."""
    import torch

    return torch.nn.Unfold((3, 2), dilation=2, padding=1, stride=2).eval()


@case("operators/fold-image", inputs=[normal("batch", 8, 12)], operators=["Col2Im"], tags={"shape"})
def fold_image():
    """Columns added up to an image (col2im), where they overlap, too; an operator from opset 18 on."""
    import torch

    return torch.nn.Fold((5, 4), (2, 2)).eval()


@case("operators/unfold-windows", inputs=[normal("batch", 10, 3)], operators=["Slice", "Concat"], tags={"shape"})
def unfold_windows():
    """Windows that overlap, along one axis: frames of a sound."""
    return _function(lambda x: x.unfold(1, 4, 2))


# Padding


@case("operators/pad-asymmetric", inputs=[normal("batch", 2, 4, 5)], operators=["Pad"], tags={"padding"})
def pad_asymmetric():
    """Another number on each of four sides, filled with -1.5; torch counts from the last axis."""
    import torch

    return _function(lambda x: torch.nn.functional.pad(x, (1, 2, 0, 3), value=-1.5))


@case("operators/pad-negative", inputs=[normal("batch", 2, 6, 7)], operators=["Pad"], tags={"padding"})
def pad_negative():
    """Negative padding cuts off; TensorFlow's pad refuses it."""
    import torch

    return _function(lambda x: torch.nn.functional.pad(x, (-1, 2, 1, -3)))


@case(
    "operators/pad-integers",
    inputs=[integers("batch", 5, high=90, name="tokens")],
    outputs=[integer("padded")],
    operators=["Pad"],
    tags={"padding", "integer"},
)
def pad_integers():
    """Token ids, filled up with 7."""
    import torch

    return _function(lambda x: torch.nn.functional.pad(x, (1, 3), value=7))


@case(
    "operators/pad-booleans",
    inputs=[boolean("batch", 5, name="mask")],
    outputs=[integer("padded")],
    operators=["Pad"],
    tags={"padding", "logic"},
)
def pad_booleans():
    """A mask, filled up with true; ONNX pads booleans from opset 13 on."""
    import torch

    return _function(lambda x: torch.nn.functional.pad(x, (1, 0), value=True))


@case("operators/pad-reflect", inputs=[normal("batch", 2, 4, 5)], operators=["Pad"], tags={"padding"})
def pad_reflect():
    """Mirrored without the border itself, another number on each side."""
    import torch

    return torch.nn.ReflectionPad2d((2, 1, 3, 0)).eval()


@case("operators/pad-reflect-1d", inputs=[normal("batch", 2, 8)], operators=["Pad"], tags={"padding"})
def pad_reflect_1d():
    """Of a sound, before its spectrogram."""
    import torch

    return torch.nn.ReflectionPad1d((3, 2)).eval()


@case("operators/pad-replicate", inputs=[normal("batch", 2, 4, 5)], operators=["Pad"], tags={"padding"})
def pad_replicate():
    """The border over and over (ONNX's edge), which TensorFlow's pad has no mode for."""
    import torch

    return torch.nn.ReplicationPad2d((2, 1, 3, 0)).eval()


@case("operators/pad-replicate-3d", inputs=[normal("batch", 2, 3, 4, 3)], operators=["Pad"], tags={"padding"})
def pad_replicate_3d():
    """Video: time, height and width."""
    import torch

    return torch.nn.ReplicationPad3d((1, 1, 2, 0, 2, 0)).eval()


@case("operators/pad-circular", inputs=[normal("batch", 2, 4, 5)], operators=["Slice", "Concat"], tags={"padding"})
def pad_circular():
    """Wrapped around, as for panoramas: ONNX's wrap came with opset 19."""
    import torch

    return _function(lambda x: torch.nn.functional.pad(x, (1, 2, 2, 1), mode="circular"))


@case(
    "operators/pad-to-multiple",
    inputs=[normal("batch", 2, "length")],
    axes={"length": (13, 8, 18)},
    operators=["Shape", "Mod", "Pad"],
    tags={"padding", "dynamic"},
)
def pad_to_multiple():
    """Up to the next multiple of four: the number of zeros is computed from a size."""
    import torch

    return _function(lambda x: torch.nn.functional.pad(x, (0, -x.shape[-1] % 4)).reshape(-1, 4).sum(1))


# Made from sizes


@case(
    "operators/arange-by-size",
    inputs=[normal("batch", "sequence", 4)],
    axes={"sequence": (6, 3, 9)},
    operators=["Shape", "Range"],
    tags={"creation", "dynamic", "core"},
)
def arange_by_size():
    """Positions as many as there are steps."""
    import torch

    return _function(lambda x: x + torch.arange(x.size(1)).to(x.dtype)[:, None] * 0.5)


@case(
    "operators/arange-step",
    inputs=[normal("batch", "sequence")],
    axes={"sequence": (7, 4, 10)},
    operators=["Range"],
    tags={"creation", "dynamic"},
)
def arange_step():
    """Start, end and step, downwards."""
    import torch

    return _function(lambda x: x * torch.arange(x.size(1) * 2, 0, -2).to(x.dtype))


@case(
    "operators/linspace-by-size",
    inputs=[normal("batch", "width")],
    axes={"width": (7, 4, 10)},
    operators=["Range"],
    tags={"creation", "dynamic"},
)
def linspace_by_size():
    """Coordinates from -1 to 1, as many as there are pixels."""
    import torch

    return _function(lambda x: x + torch.linspace(-1, 1, x.size(1)).to(x.dtype))


@case(
    "operators/full-like",
    inputs=[normal("batch", 4, 9)],
    operators=["ConstantOfShape"],
    tags={"creation"},
)
def full_like():
    """Zeros, ones and a number in the shape of the input."""
    import torch

    return _function(lambda x: torch.cat((torch.zeros_like(x), x, torch.ones_like(x), torch.full_like(x, 2.5)), dim=1))


@case(
    "operators/new-zeros-by-size",
    inputs=[normal("batch", "sequence", 4)],
    axes={"sequence": (6, 3, 9)},
    operators=["Shape", "ConstantOfShape"],
    tags={"creation", "dynamic"},
)
def new_zeros_by_size():
    """A state of zeros, as large as the batch."""
    import torch

    return _function(lambda x: torch.cat((x.new_zeros(x.size(0), 1, 4), x[:, :-1]), dim=1) - x)


@case(
    "operators/eye-by-size",
    inputs=[normal("batch", "nodes", "nodes")],
    axes={"nodes": (5, 3, 8)},
    operators=["EyeLike"],
    tags={"creation", "dynamic"},
)
def eye_by_size():
    """A loop at every node of a graph."""
    import torch

    return _function(lambda x: x + torch.eye(x.size(-1)).to(x.dtype) * 2)


@case(
    "operators/meshgrid",
    inputs=[normal("batch", 1, "height", "width")],
    axes={"height": (4, 3, 6), "width": (5, 2, 7)},
    operators=["Range", "Expand"],
    tags={"creation", "dynamic"},
)
def meshgrid():
    """Both coordinates of every pixel, rows first."""
    import torch

    def compute(x):
        rows, columns = torch.meshgrid(torch.arange(x.size(2)), torch.arange(x.size(3)))
        return torch.cat((x, rows.to(x.dtype).expand_as(x), columns.to(x.dtype).expand_as(x) * 0.25), dim=1)

    return _function(compute)


@case(
    "operators/size-as-number",
    inputs=[normal("batch", "sequence", 4)],
    axes={"sequence": (6, 3, 9)},
    operators=["Shape", "Cast", "Div"],
    tags={"creation", "dynamic"},
)
def size_as_number():
    """A sum divided by a size: the mean by hand, whose divisor tracing may freeze."""
    return _function(lambda x: x.sum(1) / x.size(1))


@case("operators/numel", inputs=[normal("batch", 4, 9)], operators=["Shape", "ReduceProd"], tags={"creation"})
def numel():
    """A sum divided by how many there are."""
    return _function(lambda x: x.sum() / x.numel())
