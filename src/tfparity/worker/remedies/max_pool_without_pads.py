"""A padded max pool after a ReLU becomes a zero Pad and a max pool without padding: no input is negative.

TensorFlow Lite 2.12 and 2.13 drop the padding that onnx-tf writes for a max pool.
"""

from typing import Any

from tfparity.worker.remedies import Remedy


def rewrite(model: Any) -> None:
    """Only pools without ceil_mode and without indices; others stay as they are."""
    from onnx import TensorProto, helper

    graph = model.graph
    rectified = {name for node in graph.node if node.op_type == "Relu" for name in node.output}
    nodes = []
    for place, node in enumerate(graph.node):
        attributes = {one.name: one for one in node.attribute}
        pads = list(attributes["pads"].ints) if "pads" in attributes else []
        ceil = "ceil_mode" in attributes and attributes["ceil_mode"].i
        plain = node.op_type == "MaxPool" and len(node.output) == 1 and not ceil
        if plain and any(pads) and node.input[0] in rectified:
            half = len(pads) // 2
            named = "padded_%d" % place
            amounts = [0, 0, *pads[:half], 0, 0, *pads[half:]]
            sizes = helper.make_tensor(named + "_pads", TensorProto.INT64, [len(amounts)], amounts)
            zero = helper.make_tensor(named + "_zero", TensorProto.FLOAT, [], [0.0])
            graph.initializer.extend([sizes, zero])
            nodes.append(helper.make_node("Pad", [node.input[0], sizes.name, zero.name], [named], mode="constant"))
            node.input[0] = named
            attributes["pads"].ints[:] = [0] * len(pads)
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


REMEDY = Remedy(revision=1, rewrite=rewrite)
