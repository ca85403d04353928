"""An ONNX file as the source; onnx.reference, an independent implementation, computes the reference outputs."""

import copy
from typing import Any, Callable, Dict, Iterator, List, Tuple

from tfparity.worker import machine_errors
from tfparity.worker.declare import Case
from tfparity.worker.frameworks import Framework
from tfparity.worker.messages import NotApplicable, Refused

SEED = 0

FLOATING = ("float16", "float32", "float64")

#: Weights that are moved one by one: all, or so many of them. The reference is plain numpy and slow.
WEIGHTS = 20


class Graph:
    """The model as read, `proto`, and an evaluator whose constants are weights that a run can replace."""

    def __init__(self, proto: Any, outputs: List[str]) -> None:
        self.proto = proto
        self.outputs = outputs
        self.inputs = _inputs(proto)
        self.dtypes = {one.name: _dtype(one) for one in proto.graph.output if one.type.tensor_type.elem_type}
        lifted = _with_constants_as_weights(proto)
        self.weights = list(lifted.graph.initializer)
        self.evaluator = _evaluator(lifted)


def pin_threads(count: int) -> None:
    """The reference computes in numpy, most of it in one thread."""


def build(case: Case) -> Graph:
    """The file that the case names. Raises Refused if it is not what the case declares."""
    import onnx

    path = case.factory()
    proto = onnx.load(str(path))
    onnx.checker.check_model(proto)
    opset = opset_of(proto)
    declared = [one.name for one in case.inputs], [one.name for one in case.outputs]
    found = _inputs(proto), [one.name for one in proto.graph.output]
    if found != declared:
        raise Refused(
            "WrongNames", "the file has inputs %s and outputs %s, the case says %s and %s" % (found + declared)
        )
    dtypes = {one.name: _dtype(one) for one in proto.graph.input}
    for one in case.inputs:
        if dtypes[one.name] != one.dtype:
            raise Refused(
                "WrongType", "the file takes %r as %s, the case says %s" % (one.name, dtypes[one.name], one.dtype)
            )
    if opset != case.onnx_opset:
        raise Refused("WrongOpset", "the file is of opset %d, the case says %d" % (opset, case.onnx_opset))
    return Graph(proto, declared[1])


def opset_of(proto: Any) -> int:
    """The opset of the default domain; 0 where the file imports none."""
    return next((int(entry.version) for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)


def run(model: Graph, given: List[Any], double: bool = False) -> List[Any]:
    """The outputs as numpy arrays. With `double`, floating inputs go in as float64."""
    if double:
        given = [array.astype("float64") if array.dtype.kind == "f" else array for array in given]
    return _run(model, dict(zip(model.inputs, given)))


def double(model: Graph) -> Graph:
    """The same graph in float64: its weights, constants, casts and types."""
    import onnx

    proto = copy.deepcopy(model.proto)
    _widen(proto.graph, onnx)
    for function in proto.functions:
        _widen_nodes(function.node, onnx)
    return Graph(proto, model.outputs)


def moved_weights(model: Graph, given: List[Any]) -> Iterator[Tuple[str, List[Any]]]:
    """Every floating weight of two or more elements in turn, or WEIGHTS of them, each element moved by 1 % up or down
    by a seeded coin."""
    import numpy
    from onnx import numpy_helper

    random = numpy.random.RandomState(SEED)
    feeds = dict(zip(model.inputs, given))
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.weights}
    names = sorted(name for name, array in weights.items() if array.dtype.kind == "f" and array.size > 1)
    if len(names) > WEIGHTS:
        names = sorted(names[place] for place in random.permutation(len(names))[:WEIGHTS])
    for name in names:
        array = weights[name]
        signs = random.randint(0, 2, size=array.shape) * 2 - 1
        moved = (array * (1 + 0.01 * signs)).astype(array.dtype)
        yield name, _run(model, dict(feeds, **{name: moved}))


def sizes(model: Graph) -> Dict[str, float]:
    """Of floating weights."""
    import numpy
    from onnx import numpy_helper

    found = {weight.name: numpy_helper.to_array(weight) for weight in model.weights}
    return {name: float(numpy.abs(a).max()) for name, a in found.items() if a.dtype.kind == "f" and a.size}


def timed(model: Graph, given: List[Any]) -> Callable[[], Any]:
    """A call without arguments."""
    return lambda: run(model, given)


def parameters(model: Graph) -> int:
    total = 0
    for weight in model.weights:
        size = 1
        for dimension in weight.dims:
            size *= dimension
        total += size
    return total


def _evaluator(proto: Any) -> Any:
    """The evaluator of the file. It lacks some operators as older opsets have them (DequantizeLinear before 19): then
    it is of the file as onnx's own converter upgrades it, by as few opsets as it takes. NotApplicable without any."""
    from onnx import defs, version_converter
    from onnx.reference import ReferenceEvaluator

    try:
        return ReferenceEvaluator(proto)
    except (NotImplementedError, RuntimeError) as unable:
        machine_errors.let_through(unable)
        lacking = unable
    weights = {weight.name for weight in proto.graph.initializer}
    for opset in range(opset_of(proto) + 1, defs.onnx_opset_version() + 1):
        try:
            upgraded = version_converter.convert_version(proto, opset)
            evaluator = ReferenceEvaluator(upgraded)
        except Exception as unable:  # whatever an opset between lacks, a later one may have
            machine_errors.let_through(unable)
            continue
        if weights <= {weight.name for weight in upgraded.graph.initializer}:  # by their names, they are moved
            return evaluator
    raise _no_reference(lacking)


def _no_reference(lacking: Exception) -> NotApplicable:
    return NotApplicable("cannot be judged: onnx's evaluator, the reference of a file, lacks: %s" % lacking)


def _run(model: Graph, feeds: Any) -> List[Any]:
    """The outputs, floating ones in the type that the file declares: onnx.reference 1.13 widens some. Raises
    NotApplicable where the evaluator lacks what the file asks of an operator."""
    import numpy

    try:
        outputs = model.evaluator.run(model.outputs, feeds)
    except NotImplementedError as lacking:
        raise _no_reference(lacking) from lacking
    found = []
    for name, output in zip(model.outputs, outputs):
        array, dtype = numpy.asarray(output), model.dtypes.get(name)
        found.append(array.astype(dtype) if array.dtype.kind == "f" and dtype in FLOATING else array)
    return found


def _inputs(proto: Any) -> List[str]:
    """The names of the graph's inputs without its weights, which old files list among them."""
    weights = {weight.name for weight in proto.graph.initializer}
    return [one.name for one in proto.graph.input if one.name not in weights]


def _dtype(value: Any) -> str:
    from onnx import helper

    return str(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name)


def _with_constants_as_weights(proto: Any) -> Any:
    """The model with the tensors of its top-level Constant nodes among the initializers."""
    lifted = copy.deepcopy(proto)
    kept = []
    for node in lifted.graph.node:
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx") and node.attribute[0].name == "value":
            weight = lifted.graph.initializer.add()
            weight.CopyFrom(node.attribute[0].t)
            weight.name = node.output[0]
        else:
            kept.append(copy.deepcopy(node))
    del lifted.graph.node[:]
    lifted.graph.node.extend(kept)
    return lifted


def _widen(graph: Any, onnx: Any) -> None:
    float32, float64 = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    for weight in graph.initializer:
        _widen_tensor(weight, onnx)
    for values in (graph.input, graph.output, graph.value_info):
        for value in values:
            if value.type.tensor_type.elem_type == float32:
                value.type.tensor_type.elem_type = float64
    _widen_nodes(graph.node, onnx)


def _widen_nodes(nodes: Any, onnx: Any) -> None:
    float32, float64 = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _widen_tensor(attribute.t, onnx)
            elif attribute.type == onnx.AttributeProto.GRAPH:
                _widen(attribute.g, onnx)
            elif attribute.name in ("to", "dtype") and attribute.i == float32:
                attribute.i = float64
        if node.op_type == "ConstantOfShape" and not node.attribute:  # zeros of float32 without saying
            node.attribute.append(
                onnx.helper.make_attribute("value", onnx.helper.make_tensor("zero", float64, [1], [0.0]))
            )


def _widen_tensor(tensor: Any, onnx: Any) -> None:
    if tensor.data_type == onnx.TensorProto.FLOAT:
        wide = onnx.numpy_helper.to_array(tensor).astype("float64")
        tensor.CopyFrom(onnx.numpy_helper.from_array(wide, tensor.name))


FRAMEWORK = Framework(
    pin_threads=pin_threads,
    build=build,
    run=run,
    double=double,
    moved_weights=moved_weights,
    sizes=sizes,
    parameters=parameters,
    timed=timed,
    # onnx.reference came with it.
    requires={"onnx": ">=1.13"},
)
