"""What the SavedModel's subjects share: constants in, numpy out, on one thread."""

from typing import Any, Callable, Dict

from tfparity.worker.runtimes.saved_model import ServingDefault, pin_threads
from tfparity.worker.subjects import Prepared, Subject, inputs


def subject(name: str, xla: bool) -> Subject:
    def load(request: Dict[str, Any], prepared: Prepared) -> Callable[[], Any]:
        pin_threads(1)
        return ServingDefault(request["artifact"]).timed(inputs(request), xla=xla)

    return Subject(side="target", load=load, packages=("tensorflow",), target=name)
