"""What the ONNX exporters share: the file's name, the checker, the list of operators."""

import os
from typing import Any, List

MODEL = "model.onnx"


def check(folder: str) -> int:
    """Run the environment's own onnx checker on the file; returns the opset of the default domain."""
    import onnx

    path = os.path.join(folder, MODEL)
    model = onnx.load(path)
    onnx.checker.check_model(path if model.ByteSize() > 2**30 else model)
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            return int(entry.version)
    raise ValueError("the file imports no opset of the default domain")


def operators(folder: str) -> List[str]:
    """The operators of the file, each once, including those of subgraphs and of the file's own functions."""
    import onnx

    found = set()

    def visit(nodes: Any) -> None:
        for node in nodes:
            found.add(node.op_type if node.domain in ("", "ai.onnx") else "%s.%s" % (node.domain, node.op_type))
            for attribute in node.attribute:
                for graph in [attribute.g] + list(attribute.graphs):
                    visit(graph.node)

    model = onnx.load(os.path.join(folder, MODEL), load_external_data=False)
    visit(model.graph.node)
    for function in getattr(model, "functions", ()):
        visit(function.node)
    return sorted(found)
