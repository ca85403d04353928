"""A Pad whose value is omitted by an empty name loses that input: zero is its default."""

from typing import Any

from tfparity.worker.remedies import Remedy


def rewrite(model: Any) -> None:
    for node in model.graph.node:
        if node.op_type == "Pad":
            while len(node.input) > 2 and not node.input[-1]:
                del node.input[-1]


REMEDY = Remedy(revision=1, rewrite=rewrite)
