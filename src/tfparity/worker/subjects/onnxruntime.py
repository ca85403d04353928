"""The exported file by ONNX Runtime on one thread of a CPU."""

import json
import os
from collections import Counter
from typing import Any, Callable, Dict, Iterator, Tuple

from tfparity.worker.exporters._onnx_files import MODEL
from tfparity.worker.messages import Refused
from tfparity.worker.subjects import Account, Prepared, Subject, inputs

#: Calls over which the profile is taken.
_CALLS = 5


def prepare(request: Dict[str, Any]) -> Prepared:
    folder = request["exported"]
    if not os.path.isfile(os.path.join(folder, MODEL)):
        raise Refused("NoOnnxFile", "the route exports no ONNX file")
    # The model and the files of its weights; what our side keeps beside them is no part of it.
    names = sorted(name for name in os.listdir(folder) if not name.endswith((".json", ".npz")))
    return Prepared(tuple(os.path.join(folder, name) for name in names))


def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
    session, feeds = _session(request, _options())
    return lambda: session.run(None, feeds)


def _options() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options


def _session(request: Dict[str, Any], options: Any) -> Tuple[Any, Dict[str, Any]]:
    """A session of the exported file, and what it is fed."""
    import onnxruntime

    path = os.path.join(request["exported"], MODEL)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = inputs(request)
    names = [one.name for one in session.get_inputs()]
    known = dict(given)
    # An exporter may leave out an input that nothing reads; under other names the order is what is left.
    feeds = {name: known[name] if set(names) <= set(known) else array for name, (_, array) in zip(names, given)}
    return session, feeds


def account(request: Dict[str, Any], prepared: Prepared) -> Account:
    """Types of operators in the file; seconds of each in one call by ONNX Runtime's own profile:
    https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html"""
    import onnx

    operators = Counter(_types(onnx.load(os.path.join(request["exported"], MODEL), load_external_data=False).graph))
    options = _options()
    options.enable_profiling = True
    options.profile_file_prefix = os.path.join(request["folder"], "profile")
    session, feeds = _session(request, options)
    for _ in range(_CALLS):
        session.run(None, feeds)
    with open(session.end_profiling(), encoding="utf-8") as file:
        events = json.load(file)
    spent: Dict[str, float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["args"]["op_name"]
            spent[name] = spent.get(name, 0.0) + event["dur"] / 1e6 / _CALLS
    return Account(dict(operators), spent)


def _types(graph: Any) -> Iterator[str]:
    """The types of a graph's operators and of the graphs within them."""
    for node in graph.node:
        if node.op_type not in ("Constant", "Identity"):
            yield node.op_type
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _types(inner)


SUBJECT = Subject(side="either", load=load, packages=("onnxruntime",), prepare=prepare, account=account)
