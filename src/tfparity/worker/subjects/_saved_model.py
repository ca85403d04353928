"""What the SavedModel's subjects share: constants in, numpy out, on one thread; and where the time of a call goes."""

import re
from collections import Counter
from typing import Any, Callable, Dict

from tfparity.worker.runtimes.saved_model import ServingDefault, pin_threads
from tfparity.worker.subjects import Account, Prepared, Subject, inputs

#: What a graph has beside operators that compute.
_NO_WORK = ("Const", "Identity", "IdentityN", "NoOp", "Placeholder", "ReadVariableOp", "VarHandleOp", "_Arg", "_Retval")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")

#: Of a traced step, "name = Type(inputs)".
_TYPE = re.compile(r" = (\w+)\(")

#: Calls before the one that is traced.
_BEFORE = 5


def subject(name: str, xla: bool) -> Subject:
    def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
        pin_threads(1)
        return ServingDefault(request["artifact"]).timed(inputs(request), xla=xla)

    # XLA compiles the whole into one operator, of which a trace tells nothing.
    account = None if xla else _account
    return Subject(side="target", load=load, packages=("tensorflow",), target=name, account=account)


def _account(request: Dict[str, Any], prepared: Prepared) -> Account:
    """Types of operators in serving_default and what it calls; seconds of each by a full trace of one run in a session:
    https://www.tensorflow.org/api_docs/python/tf/compat/v1/RunMetadata"""
    import tensorflow as tf

    given = inputs(request)
    model = ServingDefault(request["artifact"])
    written = model.function.graph.as_graph_def()
    nodes = [*written.node, *(node for function in written.library.function for node in function.node_def)]
    operators = Counter(node.op for node in nodes if node.op not in _NO_WORK + _CALLS)
    arrays = {name: tensor.numpy() for name, tensor in model.tensors(given).items()}

    v1 = tf.compat.v1
    one = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default(), v1.Session(config=one) as session:
        signature = v1.saved_model.load(session, ["serve"], request["artifact"]).signature_def["serving_default"]
        feeds = {signature.inputs[name].name: array for name, array in arrays.items()}
        fetches = [output.name for output in signature.outputs.values()]
        for _ in range(_BEFORE):
            session.run(fetches, feeds)
        traced = v1.RunMetadata()
        session.run(fetches, feeds, options=v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), run_metadata=traced)
    spent: Dict[str, float] = {}
    for device in traced.step_stats.dev_stats:
        for step in device.node_stats:
            found = _TYPE.search(step.timeline_label)
            if found and found.group(1) not in _NO_WORK + _CALLS:
                spent[found.group(1)] = spent.get(found.group(1), 0.0) + step.op_end_rel_micros / 1e6
    return Account(dict(operators), spent)
