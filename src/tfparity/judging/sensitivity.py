"""Whether a case of the zoo can tell a right answer from a wrong one: one that cannot is refused. Pure.

Of a user's own model it is said, see judging.own_models.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from tfparity.judging import compare
from tfparity.worker.declare import Case

#: A case must answer to each of its inputs, and to 1 % on any weight tensor, by more than this part of
#: max(1, max |reference|): the tolerance of the grade 1e-5. By more than its noise, too.
SENSITIVE = 1e-5

#: The coarsest noise, in the same unit, that a case may have: the tolerance of the grade 1e-3.
NOISIEST = 1e-3

#: How names of `changes` begin that are no weight's → what is wrong with one that is not seen.
UNSEEN = {
    "output:": "an output does not change with the inputs",
    "input:": "the outputs do not change with an input",
}


def insensitive(case: Case, changes: Mapping[str, Sequence[float]], references: compare.Arrays) -> str | None:
    """Why the case cannot tell right from wrong, or None: references that contradict each other, rounding noise that a
    wrong answer could hide in, inputs, outputs and weights (of a trained case: only where none is seen) that are not
    seen in the answer and not declared `insensitive`, and declarations that are not true. `changes`: see
    worker.sensitivity; `references`: the arrays of io.npz."""
    undetermined = compare.undetermined(case.outputs, case.samples(), references)
    if undetermined:
        return f"one of float32 and float64 is NaN where the other is not, so nothing is wrong: {listed(undetermined)}"
    floors = compare.floors(case.outputs, case.samples(), references)
    noisy = [name for name, floor in floors.items() if compare.NOISE_FACTOR * floor > NOISIEST]
    if noisy:
        return f"float32 rounds {listed(noisy)} so coarsely that a wrong answer would pass for noise"
    dead = unseen(case, changes, floors)
    undeclared = [name for name in dead if not any(fnmatch.fnmatch(name, glob) for glob in case.insensitive)]
    for kind, problem in UNSEEN.items():
        named = [name.removeprefix(kind) for name in undeclared if name.startswith(kind)]
        undeclared = [name for name in undeclared if not name.startswith(kind)]
        if named:
            return f"{problem}: {listed(named)}"
    weights = [name for name in changes if not name.startswith(tuple(UNSEEN))]
    if undeclared and not (case.trained and len(undeclared) < len(weights)):
        return (
            f"moving a weight by 1 % does not move the output: {listed(undeclared)}; "
            "give it weight, declare it insensitive with the reason, or, where the weights mean something, the case "
            "trained=True"
        )
    for glob in case.insensitive:
        if not fnmatch.filter(changes, glob):
            return f"declares {glob!r} insensitive, but no weight, input or output has such a name; mend the glob"
        if not fnmatch.filter(dead, glob):
            return f"declares {glob!r} insensitive, but all that it matches moves the output; take it out"
    return None


def unseen(case: Case, changes: Mapping[str, Sequence[float]], floors: Mapping[str, float]) -> list[str]:
    """The names of `changes` that no output answers to beyond its noise; `floors`: see compare.floors."""
    enough = [max(SENSITIVE, compare.NOISE_FACTOR * floors[output.name]) for output in case.outputs]
    return [
        name
        for name, by in changes.items()
        if not any(change > least for change, least in zip(by, enough, strict=False))
    ]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
