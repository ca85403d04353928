"""A torch model called from a TensorFlow graph in the same process, by tf.py_function; memory is shared by DLPack.

py_function, not numpy_function: it passes TensorFlow's own tensors, which support DLPack and bfloat16.

TensorFlow requires shared memory to be contiguous and aligned to 64 bytes, or aborts (`Check failed: IsAligned()`):
anything else is copied first. TensorFlow never writes into a tensor, so that a model that writes into its input is
refused.
"""

from typing import Any, List, Sequence, Tuple

from tfparity.worker import arrays
from tfparity.worker.declare import Case
from tfparity.worker.messages import Refused

__all__ = ["ALIGNMENT", "function", "specs", "to_tensorflow", "to_torch"]

#: Bytes; EIGEN_MAX_ALIGN_BYTES of TensorFlow's builds. torch allocates so; a view with an offset may begin elsewhere.
ALIGNMENT = 64


def to_torch(tensor: Any) -> Any:
    """A torch tensor over the memory of an eager TensorFlow tensor: nothing is copied, and nobody may write into it."""
    import tensorflow as tf
    import torch

    shared = torch.utils.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(tensor))
    return shared.view(torch.bool) if tensor.dtype == tf.bool else shared  # TensorFlow 2.15 says uint8 for bool


def to_tensorflow(tensor: Any) -> Any:
    """An eager TensorFlow tensor over the memory of a torch tensor, which nobody may write into any more.

    Copied: tensors that are not contiguous or not aligned, and bool, which TensorFlow 2.15 does not accept by DLPack.
    """
    import tensorflow as tf
    import torch

    tensor = tensor.detach().contiguous()
    if tensor.data_ptr() % ALIGNMENT:
        tensor = tensor.clone()
    boolean = tensor.dtype == torch.bool
    # Flat: torch and TensorFlow differ on the stride of a dimension of size 1.
    flat = (tensor.view(torch.uint8) if boolean else tensor).view(-1)
    shared = tf.reshape(tf.experimental.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(flat)), tuple(tensor.shape))
    return tf.cast(shared, tf.bool) if boolean else shared


def function(model: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """A tf.function around a torch module, differentiable by its floating inputs: {output name: tensor}.

    inputs, outputs: tf.TensorSpec with names, in the module's order; a dynamic size is None. The gradient runs the
    module again, so that no state is kept between the two. The module's weights are not TensorFlow variables. What the
    module raises arrives as a TensorFlow error when the function is called.
    """
    import tensorflow as tf
    import torch

    def answers(given: Sequence[Any]) -> List[Any]:
        before = [tensor._version for tensor in given]
        answer = model(*given)
        if [tensor._version for tensor in given] != before:
            raise Refused("InputWritten", "the model writes into its input, which is TensorFlow's memory")
        return list(answer) if isinstance(answer, (tuple, list)) else [answer]

    def forward(*given: Any) -> List[Any]:
        with torch.no_grad():
            return [to_tensorflow(tensor) for tensor in answers([to_torch(tensor) for tensor in given])]

    varied = [place for place, spec in enumerate(inputs) if spec.dtype.is_floating]
    smooth = [place for place, spec in enumerate(outputs) if spec.dtype.is_floating]

    def backward(*given: Any) -> List[Any]:
        taken = [to_torch(tensor) for tensor in given]
        upstream = dict(zip(smooth, taken[len(inputs) :]))
        leaves = [taken[place].requires_grad_() for place in varied]
        with torch.enable_grad():
            answer = answers(taken[: len(inputs)])
            pulled = [place for place in smooth if answer[place].requires_grad]
            found = torch.autograd.grad(
                [answer[place] for place in pulled], leaves, [upstream[place] for place in pulled], allow_unused=True
            )
        zeros = (torch.zeros_like(leaf) if one is None else one for leaf, one in zip(leaves, found))
        return [to_tensorflow(one) for one in zeros]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def call(*given: Any) -> Tuple[Any, Any]:
        answer = tf.py_function(forward, given, [spec.dtype for spec in outputs])
        for tensor, spec in zip(answer, outputs):
            tensor.set_shape(spec.shape)

        def gradient(*upstream: Any) -> List[Any]:
            wanted = [*given, *[upstream[place] for place in smooth]]
            found = tf.py_function(backward, wanted, [inputs[place].dtype for place in varied]) if varied else []
            for place, tensor in zip(varied, found):
                tensor.set_shape(inputs[place].shape)
            by_place = dict(zip(varied, found))
            return [by_place.get(place) for place in range(len(inputs))]

        return answer, gradient

    names = [spec.name for spec in outputs]

    @tf.function(input_signature=list(inputs), autograph=False)  # type: ignore[untyped-decorator]
    def serve(*given: Any) -> Any:
        return dict(zip(names, call(*given)))

    return serve


def specs(model: Any, case: Case) -> Tuple[List[Any], List[Any]]:
    """The specs that `function` takes: inputs as declared, outputs from runs of the model at every size, None for every
    size that varies."""
    import tensorflow as tf

    from tfparity.worker.frameworks import pytorch

    taken = [
        tf.TensorSpec([None if isinstance(d, str) else d for d in one.shape], one.dtype, one.name)
        for one in case.inputs
    ]
    runs = [pytorch.run(model, arrays.inputs(case, sample)) for sample in case.samples() if sample.seed == 0]
    given = []
    for declared, made in zip(case.outputs, zip(*runs)):
        sizes = [set(size) for size in zip(*(array.shape for array in made))]
        shape = [size.pop() if len(size) == 1 else None for size in sizes]
        given.append(tf.TensorSpec(shape, made[0].dtype, declared.name))
    return taken, given
