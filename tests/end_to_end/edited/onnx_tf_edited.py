"""onnx-tf, with a known fault put into the ONNX graph before it converts: a converter's mistake, made for real.

The fault is the file's own name: a test copies this file as `swap-outputs.py`. Runs inside the environment.
"""

import os

from tfparity.worker.routes import onnx_tf

FAULT = os.path.basename(__file__)[:-3]


def convert(bundle, artifact, request):
    import onnx
    from onnx_tf.backend import prepare

    model = onnx.load(os.path.join(bundle, "model.onnx"))
    {
        "faithful": lambda graph: None,
        "drop-an-op": drop_an_op,
        "swap-outputs": swap_outputs,
        "wrong-padding": wrong_padding,
        "train-mode": train_mode,
        "moved-weight": moved_weight,
        "give-nan": give_nan,
        "freeze-batch": freeze_batch,
        "rename-output": rename_output,
    }[FAULT](model.graph)
    prepare(model).export_graph(artifact)


def node(graph, kind):
    return next(node for node in graph.node if node.op_type == kind)


def rename(graph, names):
    """Give values new names wherever they stand."""
    for entry in graph.node:
        entry.input[:] = [names.get(name, name) for name in entry.input]
        entry.output[:] = [names.get(name, name) for name in entry.output]


def drop_an_op(graph):
    relu = node(graph, "Relu")
    (source,), (result,) = relu.input, relu.output
    graph.node.remove(relu)
    rename(graph, {result: source})


def swap_outputs(graph):
    one, other = (output.name for output in graph.output)
    rename(graph, {one: other, other: one})


def wrong_padding(graph):
    pads = next(attribute for attribute in node(graph, "Conv").attribute if attribute.name == "pads")
    pads.ints[:] = [0, 0, 2, 2]


def train_mode(graph):
    """Batch norm by the batch's own mean and variance."""
    import onnx

    norm = node(graph, "BatchNormalization")
    x, scale, bias = norm.input[:3]
    make = onnx.helper.make_node
    channels = [
        onnx.helper.make_tensor("planted_shape", onnx.TensorProto.INT64, [4], [1, -1, 1, 1]),
        onnx.helper.make_tensor("planted_epsilon", onnx.TensorProto.FLOAT, [], [1e-5]),
    ]
    graph.initializer.extend(channels)
    steps = [
        make("ReduceMean", [x], ["planted_mean"], axes=[0, 2, 3], keepdims=1),
        make("Sub", [x, "planted_mean"], ["planted_centred"]),
        make("Mul", ["planted_centred", "planted_centred"], ["planted_squares"]),
        make("ReduceMean", ["planted_squares"], ["planted_variance"], axes=[0, 2, 3], keepdims=1),
        make("Add", ["planted_variance", "planted_epsilon"], ["planted_sum"]),
        make("Sqrt", ["planted_sum"], ["planted_deviation"]),
        make("Div", ["planted_centred", "planted_deviation"], ["planted_normal"]),
        make("Reshape", [scale, "planted_shape"], ["planted_scale"]),
        make("Reshape", [bias, "planted_shape"], ["planted_bias"]),
        make("Mul", ["planted_normal", "planted_scale"], ["planted_scaled"]),
        make("Add", ["planted_scaled", "planted_bias"], list(norm.output[:1])),
    ]
    at = list(graph.node).index(norm)
    rest = list(graph.node)[at + 1 :]
    del graph.node[at:]
    graph.node.extend(steps + rest)


def weight(graph, change):
    import onnx

    name = node(graph, "Conv").input[1]
    tensor = next(entry for entry in graph.initializer if entry.name == name)
    array = onnx.numpy_helper.to_array(tensor).copy()
    tensor.CopyFrom(onnx.numpy_helper.from_array(change(array).astype("float32"), name))


def moved_weight(graph):
    import numpy

    weight(graph, lambda array: array * (1 + 0.01 * (numpy.random.RandomState(0).randint(0, 2, array.shape) * 2 - 1)))


def give_nan(graph):
    def spoilt(array):
        array.flat[0] = float("nan")
        return array

    weight(graph, spoilt)


def freeze_batch(graph):
    """A reshape to the exported batch, as tracing bakes one in."""
    import onnx

    relu = node(graph, "Relu")
    (result,) = relu.output
    relu.output[:] = ["planted_active"]
    shape = onnx.helper.make_tensor("planted_frozen", onnx.TensorProto.INT64, [4], [2, 8, 8, 8])
    graph.initializer.extend([shape])
    at = list(graph.node).index(relu)
    rest = list(graph.node)[at + 1 :]
    del graph.node[at + 1 :]
    graph.node.extend([onnx.helper.make_node("Reshape", ["planted_active", "planted_frozen"], [result]), *rest])


def rename_output(graph):
    old = graph.output[0].name
    rename(graph, {old: "output_0"})
    graph.output[0].name = "output_0"


ROUTE = onnx_tf.ROUTE._replace(revision=1, opsets=(12,), convert=convert, onnx_files=False)
