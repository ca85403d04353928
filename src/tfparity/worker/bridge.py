"""A torch model called from a TensorFlow graph, in one process: tf.py_function around it, memory shared by DLPack.

py_function, not numpy_function: it hands over TensorFlow's own tensors, which speak DLPack and know bfloat16.

The two have to agree on what shared memory may be: TensorFlow takes it contiguous and aligned to 64 bytes, or ends the
process (`Check failed: IsAligned()`), so anything else is copied first; and it never writes into a tensor, so a model
that writes into its input is refused.
"""

from typing import Any, List, Sequence, Tuple

from tfparity.worker import arrays
from tfparity.worker.declare import Case
from tfparity.worker.messages import Refused

__all__ = ["ALIGNMENT", "function", "specs", "to_tensorflow", "to_torch"]

#: Bytes; EIGEN_MAX_ALIGN_BYTES of TensorFlow's builds. torch allocates so; a view with an offset may begin elsewhere.
ALIGNMENT = 64


def to_torch(tensor: Any) -> Any:
    """The torch tensor over the memory of an eager TensorFlow tensor: nothing is copied, nothing may be written."""
    import tensorflow as tf
    import torch

    shared = torch.utils.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(tensor))
    return shared.view(torch.bool) if tensor.dtype == tf.bool else shared  # TensorFlow 2.15 says uint8 for bool


def to_tensorflow(tensor: Any) -> Any:
    """The eager TensorFlow tensor over the memory of a torch tensor, which must not be written any more.

    Copied: what is not contiguous, what is not aligned, and bool, which TensorFlow 2.15 does not take by DLPack.
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

    inputs, outputs: tf.TensorSpec with names, in the module's order; a size that may vary is None. The gradient runs
    the module again, so that nothing is kept between the two. The module's weights are no variables of TensorFlow's.
    Raises, when called, what the module raises, as an error of TensorFlow's.
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
    """What `function` wants to know of a case: its inputs' specs as declared, and its outputs' from runs of the model
    at every size, whatever varies being None."""
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
