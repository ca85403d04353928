"""The module itself, for routes that read torch and not a file: its weights, and the axes that it is to have open.

Such a route's other side has torch, too: `rebuild` makes the same module there.
"""

import json
import os
import sys
from typing import Any, Dict, List, Tuple

from tfparity.worker import plugins
from tfparity.worker.declare import Case, registered
from tfparity.worker.remedies import fixed_axes

__all__ = ["DESCRIPTION", "REVISION", "WEIGHTS", "check", "export", "newest_opset", "rebuild"]

REVISION = 2

DESCRIPTION = "module.json"
WEIGHTS = "weights.pt"


def newest_opset() -> int:
    """A module has no opset."""
    return 0


def export(
    model: Any, example: List[Any], case: Case, output_axes: List[Dict[int, str]], opset: int, folder: str
) -> None:
    """Write the weights and the names of the open axes."""
    import torch

    torch.save(model.state_dict(), os.path.join(folder, WEIGHTS))
    with open(os.path.join(folder, DESCRIPTION), "w") as file:
        json.dump({"axes": sorted(case.axes)}, file)


def check(folder: str) -> None:
    """That the weights can be read."""
    import torch

    torch.load(os.path.join(folder, WEIGHTS))


def rebuild(bundle: str, request: Dict[str, Any]) -> Tuple[Any, Case]:
    """The module that was exported, in eval mode, and its case with the axes that it was exported with. `request`: of
    the conversion, which says where the case is."""
    import torch

    from tfparity.worker.frameworks import pytorch

    with open(os.path.join(bundle, DESCRIPTION)) as file:
        described = json.load(file)
    sys.path[:0] = request["path"]
    plugins.load(request["case_file"], "")
    case = registered()[request["case"]]
    model = pytorch.build(case)
    model.load_state_dict(torch.load(os.path.join(bundle, WEIGHTS)))
    return model, case if described["axes"] else fixed_axes.declare(case)
