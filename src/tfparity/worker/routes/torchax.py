"""torch.export → torchax → jax → jax2tf (native serialization) → SavedModel, called through `serving_default`.

The SavedModel holds one XlaCallModule: TensorFlow runs it, other runtimes do not read it.
https://github.com/jax-ml/jax/blob/main/jax/experimental/jax2tf/README.md
"""

from typing import Any, Dict, List

from tfparity.worker import arrays
from tfparity.worker.declare import Case
from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.routes import Gives, Route
from tfparity.worker.runtimes.saved_model import RUNTIME

_BOTH = {"torch": ">=2.5", "torchax": ">=0.0.10", "jax": ">=0.6", "tensorflow": ">=2.18"}
#: torch._dynamo brings triton, which crashes where TensorFlow is there before it:
#: https://github.com/tensorflow/tensorflow/issues/124205
_IMPORTED = ["torch", "torch._dynamo", "tensorflow", "jax.experimental.jax2tf", "torchax.export"]


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    import numpy
    import tensorflow as tf
    import torch
    from jax.experimental import jax2tf
    from torchax.export import exported_program_to_jax

    model, case = rebuild(bundle, request)
    # AUTO: torch finds the range that the model allows, and what must be equal; a size that it bakes in is seen later.
    open_ = torch.export.Dim.AUTO
    shapes = tuple({d: open_ for d, axis in enumerate(one.shape) if isinstance(axis, str)} for one in case.inputs)
    example = tuple(torch.from_numpy(array.copy()) for array in arrays.inputs(case, case.samples()[0]))
    with torch.no_grad():
        program = torch.export.export(model, example, dynamic_shapes=shapes)
    weights, function = exported_program_to_jax(program)
    named = ["(%s)" % "".join("%s, " % size for size in one.shape) for one in case.inputs]
    served = tf.Module()
    served.weights = [tf.Variable(numpy.asarray(weight), trainable=False) for weight in weights]
    converted = jax2tf.convert(
        function,
        polymorphic_shapes=[None, named],
        polymorphic_constraints=limits(program, case),
        with_gradient=False,
        native_serialization_platforms=("cpu",),
    )
    specs = [
        tf.TensorSpec([None if isinstance(d, str) else d for d in one.shape], one.dtype, one.name)
        for one in case.inputs
    ]
    names = [output.name for output in case.outputs]

    @tf.function(input_signature=specs, autograph=False)  # type: ignore[untyped-decorator]
    def serve(*given: Any) -> Any:
        answer = converted(served.weights, list(given))
        return dict(zip(names, answer))

    served.serve = serve
    tf.saved_model.save(served, artifact, signatures={"serving_default": serve.get_concrete_function()})


def limits(program: Any, case: Case) -> List[str]:
    """The largest size that torch found for each axis, such as "sequence <= 32" from a table of 32 positions."""
    given = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    found = {}
    for declared, node in zip(case.inputs, given):
        for axis, size in zip(declared.shape, node.meta["val"].shape):
            allowed = program.range_constraints.get(getattr(getattr(size, "node", None), "expr", None))
            if isinstance(axis, str) and allowed is not None and allowed.upper.is_Integer:
                found[axis] = "%s <= %d" % (axis, int(allowed.upper))
    return sorted(found.values())


ROUTE = Route(
    revision=1,
    sides="together",
    framework="pytorch",
    exporter="torch-module",
    # A module has none; one attempt.
    opsets=(0,),
    requires={"source": _BOTH, "target": _BOTH},
    imports={"source": ["torch"], "target": _IMPORTED},
    convert=convert,
    load=RUNTIME.load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(
        targets=("saved-model", "saved-model-xla"), dynamic=True, layout="kept", integers="int32", trainable=False
    ),
)
