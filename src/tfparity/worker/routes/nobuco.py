"""torch, traced call by call → nobuco → Keras 2 → SavedModel, called through `serving_default`."""

from typing import Any, Dict, List

from tfparity.worker import arrays
from tfparity.worker.exporters.torch_module import rebuild
from tfparity.worker.saved_model import load, pin_threads

__all__ = [
    "EXPORTER",
    "FRAMEWORK",
    "GIVES",
    "IMPORTS",
    "OPSETS",
    "REQUIRES",
    "REVISION",
    "SIDES",
    "convert",
    "load",
    "pin_threads",
]

REVISION = 1
SIDES = "together"
FRAMEWORK = "pytorch"
EXPORTER = "torch-module"

#: A module has none; one attempt.
OPSETS = (0,)

_BOTH = {"torch": ">=1.12", "nobuco": ">=0.12", "tensorflow": ">=2.11"}
REQUIRES: Dict[str, Dict[str, str]] = {"source": _BOTH, "target": _BOTH}
IMPORTS: Dict[str, List[str]] = {"source": ["torch"], "target": ["torch", "torch._dynamo", "tensorflow", "nobuco"]}
GIVES: Dict[str, Any] = {
    "targets": ("saved-model", "tflite-float32"),
    "dynamic": True,
    "layout": "kept",
    "integers": "kept",
    "trainable": True,
}


def convert(bundle: str, artifact: str, request: Dict[str, Any]) -> None:
    """In torch's order of dimensions, with the case's names and, as far as the Keras model goes, its axes open."""
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
