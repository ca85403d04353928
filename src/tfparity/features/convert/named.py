"""What `convert` is given as the name of a model: a case of the zoo, what --cases takes, or one case of a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tfparity import paths
from tfparity.errors import UsageError
from tfparity.inputs import case_sources, hub_weights, names, own_models
from tfparity.paths import Cache, Project
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.vocabulary import Tier
from tfparity.worker.declare import Case


@dataclass(frozen=True)
class Named:
    """choice: what is to be converted; kin: a case of the zoo that it is like, where that is known; told: what to say
    of it first."""

    choice: Choice
    kin: str | None = None
    told: str = ""


def chosen(model: str, asked: Choice, project: Project | None = None, cache: Cache | None = None) -> Named:
    """What that name chooses, on the toolchains of `asked`.

    Raises UsageError with the closest name where it is none, InputErrors of the zoo's files.
    """
    asked = replace(asked, tier=Tier.ALL, jobs=1)
    if Path(model).exists() or Path(model).suffix in (".onnx", ".py"):
        return Named(replace(asked, sources=(model,)), _family(Path(model)))
    if (named := case_sources.of_file(model)) is not None:
        return Named(replace(asked, sources=(named.file,), case_globs=(named.case,)))
    place, _, case = model.rpartition(":")
    if place and (Path(place).exists() or Path(place).suffix == ".onnx"):
        return Named(replace(asked, sources=(place,), case_globs=(case,)), _family(Path(place)))
    if own_models.names_function(model):
        told = "with the weights that it gives, which are random where it loads none"
        return Named(replace(asked, sources=(model,)), told=told)
    zoo = Selection(replace(asked, declared=Choice().declared), project, cache).cases
    if model in zoo:
        return _of_zoo(zoo[model], asked, cache or paths.cache())
    meant = names.closest(model, zoo)
    guess = f", did you mean {meant!r}?" if meant else " (`nox -s tfparity -- cases` lists them)."
    raise UsageError(
        f"{model}: there is no such file or folder, and no case of the zoo has that name{guess} A model of your own is "
        "a folder of Hugging Face's, an .onnx file, module:function, my_cases.py or my_cases.py:my/case"
    )


def _of_zoo(case: Case, asked: Choice, cache: Cache) -> Named:
    """A case of the zoo, with torchvision's own weights where they are on the disk."""
    weights = hub_weights.found(case)
    if weights is not None:
        made = hub_weights.of_file(case, weights, asked.declared, cache.made)
        told = f"with torchvision's own weights, {weights}"
        return Named(replace(asked, sources=(str(made),), declared=Choice().declared), case.id, told)
    sizes = ", ".join(f"{one.name} ({', '.join(map(str, one.shape))})" for one in case.inputs)
    told = "" if case.trained else f"with random weights: the way, not the model; as the zoo has it, takes {sizes}"
    if told and hub_weights.builder(case):
        told += f" (no weights of torchvision's are in {hub_weights.place()})"
    return Named(replace(asked, case_globs=(case.id,)), told=told)


def _family(folder: Path) -> str | None:
    """The case of the zoo that a Hugging Face folder is of the same family as; there need not be one."""
    family = own_models.family(folder)
    return f"huggingface/{family}" if family else None
