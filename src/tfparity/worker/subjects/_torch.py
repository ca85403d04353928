"""What the subjects that are torch share: the built model, its inputs as tensors."""

from typing import Any, Dict, List, Tuple

from tfparity.worker import frameworks
from tfparity.worker.frameworks import Framework
from tfparity.worker.messages import Refused
from tfparity.worker.requests.source import built
from tfparity.worker.subjects import inputs


def model(request: Dict[str, Any]) -> Tuple[Framework, Any]:
    """The framework and the case's model, as it was built to be exported."""
    framework = frameworks.load(request["framework"])
    if framework.timed is None:
        raise Refused("NotTimed", "the framework %s times no calls" % request["framework"])
    return framework, built(framework, request)[1]


def module(request: Dict[str, Any]) -> Any:
    """The model where it is a torch module. Raises Refused where the case is something else."""
    found = model(request)[1]
    if not hasattr(found, "state_dict"):
        raise Refused("NoModule", "the case is no torch module")
    return found


def tensors(request: Dict[str, Any]) -> List[Any]:
    import torch

    return [torch.from_numpy(array.copy()) for _, array in inputs(request)]
