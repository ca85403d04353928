"""What `convert` is given as the name of a model: a case of the zoo, what --cases takes, or one case of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tfparity.errors import UsageError
from tfparity.inputs import names, own_models
from tfparity.paths import Cache, Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.vocabulary import Tier


def chosen(model: str, asked: Choice, project: Project | None = None, cache: Cache | None = None) -> Choice:
    """What that name chooses, on the toolchains of `asked`.

    Raises UsageError with the closest name where it is none, InputErrors of the zoo's files.
    """
    asked = replace(asked, tier=Tier.ALL, jobs=1)
    if Path(model).exists() or Path(model).suffix in (".onnx", ".py"):
        return replace(asked, sources=(model,))
    place, _, case = model.rpartition(":")
    if place and (Path(place).exists() or Path(place).suffix in (".onnx", ".py")):
        return replace(asked, sources=(place,), case_globs=(case,))
    if own_models.names_function(model):
        return replace(asked, sources=(model,))
    zoo = Selection(replace(asked, declared=Choice().declared), project, cache).cases
    if model in zoo:
        return replace(asked, case_globs=(model,))
    meant = names.closest(model, zoo)
    guess = f", did you mean {meant!r}?" if meant else " (`python -m tfparity cases` lists them)."
    raise UsageError(
        f"{model}: there is no such file or folder, and no case of the zoo has that name{guess} A model of your own is "
        "a folder of Hugging Face's, an .onnx file, module:function, my_cases.py or my_cases.py:my/case"
    )
