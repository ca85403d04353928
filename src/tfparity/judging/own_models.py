"""What a verdict on a user's own model does not tell. Pure.

A case of the zoo that cannot tell right from wrong is refused (judging.sensitivity). A user's model is what it is: it
is judged all the same, and notes beside the verdict say what the comparison cannot see, why, and what to do.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from tfparity.judging import compare
from tfparity.judging.sensitivity import NOISIEST, UNSEEN, listed, unseen
from tfparity.records.cells import Note
from tfparity.records.fingerprint import printable
from tfparity.worker.declare import Case

#: Largest magnitude of a weight that hides itself and what it multiplies: 1 % of it moves nothing by SENSITIVE.
TINY = 1e-4

#: Names of scales that residual branches end with: CaiT's and ConvNeXt's LayerScale, and its relatives.
_SCALE = re.compile(r"(^|[._])(gamma|layer_?scale|ls|scale|lambda|alpha|resweight)(_?\d+)?([._]|$)", re.IGNORECASE)

#: softmax(q·(k + b)) = softmax(q·k + q·b), and q·b is the same for every key; so is what CaiT adds to scores (proj_l).
_KEYS = re.compile(r"(^|[._])(k|key|keys|to_k|wk|key_proj|k_proj|k_lin|proj_l)\.bias$")


def unjudgeable(case: Case, references: compare.Arrays) -> str | None:
    """Why no answer can be told from a wrong one, or None: references that contradict each other, or noise in which an
    answer of zeros would pass. `references`: the arrays of io.npz."""
    undetermined = compare.undetermined(case.outputs, case.samples(), references)
    if undetermined:
        return f"one of float32 and float64 is NaN where the other is not, so nothing is wrong: {listed(undetermined)}"
    floors = compare.floors(case.outputs, case.samples(), references)
    lost = [name for name, floor in floors.items() if compare.NOISE_FACTOR * floor >= 1.0]
    if lost:
        return f"float32 rounds {listed(lost)} so coarsely that an answer of zeros would pass for noise"
    return None


def notes(
    case: Case,
    changes: Mapping[str, Sequence[float]],
    sizes: Mapping[str, float],
    references: compare.Arrays,
) -> tuple[Note, ...]:
    """What a comparison of this model cannot see, none where it sees all: coarse noise, outputs and inputs that do not
    count, weights, and declarations that are not true. `changes`: see worker.sensitivity; `sizes`: the largest
    magnitude of weights that are not seen."""
    floors = compare.floors(case.outputs, case.samples(), references)
    found = [
        _note(
            f"float32 rounds {name} coarsely: an error of {compare.NOISE_FACTOR * floor:.0e} of its largest element "
            "passes for noise",
            [name],
        )
        for name, floor in floors.items()
        if compare.NOISE_FACTOR * floor > NOISIEST
    ]
    dead = unseen(case, changes, floors)
    undeclared = [name for name in dead if not any(fnmatch.fnmatch(name, glob) for glob in case.insensitive)]
    for kind, problem in UNSEEN.items():
        named = [name.removeprefix(kind) for name in undeclared if name.startswith(kind)]
        if named:
            found.append(_note(f"{problem}, so that nothing of it is compared: {listed(named)}", named))
    weights = [name for name in changes if not name.startswith(tuple(UNSEEN))]
    hidden = [name for name in undeclared if name in set(weights)]
    if hidden:
        found.append(_note(_of_weights(hidden, len(weights), sizes, trained=case.trained), hidden))
    for glob in case.insensitive:
        matched, blind = fnmatch.filter(changes, glob), fnmatch.filter(dead, glob)
        if not blind:
            what = "all that it matches moves the output" if matched else "nothing has such a name"
            found.append(_note(f"the case declares {glob!r} insensitive, but {what}: take it out", matched))
    return tuple(found)


def _note(text: str, names: Sequence[str]) -> Note:
    return Note(printable(text), tuple(map(printable, names)))


def _of_weights(hidden: Sequence[str], of: int, sizes: Mapping[str, float], *, trained: bool) -> str:
    """Which weights are not seen, the likely reasons, and what to do."""
    said = f"{len(hidden)} of {of} weights move the answer less than rounding: {listed(hidden)}"
    by_reason = _reasons(hidden, sizes)
    known = [f"{len(names)} {reason}" for reason, names in by_reason.items()]
    if known:
        said += f"; {', '.join(known)}"
    if all(_KEYS.search(name) for name in hidden):
        return said
    do = "if these are initial values, load the checkpoint"
    if not trained:
        do = "load your checkpoint and declare the case trained=True"
    return f"{said}. What becomes of them does not show: {do}"


def _reasons(hidden: Sequence[str], sizes: Mapping[str, float]) -> dict[str, list[str]]:
    """Reason → the weights that likely have it, the most frequent first."""
    tiny = {name: sizes[name] for name in hidden if sizes.get(name, 1.0) <= TINY}
    found: dict[str, list[str]] = {}
    for name in hidden:
        at = name if name in tiny else _behind(name, tiny)
        if _KEYS.search(name):
            reason = "as biases of an attention's keys or scores, which softmax cancels"
        elif at is None:
            continue
        elif tiny[at] == 0.0:
            reason = "in or behind what begins at zero"
        elif _SCALE.search(at):
            reason = f"in or behind a layer scale of {tiny[at]:.0e}"
        else:
            reason = f"of {tiny[at]:.0e} at most, or behind such"
        found.setdefault(reason, []).append(name)
    return dict(sorted(found.items(), key=lambda entry: -len(entry[1])))


def _behind(name: str, tiny: Mapping[str, float]) -> str | None:
    """What hides a weight that is of a usual size: a scale, or a norm's or a layer's weight, in the same block."""
    block = name.split(".")[:-1]
    for length in range(len(block), 0, -1):
        prefix = ".".join(block[:length]) + "."
        for other in tiny:
            if other.startswith(prefix) and (_SCALE.search(other) or other.endswith(".weight")):
                return other
    return None
