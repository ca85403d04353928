"""The state dict with what a person needs to write the network again: its modules, and what each layer answered.

state.npz     every entry of the state dict, under torch's name
layers.npz    input/<name>, answer/<name>: the first sample and the model's float32 answer to it;
              layer/<n>: the n-th call's output, the first tensor of it where there are several
model.json    format, case, inputs, outputs, config (of transformers), modules, calls; of each call its noise,
              max |float32 - float64|, 0 where the model does not run in float64
"""

import copy
import json
import os
from functools import partial
from typing import Any, Dict, List, Optional

from tfparity.worker import arrays, machine_errors
from tfparity.worker.declare import Case
from tfparity.worker.exporters import Exporter
from tfparity.worker.messages import Refused

FORMAT = 1
STATE = "state.npz"
LAYERS = "layers.npz"
DESCRIPTION = "model.json"


def newest_opset() -> int:
    """A state dict has no opset."""
    return 0


def export(
    model: Any, example: List[Any], case: Case, output_axes: List[Dict[int, str]], opset: int, folder: str
) -> None:
    """Write the three files. Raises Refused("WeightType") for a weight that numpy has no type for."""
    import torch

    recorded = {"input/" + declared.name: array for declared, array in zip(case.inputs, example)}
    calls: List[Dict[str, Any]] = []

    def record(name: str, module: Any, given: Any, answer: Any) -> None:
        first = _first_tensor(answer)
        if first is not None:
            key = "layer/%d" % len(calls)
            recorded[key] = first.detach().cpu().numpy().copy()  # what comes next may work in place
            number = sum(call["module"] == name for call in calls)
            calls.append({"module": name, "call": number, "output": key, "noise": 0.0})

    tensors = [torch.from_numpy(array.copy()) for array in example]
    for name, value in _answers(case, _hooked(model, tensors, record)).items():
        recorded["answer/" + name] = value
    noise = _measure_noise(model, tensors, case, calls, recorded)
    arrays.write_npz(os.path.join(folder, STATE), _state(model))
    arrays.write_npz(os.path.join(folder, LAYERS), recorded)
    description = {
        "format": FORMAT,
        "case": case.id,
        "inputs": [{"name": i.name, "dtype": i.dtype, "shape": list(i.shape)} for i in case.inputs],
        "outputs": [{"name": output.name, "noise": noise.get(output.name, 0.0)} for output in case.outputs],
        "config": next((_settings(m.config.to_dict()) for m in model.modules() if _is_configured(m)), {}),
        "modules": [_described(name, module) for name, module in model.named_modules()],
        "calls": calls,
    }
    with open(os.path.join(folder, DESCRIPTION), "w") as file:
        json.dump(description, file, indent=1)


def check(folder: str) -> None:
    """Check that the three files agree: every call's output is there, and belongs to a module that is described."""
    import numpy

    with open(os.path.join(folder, DESCRIPTION)) as file:
        described = json.load(file)
    with numpy.load(os.path.join(folder, LAYERS), allow_pickle=False) as stored:
        recorded = set(stored.files)
    names = {module["name"] for module in described["modules"]}
    wanted = {"answer/" + output["name"] for output in described["outputs"]} | {
        call["output"] for call in described["calls"]
    }
    if not wanted <= recorded or not {call["module"] for call in described["calls"]} <= names:
        raise Refused("Incomplete", "a layer was called whose answer was not kept")


def operators(folder: str) -> List[str]:
    """The kinds of layers that were called, each once."""
    with open(os.path.join(folder, DESCRIPTION)) as file:
        described = json.load(file)
    called = {call["module"] for call in described["calls"]}
    return sorted({module["class"].rpartition(".")[2] for module in described["modules"] if module["name"] in called})


def _hooked(model: Any, tensors: List[Any], hook: Any) -> Any:
    """The model's outputs; `hook(name, module, inputs, outputs)` is called for every call of a module without
    children."""
    import torch

    hooks = [
        module.register_forward_hook(partial(hook, name))
        for name, module in model.named_modules()
        if not list(module.children())
    ]
    try:
        with torch.no_grad():
            return model(*tensors)
    finally:
        for one in hooks:
            one.remove()


def _answers(case: Case, answer: Any) -> Dict[str, Any]:
    tensors = answer if isinstance(answer, (tuple, list)) else [answer]
    return {output.name: tensor.detach().cpu().numpy() for output, tensor in zip(case.outputs, tensors)}


def _measure_noise(
    model: Any, tensors: List[Any], case: Case, calls: List[Dict[str, Any]], recorded: Dict[str, Any]
) -> Dict[str, float]:
    """How far float32 is from float64, which separates rounding from errors: stored in every call, and returned for
    every output. Empty if the model does not run in float64."""
    import torch

    found: List[float] = []

    def noise(double: Any, single: Any) -> float:
        return float(abs(double - single).max()) if single.size else 0.0

    def measure(name: str, module: Any, given: Any, answer: Any) -> None:
        first = _first_tensor(answer)
        if first is not None:
            found.append(noise(first.detach().cpu().numpy(), recorded[calls[len(found)]["output"]]))

    usual = torch.get_default_dtype()
    try:
        double = copy.deepcopy(model).double()
        torch.set_default_dtype(torch.float64)
        answer = _hooked(double, [one.double() if one.is_floating_point() else one for one in tensors], measure)
    except Exception as unable:  # a kernel without float64, another number of calls
        machine_errors.let_through(unable)
        return {}
    finally:
        torch.set_default_dtype(usual)
    for call, off in zip(calls, found):
        call["noise"] = off
    return {name: noise(value, recorded["answer/" + name]) for name, value in _answers(case, answer).items()}


def _state(model: Any) -> Dict[str, Any]:
    state = {}
    for name, tensor in model.state_dict().items():
        try:
            state[name] = tensor.detach().cpu().numpy()
        except (AttributeError, TypeError) as wrong:
            raise Refused("WeightType", "%s: numpy has no such type: %s" % (name, wrong)) from None
    return state


def _described(name: str, module: Any) -> Dict[str, Any]:
    """A module: its name, its class, its plain public attributes, and the names of its children in order."""
    kind = type(module)
    return {
        "name": name,
        "class": "%s.%s" % (kind.__module__, kind.__name__),
        "settings": _settings(vars(module)),
        "children": [child for child, _ in module.named_children()],
    }


def _settings(values: Dict[str, Any]) -> Dict[str, Any]:
    """The plain values: numbers, strings, and lists of these."""
    plain = (bool, int, float, str, type(None))
    return {
        name: list(value) if isinstance(value, (tuple, list)) else value
        for name, value in sorted(values.items())
        if not name.startswith("_")
        and name != "training"
        and all(isinstance(v, plain) for v in (value if isinstance(value, (tuple, list)) else [value]))
    }


def _is_configured(module: Any) -> bool:
    return hasattr(getattr(module, "config", None), "to_dict")


def _first_tensor(answer: Any) -> Optional[Any]:
    import torch

    while isinstance(answer, (tuple, list)) and answer:
        answer = answer[0]
    return answer if isinstance(answer, torch.Tensor) else None


EXPORTER = Exporter(revision=2, newest_opset=newest_opset, export=export, check=check, operators=operators)
