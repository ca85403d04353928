"""The remedy max-pool-without-pads, run by ONNX's reference evaluator."""

from __future__ import annotations

from typing import Any

import numpy
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tfparity.worker.remedies import max_pool_without_pads


def pooled(before: str, **attributes: Any) -> Any:
    """A graph of one operator and a max pool of 3 by 3."""
    nodes = [
        helper.make_node(before, ["x"], ["h"]),
        helper.make_node("MaxPool", ["h"], ["y"], kernel_shape=[3, 3], strides=[2, 2], **attributes),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2, 7, 8])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2, None, None])]
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


def run(model: Any) -> Any:
    given = numpy.random.default_rng(0).standard_normal((2, 2, 7, 8)).astype(numpy.float32)
    return ReferenceEvaluator(model).run(None, {"x": given})[0]


@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 1, 1, 0]])
def test_after_a_relu_the_pads_become_a_pad_and_the_answer_stays(pads: list[int]) -> None:
    model = pooled("Relu", pads=pads)
    before = run(model)
    max_pool_without_pads.rewrite(model)
    assert [node.op_type for node in model.graph.node] == ["Relu", "Pad", "MaxPool"]
    onnx.checker.check_model(model)
    numpy.testing.assert_array_equal(run(model), before)


@pytest.mark.parametrize(
    ("before", "attributes"),
    [("Tanh", {"pads": [1, 1, 1, 1]}), ("Relu", {"pads": [1, 1, 1, 1], "ceil_mode": 1}), ("Relu", {})],
)
def test_what_is_below_zero_rounded_up_or_not_padded_stays(before: str, attributes: dict[str, Any]) -> None:
    model = pooled(before, **attributes)
    max_pool_without_pads.rewrite(model)
    assert [node.op_type for node in model.graph.node] == [before, "MaxPool"]
