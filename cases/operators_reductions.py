"""Operators that take tensors together: reductions, running sums, norms and distances, losses, products of matrices.

Which axes, kept or not, from which end counted, of which type the answer is: each variation is a case of its own.
"""

from tfparity import boolean, case, integer, integers, normal, uniform


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


# Sums and means


@case("operators/sum-all", inputs=[normal("batch", 4, 9)], operators=["ReduceSum"], tags={"reduction"})
def sum_all():
    """Everything, to a tensor without axes."""
    return _function(lambda x: x.sum())


@case("operators/sum-axis", inputs=[normal("batch", 4, 9)], operators=["ReduceSum"], tags={"reduction"})
def sum_axis():
    """One axis; from opset 13 on the axes are an input."""
    return _function(lambda x: x.sum(1))


@case("operators/sum-negative-axes", inputs=[normal("batch", 4, 3, 5)], operators=["ReduceSum"], tags={"reduction"})
def sum_negative_axes():
    """Two axes counted from the end, and kept."""
    return _function(lambda x: x.sum((-1, -3), keepdim=True))


@case(
    "operators/sum-integers",
    inputs=[integers("batch", 4, 9, low=-9, high=10, name="numbers")],
    outputs=[integer("totals")],
    operators=["ReduceSum"],
    tags={"reduction", "integer"},
)
def sum_integers():
    """int64."""
    return _function(lambda x: x.sum(-1))


@case(
    "operators/sum-int32",
    inputs=[integers("batch", 4, 9, low=-9, high=10, name="numbers", dtype="int32")],
    outputs=[integer("totals")],
    operators=["Cast", "ReduceSum"],
    tags={"reduction", "integer", "cast"},
)
def sum_int32():
    """Torch adds int32 up in int64, and gives that."""
    return _function(lambda x: x.sum(-1))


@case(
    "operators/sum-booleans",
    inputs=[boolean("batch", 4, 9, name="mask")],
    outputs=[integer("counts")],
    operators=["Cast", "ReduceSum"],
    tags={"reduction", "integer", "cast"},
)
def sum_booleans():
    """How many are true: the length of a sequence from its mask."""
    return _function(lambda x: x.sum(-1))


@case(
    "operators/mean-axes-kept",
    inputs=[normal("batch", 4, 5, 6, mean=1.0)],
    operators=["ReduceMean"],
    tags={"reduction"},
)
def mean_axes_kept():
    """Global average pooling by hand; from opset 18 on the axes are an input, for which onnx-tf has no handler."""
    return _function(lambda x: x.mean((2, 3), keepdim=True))


@case("operators/mean-all", inputs=[normal("batch", 4, 9)], operators=["ReduceMean"], tags={"reduction"})
def mean_all():
    """Everything, batch and all: another answer at another batch size."""
    return _function(lambda x: x.mean())


@case(
    "operators/mean-of-masked",
    inputs=[normal("batch", 7, 5, name="states"), boolean("batch", 6, name="mask")],
    operators=["ReduceSum", "Clip", "Div"],
    tags={"reduction", "mask"},
)
def mean_of_masked():
    """The mean over the tokens that count, as sentence encoders pool."""
    import torch

    def pool(states, mask):
        weights = torch.cat((torch.ones_like(states[:, :1, 0]), mask.to(states.dtype)), dim=1).unsqueeze(-1)
        return (states * weights).sum(1) / torch.clamp(weights.sum(1), min=1e-9)

    return _function_of_two(pool)


@case(
    "operators/prod-axis",
    inputs=[uniform("batch", 4, 5, low=-1.6, high=1.6)],
    operators=["ReduceProd"],
    tags={"reduction"},
)
def prod_axis():
    """A product along the last axis."""
    return _function(lambda x: x.prod(-1))


@case(
    "operators/logsumexp",
    inputs=[normal("batch", 4, 9, std=60.0)],
    operators=["ReduceLogSumExp"],
    tags={"reduction", "extremes"},
)
def logsumexp():
    """Over numbers whose exponentials overflow: the maximum has to come off first."""
    import torch

    return _function(lambda x: torch.logsumexp(x, dim=-1))


# Spread


@case("operators/var", inputs=[normal("batch", 4, 9)], operators=["ReduceMean", "Sub", "Mul"], tags={"reduction"})
def var():
    """Divided by n - 1, torch's default; a layer norm divides by n."""
    return _function(lambda x: x.var(-1))


@case("operators/var-biased", inputs=[normal("batch", 4, 9, mean=3.0)], operators=["ReduceMean"], tags={"reduction"})
def var_biased():
    """Divided by n, over two axes that are kept."""
    return _function(lambda x: x.var((1, 2), unbiased=False, keepdim=True))


@case("operators/std", inputs=[normal("batch", 4, 9)], operators=["ReduceMean", "Sqrt"], tags={"reduction"})
def std():
    """The deviation over all but the batch."""
    return _function(lambda x: x.flatten(1).std(1, keepdim=True))


@case(
    "operators/var-mean",
    inputs=[normal("batch", 4, 9)],
    outputs=["variance", "average"],
    operators=["ReduceMean"],
    tags={"reduction"},
)
def var_mean():
    """Both at once: two outputs of one operator."""
    import torch

    return _function(lambda x: tuple(torch.var_mean(x, dim=(1, 2), unbiased=False)))


# Largest and smallest


@case("operators/amax", inputs=[normal("batch", 4, 5, 6)], operators=["ReduceMax"], tags={"reduction"})
def amax():
    """The largest over two axes."""
    import torch

    return _function(lambda x: torch.amax(x, dim=(-1, 1)))


@case("operators/amin", inputs=[normal("batch", 4, 5, 6)], operators=["ReduceMin"], tags={"reduction"})
def amin():
    """The smallest over an axis that is kept."""
    import torch

    return _function(lambda x: torch.amin(x, dim=2, keepdim=True))


@case("operators/max-all", inputs=[normal("batch", 4, 9)], operators=["ReduceMax"], tags={"reduction"})
def max_all():
    """The largest of all."""
    return _function(lambda x: x.max())


@case(
    "operators/max-with-indices",
    inputs=[normal("batch", 9, 5)],
    outputs=["largest", integer("where")],
    operators=["ReduceMax", "ArgMax"],
    tags={"reduction", "core"},
)
def max_with_indices():
    """The largest and where it is, along axis 1."""
    return _function(lambda x: tuple(x.max(1)))


@case(
    "operators/min-with-indices",
    inputs=[normal("batch", 9, 5)],
    outputs=["smallest", integer("where")],
    operators=["ReduceMin", "ArgMin"],
    tags={"reduction"},
)
def min_with_indices():
    """The smallest and where it is, along the last axis, which is kept."""
    return _function(lambda x: tuple(x.min(-1, keepdim=True)))


@case(
    "operators/max-integers",
    inputs=[integers("batch", 4, 9, low=-900, high=900, name="numbers")],
    outputs=[integer("largest")],
    operators=["ReduceMax"],
    tags={"reduction", "integer"},
)
def max_integers():
    """int64 along an axis."""
    return _function(lambda x: x.max(-1)[0])


@case(
    "operators/argmax",
    inputs=[normal("batch", 4, 9)],
    outputs=[integer("where")],
    operators=["ArgMax"],
    tags={"reduction"},
)
def argmax():
    """A classifier's answer, int64."""
    return _function(lambda x: x.argmax(-1))


@case(
    "operators/argmax-channels-kept",
    inputs=[normal("batch", 6, 4, 5)],
    outputs=[integer("where")],
    operators=["ArgMax"],
    tags={"reduction"},
)
def argmax_channels_kept():
    """A segmentation's answer, along axis 1, which is kept."""
    return _function(lambda x: x.argmax(1, keepdim=True))


@case(
    "operators/argmax-flat",
    inputs=[normal("batch", 4, 9)],
    outputs=[integer("where")],
    operators=["Reshape", "ArgMax"],
    tags={"reduction"},
)
def argmax_flat():
    """Without an axis: an index into the flattened tensor, batch and all."""
    return _function(lambda x: x.argmax())


@case(
    "operators/argmin",
    inputs=[normal("batch", 4, 9)],
    outputs=[integer("where")],
    operators=["ArgMin"],
    tags={"reduction"},
)
def argmin():
    """The nearest of a codebook."""
    return _function(lambda x: x.argmin(-1))


@case(
    "operators/any",
    inputs=[integers("batch", 6, 2, high=2, name="numbers")],
    outputs=[integer("some")],
    operators=["Cast", "ReduceSum", "Greater"],
    tags={"reduction", "logic"},
)
def any_():
    """Whether any of a row is true; a sum and a comparison in ONNX."""
    import torch

    return _function(lambda x: torch.any(x > 0, dim=-1))


@case(
    "operators/all",
    inputs=[integers("batch", 6, 2, high=2, name="numbers")],
    outputs=[integer("every")],
    operators=["Cast", "ReduceSum", "Not"],
    tags={"reduction", "logic"},
)
def all_():
    """Whether all of a row are true: not any that is not."""
    import torch

    return _function(lambda x: torch.all(x > 0, dim=-1))


@case("operators/median", inputs=[normal("batch", 4, 9)], operators=["TopK"], tags={"reduction"})
def median():
    """The middle one of an odd number, along the last axis."""
    return _function(lambda x: x.median(-1)[0])


@case("operators/kthvalue", inputs=[normal("batch", 4, 9)], operators=["TopK"], tags={"reduction"})
def kthvalue():
    """The third smallest of each row."""
    return _function(lambda x: x.kthvalue(3, dim=-1)[0])


# Running sums


@case("operators/cumsum", inputs=[normal("batch", 4, 9)], operators=["CumSum"], tags={"running", "core"})
def cumsum():
    """Along the last axis; an operator from opset 11 on."""
    return _function(lambda x: x.cumsum(-1))


@case(
    "operators/cumsum-integers",
    inputs=[boolean("batch", 9, name="mask")],
    outputs=[integer("positions")],
    operators=["Cast", "CumSum"],
    tags={"running", "integer"},
)
def cumsum_integers():
    """Positions counted along a mask, as RoBERTa and OPT do."""
    return _function(lambda x: x.long().cumsum(1) * x.long() - 1)


@case("operators/cumsum-reversed", inputs=[normal("batch", 9, 4)], operators=["CumSum", "Slice"], tags={"running"})
def cumsum_reversed():
    """From the end: flipped, added up, flipped."""
    return _function(lambda x: x.flip(1).cumsum(1).flip(1))


@case("operators/cumsum-exclusive", inputs=[normal("batch", 4, 9)], operators=["CumSum", "Sub"], tags={"running"})
def cumsum_exclusive():
    """Without the element itself; ONNX's CumSum could do it, torch's cannot."""
    return _function(lambda x: x.cumsum(-1) - x)


@case("operators/cumprod", inputs=[uniform("batch", 4, 9, low=0.5, high=1.5)], operators=["Mul"], tags={"running"})
def cumprod():
    """What is left after each step: the transmittance along a ray. ONNX has no such operator."""
    return _function(lambda x: x.cumprod(-1))


@case("operators/cummax", inputs=[normal("batch", 4, 9)], operators=["Max"], tags={"running"})
def cummax():
    """The largest so far; ONNX has no such operator."""
    return _function(lambda x: x.cummax(-1)[0])


@case(
    "operators/diff",
    inputs=[normal("batch", 4, 9)],
    requires={"torch": ">=1.8"},
    operators=["Slice", "Sub"],
    tags={"running"},
)
def diff():
    """Differences of neighbours."""
    import torch

    return _function(lambda x: torch.diff(x, dim=1))


# Norms and distances


@case("operators/norm-2", inputs=[normal("batch", 4, 9)], operators=["ReduceL2"], tags={"norm"})
def norm_2():
    """Euclidean, along the last axis."""
    import torch

    return _function(lambda x: torch.norm(x, p=2, dim=-1))


@case("operators/norm-1", inputs=[normal("batch", 4, 9)], operators=["ReduceL1"], tags={"norm"})
def norm_1():
    """Sum of magnitudes, over an axis that is kept."""
    import torch

    return _function(lambda x: torch.norm(x, p=1, dim=1, keepdim=True))


@case("operators/norm-3", inputs=[normal("batch", 4, 9)], operators=["Abs", "Pow", "ReduceSum"], tags={"norm"})
def norm_3():
    """An order that has no operator: generalised-mean pooling."""
    import torch

    return _function(lambda x: torch.norm(x, p=3, dim=-1))


@case("operators/norm-infinity", inputs=[normal("batch", 4, 9)], operators=["Abs", "ReduceMax"], tags={"norm"})
def norm_infinity():
    """The largest magnitude."""
    import torch

    return _function(lambda x: torch.norm(x, p=float("inf"), dim=-1))


@case("operators/norm-frobenius", inputs=[normal("batch", 4, 9)], operators=["ReduceL2"], tags={"norm"})
def norm_frobenius():
    """Of whole matrices, by torch.norm's default order."""
    import torch

    return _function(lambda x: torch.norm(x, dim=(1, 2)))


@case(
    "operators/linalg-norm",
    inputs=[normal("batch", 4, 9)],
    requires={"torch": ">=1.8"},
    operators=["ReduceL2"],
    tags={"norm"},
)
def linalg_norm():
    """The newer name."""
    import torch

    return _function(lambda x: torch.linalg.norm(x, dim=-1, keepdim=True))


@case(
    "operators/normalize",
    inputs=[normal("batch", 4, 9)],
    operators=["ReduceL2", "Clip", "Div"],
    tags={"norm"},
)
def normalize():
    """To length one, as every embedding model ends; the divisor is held above 1e-12."""
    import torch

    return _function(lambda x: torch.nn.functional.normalize(x, dim=-1))


@case("operators/normalize-channels-l1", inputs=[normal("batch", 4, 3, 5)], operators=["ReduceL1"], tags={"norm"})
def normalize_channels_l1():
    """To magnitudes that add up to one, along axis 1."""
    import torch

    return _function(lambda x: torch.nn.functional.normalize(x, p=1.0, dim=1))


@case(
    "operators/cosine-similarity",
    inputs=[normal("batch", 4, 9, name="first"), normal("batch", 4, 9, name="second")],
    operators=["Mul", "ReduceSum", "Div"],
    tags={"norm"},
)
def cosine_similarity():
    """Row by row."""
    import torch

    return _function_of_two(torch.nn.CosineSimilarity(dim=-1))


@case(
    "operators/pairwise-distance",
    inputs=[normal("batch", 9, name="first"), normal("batch", 9, name="second")],
    operators=["Sub", "Pow", "ReduceSum"],
    tags={"norm"},
)
def pairwise_distance():
    """Row by row; torch adds 1e-6 to every difference first."""
    import torch

    return _function_of_two(torch.nn.PairwiseDistance())


@case(
    "operators/cdist",
    inputs=[normal("batch", 5, 8, name="first"), normal("batch", 7, 8, name="second")],
    operators=["Sub", "Pow", "ReduceSum"],
    tags={"norm"},
)
def cdist():
    """Every row with every row."""
    import torch

    return _function_of_two(torch.cdist)


# Losses, where a model is scored inside


_LOGITS = normal("batch", 6, name="logits")
_LABELS = integers("batch", high=6, name="labels")


@case(
    "operators/cross-entropy",
    inputs=[_LOGITS, _LABELS],
    outputs=["loss"],
    operators=["SoftmaxCrossEntropyLoss"],
    tags={"loss"},
)
def cross_entropy():
    """One loss per row; an operator from opset 12 on."""
    import torch

    return _function_of_two(torch.nn.CrossEntropyLoss(reduction="none"))


@case(
    "operators/cross-entropy-ignored-label",
    inputs=[normal("batch", 6, 5, name="logits"), integers("batch", 5, high=6, name="labels")],
    outputs=["loss"],
    operators=["SoftmaxCrossEntropyLoss"],
    tags={"loss"},
)
def cross_entropy_ignored_label():
    """The mean over those labels that count: perplexity."""
    import torch

    return _function_of_two(torch.nn.CrossEntropyLoss(ignore_index=2))


@case(
    "operators/nll-loss",
    inputs=[normal("batch", 6, name="log_probabilities", mean=-2.0), _LABELS],
    outputs=["loss"],
    operators=["NegativeLogLikelihoodLoss"],
    tags={"loss"},
)
def nll_loss():
    """The second of the two steps of a cross entropy; behind a log-softmax the exporter joins them."""
    import torch

    return _function_of_two(torch.nn.NLLLoss(reduction="none"))


@case(
    "operators/mse-loss",
    inputs=[normal("batch", 6, name="first"), normal("batch", 6, name="second")],
    outputs=["loss"],
    operators=["Sub", "Mul", "ReduceMean"],
    tags={"loss"},
)
def mse_loss():
    """An autoencoder's score of how odd its input is."""
    import torch

    return _function_of_two(torch.nn.MSELoss())


@case(
    "operators/binary-cross-entropy-with-logits",
    inputs=[normal("batch", 6, name="logits", std=3.0), uniform("batch", 6, name="targets")],
    outputs=["loss"],
    operators=["Sigmoid", "Log"],
    tags={"loss"},
)
def binary_cross_entropy_with_logits():
    """Torch's is stable; the exporter spells it as the logarithm of a sigmoid."""
    import torch

    return _function_of_two(torch.nn.BCEWithLogitsLoss(reduction="none"))


@case(
    "operators/kl-div",
    inputs=[normal("batch", 6, name="first"), normal("batch", 6, name="second")],
    outputs=["divergence"],
    operators=["Log", "Mul", "ReduceSum"],
    tags={"loss"},
)
def kl_div():
    """Between two distributions, the first as logarithms."""
    import torch

    return _function_of_two(
        lambda first, second: torch.nn.functional.kl_div(
            torch.log_softmax(first, -1), torch.softmax(second, -1), reduction="batchmean"
        )
    )


# Products of matrices


def _matmul(name, first, second, *tags):
    """`torch.matmul` of two inputs whose shapes are given, with None for the batch."""

    @case(
        "operators/" + name,
        inputs=[
            normal(*[size or "batch" for size in first], name="first"),
            normal(*[size or "batch" for size in second], name="second"),
        ],
        operators=["MatMul"],
        tags=["contraction", *tags],
    )
    def factory():
        import torch

        return _function_of_two(torch.matmul)


# torch.matmul means a different thing for nearly every pair of ranks.
_matmul("matmul-2-2", [None, 6], [6, 5])
_matmul("matmul-3-2", [None, 4, 6], [6, 5])
_matmul("matmul-3-3", [None, 4, 6], [None, 6, 5])
_matmul("matmul-4-4", [None, 3, 4, 6], [None, 3, 6, 5])
_matmul("matmul-4-4-broadcast", [None, 1, 4, 6], [1, 3, 6, 5], "broadcast")
_matmul("matmul-4-3", [None, 3, 4, 6], [3, 6, 5], "broadcast")
_matmul("matmul-3-1", [None, 4, 6], [6])
_matmul("matmul-1-3", [4], [None, 4, 6])


@case(
    "operators/dot",
    inputs=[normal(9, name="first"), normal(9, name="second")],
    operators=["MatMul"],
    tags={"contraction"},
)
def dot():
    """Two vectors: a tensor without axes, and a case without a batch."""
    import torch

    return _function_of_two(torch.matmul)


@case(
    "operators/matmul-integers",
    inputs=[integers("batch", 4, 6, low=-9, high=10, name="first"), integers(6, 5, low=-9, high=10, name="second")],
    outputs=[integer("answer")],
    operators=["MatMul"],
    tags={"contraction", "integer"},
)
def matmul_integers():
    """int64, which ONNX takes from opset 9 on and few kernels do."""
    import torch

    return _function_of_two(torch.matmul)


@case(
    "operators/matmul-transposed-operands",
    inputs=[normal("batch", 6, 4, name="first"), normal("batch", 5, 6, name="second")],
    operators=["Transpose", "MatMul"],
    tags={"contraction"},
)
def matmul_transposed_operands():
    """Both operands transposed before they meet."""
    return _function_of_two(lambda first, second: first.transpose(1, 2) @ second.transpose(-1, -2))


@case(
    "operators/bmm",
    inputs=[normal("batch", 4, 6, name="first"), normal("batch", 6, 5, name="second")],
    operators=["MatMul"],
    tags={"contraction"},
)
def bmm():
    """The batched product of older attention."""
    import torch

    return _function_of_two(torch.bmm)


@case(
    "operators/baddbmm",
    inputs=[normal("batch", 4, 6, name="first"), normal("batch", 6, 5, name="second")],
    operators=["MatMul", "Mul", "Add"],
    tags={"contraction"},
)
def baddbmm():
    """alpha·AB + beta·C, as BLOOM and older diffusers scale their scores."""
    import torch

    return _function_of_two(lambda first, second: torch.baddbmm(first[:, :, :5], first, second, beta=0.5, alpha=0.25))


@case(
    "operators/addmm",
    inputs=[normal("batch", 6, name="first"), normal(6, 5, name="second")],
    operators=["Gemm"],
    tags={"contraction"},
)
def addmm():
    """Gemm with both factors, as GPT-2's Conv1D has it."""
    import torch

    return _function_of_two(lambda first, second: torch.addmm(second[0], first, second, beta=2.0, alpha=0.5))


@case(
    "operators/outer",
    inputs=[normal(5, name="first"), normal(7, name="second")],
    operators=["Einsum"],
    tags={"contraction"},
)
def outer():
    """Positions times frequencies."""
    import torch

    return _function_of_two(torch.outer)


@case("operators/linear", inputs=[normal("batch", 6)], operators=["Gemm"], tags={"contraction", "core"})
def linear():
    """Rank 2: Gemm with a transposed weight."""
    import torch

    return torch.nn.Linear(6, 5).eval()


@case("operators/linear-rank-3", inputs=[normal("batch", 4, 6)], operators=["MatMul", "Add"], tags={"contraction"})
def linear_rank_3():
    """Rank 3: MatMul with a weight transposed beforehand, then Add."""
    import torch

    return torch.nn.Linear(6, 5).eval()


@case("operators/linear-without-bias", inputs=[normal("batch", 6)], operators=["MatMul"], tags={"contraction"})
def linear_without_bias():
    """Rank 2 without a bias: MatMul and not Gemm."""
    import torch

    return torch.nn.Linear(6, 5, bias=False).eval()


@case(
    "operators/bilinear",
    inputs=[normal("batch", 6, name="first"), normal("batch", 5, name="second")],
    operators=["Einsum"],
    tags={"contraction"},
)
def bilinear():
    """x·W·y per output, as knowledge graphs and biaffine parsers score."""
    import torch

    return torch.nn.Bilinear(6, 5, 4).eval()


@case(
    "operators/tensordot",
    inputs=[normal("batch", 4, 3, 6, name="first"), normal(6, 3, 5, name="second")],
    operators=["Einsum"],
    tags={"contraction"},
)
def tensordot():
    """Two axes of each side, in another order."""
    import torch

    return _function_of_two(lambda first, second: torch.tensordot(first, second, dims=([3, 2], [0, 1])))


@case(
    "operators/cross",
    inputs=[normal("batch", 4, 3, name="first"), normal("batch", 4, 3, name="second")],
    requires={"torch": ">=1.8"},
    operators=["Mul", "Sub"],
    tags={"contraction"},
)
def cross():
    """The vector product of poses and meshes."""
    import torch

    return _function_of_two(lambda first, second: torch.cross(first, second, dim=-1))


@case("operators/det", inputs=[normal("batch", 3, 3)], operators=["Det"], tags={"contraction"})
def det():
    """The determinant of small matrices: normalising flows."""
    import torch

    return _function(torch.det)


@case("operators/inverse", inputs=[normal("batch", 3, 3)], operators=[], tags={"contraction"})
def inverse():
    """Calibration matrices inverted; ONNX has no such operator."""
    import torch

    return _function(lambda x: torch.inverse(x * 0.3 + torch.eye(3).to(x.dtype) * 2))


def _einsum(name, equation, first, second=None):
    """`torch.einsum` of one or two inputs whose shapes are given, with None for the batch."""

    @case(
        "operators/einsum-" + name,
        inputs=[
            normal(*[size or "batch" for size in shape], name=side)
            for side, shape in (("first", first), ("second", second))
            if shape
        ],
        operators=["Einsum"],
        tags=["contraction", "einsum"],
    )
    def factory():
        import torch

        class Contraction(torch.nn.Module):
            def forward(self, first, second=None):
                return torch.einsum(equation, first) if second is None else torch.einsum(equation, first, second)

        return Contraction().eval()


# A converter that rewrites Einsum does it equation by equation.
_einsum("outer", "bi,bj->bij", [None, 4], [None, 5])
_einsum("ellipsis", "...ij,...jk->...ik", [None, 2, 4, 3], [None, 2, 3, 5])
_einsum("sum", "bij->b", [None, 4, 5])
_einsum("transpose", "bij->bji", [None, 4, 5])
_einsum("implicit-output", "bij,bjk", [None, 4, 3], [None, 3, 5])
_einsum("diagonal", "bii->bi", [None, 4, 4])
_einsum("upper-case", "bCi,iD->bDC", [None, 4, 3], [3, 5])
_einsum("relative-positions", "bhld,lrd->bhlr", [None, 2, 4, 3], [4, 5, 3])


@case(
    "operators/einsum-three-operands",
    inputs=[
        normal("batch", 4, 3, name="first"),
        normal("batch", 3, 5, name="second"),
        normal(5, 2, name="third"),
    ],
    operators=["Einsum"],
    tags={"contraction", "einsum"},
)
def einsum_three_operands():
    """Three tensors in one contraction."""
    import torch

    class Contraction(torch.nn.Module):
        def forward(self, first, second, third):
            return torch.einsum("bij,bjk,kl->bil", first, second, third)

    return Contraction().eval()
