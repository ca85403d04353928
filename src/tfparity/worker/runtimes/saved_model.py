"""A SavedModel as it is served: loaded, and called through `serving_default`."""

import inspect
import re
from typing import Any, Callable, Dict, List, Tuple

from tfparity.worker.messages import Refused
from tfparity.worker.runtimes import Runtime


def pin_threads(count: int) -> None:
    """Must come before TensorFlow's first operation in this process."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def numbered(name: str) -> List[Any]:
    """A sort key that puts output_2 before output_10. The dictionary of a loaded signature has no order; where the
    converter has numbered unnamed outputs, the numbers are the order."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def compiled(function: Any) -> Any:
    """The function compiled by XLA as one cluster."""
    import tensorflow as tf

    # jit_compile came with TensorFlow 2.5: https://github.com/tensorflow/tensorflow/releases/tag/v2.5.0
    named = "jit_compile" in inspect.signature(tf.function).parameters
    return tf.function(function, **{"jit_compile" if named else "experimental_compile": True})


class ServingDefault:
    """The `serving_default` signature of a SavedModel."""

    def __init__(self, folder: str) -> None:
        import tensorflow as tf

        self.loaded = tf.saved_model.load(folder)  # kept: the function does not keep its variables alive
        if "serving_default" not in self.loaded.signatures:
            raise Refused("NoSignature", "the SavedModel has no serving_default signature")
        self.function = self.loaded.signatures["serving_default"]
        self.inputs = dict(self.function.structured_input_signature[1])

    def tensors(self, given: List[Tuple[str, Any]]) -> Dict[str, Any]:
        """Inputs under the signature's names; by position if these are not the declared names."""
        import tensorflow as tf

        if sorted(self.inputs) == sorted(name for name, _ in given):
            pairs = given
        else:
            pairs = list(zip(sorted(self.inputs, key=numbered), [array for _, array in given]))
        return {name: tf.constant(array) for name, array in pairs}

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        answer = self.function(**self.tensors(given))
        return [(name, answer[name].numpy()) for name in sorted(answer, key=numbered)]

    def timed(self, given: List[Tuple[str, Any]], xla: bool) -> Callable[[], Any]:
        """A call without arguments: constants in, numpy out; with `xla`, the signature compiled as one cluster."""
        tensors = self.tensors(given)
        function = compiled(self.function) if xla else self.function
        return lambda: [value.numpy() for value in function(**tensors).values()]

    def signature(self) -> Dict[str, Any]:
        def described(specs: Dict[str, Any]) -> List[List[str]]:
            return [[name, spec.dtype.name] for name, spec in specs.items()]

        outputs = dict(self.function.structured_outputs)
        return {"inputs": described(self.inputs), "outputs": described(outputs), "ordered": False}


RUNTIME = Runtime(revision=1, load=ServingDefault, pin_threads=pin_threads)
