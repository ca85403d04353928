"""Operators of opset 13 and later are rewritten for opset 12, where ONNX's version converter fails.

What each version changed: https://onnx.ai/onnx/operators/
"""

from typing import Any, Callable, Dict, Iterator, List, Optional

from tfparity.worker.messages import Refused
from tfparity.worker.remedies import Remedy

OPSET = 12

#: The IR of that opset: https://github.com/onnx/onnx/blob/main/docs/Versioning.md
IR = 7


def rewrite(model: Any) -> None:
    """Raises Refused if opset 12 cannot express an operator."""
    import onnx

    if model.functions:
        from onnx import inliner

        model.CopyFrom(onnx.shape_inference.infer_shapes(inliner.inline_local_functions(model)))
        if model.functions:  # the inliner leaves those
            raise Refused("NoOlderForm", "the function %s is of another opset" % model.functions[0].name)
    version = max((entry.version for entry in model.opset_import if not entry.domain), default=0)
    if version > OPSET:
        _spell_out(model, version)
        _Graph(model.graph, version).rewrite()
        model.ir_version = IR
    for entry in model.opset_import:
        if not entry.domain:
            entry.version = min(entry.version, OPSET)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise Refused("NoOlderForm", str(error).strip().splitlines()[0]) from None


def _spell_out(model: Any, version: int) -> None:
    """Operators missing from opset 12 that ONNX defines by others (Gelu, GroupNormalization) are inlined if the
    installed onnx can do that."""
    from inspect import signature

    from onnx import defs, helper, inliner, shape_inference

    known = {schema.name for schema in defs.get_all_schemas() if not schema.domain}
    lacking = {kind for kind in known if kind not in FORMS and not _since(kind)}
    found = [node for node in _nodes(model.graph) if node.op_type in lacking]
    if not found or "inline_schema_functions" not in signature(inliner.inline_selected_functions).parameters:
        return
    # what the inliner does not see: attributes left at their defaults, types of initializers
    for node in found:
        given = {attribute.name for attribute in node.attribute}
        for name, attribute in defs.get_schema(node.op_type, version, "").attributes.items():
            if name not in given and attribute.default_value.name:
                node.attribute.append(attribute.default_value)
    typed = shape_inference.infer_shapes(model)
    seen = {value.name for value in (*typed.graph.input, *typed.graph.value_info)}
    for tensor in typed.graph.initializer:
        if tensor.name not in seen:
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            typed.graph.value_info.append(value)
    try:
        wanted = [("", kind) for kind in sorted(lacking)]
        model.CopyFrom(inliner.inline_selected_functions(typed, wanted, inline_schema_functions=True))
    except RuntimeError as error:
        kinds = ", ".join(sorted({node.op_type for node in found}))
        raise Refused("NoOlderForm", "%s: %s" % (kinds, error)) from None


def _nodes(graph: Any) -> Iterator[Any]:
    """The nodes of ONNX's own operators in a graph and its subgraphs."""
    for node in graph.node:
        if not node.domain:
            yield node
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _nodes(inner)


class _Graph:
    """One graph, or a subgraph of If, Loop or Scan, which sees the constants, types and shapes of the graphs around
    it."""

    def __init__(self, graph: Any, version: int, around: "Optional[_Graph]" = None) -> None:
        import numpy
        from onnx import numpy_helper

        self.graph = graph
        self.version = version
        self.array = numpy_helper.to_array
        self.count = 0
        self.constants: Dict[str, Any] = dict(around.constants) if around else {}
        self.types: Dict[str, int] = dict(around.types) if around else {}
        self.shapes: Dict[str, List[Optional[int]]] = dict(around.shapes) if around else {}
        for tensor in graph.initializer:
            self.keep(tensor.name, tensor)
        for node in graph.node:
            for attribute in node.attribute if node.op_type == "Constant" else []:
                if attribute.name == "value":
                    self.keep(node.output[0], attribute.t)
                elif attribute.name == "value_ints":
                    whole = numpy.array(attribute.ints, numpy.int64)
                    self.keep(node.output[0], numpy_helper.from_array(whole))
        for value in (*graph.input, *graph.value_info, *graph.output):
            kind = value.type.tensor_type
            if kind.elem_type:
                self.types[value.name] = kind.elem_type
            if kind.HasField("shape"):
                sizes = kind.shape.dim
                self.shapes[value.name] = [size.dim_value if size.HasField("dim_value") else None for size in sizes]

    def keep(self, name: str, tensor: Any) -> None:
        """A constant, stored as the file stores it."""
        self.constants[name] = tensor
        self.types[name] = tensor.data_type
        self.shapes[name] = list(tensor.dims)

    def rewrite(self) -> None:
        nodes = [made for node in list(self.graph.node) for made in self.forms(node)]
        del self.graph.node[:]
        self.graph.node.extend(nodes)

    def forms(self, node: Any) -> Iterator[Any]:
        """The nodes that replace a node at opset 12."""
        from onnx import defs

        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                _Graph(inner, self.version, self).rewrite()
        if node.domain:
            yield node
            return
        now = defs.get_schema(node.op_type, self.version, "")
        special = FORMS.get(node.op_type)
        if special is not None and now.since_version > OPSET:
            yield from special(self, node)
            return
        if _since(node.op_type) is None:
            raise Refused("NoOlderForm", "ONNX has no %s at opset %d" % (node.op_type, OPSET))
        self.drop_defaults(node)
        yield node

    def drop_defaults(self, node: Any) -> None:
        """Remove attributes that opset 12 does not know and that have their default value. Raises Refused for other
        values."""
        from onnx import defs, helper

        before, now = _since(node.op_type), defs.get_schema(node.op_type, self.version, "")
        for attribute in list(node.attribute):
            if helper.get_attribute_value(attribute) == NEWER_VALUES.get((node.op_type, attribute.name)):
                words = (node.op_type, OPSET, attribute.name, attribute.s.decode())
                raise Refused("NoOlderForm", "%s of opset %d has no %s %s" % words)
            if attribute.name in before.attributes:
                continue
            default = now.attributes[attribute.name].default_value
            if not default.name or helper.get_attribute_value(attribute) != helper.get_attribute_value(default):
                raise Refused("NoOlderForm", "%s of opset %d has no %s" % (node.op_type, OPSET, attribute.name))
            node.attribute.remove(attribute)

    def known(self, node: Any, place: int) -> Optional[List[int]]:
        """The integers of an input; None if it is omitted. Raises Refused if the model computes it."""
        if len(node.input) <= place or not node.input[place]:
            return None
        if node.input[place] not in self.constants:
            raise Refused("ComputedAxes", "input %d of %s is computed by the model" % (place, node.op_type))
        return [int(value) for value in self.array(self.constants[node.input[place]]).reshape(-1)]

    def type(self, node: Any, name: str) -> int:
        """The element type of a value. Raises Refused if the file does not say."""
        if name not in self.types:
            raise Refused("UnknownType", "the file does not tell the type of %r at %s" % (name, node.op_type))
        return self.types[name]

    def attribute(self, node: Any, name: str, default: Any) -> Any:
        """An attribute's value; the attribute is removed from the node."""
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
    """The operator's schema at opset 12; None if it was added later."""
    from onnx import defs

    try:
        return defs.get_schema(kind, OPSET, "")
    except defs.SchemaError:
        return None


def _set(node: Any, name: str, value: Any) -> None:
    from onnx import helper

    node.attribute.append(helper.make_attribute(name, value))


def _axes(graph: _Graph, node: Any) -> Iterator[Any]:
    """Squeeze, Unsqueeze and the reductions: axes were an attribute."""
    axes = graph.known(node, 1)
    del node.input[1:]
    if graph.attribute(node, "noop_with_empty_axes", 0) and not axes:
        if node.op_type not in ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"):
            raise Refused("NoOlderForm", "%s over no axis" % node.op_type)  # runtimes differ
        yield graph.made("Identity", [node.input[0]], node.output[0])
        return
    if axes:
        _set(node, "axes", axes)
    yield node


def _split(graph: _Graph, node: Any) -> Iterator[Any]:
    """The sizes were an attribute; without them Split divides evenly, or fails if it cannot. With num_outputs the last
    part is the smaller one."""
    sizes, count = graph.known(node, 1), graph.attribute(node, "num_outputs", None)
    del node.input[1:]
    if count is not None:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        size = graph.shapes[node.input[0]][axis] if node.input[0] in graph.shapes else None
        if size is not None and size % count:
            part = -(-size // count)
            sizes = [part] * (count - 1) + [size - part * (count - 1)]
    if sizes is not None:
        _set(node, "split", sizes)
    yield node


def _softmax(graph: _Graph, node: Any) -> Iterator[Any]:
    """Below opset 13 it runs over all axes from the given one on: the axis must be the last."""
    axis = graph.attribute(node, "axis", -1)
    shape = graph.shapes.get(node.input[0], graph.shapes.get(node.output[0]))
    rank = None if shape is None else len(shape)
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
    """The inputs roi and scales were required; empty inputs mean that they are not used."""
    import numpy

    graph.drop_defaults(node)
    while len(node.input) < 3:
        node.input.append("")
    for place in (1, 2):
        if not node.input[place]:
            node.input[place] = graph.constant(numpy.zeros(0, numpy.float32))
    yield node


def _reshape(graph: _Graph, node: Any) -> Iterator[Any]:
    """A size of 0 meant the input's own size; a computed size is 0 only for an empty input."""
    allowed = graph.attribute(node, "allowzero", 0)
    if allowed and node.input[1] in graph.constants and 0 in (graph.known(node, 1) or []):
        raise Refused("NoOlderForm", "Reshape of opset %d has no allowzero" % OPSET)
    yield node


def _shape(graph: _Graph, node: Any) -> Iterator[Any]:
    """It had no start and end."""
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
    """(x - mean) / √(variance + epsilon) · scale + bias over the axes from the given one on; the mean and the inverse
    of the divisor are further outputs."""
    import numpy
    from onnx import helper

    axis = graph.attribute(node, "axis", -1)
    if axis >= 0:
        if node.input[0] not in graph.shapes:
            raise Refused("UnknownRank", "LayerNormalization from axis %d on of a tensor of unknown rank" % axis)
        axis -= len(graph.shapes[node.input[0]])
    axes, answers = list(range(axis, 0)), [*node.output, "", ""]
    kind = graph.types.get(node.input[1], graph.types.get(node.input[0], 1))
    number = numpy.array(graph.attribute(node, "epsilon", 1e-5), helper.tensor_dtype_to_np_dtype(kind))
    epsilon = graph.constant(number)
    mean = graph.made("ReduceMean", [node.input[0]], answers[1], axes=axes, keepdims=1)
    centred = graph.made("Sub", [node.input[0], mean.output[0]])
    square = graph.made("Mul", [centred.output[0]] * 2)
    variance = graph.made("ReduceMean", [square.output[0]], axes=axes, keepdims=1)
    raised = graph.made("Add", [variance.output[0], epsilon])
    deviation = graph.made("Sqrt", [raised.output[0]])
    normal = graph.made("Div", [centred.output[0], deviation.output[0]])
    yield from (mean, centred, square, variance, raised, deviation, normal)
    if answers[2]:
        yield graph.made("Reciprocal", [deviation.output[0]], answers[2])
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


def _cast_like(graph: _Graph, node: Any) -> Iterator[Any]:
    yield graph.made("Cast", [node.input[0]], node.output[0], to=graph.type(node, node.input[1]))


def _trilu(graph: _Graph, node: Any) -> Iterator[Any]:
    """Elements are selected by the column's offset from the diagonal."""
    import numpy
    from onnx import helper

    given, upper = node.input[0], graph.attribute(node, "upper", 1)
    zero = numpy.zeros((), helper.tensor_dtype_to_np_dtype(graph.type(node, given)))
    start, step = (graph.constant(numpy.array(value, numpy.int64)) for value in (0, 1))
    whole = graph.made("Shape", [given])
    yield whole
    places = []
    for axis in (-2, -1):
        size = graph.made("Gather", [whole.output[0], graph.constant(numpy.array(axis, numpy.int64))])
        places.append(graph.made("Range", [start, size.output[0], step]))
        yield from (size, places[-1])
    rows = graph.made("Unsqueeze", [places[0].output[0]], axes=[1])
    right = graph.made("Sub", [places[1].output[0], rows.output[0]])
    first = node.input[1] if len(node.input) > 1 and node.input[1] else start
    dropped = graph.made("Less" if upper else "Greater", [right.output[0], first])
    chosen = graph.made("Where", [dropped.output[0], graph.constant(zero), given], node.output[0])
    yield from (rows, right, dropped, chosen)


def _roi_align(graph: _Graph, node: Any) -> Iterator[Any]:
    """It had no half_pixel mode, which became the default."""
    if graph.attribute(node, "coordinate_transformation_mode", b"half_pixel") != b"output_half_pixel":
        raise Refused("NoOlderForm", "RoiAlign of opset %d has no half_pixel" % OPSET)
    yield node


def _one_scale(graph: _Graph, node: Any) -> Iterator[Any]:
    """One scale for the whole tensor; below opset 13 there is none per channel."""
    if graph.shapes.get(node.input[1]) != []:
        raise Refused("NoOlderForm", "%s by channels at opset %d" % (node.op_type, OPSET))
    graph.attribute(node, "axis", 1)
    yield node


_REDUCTIONS = "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum"

#: Operators whose newer forms are more than attributes that are left at their defaults.
FORMS: Dict[str, Callable[[_Graph, Any], Iterator[Any]]] = {
    **dict.fromkeys(("Squeeze", "Unsqueeze", "ReduceSumSquare", *_REDUCTIONS.split()), _axes),
    "CastLike": _cast_like,
    "DequantizeLinear": _one_scale,
    "HardSwish": _hard_swish,
    "Hardmax": _softmax,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax,
    "Mish": _mish,
    "QuantizeLinear": _one_scale,
    "Reshape": _reshape,
    "Resize": _resize,
    "RoiAlign": _roi_align,
    "Shape": _shape,
    "Softmax": _softmax,
    "Split": _split,
    "Trilu": _trilu,
}

#: Values of attributes that opset 12 knows by other values.
NEWER_VALUES = {
    ("Pad", "mode"): b"wrap",
    ("Resize", "coordinate_transformation_mode"): b"half_pixel_symmetric",
}


REMEDY = Remedy(revision=1, rewrite=rewrite)
