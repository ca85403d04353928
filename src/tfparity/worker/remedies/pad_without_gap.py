"""A Pad whose value is left out by an empty name loses that input: zeros are its default."""

from typing import Any

REVISION = 1


def rewrite(model: Any) -> None:
    for node in model.graph.node:
        if node.op_type == "Pad":
            while len(node.input) > 2 and not node.input[-1]:
                del node.input[-1]
