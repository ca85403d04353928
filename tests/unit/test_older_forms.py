"""Operators of newer opsets in their forms of opset 12: the same answers, or a refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import older_forms

GIVEN = np.random.default_rng(0).standard_normal((2, 4, 6, 6)).astype(np.float32)
FLOATS = TensorProto.FLOAT


def model(kind: str, *inputs: Any, outputs: int = 1, opset: int = 18, **attributes: Any) -> onnx.ModelProto:
    """One operator on "x" (batch, 4, 6, 6); further inputs are constants, "" or the name of another input."""
    constants, names = [], ["x"]
    for number, value in enumerate(inputs):
        names.append(value if isinstance(value, str) else f"constant_{number}")
        if not isinstance(value, str):
            constants.append(numpy_helper.from_array(np.asarray(value), names[-1]))
    made = [f"y{number}" for number in range(outputs)]
    return whole([helper.make_node(kind, names, made, **attributes)], made, constants, opset)


def whole(nodes: list[Any], outputs: list[str], constants: list[Any], opset: int = 18) -> onnx.ModelProto:
    given = [helper.make_tensor_value_info("x", FLOATS, ["batch", 4, 6, 6])]
    if any("axes" in node.input for node in nodes):
        given.append(helper.make_tensor_value_info("axes", TensorProto.INT64, [1]))
    kinds = onnx.shape_inference.infer_shapes(
        helper.make_model(
            helper.make_graph(nodes, "g", given, [onnx.ValueInfoProto(name=name) for name in outputs], constants),
            opset_imports=[helper.make_opsetid("", opset)],
        )
    )
    for value in kinds.graph.output:
        if not value.type.tensor_type.HasField("shape"):
            value.CopyFrom(helper.make_tensor_value_info(value.name, FLOATS, [None] * 4))
    kinds.ir_version = 8
    return kinds


def answers(made: onnx.ModelProto) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(made.SerializeToString(), options).run(None, {"x": GIVEN})  # type: ignore[no-any-return]


AXES = np.array([1, -1])
BOXES = np.array([[0, 0, 3.3, 4.1], [1, 0.5, 5, 5]], np.float32)
POOLED = {"output_height": 2, "output_width": 2}


@pytest.mark.parametrize(
    "made",
    [
        model("ReduceMean", AXES, keepdims=0),
        model("ReduceMean"),
        model("ReduceMax", np.array([], np.int64), noop_with_empty_axes=1),
        model("ReduceSum", AXES, opset=13),
        model("ReduceL2", AXES, keepdims=1),
        model("Unsqueeze", np.array([0, -1])),
        model("Split", np.array([1, 3]), axis=1, outputs=2),
        model("Split", axis=1, outputs=2, num_outputs=2),
        model("Softmax", axis=1),
        model("Softmax"),
        model("LogSoftmax", axis=2),
        model("Softmax", axis=3),
        model("Resize", "", np.array([1, 1, 2, 2], np.float32), mode="linear"),
        model("Resize", "", "", np.array([2, 4, 9, 3]), mode="nearest", antialias=0),
        model("Reshape", np.array([0, -1]), allowzero=0),
        model("Reshape", np.array([-1, 24, 6]), allowzero=1),
        model("Shape", start=1, end=-1),
        model("Shape", start=-2),
        model("Shape"),
        model("LayerNormalization", np.arange(6, dtype=np.float32), np.ones(6, np.float32), epsilon=1e-3),
        model("LayerNormalization", np.ones((6, 6), np.float32), axis=2),
        model("LayerNormalization", np.ones(6, np.float32), axis=2),
        model("LayerNormalization", np.ones(6, np.float32), outputs=3),
        model("Mish"),
        model("HardSwish"),
        model("Gelu", opset=20),
        model("Gelu", opset=20, approximate="tanh"),
        model("GroupNormalization", *[np.array([1, 2], np.float32)] * 2, num_groups=2),
        model("GroupNormalization", *[np.arange(4, dtype=np.float32)] * 2, num_groups=2, opset=21),
        model("Swish", opset=24),
        model("CastLike", np.array([1])),
        model("Trilu"),
        model("Trilu", np.array(-1), upper=0),
        model("RoiAlign", BOXES, np.array([0, 1]), **POOLED, coordinate_transformation_mode="output_half_pixel"),
        model("Relu"),
        model("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect"),
        model("BatchNormalization", *[np.ones(4, np.float32)] * 4, training_mode=0),
    ],
    ids=lambda made: made.graph.node[0].op_type,
)
def test_the_older_form_answers_alike(made: onnx.ModelProto) -> None:
    wanted = answers(made)
    older_forms.rewrite(made)
    assert [(entry.domain, entry.version) for entry in made.opset_import] == [("", 12)]
    onnx.checker.check_model(made)
    got = answers(made)
    assert [one.shape for one in got] == [one.shape for one in wanted]
    for right, given in zip(wanted, got, strict=True):
        np.testing.assert_allclose(given, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (model("ReduceMean", "axes"), "computed by the model"),
        (model("Resize", "", np.ones(4, np.float32), mode="linear", antialias=1), "no antialias"),
        (model("Reshape", np.array([0, 4, 36]), allowzero=1), "no allowzero"),
        (model("GridSample", np.zeros((2, 3, 3, 2), np.float32)), "ONNX has no GridSample at opset 12"),
        (model("RoiAlign", BOXES, np.array([0, 1]), **POOLED), "no half_pixel"),
        (model("Pad", np.array([1, 1]), "", np.array([2])), "input size 4 not in range"),
        (model("Pad", np.array([0, 0, 1, 1] * 2), mode="wrap", opset=19), "no mode wrap"),
        (model("ReduceL2", np.array([], np.int64), noop_with_empty_axes=1), "over no axis"),
        (model("QuantizeLinear", np.ones(4, np.float32), np.zeros(4, np.uint8), axis=1), "by channels"),
        (model("ScatterND", np.array([[0]]), GIVEN[:1], reduction="add"), "no reduction"),
    ],
    ids=lambda value: value.graph.node[0].op_type if isinstance(value, onnx.ModelProto) else None,
)
def test_what_opset_12_cannot_say_is_refused(made: onnx.ModelProto, says: str) -> None:
    with pytest.raises(Refused, match=says):
        older_forms.rewrite(made)


def test_what_comes_before_it_tells_sizes_and_axes() -> None:
    """The last part of an uneven Split is smaller; axes may be a Constant of integers."""
    nodes = [
        helper.make_node("Constant", [], ["ends"], value_ints=[5]),
        helper.make_node("Constant", [], ["of"], value_ints=[2]),
        helper.make_node("Constant", [], ["start"], value_ints=[0]),
        helper.make_node("Slice", ["x", "start", "ends", "of"], ["five"]),
        helper.make_node("Split", ["five"], ["y0", "part"], axis=2, num_outputs=2),
        helper.make_node("ReduceSum", ["part", "of"], ["y1"]),
    ]
    made = whole(nodes, ["y0", "y1"], [])
    wanted = answers(made)
    older_forms.rewrite(made)
    for right, given in zip(wanted, answers(made), strict=True):
        np.testing.assert_array_equal(given, right)


def test_a_triangle_drops_what_is_no_number() -> None:
    """What is dropped is 0, not 0 times what was there."""
    made = whole([helper.make_node("Log", ["x"], ["log"]), helper.make_node("Trilu", ["log"], ["y"])], ["y"], [])
    wanted = answers(made)
    older_forms.rewrite(made)
    np.testing.assert_array_equal(answers(made)[0], wanted[0])


def test_the_graphs_within_are_rewritten_too() -> None:
    """The branch takes its axes from the graph around it."""
    branches = {
        name: helper.make_graph(
            [helper.make_node(kind, ["x", "axes_of_all"], ["y"], keepdims=1)],
            name,
            [],
            [helper.make_tensor_value_info("y", FLOATS, ["batch", 1, 6, 1])],
        )
        for name, kind in (("then_branch", "ReduceMean"), ("else_branch", "ReduceMax"))
    }
    nodes = [helper.make_node("If", ["yes"], ["out"], **branches)]
    constants = [numpy_helper.from_array(np.array(True), "yes"), numpy_helper.from_array(AXES, "axes_of_all")]
    made = whole(nodes, ["out"], constants)
    wanted = answers(made)
    older_forms.rewrite(made)
    np.testing.assert_allclose(answers(made)[0], wanted[0], rtol=1e-6)


def test_functions_of_the_file_are_put_in_where_they_are_called() -> None:
    body = [helper.make_node("Constant", [], ["a"], value=numpy_helper.from_array(AXES))]
    body.append(helper.make_node("ReduceMean", ["x", "a"], ["y"]))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    made = whole([helper.make_node("Identity", ["x"], ["y0"])], ["y0"], [])
    made.graph.node[0].CopyFrom(helper.make_node("mean", ["x"], ["y0"], domain="own"))
    made.opset_import.append(opsets[1])
    made.functions.append(helper.make_function("own", "mean", ["x"], ["y"], body, opsets[:1]))
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("y0", FLOATS, ["batch", 1, 6, 1]))
    wanted = answers(made)
    older_forms.rewrite(made)
    np.testing.assert_allclose(answers(made)[0], wanted[0], rtol=1e-6)


def test_a_function_of_another_opset_is_refused() -> None:
    body = [helper.make_node("Relu", ["x"], ["y"])]
    made = whole([helper.make_node("Identity", ["x"], ["y0"])], ["y0"], [])
    made.graph.node[0].CopyFrom(helper.make_node("own_relu", ["x"], ["y0"], domain="own"))
    made.opset_import.append(helper.make_opsetid("own", 1))
    made.functions.append(helper.make_function("own", "own_relu", ["x"], ["y"], body, [helper.make_opsetid("", 17)]))
    with pytest.raises(Refused, match="own_relu is of another opset"):
        older_forms.rewrite(made)


def test_an_older_file_is_left_as_it_is() -> None:
    made = model("Relu", opset=11)
    before = made.SerializeToString()
    older_forms.rewrite(made)
    assert made.SerializeToString() == before
