"""For routes that read a torch module and no file: its weights, and the names of its dynamic axes.

The target side of such a route has torch, too: `rebuild` builds the same module there.
"""

import json
import os
import sys
from typing import Any, Dict, List, Tuple

from tfparity.worker import plugins
from tfparity.worker.declare import Case, registered
from tfparity.worker.exporters import Exporter
from tfparity.worker.remedies import fixed_axes

DESCRIPTION = "module.json"
WEIGHTS = "weights.pt"


def newest_opset() -> int:
    """A module has no opset."""
    return 0


def export(
    model: Any, example: List[Any], case: Case, output_axes: List[Dict[int, str]], opset: int, folder: str
) -> None:
    """Write the weights and the names of the dynamic axes."""
    import torch

    torch.save(model.state_dict(), os.path.join(folder, WEIGHTS))
    with open(os.path.join(folder, DESCRIPTION), "w") as file:
        json.dump({"axes": sorted(case.axes)}, file)


def check(folder: str) -> None:
    """Check that the weights can be read."""
    import torch

    torch.load(os.path.join(folder, WEIGHTS))  # nosec B614 # what has just been exported here


def rebuild(bundle: str, request: Dict[str, Any]) -> Tuple[Any, Case]:
    """The exported module, in eval mode, and its case with the axes that it was exported with. `request`: the
    conversion's, which names the case file."""
    import torch

    from tfparity.worker.frameworks import pytorch

    with open(os.path.join(bundle, DESCRIPTION)) as file:
        described = json.load(file)
    sys.path[:0] = request["path"]
    plugins.load(request["case_file"], "")
    case = registered()[request["case"]]
    model = pytorch.build(case)
    model.load_state_dict(torch.load(os.path.join(bundle, WEIGHTS)))  # nosec B614 # of this cache, never handed on
    return model, case if described["axes"] else fixed_axes.declare(case)


EXPORTER = Exporter(revision=2, newest_opset=newest_opset, export=export, check=check)
