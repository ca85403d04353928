"""The exported file by ONNX Runtime on one thread of a CPU."""

import os
from typing import Any, Callable, Dict

from tfparity.worker.exporters._onnx_files import MODEL
from tfparity.worker.messages import Refused
from tfparity.worker.subjects import Prepared, Subject, inputs


def prepare(request: Dict[str, Any]) -> Prepared:
    folder = request["exported"]
    if not os.path.isfile(os.path.join(folder, MODEL)):
        raise Refused("NoOnnxFile", "the route exports no ONNX file")
    # The model and the files of its weights; what our side keeps beside them is no part of it.
    names = sorted(name for name in os.listdir(folder) if not name.endswith((".json", ".npz")))
    return Prepared(tuple(os.path.join(folder, name) for name in names))


def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = os.path.join(request["exported"], MODEL)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = inputs(request)
    names = [one.name for one in session.get_inputs()]
    known = dict(given)
    # An exporter may leave out an input that nothing reads; under other names the order is what is left.
    feeds = {name: known[name] if set(names) <= set(known) else array for name, (_, array) in zip(names, given)}
    return lambda: session.run(None, feeds)


SUBJECT = Subject(side="either", load=load, packages=("onnxruntime",), prepare=prepare)
