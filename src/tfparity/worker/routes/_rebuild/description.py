"""A described torch model, and the bookkeeping of its weights: each is taken once, and none is left over."""

import json
import os
from typing import Any, Dict, List, NamedTuple, Sequence

from tfparity.worker.exporters.torch_state import DESCRIPTION, FORMAT, LAYERS, STATE
from tfparity.worker.messages import Refused


class Module(NamedTuple):
    """A torch module: its dotted name, its class with the path of its file, its plain attributes, and the dotted names
    of its children."""

    name: str
    path: str
    settings: Dict[str, Any]
    children: List[str]

    @property
    def kind(self) -> str:
        """The class's own name: "Conv2d"."""
        return self.path.rpartition(".")[2]


def one_of(module: Module, setting: str, *allowed: Any) -> Any:
    """A layer's setting; the first of `allowed` if the layer has none. Raises Refused("UnknownSetting") for another
    value: a mapping that ignored it would be wrong."""
    value = module.settings.get(setting, allowed[0])
    if value not in allowed:
        raise Refused("UnknownSetting", "%s (%s): no mapping for %s=%r" % (module.name, module.kind, setting, value))
    return value


def pair(value: Any) -> List[Any]:
    """Two numbers; torch writes one if they are equal."""
    return list(value) if isinstance(value, (list, tuple)) else [value, value]


class Call(NamedTuple):
    """The n-th call (from 0) of a module, the name of its recorded output, and the rounding error in it."""

    module: str
    number: int
    output: str
    noise: float


class Description(NamedTuple):
    """What model.json says. `inputs`: dictionaries of name, dtype and shape, in the model's order; `noise`: of each
    output, as of each call."""

    case: str
    inputs: List[Dict[str, Any]]
    outputs: List[str]
    noise: Dict[str, float]
    config: Dict[str, Any]
    modules: Dict[str, Module]
    calls: List[Call]


def described(value: Dict[str, Any]) -> Description:
    """The description from JSON values. Raises Refused for another format."""
    if value.get("format") != FORMAT:
        raise Refused("UnknownFormat", "the description has format %r, not %d" % (value.get("format"), FORMAT))
    modules = {}
    for one in value["modules"]:
        children = [one["name"] + "." + child if one["name"] else child for child in one["children"]]
        modules[one["name"]] = Module(one["name"], one["class"], one["settings"], children)
    calls = [Call(call["module"], call["call"], call["output"], call["noise"]) for call in value["calls"]]
    outputs = {output["name"]: output["noise"] for output in value["outputs"]}
    return Description(value["case"], value["inputs"], list(outputs), outputs, value["config"], modules, calls)


def read(folder: str) -> Description:
    """The description in an exporter's folder."""
    with open(os.path.join(folder, DESCRIPTION)) as file:
        return described(json.load(file))


def read_arrays(folder: str, recorded: bool = False) -> Dict[str, Any]:
    """The state dict, or, with `recorded`, the inputs, answers and layers' outputs of the first sample."""
    import numpy

    with numpy.load(os.path.join(folder, LAYERS if recorded else STATE), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


class Weights:
    """A state dict of which every floating entry must be taken exactly once."""

    def __init__(self, state: Dict[str, Any]) -> None:
        self.state = state
        self.taken: List[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self.state

    def take(self, name: str) -> Any:
        """The array of that name. Raises Refused("WeightMissing") or Refused("WeightTwice")."""
        if name not in self.state:
            raise Refused("WeightMissing", "torch's state has no %s" % name)
        if name in self.taken:
            raise Refused("WeightTwice", "%s is wanted for a second layer" % name)
        self.taken.append(name)
        return self.state[name]

    def left(self) -> List[str]:
        """The floating entries that were not taken."""
        return [name for name, value in self.state.items() if name not in self.taken and value.dtype.kind == "f"]

    def integers(self) -> List[str]:
        """Entries that are no weights and were not taken: batch counters, positions."""
        return [name for name, value in self.state.items() if name not in self.taken and value.dtype.kind != "f"]


def nothing_left(torch: Sequence[str], keras: Sequence[str]) -> None:
    """Raises Refused("WeightsLeftOver") where either side has a weight that was not mapped."""
    sides = [("torch", torch, "went nowhere"), ("Keras", keras, "got nothing")]
    parts = ["%s's %s %s" % (side, _listed(names), what) for side, names, what in sides if names]
    if parts:
        raise Refused("WeightsLeftOver", "; ".join(parts))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (" and %d more" % (len(names) - 4) if len(names) > 4 else "")
