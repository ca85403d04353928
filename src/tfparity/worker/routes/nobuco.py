"""torch, traced call by call → nobuco → Keras 2 → SavedModel, called through `serving_default`."""

from typing import Any, Dict

from tfparity.worker import arrays
from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.routes import Gives, Route
from tfparity.worker.runtimes.saved_model import RUNTIME

_BOTH = {"torch": ">=1.12", "nobuco": ">=0.12", "tensorflow": ">=2.11"}


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """Convert in torch's order of dimensions, with the case's names and, as far as the Keras model allows, dynamic
    axes."""
    import nobuco
    import tensorflow as tf
    import torch

    model, case = rebuild(bundle, request)
    example = [torch.from_numpy(array.copy()) for array in arrays.inputs(case, case.samples()[0])]
    open_ = {
        tensor: tuple(None if isinstance(d, str) else d for d in one.shape) for one, tensor in zip(case.inputs, example)
    }
    network = nobuco.pytorch_to_keras(
        model,
        args=example,
        input_shapes=open_,
        inputs_channel_order=nobuco.ChannelOrder.PYTORCH,
        outputs_channel_order=nobuco.ChannelOrder.PYTORCH,
        trace_shape=False,
    )
    specs = [tf.TensorSpec(open_[tensor], one.dtype, one.name) for one, tensor in zip(case.inputs, example)]
    names = [output.name for output in case.outputs]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def serve(*given: Any) -> Any:
        answer = network(list(given) if len(given) > 1 else given[0])
        return dict(zip(names, answer if isinstance(answer, (tuple, list)) else [answer]))

    tf.saved_model.save(network, artifact, signatures={"serving_default": serve.get_concrete_function()})


ROUTE = Route(
    revision=1,
    sides="together",
    framework="pytorch",
    exporter="torch-module",
    # A module has none; one attempt.
    opsets=(0,),
    requires={"source": _BOTH, "target": _BOTH},
    imports={"source": ["torch"], "target": ["torch", "torch._dynamo", "tensorflow", "nobuco"]},
    convert=convert,
    load=RUNTIME.load,
    pin_threads=RUNTIME.pin_threads,
    gives=Gives(dynamic=True, layout="kept", integers="kept", trainable=True),
)
