"""An LSTM whose bias is omitted by an empty name gets a bias of zeros."""

from typing import Any

from tfparity.worker.remedies import Remedy


def rewrite(model: Any) -> None:
    from onnx import TensorProto, helper

    types = {known.name: known.data_type for known in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "LSTM" or len(node.input) < 4 or node.input[3]:
            continue
        settings = {setting.name: helper.get_attribute_value(setting) for setting in node.attribute}
        sizes = [2 if settings.get("direction") == b"bidirectional" else 1, 8 * settings["hidden_size"]]
        name = "%s_zero_bias" % next(output for output in node.output if output)
        zeros = [0.0] * (sizes[0] * sizes[1])
        model.graph.initializer.append(
            helper.make_tensor(name, types.get(node.input[1], TensorProto.FLOAT), sizes, zeros)
        )
        node.input[3] = name


REMEDY = Remedy(revision=1, rewrite=rewrite)
