"""Operators of opsets 13 to 18 are written in their forms of opset 12, where ONNX's version converter gives up.

What each version changed: https://onnx.ai/onnx/operators/
"""

from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from tfparity.worker.messages import Refused

REVISION = 1

OPSET = 12

#: The IR of that opset: https://github.com/onnx/onnx/blob/main/docs/Versioning.md
IR = 7


def rewrite(model: Any) -> None:
    """Raises Refused where opset 12 cannot say what an operator does."""
    import onnx

    if model.functions:
        from onnx import inliner

        model.CopyFrom(inliner.inline_local_functions(model))
    for entry in model.opset_import:
        if not entry.domain and entry.version > OPSET:
            _Graph(model.graph, entry.version, {}, {}).rewrite()
            entry.version = OPSET
            model.ir_version = IR
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise Refused("NoOlderForm", str(error).strip().splitlines()[0]) from None


class _Graph:
    """One graph, or one inside an If, Loop or Scan, which sees the constants and ranks of those around it."""

    def __init__(self, graph: Any, version: int, constants: Mapping[str, Any], ranks: Mapping[str, int]) -> None:
        from onnx import numpy_helper

        self.graph = graph
        self.version = version
        self.constants: Dict[str, Any] = dict(constants)
        self.ranks: Dict[str, int] = dict(ranks)
        for tensor in graph.initializer:
            self.constants[tensor.name] = tensor
            self.ranks[tensor.name] = len(tensor.dims)
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = node.attribute[0].t
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.type.tensor_type.HasField("shape"):
                self.ranks[value.name] = len(value.type.tensor_type.shape.dim)
        self.array = numpy_helper.to_array
        self.count = 0

    def rewrite(self) -> None:
        nodes = [made for node in list(self.graph.node) for made in self.forms(node)]
        del self.graph.node[:]
        self.graph.node.extend(nodes)

    def forms(self, node: Any) -> Iterator[Any]:
        """What stands for a node at opset 12."""
        from onnx import defs

        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                _Graph(inner, self.version, self.constants, self.ranks).rewrite()
        if node.domain:
            yield node
            return
        now = defs.get_schema(node.op_type, self.version, "")
        special = FORMS.get(node.op_type)
        if special is not None and now.since_version > OPSET:
            yield from special(self, node)
            return
        if not defs.has(node.op_type, "") or _since(node.op_type) is None:
            raise Refused("NoOlderForm", "ONNX has no %s at opset %d" % (node.op_type, OPSET))
        self.drop_defaults(node)
        yield node

    def drop_defaults(self, node: Any) -> None:
        """Attributes that opset 12 does not know go where they say what is so without them."""
        from onnx import defs, helper

        before, now = _since(node.op_type), defs.get_schema(node.op_type, self.version, "")
        for attribute in list(node.attribute):
            if attribute.name in before.attributes:
                continue
            default = now.attributes[attribute.name].default_value
            if not default.name or helper.get_attribute_value(attribute) != helper.get_attribute_value(default):
                raise Refused("NoOlderForm", "%s of opset %d has no %s" % (node.op_type, OPSET, attribute.name))
            node.attribute.remove(attribute)

    def known(self, node: Any, place: int) -> Optional[List[int]]:
        """The integers of an input; None where it is left out. Raises Refused where the model computes it."""
        if len(node.input) <= place or not node.input[place]:
            return None
        tensor = self.constants.get(node.input[place])
        if tensor is None:
            raise Refused("ComputedAxes", "input %d of %s is computed by the model" % (place, node.op_type))
        return [int(value) for value in self.array(tensor).reshape(-1)]

    def attribute(self, node: Any, name: str, default: Any) -> Any:
        """An attribute's value, which is taken off the node."""
        from onnx import helper

        for attribute in list(node.attribute):
            if attribute.name == name:
                node.attribute.remove(attribute)
                return helper.get_attribute_value(attribute)
        return default

    def made(self, kind: str, inputs: List[str], output: str = "", **attributes: Any) -> Any:
        from onnx import helper

        self.count += 1
        output = output or "%s_opset12_%d" % (self.graph.name, self.count)
        return helper.make_node(kind, inputs, [output], **attributes)

    def constant(self, value: Any) -> str:
        """The name of a new initializer."""
        from onnx import numpy_helper

        self.count += 1
        name = "%s_opset12_constant_%d" % (self.graph.name, self.count)
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name


def _since(kind: str) -> Any:
    """The operator's schema at opset 12; None where it came later."""
    from onnx import defs

    try:
        return defs.get_schema(kind, OPSET, "")
    except defs.SchemaError:
        return None


def _set(node: Any, name: str, value: Any) -> None:
    from onnx import helper

    node.attribute.append(helper.make_attribute(name, value))


def _axes(graph: _Graph, node: Any) -> Iterator[Any]:
    """Squeeze, Unsqueeze and the reductions: the axes were an attribute."""
    axes = graph.known(node, 1)
    del node.input[1:]
    if graph.attribute(node, "noop_with_empty_axes", 0) and not axes:
        yield graph.made("Identity", [node.input[0]], node.output[0])
        return
    if axes:
        _set(node, "axes", axes)
    yield node


def _split(graph: _Graph, node: Any) -> Iterator[Any]:
    """The sizes were an attribute; without them it splits evenly, or fails where that cannot be."""
    sizes = graph.known(node, 1)
    del node.input[1:]
    graph.attribute(node, "num_outputs", None)
    if sizes is not None:
        _set(node, "split", sizes)
    yield node


def _softmax(graph: _Graph, node: Any) -> Iterator[Any]:
    """Below opset 13 it runs over all axes from the given one on: the axis has to be the last."""
    axis = graph.attribute(node, "axis", -1)
    rank = graph.ranks.get(node.input[0], graph.ranks.get(node.output[0]))
    if rank is None and axis != -1:
        raise Refused("UnknownRank", "%s along axis %d of a tensor of unknown rank" % (node.op_type, axis))
    if rank is None or axis in (-1, rank - 1):
        _set(node, "axis", -1 if rank is None else rank - 1)
        yield node
        return
    order = list(range(rank))
    order[axis], order[-1] = order[-1], order[axis]
    turned = graph.made("Transpose", [node.input[0]], perm=order)
    along = graph.made(node.op_type, [turned.output[0]], axis=rank - 1)
    yield from (turned, along, graph.made("Transpose", [along.output[0]], node.output[0], perm=order))


def _resize(graph: _Graph, node: Any) -> Iterator[Any]:
    """The region and the scales were asked for; what is empty says nothing."""
    import numpy

    graph.drop_defaults(node)
    while len(node.input) < 3:
        node.input.append("")
    for place in (1, 2):
        if not node.input[place]:
            node.input[place] = graph.constant(numpy.zeros(0, numpy.float32))
    yield node


def _reshape(graph: _Graph, node: Any) -> Iterator[Any]:
    """A size of 0 meant the input's own size; a computed one is 0 only where the model is given nothing."""
    allowed = graph.attribute(node, "allowzero", 0)
    if allowed and node.input[1] in graph.constants and 0 in (graph.known(node, 1) or []):
        raise Refused("NoOlderForm", "Reshape of opset %d has no allowzero" % OPSET)
    yield node


def _shape(graph: _Graph, node: Any) -> Iterator[Any]:
    """It had no part of its own."""
    import numpy

    start, end = graph.attribute(node, "start", 0), graph.attribute(node, "end", None)
    if start == 0 and end is None:
        yield node
        return
    whole = graph.made("Shape", [node.input[0]])
    far = numpy.iinfo(numpy.int64).max if end is None else end
    bounds = [graph.constant(numpy.array([value], numpy.int64)) for value in (start, far)]
    yield from (whole, graph.made("Slice", [whole.output[0], *bounds], node.output[0]))


def _layer_normalization(graph: _Graph, node: Any) -> Iterator[Any]:
    """(x - mean) / √(variance + epsilon) · scale + bias over as many last axes as the scale has."""
    import numpy

    if len([name for name in node.output if name]) > 1:
        raise Refused("NoOlderForm", "LayerNormalization with mean and deviation as outputs")
    if node.input[1] not in graph.ranks:
        raise Refused("UnknownRank", "the scale of LayerNormalization is computed by the model")
    axes = list(range(-graph.ranks[node.input[1]], 0))
    scale = graph.constants.get(node.input[1])
    kind = numpy.float32 if scale is None else graph.array(scale).dtype
    epsilon = graph.constant(numpy.array(graph.attribute(node, "epsilon", 1e-5), kind))
    mean = graph.made("ReduceMean", [node.input[0]], axes=axes, keepdims=1)
    centred = graph.made("Sub", [node.input[0], mean.output[0]])
    square = graph.made("Mul", [centred.output[0]] * 2)
    variance = graph.made("ReduceMean", [square.output[0]], axes=axes, keepdims=1)
    raised = graph.made("Add", [variance.output[0], epsilon])
    deviation = graph.made("Sqrt", [raised.output[0]])
    normal = graph.made("Div", [centred.output[0], deviation.output[0]])
    yield from (mean, centred, square, variance, raised, deviation, normal)
    if len(node.input) > 2 and node.input[2]:
        scaled = graph.made("Mul", [normal.output[0], node.input[1]])
        yield from (scaled, graph.made("Add", [scaled.output[0], node.input[2]], node.output[0]))
    else:
        yield graph.made("Mul", [normal.output[0], node.input[1]], node.output[0])


def _mish(graph: _Graph, node: Any) -> Iterator[Any]:
    soft = graph.made("Softplus", [node.input[0]])
    gate = graph.made("Tanh", [soft.output[0]])
    yield from (soft, gate, graph.made("Mul", [node.input[0], gate.output[0]], node.output[0]))


def _hard_swish(graph: _Graph, node: Any) -> Iterator[Any]:
    gate = graph.made("HardSigmoid", [node.input[0]], alpha=1 / 6, beta=0.5)
    yield from (gate, graph.made("Mul", [node.input[0], gate.output[0]], node.output[0]))


def _one_scale(graph: _Graph, node: Any) -> Iterator[Any]:
    """Of a whole tensor; below opset 13 there is none for each channel."""
    if graph.ranks.get(node.input[1]) != 0:
        raise Refused("NoOlderForm", "%s by channels at opset %d" % (node.op_type, OPSET))
    graph.attribute(node, "axis", 1)
    yield node


_REDUCTIONS = "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum"

#: Operators whose newer forms are more than attributes that are left at their defaults.
FORMS: Dict[str, Callable[[_Graph, Any], Iterator[Any]]] = {
    **dict.fromkeys(("Squeeze", "Unsqueeze", "ReduceSumSquare", *_REDUCTIONS.split()), _axes),
    "DequantizeLinear": _one_scale,
    "HardSwish": _hard_swish,
    "Hardmax": _softmax,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax,
    "Mish": _mish,
    "QuantizeLinear": _one_scale,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Softmax": _softmax,
    "Split": _split,
}
