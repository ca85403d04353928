"""A SavedModel by TensorFlow in Python: loaded, and called through a signature."""

from typing import Any, Dict, List, Tuple

from tfparity.worker.artifacts import Opener
from tfparity.worker.artifacts._fitting import chosen_signature, fitted
from tfparity.worker.runtimes import saved_model


class Loaded:
    """The signature that is served."""

    def __init__(self, folder: str) -> None:
        import tensorflow as tf

        self.loaded = tf.saved_model.load(folder)  # kept: the function does not keep its variables alive
        self.function = self.loaded.signatures[chosen_signature(list(self.loaded.signatures))]

    def described(self) -> Dict[str, Any]:
        specs = {"inputs": self.function.structured_input_signature[1], "outputs": self.function.structured_outputs}
        return {side: [_described(*one) for one in sorted(named.items())] for side, named in specs.items()}

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        import tensorflow as tf

        arrays = fitted(given, self.described()["inputs"])
        answer = self.function(**{name: tf.constant(array) for name, array in arrays.items()})
        return [(name, answer[name].numpy()) for name in sorted(answer, key=saved_model.numbered)]


def _described(name: str, spec: Any) -> List[Any]:
    shape = None if spec.shape.rank is None else [-1 if size is None else int(size) for size in spec.shape.as_list()]
    return [name, spec.dtype.name, shape]


def open_artifact(folder: str, settings: Dict[str, Any]) -> Loaded:
    """Must come before TensorFlow's first operation in this process."""
    saved_model.pin_threads(int(settings.get("threads", 1)))
    return Loaded(folder)


OPENER = Opener(
    revision=1, imports=(("tensorflow", "tensorflow"), ("tensorflow-cpu", "tensorflow")), open=open_artifact
)
