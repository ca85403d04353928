"""A SavedModel whose `serving_default` XLA compiles as one cluster: what it cannot compile fails.

https://www.tensorflow.org/xla/known_issues
"""

from typing import Any, List, Tuple

from tfparity.worker.runtimes.saved_model import RUNTIME, ServingDefault, compiled, numbered
from tfparity.worker.targets import Target


class Compiled(ServingDefault):
    """The signature of a SavedModel, compiled for each shape of its inputs."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.cluster = compiled(self.function)

    def run(self, given: List[Tuple[str, Any]]) -> List[Tuple[str, Any]]:
        answer = self.cluster(**self.tensors(given))
        return [(name, answer[name].numpy()) for name in sorted(answer, key=numbered)]


TARGET = Target(revision=1, precision="float32", load=Compiled, pin_threads=RUNTIME.pin_threads)
