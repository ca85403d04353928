"""Compares every layer's output for the first sample with the one that torch gave.

A network can take every weight and still be wrong: keras.applications.ResNet50 takes all of torch's weights, has its
strides on other convolutions, and raises no error; Keras's default epsilon shows in the third digit only. A comparison
layer by layer finds both, and names the first layer that differs.
"""

import math
from typing import Any, Dict, List, Sequence, Tuple

from tfparity.worker.messages import Refused
from tfparity.worker.routes._rebuild.description import Call, Description

#: Most that a layer's answer may be off, as a part of the largest element that torch gave: batch norm's epsilon of
#: Keras (1e-3 for 1e-5) makes 5e-4.
TOLERANCE = 1e-5

#: Or so many times what float32 is off from float64 there: rounding adds up in a deep network.
NOISE_FACTOR = 8

#: Kinds of layers that do nothing in inference: a network written again has no need of them.
NOTHING = ("Dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "Identity", "StochasticDepth")

Key = Tuple[str, int]


def difference(recorded: Any, made: Any) -> float:
    """The largest |made - recorded| relative to max |recorded| (absolute if that is zero); infinite if the shapes
    differ or either has NaN or infinity."""
    import numpy

    if recorded.shape != made.shape:
        return float("inf")
    if not recorded.size:
        return 0.0
    old, new = recorded.astype("float64"), made.astype("float64")
    if not (numpy.isfinite(old).all() and numpy.isfinite(new).all()):
        return float("inf")
    return float(numpy.abs(old - new).max() / (numpy.abs(old).max() or 1.0))


def layers(described: Description, recorded: Dict[str, Any], made: Dict[Key, Any]) -> List[Tuple[str, float]]:
    """Names and differences of all layers, in the order of torch's calls. `made`: by the module's name and the number
    of the call, in torch's layout.

    Raises Refused("LayersLeftOver") if one side calls a layer that the other does not, and Refused("LayerDiffers"),
    naming the first such layer, if an output is not torch's.
    """
    calls = [call for call in described.calls if described.modules[call.module].kind not in NOTHING]
    _same_calls(calls, made)
    found = []
    for call in calls:
        kind = described.modules[call.module].kind
        old, new = recorded[call.output], made[(call.module, call.number)]
        _close("the layer %s (%s)" % (_name(call.module, call.number), kind), old, new, call.noise, "LayerDiffers")
        found.append((_name(call.module, call.number), difference(old, new)))
    return found


def answers(described: Description, recorded: Dict[str, Any], made: Dict[str, Any]) -> List[Tuple[str, float]]:
    """Names and differences of the model's outputs. Raises Refused("OutputDiffers")."""
    found = []
    for name in described.outputs:
        _close("the output %s" % name, recorded["answer/" + name], made[name], described.noise[name], "OutputDiffers")
        found.append((name, difference(recorded["answer/" + name], made[name])))
    return found


def _same_calls(calls: Sequence[Call], made: Dict[Key, Any]) -> None:
    keys = [(call.module, call.number) for call in calls]
    only_torch = [_name(*key) for key in keys if key not in made]
    only_keras = [_name(*key) for key in made if key not in keys]
    parts = []
    if only_torch:
        parts.append("torch calls %s, the rebuilt network does not" % ", ".join(only_torch[:4]))
    if only_keras:
        parts.append("the rebuilt network calls %s, torch does not" % ", ".join(only_keras[:4]))
    if parts:
        raise Refused("LayersLeftOver", "; ".join(parts))


def _close(what: str, old: Any, new: Any, noise: float, type: str) -> None:
    if old.shape != new.shape:
        raise Refused(type, "%s gives shape %s, torch's gives %s" % (what, list(new.shape), list(old.shape)))
    off = difference(old, new)
    allowed = max(TOLERANCE, NOISE_FACTOR * noise / (float(abs(old).max()) or 1.0)) if old.size else TOLERANCE
    if not off <= allowed or math.isinf(off):
        raise Refused(type, "%s is off by %.1e of its largest element, %.0e is allowed" % (what, off, allowed))


def _name(module: str, number: int) -> str:
    return module if not number else "%s, call %d" % (module, number + 1)
