"""onnx-tf over a file in which one thing is changed: a weight tensor by 1 %, or an attribute of a node.

Runs inside the environment. What is changed is drawn by the case's name, and printed to the request's log. The bundle
says which weights the answer depends on (docs/bundles.md); the rest is left alone.
"""

import fnmatch
import hashlib
import json
import os

from tfparity.worker.messages import Refused
from tfparity.worker.routes import onnx_tf


def convert(bundle, artifact, request):
    import onnx
    from onnx_tf.backend import prepare

    with open(os.path.join(os.path.dirname(bundle), "bundle.json"), encoding="utf-8") as file:
        told = json.load(file)
    model = onnx.load(os.path.join(bundle, "model.onnx"))
    found = list(weights(model.graph, told)) + list(attributes(model.graph))
    if not found:
        raise Refused("NothingToChange", "the file has neither a weight nor an attribute that can be changed")
    draw = int(hashlib.sha256(told["case"]["id"].encode()).hexdigest(), 16)
    name, change = found[draw % len(found)]
    change()
    print("mutated: %s" % name)
    prepare(model).export_graph(artifact)


def weights(graph, told):
    """(what, change) per weight tensor that the model's answer depends on: under its own name, or, where the export
    turned it (`onnx::LSTM_82`), any matrix."""
    import numpy
    import onnx

    seen = told["facts"]["sensitivity"]
    spared = told["case"]["insensitive"]

    def moved(tensor):
        def change():
            array = onnx.numpy_helper.to_array(tensor)
            signs = numpy.random.RandomState(0).randint(0, 2, array.shape) * 2 - 1
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array((array * (1 + 0.01 * signs)).astype(array.dtype), name))

        return change

    for tensor in graph.initializer:
        own = tensor.name in seen and not any(fnmatch.fnmatch(tensor.name, glob) for glob in spared)
        turned = tensor.name not in seen and tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1
        if own or turned:
            yield "1 % on " + tensor.name, moved(tensor)


#: Operator -> attribute -> what stands there instead: another answer of the same shape.
CHANGES = {
    ("LeakyRelu", "alpha"): lambda value: value + 0.1,
    ("Elu", "alpha"): lambda value: value + 0.5,
    ("HardSigmoid", "alpha"): lambda value: value + 0.1,
    ("Gemm", "alpha"): lambda value: value + 0.5,
    ("Softmax", "axis"): lambda value: 1 if value in (-1, 2, 3) else -1,
    ("AveragePool", "count_include_pad"): lambda value: 1 - value,
    ("Conv", "pads"): lambda value: list(value[len(value) // 2 :]) + list(value[: len(value) // 2]),
}


def attributes(graph):
    """(what, change) per attribute that stands in the file and gives another answer of the same shape when changed."""
    import onnx

    def put(attribute, value):
        def change():
            attribute.CopyFrom(onnx.helper.make_attribute(attribute.name, value))

        return change

    for node in graph.node:
        for attribute in node.attribute:
            change = CHANGES.get((node.op_type, attribute.name))
            if change is None:
                continue
            value = onnx.helper.get_attribute_value(attribute)
            other = change(value)
            if other != value and other != list(value if isinstance(value, list) else []):
                yield "%s of %s: %s instead of %s" % (attribute.name, node.op_type, other, value), put(attribute, other)


ROUTE = onnx_tf.ROUTE._replace(revision=2, convert=convert, onnx_files=False)
