"""torchvision's own weights, where torch has put them on this disk: nothing is fetched."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from tfparity import paths
from tfparity.inputs import case_digest, own_models
from tfparity.inputs.own_models import Declared
from tfparity.worker.declare import Case

_BODY = """\
import torch
from torchvision import models

FILE = {digest!r}
torch.hub.set_dir({place})
named = [one for one in models.get_model_weights({builder!r}) if one.url.endswith({name!r})]
if not named:
    raise ValueError({name!r} + " is none of the weights that this torchvision knows")
return models.get_model({builder!r}, weights=named[0]).eval()"""


def place() -> Path:
    """The folder in which torch keeps checkpoints, as torch.hub documents it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or paths.home() / ".cache")
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch")
    with suppress(RuntimeError):  # of a user without a home
        home = home.expanduser()
    return home / "hub" / "checkpoints"


def builder(case: Case) -> str | None:
    """The builder of torchvision's that a classifier of the zoo stands for; None of what is no such case."""
    family, _, name = case.id.partition("/")
    images = [given.shape for given in case.inputs]
    classifies = [output.kind for output in case.outputs] == ["ranking"] and len(images) == 1 and len(images[0]) == 4
    return name.replace("-", "_") if family == "torchvision" and classifies else None


def found(case: Case) -> Path | None:
    """The newest file of weights for that case; None without one."""
    name = builder(case)
    if name is None:
        return None
    there = place().glob(f"{name}-*.pth") if place().is_dir() else []
    files = [file for file in there if re.fullmatch(rf"{name}-[0-9a-f]{{8}}\.pth", file.name)]
    return max(files, key=lambda file: (file.stat().st_mtime, file.name), default=None)


def of_file(case: Case, weights: Path, declared: Declared, folder: Path) -> Path:
    """The case file of that case's builder with those weights, made in `folder`; images of 224 by 224 where nothing
    else is declared."""
    body = _BODY.format(
        digest=paths.digest([weights]), place=case_digest.PLACE, builder=builder(case), name=f"/{weights.name}"
    )
    return own_models.of_builder(case.id, body, declared, weights.parent.parent, folder, {"torchvision": ">=0.14"})
