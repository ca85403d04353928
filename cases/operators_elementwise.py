"""Operators element by element: arithmetic, rounding, comparison, logic, casts, activations, softmax.

What looks trivial is where frameworks differ without a word: the sign of a remainder, halves that round to even, what
an integer becomes beside a float, how a softplus or a softmax answers to large numbers.
"""

from tfparity import boolean, case, integer, integers, mask, normal, uniform


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


# Functions of one number


def _unary(name, function, low, high, operators, *tags):
    """`torch.<function>` of numbers in [low, high), a part of its domain that keeps away from its poles."""

    @case(
        "operators/" + name,
        inputs=[uniform("batch", 4, 9, low=low, high=high)],
        operators=operators,
        tags=["elementwise", *tags],
    )
    def factory():
        import torch

        return _function(getattr(torch, function))


_unary("abs", "abs", -3, 3, ["Abs"])
_unary("neg", "neg", -3, 3, ["Neg"])
_unary("exp", "exp", -4, 3, ["Exp"])
_unary("log", "log", 0.05, 5, ["Log"])
# ONNX has the natural logarithm alone: the others are quotients.
_unary("log2", "log2", 0.05, 5, ["Log", "Div"])
_unary("log10", "log10", 0.05, 5, ["Log", "Div"])
_unary("log1p", "log1p", -0.5, 3, ["Log", "Add"])
_unary("expm1", "expm1", -2, 2, ["Exp", "Sub"])
_unary("sqrt", "sqrt", 0.01, 5, ["Sqrt"])
_unary("rsqrt", "rsqrt", 0.05, 5, ["Sqrt"])
_unary("reciprocal", "reciprocal", 0.2, 4, ["Reciprocal"])
_unary("square", "square", -3, 3, ["Mul"])
_unary("sin", "sin", -6, 6, ["Sin"])
_unary("cos", "cos", -6, 6, ["Cos"])
_unary("tan", "tan", -1.2, 1.2, ["Tan"])
_unary("asin", "asin", -0.9, 0.9, ["Asin"])
_unary("acos", "acos", -0.9, 0.9, ["Acos"])
_unary("atan", "atan", -4, 4, ["Atan"])
_unary("sinh", "sinh", -3, 3, ["Sinh"])
_unary("cosh", "cosh", -3, 3, ["Cosh"])
_unary("asinh", "asinh", -3, 3, ["Asinh"])
_unary("acosh", "acosh", 1.2, 5, ["Acosh"])
_unary("atanh", "atanh", -0.9, 0.9, ["Atanh"])
_unary("tanh", "tanh", -3, 3, ["Tanh"])
_unary("sigmoid", "sigmoid", -4, 4, ["Sigmoid"])
# The error function stands inside every exact GELU of an older opset.
_unary("erf", "erf", -3, 3, ["Erf"], "core")
_unary("erfc", "erfc", -2, 2, ["Erf", "Sub"])
_unary("floor", "floor", -4, 4, ["Floor"])
_unary("ceil", "ceil", -4, 4, ["Ceil"])
# Truncation goes towards zero and frac keeps the sign: neither is an operator of ONNX.
_unary("trunc", "trunc", -4, 4, ["Cast"])
_unary("frac", "frac", -4, 4, ["Cast", "Sub"])


@case(
    "operators/sign-with-zeros",
    inputs=[normal("batch", 4, 9)],
    operators=["Sign"],
    tags={"elementwise"},
)
def sign_with_zeros():
    """The sign of zero is zero, neither one nor minus one."""
    import torch

    return _function(lambda x: torch.sign(torch.relu(x)) - torch.sign(x))


@case(
    "operators/round-half-to-even",
    inputs=[integers("batch", 4, 9, low=-9, high=10, name="halves")],
    operators=["Round"],
    tags={"elementwise", "rounding"},
)
def round_half_to_even():
    """0.5 becomes 0 and 1.5 becomes 2, as numpy has it, and not away from zero."""
    import torch

    return _function(lambda x: torch.round(x.to(torch.float32) * 0.5))


@case(
    "operators/floor-of-negative-quotient",
    inputs=[integers("batch", 4, 9, low=-20, high=21, name="numbers")],
    outputs=[integer("cells")],
    operators=["Floor", "Cast"],
    tags={"elementwise", "rounding"},
)
def floor_of_negative_quotient():
    """Which cell of a grid a coordinate is in: floor, then a cast, which alone would truncate towards zero."""
    import torch

    return _function(lambda x: torch.floor((x.to(torch.float32) + 0.5) / 4).to(torch.int64))


# Arithmetic


@case(
    "operators/add-broadcast-ranks",
    inputs=[normal("batch", 4, 1, 8, name="first"), normal(6, 1, name="second")],
    operators=["Add"],
    tags={"elementwise", "broadcast"},
)
def add_broadcast_ranks():
    """Both sides grow, and one of them also gains axes in front."""
    return _function_of_two(lambda first, second: first + second)


@case(
    "operators/mul-scalar-tensor",
    inputs=[normal("batch", 4, 9, name="values"), normal(name="temperature", mean=2.0)],
    operators=["Mul"],
    tags={"elementwise", "broadcast"},
)
def mul_scalar_tensor():
    """A factor that is an input without axes."""
    return _function_of_two(lambda values, temperature: values * temperature)


@case("operators/rsub", inputs=[normal("batch", 4, 9)], operators=["Sub"], tags={"elementwise"})
def rsub():
    """One minus what is there: the mask of older BERTs."""
    return _function(lambda x: (1.0 - x) * -3.0)


@case(
    "operators/sub-alpha",
    inputs=[normal("batch", 4, 9, name="first"), normal("batch", 4, 9, name="second")],
    operators=["Mul", "Sub"],
    tags={"elementwise"},
)
def sub_alpha():
    """A factor on the second operand, which ONNX's Sub does not have."""
    import torch

    return _function_of_two(lambda first, second: torch.sub(first, second, alpha=2.5))


@case(
    "operators/addcmul",
    inputs=[normal("batch", 4, 9, name="first"), normal("batch", 4, 1, name="second")],
    operators=["Mul", "Add"],
    tags={"elementwise", "broadcast"},
)
def addcmul():
    """A product with a factor added, and broadcasting in the product."""
    import torch

    return _function_of_two(lambda first, second: torch.addcmul(first, first, second, value=0.5))


@case(
    "operators/addcdiv",
    inputs=[normal("batch", 4, 9, name="first"), uniform("batch", 4, 9, name="second", low=0.5, high=2.0)],
    operators=["Div", "Mul", "Add"],
    tags={"elementwise"},
)
def addcdiv():
    """A quotient with a factor added."""
    import torch

    return _function_of_two(lambda first, second: torch.addcdiv(first, first, second, value=0.5))


@case(
    "operators/lerp",
    inputs=[normal("batch", 4, 9, name="first"), normal("batch", 4, 9, name="second")],
    operators=["Sub", "Mul", "Add"],
    tags={"elementwise"},
)
def lerp():
    """Linear interpolation between two tensors."""
    import torch

    return _function_of_two(lambda first, second: torch.lerp(first, second, 0.3))


@case(
    "operators/div-by-zero",
    inputs=[normal("batch", 4, 9)],
    operators=["Div"],
    tags={"elementwise", "not-finite"},
)
def div_by_zero():
    """Infinity of the right sign where the divisor is zero, and no error."""
    import torch

    return _function(lambda x: x / torch.relu(x - 0.5))


@case(
    "operators/div-integers-true",
    inputs=[
        integers("batch", 4, 9, low=-20, high=21, name="first"),
        integers("batch", 4, 9, low=1, high=7, name="second"),
    ],
    operators=["Cast", "Div"],
    tags={"elementwise", "integer-division", "core"},
)
def div_integers_true():
    """The quotient of integers is a float in torch; ONNX's Div of integers is not."""
    return _function_of_two(lambda first, second: first / second)


_DIVIDEND = integers("batch", 4, 9, low=-20, high=21, name="dividend")
_DIVISOR = integers("batch", 4, 9, low=-7, high=0, name="divisor")


@case(
    "operators/div-integers-floor",
    inputs=[_DIVIDEND, _DIVISOR],
    outputs=[integer("quotient")],
    requires={"torch": ">=1.8"},
    operators=["Div"],
    tags={"elementwise", "integer-division"},
)
def div_integers_floor():
    """Integer division that rounds down, with both signs; ONNX's integer Div truncates."""
    import torch

    return _function_of_two(lambda first, second: torch.div(first, second, rounding_mode="floor"))


@case(
    "operators/div-integers-trunc",
    inputs=[_DIVIDEND, _DIVISOR],
    outputs=[integer("quotient")],
    requires={"torch": ">=1.8"},
    operators=["Div"],
    tags={"elementwise", "integer-division"},
)
def div_integers_trunc():
    """Integer division that rounds towards zero, with both signs."""
    import torch

    return _function_of_two(lambda first, second: torch.div(first, second, rounding_mode="trunc"))


@case(
    "operators/remainder-integers",
    inputs=[_DIVIDEND, _DIVISOR],
    outputs=[integer("rest")],
    operators=["Mod"],
    tags={"elementwise", "integer-division"},
)
def remainder_integers():
    """Python's %: the sign of the divisor."""
    import torch

    return _function_of_two(torch.remainder)


@case(
    "operators/fmod-integers",
    inputs=[_DIVIDEND, _DIVISOR],
    outputs=[integer("rest")],
    operators=["Mod"],
    tags={"elementwise", "integer-division"},
)
def fmod_integers():
    """C's %: the sign of the dividend."""
    import torch

    return _function_of_two(torch.fmod)


_NUMBERS = integers("batch", 4, 9, low=-20, high=21, name="numbers")


@case(
    "operators/div-floats-floor",
    inputs=[_NUMBERS],
    requires={"torch": ">=1.8"},
    operators=["Div", "Floor"],
    tags={"elementwise", "integer-division"},
)
def div_floats_floor():
    """Floor division of floats of both signs, away from whole quotients."""
    import torch

    return _function(lambda x: torch.div(x.to(torch.float32) + 0.3, -4.0, rounding_mode="floor"))


@case(
    "operators/remainder-floats",
    inputs=[_NUMBERS],
    operators=["Div", "Floor", "Mul", "Sub"],
    tags={"elementwise", "integer-division"},
)
def remainder_floats():
    """The remainder of floats has the divisor's sign: how a phase is wrapped."""
    import torch

    return _function(lambda x: torch.remainder(x.to(torch.float32) + 0.3, -4.0))


@case(
    "operators/fmod-floats",
    inputs=[_NUMBERS],
    operators=["Mod"],
    tags={"elementwise", "integer-division"},
)
def fmod_floats():
    """The remainder of floats with the dividend's sign: Mod with fmod=1."""
    import torch

    return _function(lambda x: torch.fmod(x.to(torch.float32) + 0.3, 4.0))


@case(
    "operators/pow-tensors",
    inputs=[uniform("batch", 4, 9, name="base", low=0.3, high=2.5), normal("batch", 4, 9, name="exponent")],
    operators=["Pow"],
    tags={"elementwise"},
)
def pow_tensors():
    """A power with a tensor above."""
    import torch

    return _function_of_two(torch.pow)


@case(
    "operators/pow-constant-exponents",
    inputs=[uniform("batch", 4, 9, low=0.3, high=2.5)],
    outputs=["square", "cube", "root", "inverse_root"],
    operators=["Pow"],
    tags={"elementwise"},
)
def pow_constant_exponents():
    """The exponents of norms and of the tanh GELU."""
    return _function(lambda x: (x**2, x**3, x**0.5, x**-0.5))


@case(
    "operators/pow-of-negative-base",
    inputs=[normal("batch", 4, 9)],
    operators=["Pow"],
    tags={"elementwise"},
)
def pow_of_negative_base():
    """A negative number cubed stays negative: exp(3·log(x)) would give NaN."""
    return _function(lambda x: x**3.0 + x**2.0)


@case(
    "operators/pow-scalar-base",
    inputs=[normal("batch", 4, 9)],
    operators=["Pow"],
    tags={"elementwise"},
)
def pow_scalar_base():
    """Two to the power of a tensor."""
    import torch

    return _function(lambda x: torch.pow(2.0, x))


@case(
    "operators/pow-integers",
    inputs=[integers("batch", 4, 9, low=-9, high=10, name="numbers")],
    outputs=[integer("cubes")],
    operators=["Pow"],
    tags={"elementwise", "integer"},
)
def pow_integers():
    """Integers stay integers; ONNX has Pow for them from opset 12 on."""
    return _function(lambda x: x**3)


@case(
    "operators/maximum",
    inputs=[normal("batch", 4, 9, name="first"), normal(4, 1, name="second")],
    operators=["Max"],
    tags={"elementwise", "broadcast"},
)
def maximum():
    """The larger of two tensors, one of which grows."""
    import torch

    return _function_of_two(torch.maximum)


@case(
    "operators/minimum",
    inputs=[normal("batch", 4, 9, name="first"), normal(4, 1, name="second")],
    operators=["Min"],
    tags={"elementwise", "broadcast"},
)
def minimum():
    """The smaller of two tensors, one of which grows."""
    import torch

    return _function_of_two(torch.minimum)


@case(
    "operators/maximum-integers",
    inputs=[_DIVIDEND, _DIVISOR],
    outputs=[integer("larger")],
    operators=["Max"],
    tags={"elementwise", "integer"},
)
def maximum_integers():
    """Max of int64, which ONNX has from opset 12 on."""
    import torch

    return _function_of_two(torch.max)


@case("operators/clamp", inputs=[normal("batch", 4, 9)], operators=["Clip"], tags={"elementwise"})
def clamp():
    """Both bounds."""
    import torch

    return _function(lambda x: torch.clamp(x, -0.4, 0.9))


@case("operators/clamp-lower-bound-alone", inputs=[normal("batch", 4, 9)], operators=["Clip"], tags={"elementwise"})
def clamp_lower_bound_alone():
    """Clip with an input left out at the end."""
    import torch

    return _function(lambda x: torch.clamp(x, min=-0.4))


@case("operators/clamp-upper-bound-alone", inputs=[normal("batch", 4, 9)], operators=["Clip"], tags={"elementwise"})
def clamp_upper_bound_alone():
    """Clip with an empty input in the middle, which a converter may take for a name."""
    import torch

    return _function(lambda x: torch.clamp(x, max=0.4))


@case(
    "operators/clamp-integers",
    inputs=[_NUMBERS],
    outputs=[integer("clamped")],
    operators=["Clip"],
    tags={"elementwise", "integer"},
)
def clamp_integers():
    """How relative positions are cut off; ONNX has Clip for integers from opset 12 on."""
    import torch

    return _function(lambda x: torch.clamp(x, -6, 6))


@case(
    "operators/clamp-tensor-bounds",
    inputs=[normal("batch", 4, 9, name="first"), normal("batch", 4, 9, name="second")],
    requires={"torch": ">=1.10"},
    operators=["Max", "Min"],
    tags={"elementwise"},
)
def clamp_tensor_bounds():
    """Bounds that are tensors, and cross here and there: the upper one wins."""
    import torch

    return _function_of_two(lambda first, second: torch.clamp(first, min=second, max=0.5 - second))


@case(
    "operators/atan2",
    inputs=[normal("batch", 4, 9, name="y"), normal("batch", 4, 9, name="x")],
    operators=["Atan"],
    tags={"elementwise"},
)
def atan2():
    """The angle in all four quadrants; ONNX has only the arc tangent of a quotient."""
    import torch

    return _function_of_two(torch.atan2)


@case(
    "operators/logaddexp",
    inputs=[normal("batch", 4, 9, name="first", std=3.0), normal("batch", 4, 9, name="second", std=3.0)],
    operators=["Exp", "Log"],
    tags={"elementwise"},
)
def logaddexp():
    """A sum of probabilities given as logarithms, as CTC and transducers add them."""
    import torch

    return _function_of_two(torch.logaddexp)


@case(
    "operators/arithmetic-int32",
    inputs=[
        integers("batch", 4, 9, low=-20, high=21, name="first", dtype="int32"),
        integers("batch", 4, 9, low=-20, high=21, name="second", dtype="int32"),
    ],
    outputs=[integer("answer")],
    operators=["Mul", "Sub", "Abs"],
    tags={"elementwise", "integer"},
)
def arithmetic_int32():
    """int32 stays int32 through products, differences and absolute values."""
    import torch

    return _function_of_two(lambda first, second: torch.abs(first * 3 - second) - second)


@case(
    "operators/promote-integer-and-float",
    inputs=[integers("batch", 4, 9, low=-20, high=21, name="first"), normal("batch", 4, 9, name="second")],
    operators=["Cast", "Mul", "Add"],
    tags={"elementwise", "cast", "core"},
)
def promote_integer_and_float():
    """int64 beside float32 becomes float32, and 2.5 makes a float of an integer: ONNX needs every cast spelt out."""
    return _function_of_two(lambda first, second: first * 2.5 + first * second)


@case(
    "operators/promote-boolean-and-integer",
    inputs=[boolean("batch", 4, 9, name="first"), integers("batch", 4, 9, low=-9, high=10, name="second")],
    outputs=[integer("answer")],
    operators=["Cast", "Add"],
    tags={"elementwise", "cast"},
)
def promote_boolean_and_integer():
    """A mask counted in: bool plus int64."""
    return _function_of_two(lambda first, second: first + second * 2)


# Not numbers


@case(
    "operators/isnan",
    inputs=[normal("batch", 4, 9)],
    outputs=[integer("missing")],
    operators=["IsNaN"],
    tags={"elementwise", "not-finite"},
)
def isnan():
    """The logarithm of a negative number is NaN."""
    import torch

    return _function(lambda x: torch.isnan(torch.log(x)))


@case(
    "operators/isinf",
    inputs=[normal("batch", 4, 9)],
    outputs=[integer("infinite")],
    operators=["IsInf"],
    tags={"elementwise", "not-finite"},
)
def isinf():
    """Division by zero is infinite."""
    import torch

    return _function(lambda x: torch.isinf(x / torch.relu(x)))


@case(
    "operators/isfinite",
    inputs=[normal("batch", 4, 9)],
    outputs=[integer("finite")],
    operators=["IsInf", "IsNaN"],
    tags={"elementwise", "not-finite"},
)
def isfinite():
    """Neither NaN nor infinite."""
    import torch

    return _function(lambda x: torch.isfinite(1 / torch.relu(x)))


@case(
    "operators/nan-to-num",
    inputs=[normal("batch", 4, 9)],
    requires={"torch": ">=1.8"},
    operators=["Where"],
    tags={"elementwise", "not-finite"},
)
def nan_to_num():
    """NaN and infinities replaced, each by its own number."""
    import torch

    return _function(lambda x: torch.nan_to_num(torch.log(torch.abs(x)) / torch.relu(x), nan=0.5, posinf=9, neginf=-7))


# Comparison and logic


def _comparison(name, function, operators):
    """`torch.<function>` of integers, many of them equal."""

    @case(
        "operators/" + name,
        inputs=[
            integers("batch", 4, 9, low=-2, high=3, name="first"),
            integers("batch", 4, 9, low=-2, high=3, name="second"),
        ],
        outputs=[integer("answer")],
        operators=operators,
        tags={"elementwise", "comparison"},
    )
    def factory():
        import torch

        return _function_of_two(getattr(torch, function))


_comparison("equal-integers", "eq", ["Equal"])
_comparison("not-equal-integers", "ne", ["Equal", "Not"])
_comparison("less-integers", "lt", ["Less"])
# Operators of their own from opset 12 on; before, a Not of the opposite.
_comparison("less-or-equal-integers", "le", ["LessOrEqual"])
_comparison("greater-integers", "gt", ["Greater"])
_comparison("greater-or-equal-integers", "ge", ["GreaterOrEqual"])


@case(
    "operators/greater-floats",
    inputs=[normal("batch", 4, 9, name="first"), normal(9, name="second")],
    outputs=[integer("answer")],
    operators=["Greater"],
    tags={"elementwise", "comparison", "broadcast"},
)
def greater_floats():
    """Floats, with broadcasting."""
    return _function_of_two(lambda first, second: first > second)


@case(
    "operators/less-integer-and-float",
    inputs=[integers("batch", 4, 9, low=-3, high=4, name="numbers")],
    outputs=[integer("answer")],
    operators=["Cast", "Less"],
    tags={"elementwise", "comparison", "cast"},
)
def less_integer_and_float():
    """An integer below 1.5: a cast of the bound to integer would ask whether it is below 1."""
    return _function(lambda x: x < 1.5)


@case(
    "operators/equal-booleans",
    inputs=[boolean("batch", 4, 9, name="first"), boolean("batch", 4, 9, name="second")],
    outputs=[integer("answer")],
    operators=["Equal"],
    tags={"elementwise", "logic"},
)
def equal_booleans():
    """Two masks compared."""
    return _function_of_two(lambda first, second: first == second)


@case(
    "operators/logical-operators",
    inputs=[boolean("batch", 4, 9, name="first"), boolean("batch", 4, 1, name="second")],
    outputs=[integer("both"), integer("either"), integer("one")],
    operators=["And", "Or", "Xor"],
    tags={"elementwise", "logic"},
)
def logical_operators():
    """And, or, exclusive or, with broadcasting: masks combined."""
    import torch

    return _function_of_two(
        lambda first, second: (
            torch.logical_and(first, second),
            torch.logical_or(first, second),
            torch.logical_xor(first, second),
        )
    )


@case(
    "operators/logical-not",
    inputs=[boolean("batch", 4, 9, name="mask")],
    outputs=[integer("kept")],
    operators=["Not"],
    tags={"elementwise", "logic"},
)
def logical_not():
    """A mask the other way round."""
    import torch

    return _function(torch.logical_not)


@case(
    "operators/logical-and-of-numbers",
    inputs=[integers("batch", 4, 9, low=0, high=3, name="first"), normal("batch", 4, 9, name="second")],
    outputs=[integer("answer")],
    operators=["Cast", "And"],
    tags={"elementwise", "logic", "cast"},
)
def logical_and_of_numbers():
    """Every number but zero is true."""
    import torch

    return _function_of_two(lambda first, second: torch.logical_and(first, torch.relu(second)))


@case(
    "operators/bitwise-booleans",
    inputs=[boolean("batch", 4, 9, name="first"), boolean("batch", 4, 9, name="second")],
    outputs=[integer("answer")],
    operators=["And", "Or", "Not"],
    tags={"elementwise", "logic"},
)
def bitwise_booleans():
    """Masks by &, | and ~, which are bitwise in torch and logical in ONNX."""
    return _function_of_two(lambda first, second: (first & ~second) | (~first & second))


def _bitwise(name, function, operator):
    """Bits of two integers by `torch.<function>`; operators of ONNX from opset 18 on."""

    @case(
        "operators/" + name,
        inputs=[integers("batch", 4, 9, high=64, name="first"), integers("batch", 4, 9, high=64, name="second")],
        outputs=[integer("answer")],
        operators=[operator],
        tags={"elementwise", "integer", "logic"},
    )
    def factory():
        import torch

        return _function_of_two(getattr(torch, function))


_bitwise("bitwise-and-integers", "bitwise_and", "BitwiseAnd")
_bitwise("bitwise-or-integers", "bitwise_or", "BitwiseOr")
_bitwise("bitwise-xor-integers", "bitwise_xor", "BitwiseXor")


@case(
    "operators/bit-shift",
    inputs=[integers("batch", 4, 9, high=64, name="first"), integers("batch", 4, 9, low=0, high=4, name="second")],
    outputs=[integer("left"), integer("right")],
    operators=["Pow", "Mul", "Div"],
    tags={"elementwise", "integer"},
)
def bit_shift():
    """Shifts of signed integers: ONNX's BitShift takes unsigned ones, so they are powers of two."""
    return _function_of_two(lambda first, second: (first << second, first >> second))


# Choice


@case(
    "operators/where-broadcast",
    inputs=[
        boolean("batch", 1, 9, name="condition"),
        normal("batch", 4, 1, name="first"),
        normal(4, 9, name="second"),
    ],
    operators=["Where"],
    tags={"elementwise", "broadcast", "core"},
)
def where_broadcast():
    """All three inputs grow."""
    import torch

    class Choice(torch.nn.Module):
        def forward(self, condition, first, second):
            return torch.where(condition, first, second)

    return Choice().eval()


@case(
    "operators/where-scalars",
    inputs=[normal("batch", 4, 9)],
    requires={"torch": ">=2.0"},
    operators=["Where"],
    tags={"elementwise"},
)
def where_scalars():
    """A number on one side, whose type has to be found out."""
    import torch

    return _function(lambda x: torch.where(x > 0.3, x, -1.0))


@case(
    "operators/where-integers",
    inputs=[integers("batch", 4, 9, low=-9, high=10, name="first"), integers("batch", 1, 9, high=20, name="second")],
    outputs=[integer("answer")],
    operators=["Where"],
    tags={"elementwise", "integer"},
)
def where_integers():
    """int64 on both sides, as in the buckets of relative positions."""
    import torch

    return _function_of_two(lambda first, second: torch.where(first < 2, first, second))


@case(
    "operators/masked-fill",
    inputs=[normal("batch", 4, 9, name="values"), boolean("batch", 1, 9, name="mask")],
    operators=["Where"],
    tags={"elementwise"},
)
def masked_fill():
    """A number where the mask says so."""
    return _function_of_two(lambda values, mask: values.masked_fill(mask, -2.5))


# Casts


@case(
    "operators/cast-float-to-int64",
    inputs=[uniform("batch", 4, 9, low=-5, high=5)],
    outputs=[integer("whole")],
    operators=["Cast"],
    tags={"elementwise", "cast"},
)
def cast_float_to_int64():
    """Towards zero, on both sides of it."""
    return _function(lambda x: x.long())


@case(
    "operators/cast-float-to-bool",
    inputs=[normal("batch", 4, 9)],
    outputs=[integer("positive")],
    operators=["Cast"],
    tags={"elementwise", "cast"},
)
def cast_float_to_bool():
    """Every number but zero is true, also those below one."""
    import torch

    return _function(lambda x: torch.relu(x).bool())


@case(
    "operators/cast-bool-to-float",
    inputs=[boolean("batch", 4, 9, name="mask"), normal("batch", 4, 9, name="values")],
    operators=["Cast", "Mul"],
    tags={"elementwise", "cast"},
)
def cast_bool_to_float():
    """A mask as a factor."""
    return _function_of_two(lambda mask, values: mask.type_as(values) * values)


@case(
    "operators/cast-int64-to-int32",
    inputs=[integers("batch", 4, 9, low=-900, high=900, name="numbers")],
    outputs=[integer("narrow")],
    operators=["Cast"],
    tags={"elementwise", "cast", "integer"},
)
def cast_int64_to_int32():
    """The dtype of an output is a promise of the signature."""
    return _function(lambda x: x.int() + 1)


@case(
    "operators/cast-uint8-to-float",
    inputs=[integers("batch", 4, 9, high=256, name="bytes", dtype="uint8")],
    operators=["Cast"],
    tags={"elementwise", "cast"},
)
def cast_uint8_to_float():
    """Bytes above 127 stay positive."""
    import torch

    return _function(lambda x: x.to(torch.float32) / 255)


@case(
    "operators/cast-float-to-uint8",
    inputs=[uniform("batch", 4, 9, high=255.0)],
    outputs=[integer("bytes")],
    operators=["Cast"],
    tags={"elementwise", "cast"},
)
def cast_float_to_uint8():
    """An image out, clamped before the cast."""
    import torch

    return _function(lambda x: torch.clamp(x, 0, 255).to(torch.uint8))


@case(
    "operators/cast-through-half",
    inputs=[normal("batch", 4, 9)],
    operators=["Cast"],
    tags={"elementwise", "cast"},
)
def cast_through_half():
    """Rounded to half precision and back, as mixed-precision code leaves it behind: an optimiser that drops the two
    casts, or computes in half, gives another answer."""
    return _function(lambda x: x.half().to(x.dtype) * 3)


@case(
    "operators/cast-through-double",
    inputs=[normal("batch", 4, 9)],
    operators=["Cast"],
    tags={"elementwise", "cast"},
)
def cast_through_double():
    """What float32 cannot hold is computed in float64: 1e-9 added and the large part taken off again."""
    return _function(lambda x: (((x.double() + 4096.0) * 1024.0) - 4096.0 * 1024.0).float())


# Activations


def _activation(name, module, operators, *tags, **settings):
    """`torch.nn.<module>` with its settings, over numbers on both sides of each of its bends."""

    @case(
        "operators/" + name,
        inputs=[normal("batch", 4, 3, 6, std=2.0)],
        operators=operators,
        tags=["activation", *tags],
    )
    def factory():
        import torch

        return getattr(torch.nn, module)(**settings).eval()


_activation("relu", "ReLU", ["Relu"], "core")
_activation("relu6", "ReLU6", ["Clip"])
_activation("leaky-relu", "LeakyReLU", ["LeakyRelu"], negative_slope=0.2)
_activation("elu", "ELU", ["Elu"], alpha=1.5)
_activation("selu", "SELU", ["Selu"])
# Torch divides by alpha inside the exponential, ELU does not.
_activation("celu", "CELU", ["Celu"], alpha=1.5)
_activation("softplus", "Softplus", ["Softplus"])
# beta scales inside and outside; ONNX's Softplus has neither beta nor threshold.
_activation("softplus-beta", "Softplus", ["Softplus", "Mul", "Div"], beta=2.5, threshold=10)
_activation("softsign", "Softsign", ["Abs", "Div"])
_activation("hardtanh", "Hardtanh", ["Clip"], min_val=-0.7, max_val=1.6)
# Torch's slope is 1/6, Keras's and ONNX's default is 0.2.
_activation("hardsigmoid", "Hardsigmoid", ["HardSigmoid"])
_activation("log-sigmoid", "LogSigmoid", ["Sigmoid", "Log"])
_activation("tanhshrink", "Tanhshrink", ["Tanh", "Sub"])
_activation("softshrink", "Softshrink", ["Greater", "Less"], lambd=0.4)
_activation("hardshrink", "Hardshrink", ["Where"], lambd=0.4)
_activation("threshold", "Threshold", ["Greater", "Where"], threshold=0.3, value=-1.5)
# A random slope in training, its mean in evaluation.
_activation("rrelu", "RReLU", ["LeakyRelu"], lower=0.1, upper=0.5)
_activation("softmin", "Softmin", ["Neg", "Softmax"], dim=-1)
_activation("softmax-2d", "Softmax2d", ["Softmax"])
_activation("glu", "GLU", ["Split", "Sigmoid", "Mul"], dim=-1)
_activation("glu-channels", "GLU", ["Split", "Sigmoid", "Mul"], dim=1)


@case(
    "operators/prelu",
    inputs=[normal("batch", 4, 3, 6)],
    operators=["PRelu"],
    tags={"activation"},
)
def prelu():
    """A slope per channel, which has to be given two axes behind it before it broadcasts."""
    import torch

    network = torch.nn.PReLU(4)
    torch.nn.init.uniform_(network.weight, 0.1, 0.9)
    return network.eval()


@case("operators/prelu-rank-2", inputs=[normal("batch", 6)], operators=["PRelu"], tags={"activation"})
def prelu_rank_2():
    """The channel is the last axis here."""
    import torch

    network = torch.nn.PReLU(6)
    torch.nn.init.uniform_(network.weight, 0.1, 0.9)
    return network.eval()


@case(
    "operators/gelu-sigmoid",
    inputs=[normal("batch", 4, 9)],
    operators=["Sigmoid", "Mul"],
    tags={"activation"},
)
def gelu_sigmoid():
    """CLIP's quick GELU: x·sigmoid(1.702·x), up to 0.02 from the exact one."""
    import torch

    return _function(lambda x: x * torch.sigmoid(1.702 * x))


@case(
    "operators/gelu-tanh-by-hand",
    inputs=[normal("batch", 4, 9)],
    operators=["Pow", "Tanh"],
    tags={"activation"},
)
def gelu_tanh_by_hand():
    """The formula that guides offer in place of GELU, operator by operator, for torch of any age."""
    import math

    import torch

    return _function(lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0)))))


@case(
    "operators/sigmoid-of-extremes",
    inputs=[uniform("batch", 4, 9, low=-200, high=200)],
    outputs=["sigmoid", "tanh", "softplus"],
    operators=["Sigmoid", "Tanh", "Softplus"],
    tags={"activation", "extremes"},
)
def sigmoid_of_extremes():
    """Far from zero nothing overflows: log(1 + exp(x)) as it stands would."""
    import torch

    return _function(lambda x: (torch.sigmoid(x), torch.tanh(x), torch.nn.functional.softplus(x)))


@case(
    "operators/log-sigmoid-of-extremes",
    inputs=[uniform("batch", 4, 9, low=-200, high=200)],
    operators=["Log"],
    tags={"activation", "extremes"},
)
def log_sigmoid_of_extremes():
    """Torch's is about x far below zero; the exporter's log(sigmoid(x)) is minus infinity there."""
    import torch

    return torch.nn.LogSigmoid().eval()


# Softmax


@case("operators/softmax", inputs=[normal("batch", 3, 5, 9)], operators=["Softmax"], tags={"softmax", "core"})
def softmax():
    """Over the last axis, the one that every framework has."""
    import torch

    return torch.nn.Softmax(dim=-1).eval()


@case("operators/softmax-channels", inputs=[normal("batch", 3, 5, 9)], operators=["Softmax"], tags={"softmax"})
def softmax_channels():
    """Over axis 1 of four: before opset 13 ONNX flattens all behind the axis, so the exporter has to transpose."""
    import torch

    return torch.nn.Softmax(dim=1).eval()


@case("operators/softmax-middle-axis", inputs=[normal("batch", 3, 5, 9)], operators=["Softmax"], tags={"softmax"})
def softmax_middle_axis():
    """Over axis -2: attention over what came in, not over what goes out."""
    import torch

    return torch.nn.Softmax(dim=-2).eval()


@case("operators/log-softmax-channels", inputs=[normal("batch", 5, 3, 4)], operators=["LogSoftmax"], tags={"softmax"})
def log_softmax_channels():
    """A segmentation's log probabilities, over axis 1."""
    import torch

    return torch.nn.LogSoftmax(dim=1).eval()


@case(
    "operators/softmax-large-scores",
    inputs=[normal("batch", 4, 9, std=120.0)],
    outputs=["probabilities", "logarithms"],
    operators=["Softmax", "LogSoftmax"],
    tags={"softmax", "extremes"},
)
def softmax_large_scores():
    """Scores in the hundreds: without the maximum taken off first, all is NaN."""
    import torch

    return _function(lambda x: (torch.softmax(x, dim=-1), torch.log_softmax(x, dim=-1)))


@case(
    "operators/softmax-masked-infinity",
    inputs=[normal("batch", 4, 9, name="scores"), mask("batch", 1, 9, name="attention_mask")],
    operators=["Where", "Softmax"],
    tags={"softmax", "mask", "core"},
)
def softmax_masked_infinity():
    """Minus infinity where the mask has a zero, never in a whole row."""
    import torch

    return _function_of_two(
        lambda scores, attention_mask: torch.softmax(scores.masked_fill(attention_mask == 0, float("-inf")), dim=-1)
    )


@case(
    "operators/softmax-masked-row",
    inputs=[normal("batch", 4, 9, name="scores"), boolean("batch", 4, 1, name="mask")],
    operators=["Where", "Softmax"],
    tags={"softmax", "mask"},
)
def softmax_masked_row():
    """The lowest float32 in whole rows: equal shares, where minus infinity would give NaN."""
    import torch

    return _function_of_two(
        lambda scores, mask: torch.softmax(scores.masked_fill(mask, torch.finfo(torch.float32).min), dim=-1)
    )


@case(
    "operators/softmax-nan-row",
    inputs=[normal("batch", 4, 9, name="scores"), boolean("batch", 4, 1, name="mask")],
    operators=["Where", "Softmax"],
    tags={"softmax", "mask", "not-finite"},
)
def softmax_nan_row():
    """Minus infinity in whole rows gives NaN, which is then replaced by zero, as some attention code does."""
    import torch

    def attend(scores, mask):
        shares = torch.softmax(scores.masked_fill(mask, float("-inf")), dim=-1)
        return torch.where(torch.isnan(shares), torch.zeros_like(shares), shares)

    return _function_of_two(attend)


@case(
    "operators/softmax-in-float32",
    inputs=[normal("batch", 4, 9, std=3.0)],
    operators=["Softmax"],
    tags={"softmax", "cast"},
)
def softmax_in_float32():
    """softmax(..., dtype=float32), as models of mixed precision write it."""
    import torch

    return _function(lambda x: torch.nn.functional.softmax(x, dim=-1, dtype=torch.float32).type_as(x))
