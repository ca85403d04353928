"""What an ONNX file says of itself: its opset, what it takes and gives, where its weights are. Nothing of it is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfparity import paths
from tfparity.errors import UsageError


@dataclass(frozen=True)
class Value:
    """An input or output: a dimension is a size, a symbol, or None where the file leaves it open; so is the shape where
    it does not even say how many there are."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...] | None


@dataclass(frozen=True)
class OnnxFile:
    """opset: of the default domain. inputs: without weights, which old files list among them. external: names of files
    beside it that hold weights. operators: each once, those of branches and of the file's own functions too; of another
    domain than ONNX's with its name before ("com.microsoft.Gelu")."""

    opset: int
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    external: tuple[str, ...]
    operators: tuple[str, ...] = ()


def read(path: Path) -> OnnxFile:
    """Raises UsageError for a file that is none, that names no opset, or takes what is no tensor."""
    import onnx  # a third of a second, which few commands need

    def wrong(why: object) -> UsageError:
        return UsageError(f"{path}: cannot be read as ONNX: {why}")

    try:
        paths.look_at(path, 2**31)  # as much as protobuf takes
        model = onnx.load(str(path), load_external_data=False)
    except OSError as unreadable:
        raise wrong(unreadable) from None
    except Exception as damaged:  # noqa: BLE001 - protobuf's DecodeError, or whatever its version raises
        raise wrong(damaged) from None
    opset = next((int(one.version) for one in model.opset_import if one.domain in ("", "ai.onnx")), 0)
    if not opset:
        raise wrong("it imports no opset")
    weights = {weight.name for weight in model.graph.initializer}
    files = dict.fromkeys(_locations(model))
    try:
        inputs = tuple(_value(value) for value in model.graph.input if value.name not in weights)
        outputs = tuple(_value(value) for value in model.graph.output)
    except ValueError as unknown:
        raise wrong(unknown) from None
    if not inputs or not outputs:
        raise wrong(f"it has no {'outputs' if inputs else 'inputs'}")
    return OnnxFile(opset, inputs, outputs, tuple(files), _operators(model))


def _operators(model: Any) -> tuple[str, ...]:
    own = {(function.domain, function.name) for function in model.functions}
    nodes = [*_nodes(model.graph.node), *(node for function in model.functions for node in _nodes(function.node))]
    used = {(node.domain, node.op_type) for node in nodes} - own
    return tuple(sorted(name if domain in ("", "ai.onnx") else f"{domain}.{name}" for domain, name in used))


def _nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    """The nodes and those of their branches."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph.node)


def _locations(message: Any) -> Iterator[str]:
    """Where tensors of the message say that their data are: a weight may stand in a node, in a branch or a function."""
    import onnx

    if isinstance(message, onnx.TensorProto):
        if message.data_location == onnx.TensorProto.EXTERNAL:
            yield from (entry.value for entry in message.external_data if entry.key == "location")
        return
    for field, held in message.ListFields():
        if field.message_type:
            for part in [held] if hasattr(held, "ListFields") else held:
                yield from _locations(part)


def _value(value: Any) -> Value:
    import onnx

    if value.type.WhichOneof("value") != "tensor_type":
        raise ValueError(f"{value.name!r} is no tensor")
    tensor = value.type.tensor_type
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    except KeyError:
        raise ValueError(f"{value.name!r} is of no known type ({tensor.elem_type})") from None
    if not tensor.HasField("shape"):
        return Value(value.name, dtype, None)
    return Value(value.name, dtype, tuple(dim.dim_param or max(dim.dim_value, 0) or None for dim in tensor.shape.dim))
