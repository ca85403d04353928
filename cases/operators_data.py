"""Operators that look things up: gather, scatter, index, sort, top-k, nonzero, embedding, one-hot, boxes.

Values are distinct wherever an order is asked for, so that no two answers are right.
"""

from tfparity import boolean, case, integer, integers, mask, normal, set_of_boxes, uniform


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


def _function_of_three(compute):
    """A module without weights: `compute` of its three inputs."""
    import torch

    class Function(torch.nn.Module):
        def forward(self, first, second, third):
            return compute(first, second, third)

    return Function().eval()


# Embedding

_TOKENS = integers("batch", 6, high=20, name="tokens")


@case("operators/embedding", inputs=[_TOKENS], operators=["Gather"], tags={"lookup", "core"})
def embedding():
    """Rows of a table."""
    import torch

    return torch.nn.Embedding(20, 8).eval()


@case("operators/embedding-padding", inputs=[_TOKENS], operators=["Gather"], tags={"lookup"})
def embedding_padding():
    """The padding row is zero at first and trained weights are what they are: nothing is masked at run time."""
    import torch

    network = torch.nn.Embedding(20, 8, padding_idx=3)
    torch.nn.init.normal_(network.weight)
    return network.eval()


@case(
    "operators/embedding-int32",
    inputs=[integers("batch", 6, high=20, name="tokens", dtype="int32")],
    operators=["Gather"],
    tags={"lookup", "integer"},
)
def embedding_int32():
    """Token ids of int32, as TensorFlow's own models take them."""
    import torch

    return torch.nn.Embedding(20, 8).eval()


def _embedding_bag(mode):
    """A bag per row of ids, put together by `mode`."""

    @case(
        "operators/embedding-bag-" + mode,
        inputs=[_TOKENS],
        operators=["Gather", "Loop"],
        tags={"lookup", "recommender"},
    )
    def factory():
        import torch

        return torch.nn.EmbeddingBag(20, 8, mode=mode).eval()


# Exported as a loop over the bags.
_embedding_bag("sum")
_embedding_bag("mean")
_embedding_bag("max")


@case(
    "operators/embedding-bag-offsets",
    inputs=[integers(12, high=20, name="tokens")],
    operators=["Gather", "Loop"],
    tags={"lookup", "recommender"},
)
def embedding_bag_offsets():
    """Ids of all bags in one row, and where each begins."""
    import torch

    class Bags(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.EmbeddingBag(20, 8, mode="sum")
            self.register_buffer("starts", torch.tensor([0, 3, 4, 9]))

        def forward(self, tokens):
            return self.table(tokens, self.starts)

    return Bags().eval()


@case(
    "operators/embedding-bag-by-hand",
    inputs=[_TOKENS],
    operators=["Gather", "ReduceSum"],
    tags={"lookup", "recommender"},
)
def embedding_bag_by_hand():
    """The same sum of rows in two plain steps: the form that crosses."""
    import torch

    class Bag(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(20, 8)

        def forward(self, tokens):
            return self.table(tokens).sum(1)

    return Bag().eval()


@case("operators/one-hot", inputs=[_TOKENS], outputs=[integer("codes")], operators=["OneHot"], tags={"lookup"})
def one_hot():
    """int64, with the classes given."""
    import torch

    return _function(lambda x: torch.nn.functional.one_hot(x, 20))


@case("operators/one-hot-product", inputs=[_TOKENS], operators=["OneHot", "Cast", "MatMul"], tags={"lookup"})
def one_hot_product():
    """Codes by a matrix: an embedding the long way."""
    import torch

    class Embedding(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.project = torch.nn.Linear(20, 8)

        def forward(self, tokens):
            return self.project(torch.nn.functional.one_hot(tokens, 20).to(self.project.weight.dtype))

    return Embedding().eval()


# Gather


@case(
    "operators/gather-elements",
    inputs=[normal("batch", 7, 5, name="values"), integers("batch", 3, 5, high=7, name="indices")],
    operators=["GatherElements"],
    tags={"gather"},
)
def gather_elements():
    """torch.gather: an index per element, along axis 1."""
    import torch

    return _function_of_two(lambda values, indices: torch.gather(values, 1, indices))


@case(
    "operators/gather-elements-last-axis",
    inputs=[normal("batch", 6, name="scores"), integers("batch", 1, high=6, name="chosen")],
    operators=["GatherElements"],
    tags={"gather"},
)
def gather_elements_last_axis():
    """The score of what was chosen, along axis -1."""
    return _function_of_two(lambda scores, chosen: scores.log_softmax(-1).gather(-1, chosen).squeeze(-1))


@case(
    "operators/gather-rows-by-expand",
    inputs=[normal("batch", 7, 5, name="values"), integers("batch", 3, high=7, name="indices")],
    operators=["Expand", "GatherElements"],
    tags={"gather"},
)
def gather_rows_by_expand():
    """Whole rows by torch.gather, whose index has to be expanded first."""
    import torch

    return _function_of_two(
        lambda values, indices: torch.gather(values, 1, indices.unsqueeze(-1).expand(-1, -1, values.size(-1)))
    )


@case(
    "operators/take-along-dim",
    inputs=[normal("batch", 7, 5, name="values"), integers("batch", 3, 1, high=7, name="indices")],
    requires={"torch": ">=1.9"},
    operators=["GatherElements"],
    tags={"gather"},
)
def take_along_dim():
    """Like gather, with broadcasting."""
    import torch

    return _function_of_two(lambda values, indices: torch.take_along_dim(values, indices, dim=1))


@case(
    "operators/take",
    inputs=[normal("batch", 7, name="values"), integers(5, high=14, name="indices")],
    operators=["Reshape", "Gather"],
    tags={"gather"},
)
def take():
    """Indices into the flattened tensor."""
    import torch

    return _function_of_two(lambda values, indices: torch.take(torch.cat((values, values)), indices))


@case(
    "operators/index-select",
    inputs=[normal("batch", 7, 5, name="values"), integers(4, high=7, name="indices")],
    operators=["Gather"],
    tags={"gather"},
)
def index_select():
    """The same columns of every row, in another order and some twice."""
    import torch

    return _function_of_two(lambda values, indices: torch.index_select(values, 1, indices))


@case(
    "operators/index-by-tensor",
    inputs=[normal("batch", 7, 5, name="values"), integers(2, 3, high=7, name="indices")],
    operators=["Gather"],
    tags={"gather"},
)
def index_by_tensor():
    """x[:, i] with a matrix of indices: the axis becomes two."""
    return _function_of_two(lambda values, indices: values[:, indices])


@case("operators/index-by-negative", inputs=[normal("batch", 7)], operators=["Gather"], tags={"gather"})
def index_by_negative():
    """Indices counted from the end; TensorFlow's gather has none of them."""
    return _function(lambda x: x[:, [-1, 0, -3]])


@case(
    "operators/index-by-two-tensors",
    inputs=[
        normal("batch", 6, 7, name="values"),
        integers(4, high=6, name="rows"),
        integers(4, high=7, name="columns"),
    ],
    operators=["Flatten", "Gather"],
    tags={"gather"},
)
def index_by_two_tensors():
    """x[:, i, j]: pairs of indices."""
    return _function_of_three(lambda values, rows, columns: values[:, rows, columns])


@case(
    "operators/index-by-separated-tensors",
    inputs=[
        normal("batch", 6, 3, 7, name="values"),
        integers(4, high=6, name="rows"),
        integers(4, high=7, name="columns"),
    ],
    operators=["Flatten", "Gather"],
    tags={"gather"},
)
def index_by_separated_tensors():
    """x[:, i, :, j]: a slice between two index tensors sends the new axis to the front."""
    return _function_of_three(lambda values, rows, columns: values[:, rows, :, columns])


@case(
    "operators/index-by-broadcast-tensors",
    inputs=[
        normal("batch", 6, 7, name="values"),
        integers(4, 1, high=6, name="rows"),
        integers(3, high=7, name="columns"),
    ],
    operators=["Flatten", "Gather"],
    tags={"gather"},
)
def index_by_broadcast_tensors():
    """Rows and columns that span a grid."""
    return _function_of_three(lambda values, rows, columns: values[:, rows, columns])


@case(
    "operators/index-last-token",
    inputs=[normal("batch", 7, 5, name="states"), mask("batch", 7, name="attention_mask")],
    operators=["Range", "Flatten", "Gather"],
    tags={"gather", "core"},
)
def index_last_token():
    """x[arange(batch), length - 1]: the last token that counts, as sequence classifiers on decoders pool."""
    import torch

    return _function_of_two(
        lambda states, attention_mask: states[torch.arange(states.size(0)), attention_mask.sum(1) - 1]
    )


@case(
    "operators/gather-neighbours",
    inputs=[normal("batch", 9, 4, name="points"), integers("batch", 9, 3, high=9, name="neighbours")],
    operators=["Range", "Flatten", "Gather"],
    tags={"gather", "graph"},
)
def gather_neighbours():
    """Every point's neighbours, each batch with its own: an index of three axes into the first two."""
    import torch

    def compute(points, neighbours):
        rows = torch.arange(points.size(0)).view(-1, 1, 1)
        return (points[rows, neighbours] - points.unsqueeze(2)).max(2)[0]

    return _function_of_two(compute)


# Data-dependent sizes


@case(
    "operators/nonzero",
    inputs=[integers("batch", 5, high=2, name="numbers")],
    outputs=[integer("places")],
    operators=["NonZero", "Transpose"],
    tags={"data-dependent"},
)
def nonzero():
    """As many rows as there are ones."""
    import torch

    return _function(torch.nonzero)


@case(
    "operators/boolean-index",
    inputs=[normal("batch", 5)],
    operators=["NonZero", "GatherND"],
    tags={"data-dependent"},
)
def boolean_index():
    """x[x > 0]: as many numbers as are positive."""
    return _function(lambda x: x[x > 0])


@case(
    "operators/masked-select",
    inputs=[normal("batch", 5, name="values"), boolean("batch", 5, name="mask")],
    operators=["NonZero", "GatherND"],
    tags={"data-dependent"},
)
def masked_select():
    """The same by name."""
    import torch

    return _function_of_two(torch.masked_select)


@case(
    "operators/where-one-argument",
    inputs=[boolean("batch", 5, name="mask")],
    outputs=[integer("rows"), integer("columns")],
    operators=["NonZero"],
    tags={"data-dependent"},
)
def where_one_argument():
    """Where the mask is true: an output per axis."""
    import torch

    return _function(torch.where)


@case(
    "operators/unique",
    inputs=[integers("batch", 6, high=9, name="numbers")],
    outputs=[integer("values"), integer("inverse"), integer("counts")],
    operators=["Unique"],
    tags={"data-dependent"},
)
def unique():
    """Each number once, sorted, with where it went and how often it was there."""
    import torch

    return _function(lambda x: torch.unique(x, sorted=True, return_inverse=True, return_counts=True))


@case(
    "operators/boolean-assignment",
    inputs=[normal("batch", 5)],
    operators=["Where"],
    tags={"data-dependent"},
)
def boolean_assignment():
    """x[x < 0] = 0.5: a masked fill in other words."""

    def compute(x):
        y = x * 1.0
        y[y < 0] = 0.5
        return y

    return _function(compute)


# Scatter


@case(
    "operators/scatter",
    inputs=[
        normal("batch", 7, 5, name="values"),
        integers("batch", 1, 5, high=7, name="indices"),
        normal("batch", 1, 5, name="updates"),
    ],
    operators=["ScatterElements"],
    tags={"scatter"},
)
def scatter():
    """Numbers put where the indices say, none twice."""
    import torch

    return _function_of_three(lambda values, indices, updates: torch.scatter(values, 1, indices, updates))


@case(
    "operators/scatter-number",
    inputs=[normal("batch", 7, name="values"), integers("batch", 3, high=7, name="indices")],
    operators=["ScatterElements"],
    tags={"scatter"},
)
def scatter_number():
    """One number everywhere, as sampling masks what it took; places may repeat."""
    import torch

    return _function_of_two(lambda values, indices: torch.scatter(values, -1, indices, -9.0))


@case(
    "operators/scatter-add",
    inputs=[normal("batch", 9, name="updates"), integers("batch", 9, high=4, name="indices")],
    operators=["ScatterElements"],
    tags={"scatter", "graph"},
)
def scatter_add():
    """Sums per group, several numbers in one place: an attribute of ScatterElements from opset 16 on."""
    import torch

    return _function_of_two(lambda updates, indices: torch.zeros_like(updates[:, :4]).scatter_add(1, indices, updates))


@case(
    "operators/scatter-maximum",
    inputs=[normal("batch", 9, name="updates"), integers("batch", 9, high=4, name="indices")],
    requires={"torch": ">=1.13"},
    operators=["ScatterElements"],
    tags={"scatter", "graph"},
)
def scatter_maximum():
    """The largest per group, from -1 on; an attribute from opset 18 on."""
    import torch

    return _function_of_two(
        lambda updates, indices: torch.full_like(updates[:, :4], -1.0).scatter_reduce(1, indices, updates, "amax")
    )


@case(
    "operators/index-add",
    inputs=[normal(9, 4, name="messages"), integers(9, high=5, name="receivers")],
    operators=["ScatterElements"],
    tags={"scatter", "graph"},
)
def index_add():
    """Messages added up per node of a graph."""
    import torch

    return _function_of_two(
        lambda messages, receivers: torch.zeros(5, 4).to(messages.dtype).index_add(0, receivers, messages)
    )


@case(
    "operators/index-copy",
    inputs=[normal("batch", 7, 3, name="cache"), normal("batch", 2, 3, name="fresh")],
    operators=["ScatterElements"],
    tags={"scatter"},
)
def index_copy():
    """Two columns of a cache replaced."""
    import torch

    class Cache(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("places", torch.tensor([5, 1]))

        def forward(self, cache, fresh):
            return torch.index_copy(cache, 1, self.places, fresh)

    return Cache().eval()


@case(
    "operators/index-fill",
    inputs=[normal("batch", 7, name="values"), integers(2, high=7, name="places")],
    operators=["ScatterElements"],
    tags={"scatter"},
)
def index_fill():
    """Columns set to a number."""
    import torch

    return _function_of_two(lambda values, places: torch.index_fill(values, 1, places, -4.0))


@case(
    "operators/index-put",
    inputs=[normal(7, 3, name="values"), integers(1, high=7, name="first_place"), normal(2, 3, name="updates")],
    operators=["ScatterND"],
    tags={"scatter"},
)
def index_put():
    """x[i] = y, at two different places."""
    import torch

    def compute(values, first_place, updates):
        places = torch.cat((first_place, (first_place + 2) % 7))
        return torch.index_put(values, (places,), updates)

    return _function_of_three(compute)


@case(
    "operators/index-put-accumulate",
    inputs=[normal(7, 3, name="values"), integers(5, high=3, name="places"), normal(5, 3, name="updates")],
    operators=["ScatterND"],
    tags={"scatter"},
)
def index_put_accumulate():
    """Added where places repeat."""
    import torch

    return _function_of_three(
        lambda values, places, updates: torch.index_put(values, (places,), updates, accumulate=True)
    )


@case(
    "operators/slice-assignment",
    inputs=[normal("batch", 7, 3, name="values"), normal("batch", 2, 3, name="updates")],
    operators=["ScatterND"],
    tags={"scatter", "core"},
)
def slice_assignment():
    """x[:, 2:4] = y, for which tracing needs a copy first."""

    def compute(values, updates):
        result = values.clone()
        result[:, 2:4] = updates
        return result

    return _function_of_two(compute)


@case(
    "operators/slice-assignment-number",
    inputs=[normal("batch", 7, 3)],
    operators=["ScatterND"],
    tags={"scatter"},
)
def slice_assignment_number():
    """Every second column set to a number, up to the last but one."""

    def compute(x):
        result = x.clone()
        result[:, 0:-1:2, 1] = -3.0
        return result

    return _function(compute)


@case(
    "operators/masked-scatter",
    inputs=[normal(4, 5, name="values"), boolean(4, 5, name="mask"), normal(20, name="source")],
    operators=["NonZero", "ScatterND"],
    tags={"scatter", "data-dependent"},
)
def masked_scatter():
    """Numbers poured into the places of a mask, in order: how a language model takes in image tokens."""
    import torch

    return _function_of_three(torch.masked_scatter)


# Order


@case(
    "operators/sort",
    inputs=[normal("batch", 9)],
    outputs=["sorted", integer("order")],
    operators=["TopK"],
    tags={"order"},
)
def sort():
    """Upwards, along the last axis: a TopK of all."""
    import torch

    return _function(lambda x: tuple(torch.sort(x, dim=-1)))


@case(
    "operators/sort-descending-axis-1",
    inputs=[normal("batch", 9, 3)],
    outputs=["sorted", integer("order")],
    operators=["TopK"],
    tags={"order"},
)
def sort_descending_axis_1():
    """Downwards, along an axis in the middle."""
    import torch

    return _function(lambda x: tuple(torch.sort(x, dim=1, descending=True)))


@case(
    "operators/argsort",
    inputs=[normal("batch", 9)],
    outputs=[integer("order")],
    operators=["TopK"],
    tags={"order"},
)
def argsort():
    """The order alone."""
    import torch

    return _function(lambda x: torch.argsort(x, dim=-1, descending=True))


@case(
    "operators/argsort-twice",
    inputs=[normal("batch", 9)],
    outputs=[integer("ranks")],
    operators=["TopK"],
    tags={"order"},
)
def argsort_twice():
    """The rank of each: an order of an order, integers sorted."""
    return _function(lambda x: x.argsort(-1).argsort(-1))


@case(
    "operators/topk",
    inputs=[normal("batch", 9)],
    outputs=["best", integer("where")],
    operators=["TopK"],
    tags={"order", "core"},
)
def topk():
    """The three best and where they are, int64."""
    return _function(lambda x: tuple(x.topk(3, dim=-1)))


@case(
    "operators/topk-smallest-axis-1",
    inputs=[normal("batch", 9, 4)],
    outputs=["nearest", integer("where")],
    operators=["TopK"],
    tags={"order"},
)
def topk_smallest_axis_1():
    """The two smallest along axis 1: TensorFlow's top_k knows the last axis and the largest only."""
    return _function(lambda x: tuple(x.topk(2, dim=1, largest=False)))


@case(
    "operators/topk-of-size",
    inputs=[normal("batch", "candidates")],
    axes={"candidates": (12, 5, 20)},
    operators=["Shape", "TopK"],
    tags={"order", "dynamic"},
)
def topk_of_size():
    """As many as a quarter of what is there, and one: a number that is computed from a size."""
    return _function(lambda x: x.topk(x.size(1) // 4 + 1, dim=1)[0])


@case(
    "operators/searchsorted",
    inputs=[uniform("batch", 6, high=1.0, name="values")],
    outputs=[integer("cells")],
    operators=[],
    tags={"order"},
)
def searchsorted():
    """Which cell of a rising row each number falls in; ONNX has no such operator."""
    import torch

    class Cells(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("bounds", torch.tensor([0.1, 0.25, 0.55, 0.7, 0.9]))

        def forward(self, values):
            return torch.searchsorted(self.bounds, values)

    return Cells().eval()


@case(
    "operators/bucketize",
    inputs=[integers("batch", 6, low=-20, high=21, name="distances")],
    outputs=[integer("buckets")],
    operators=["Less", "ReduceSum"],
    tags={"order"},
)
def bucketize():
    """Integers against integer bounds, some of them equal."""
    import torch

    class Buckets(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("bounds", torch.tensor([-8, -2, 0, 2, 8]))

        def forward(self, distances):
            return torch.bucketize(distances, self.bounds, right=True)

    return Buckets().eval()


@case(
    "operators/isin",
    inputs=[integers("batch", 6, high=9, name="tokens")],
    outputs=[integer("special")],
    requires={"torch": ">=1.10"},
    operators=[],
    tags={"order"},
)
def isin():
    """Whether a token is one of a few."""
    import torch

    class Special(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("few", torch.tensor([1, 4, 7]))

        def forward(self, tokens):
            return torch.isin(tokens, self.few)

    return Special().eval()


@case(
    "operators/bincount",
    inputs=[integers(16, high=5, name="labels")],
    outputs=[integer("counts")],
    operators=["OneHot", "ReduceSum"],
    tags={"order"},
)
def bincount():
    """How often each label is there."""
    import torch

    return _function(lambda x: torch.bincount(torch.cat((x, torch.arange(5))), minlength=5))


# Boxes


@case(
    "operators/nms",
    inputs=[uniform(12, 4, name="places"), uniform(12, name="scores")],
    outputs=[set_of_boxes("kept")],
    operators=["NonMaxSuppression", "Gather"],
    requires={"torchvision": ">=0.8"},
    tags={"detection", "data-dependent"},
)
def nms():
    """Of boxes that overlap, the best: the operator of torchvision."""
    import torch
    from torchvision.ops import nms as suppress

    def compute(places, scores):
        corners = places[:, :2] * 4
        boxes = torch.cat((corners, corners + places[:, 2:] * 2 + 0.5), dim=1)
        kept = suppress(boxes, scores, 0.3)
        return torch.cat((boxes[kept], scores[kept, None], torch.zeros_like(scores[kept, None])), dim=1)

    return _function_of_two(compute)


@case(
    "operators/roi-align",
    inputs=[normal("batch", 3, 12, 12, name="features"), uniform(4, 4, name="places")],
    operators=["RoiAlign"],
    requires={"torchvision": ">=0.8"},
    tags={"detection"},
)
def roi_align():
    """Features cut out of the first image, two samples a cell; aligned=False, which ONNX's default is from opset 16 on
    no longer."""
    import torch
    from torchvision.ops import roi_align as align

    def compute(features, places):
        corners = places[:, :2] * 12
        boxes = torch.cat((torch.zeros_like(corners[:, :1]), corners, corners + places[:, 2:] * 10 + 3), dim=1)
        return align(features, boxes, (3, 2), spatial_scale=0.5, sampling_ratio=2) + features.mean()

    return _function_of_two(compute)


@case(
    "operators/roi-align-aligned",
    inputs=[normal("batch", 3, 12, 12, name="features"), uniform(4, 4, name="places")],
    operators=["RoiAlign"],
    requires={"torchvision": ">=0.8"},
    tags={"detection"},
)
def roi_align_aligned():
    """Shifted by half a pixel, with one sample a cell; before opset 16 there is no such mode."""
    import torch
    from torchvision.ops import roi_align as align

    def compute(features, places):
        corners = places[:, :2] * 12
        boxes = torch.cat((torch.zeros_like(corners[:, :1]), corners, corners + places[:, 2:] * 10 + 3), dim=1)
        return align(features, boxes, 3, spatial_scale=0.5, sampling_ratio=1, aligned=True) + features.mean()

    return _function_of_two(compute)


@case(
    "operators/roi-pool",
    inputs=[normal("batch", 3, 12, 12, name="features"), integers(4, 4, high=6, name="places")],
    operators=["MaxRoiPool"],
    requires={"torchvision": ">=0.8"},
    tags={"detection"},
)
def roi_pool():
    """The largest of each cell, on whole pixels."""
    import torch
    from torchvision.ops import roi_pool as pool

    def compute(features, places):
        corners = places[:, :2].to(features.dtype)
        boxes = torch.cat((torch.zeros_like(corners[:, :1]), corners, corners + 5), dim=1)
        sizes = places[:, 2:].to(features.dtype).sum() * 0.1
        return pool(features, boxes, (2, 2)) + features.mean() * sizes

    return _function_of_two(compute)


@case(
    "operators/box-iou",
    inputs=[uniform(6, 4, name="first"), uniform(5, 4, name="second")],
    operators=["Max", "Min", "Clip", "Div"],
    requires={"torchvision": ">=0.8"},
    tags={"detection"},
)
def box_iou():
    """How much every box overlaps with every other."""
    import torch
    from torchvision.ops import box_iou as overlap

    def corners(boxes):
        return torch.cat((boxes[:, :2], boxes[:, :2] + boxes[:, 2:] + 0.2), dim=1)

    return _function_of_two(lambda first, second: overlap(corners(first), corners(second)))
