"""How much a model's outputs answer to each input and each weight: what proves that a comparison can fail.

A weight of two or more elements is moved by 1 % and the outputs are computed again: one pass a weight. Where the
framework has gradients, they bound what many weights do at once (see Framework.slopes), and only those are moved whose
bound doesn't show that they are seen. Changing how is a matter of `planning.revisions.SENSITIVITY`.
"""

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from tfparity.worker.declare import Case
from tfparity.worker.frameworks import Framework

#: What judging.sensitivity asks of a change (SENSITIVE), and how many times the rounding noise it has to be beside
#: (judging.compare.NOISE_FACTOR), with the least noise that is assumed, in ulp (judging.compare.ULPS).
SENSITIVE = 1e-5
NOISE_FACTOR = 4.0
ULPS = 4.0

#: From here on a number is a fill (judging.arrays.FILL), with no part in scales and noise.
FILL = 1e30

#: Of the weights that gradients show to be seen, the LEAST with the smallest bounds are moved all the same, and SPREAD
#: others from the smallest to the largest: where one answers by less than its bound, gradients are no derivatives in
#: this model (rounding with a straight-through gradient), and all are moved.
LEAST = 3
SPREAD = 3


class Measured(NamedTuple):
    """How much each output changes (see change) when one thing changes: each weight by 1 % under its name, each input
    to its next seed under "input:<name>", and all inputs at once, for one output, under "output:<name>".

    bounded: the weights whose numbers are bounds, which they reach at the least. unseen: those that no output shows,
    by its noise, with their largest magnitude where it is known.
    """

    changes: Dict[str, List[float]]
    bounded: List[str]
    unseen: Dict[str, float]


def measured(
    case: Case, framework: Framework, model: Any, inputs: List[List[Any]], references: Mapping[str, Any]
) -> Measured:
    """What moving each input and each weight does. `references`: the arrays of io.npz."""
    before = framework.run(model, inputs[0])

    def changes(given: List[Any]) -> List[float]:
        return [change(old, new) for old, new in zip(before, framework.run(model, given))]

    found: Dict[str, List[float]] = {}
    for place, declared in enumerate(case.inputs):
        moved = list(inputs[0])
        moved[place] = inputs[1][place]
        found["input:" + declared.name] = changes(moved)
    for place, by in enumerate(changes(inputs[1])):
        only = [0.0] * len(before)
        only[place] = by
        found["output:" + case.outputs[place].name] = only
    needed = enough(case, references)
    weights, bounded = _of_weights(framework, model, inputs[0], before, needed)
    found.update(weights)
    sizes = framework.sizes(model) if framework.sizes else {}
    unseen = {name: sizes[name] for name, by in weights.items() if name in sizes and not shows(by, needed)}
    return Measured(found, bounded, unseen)


def _of_weights(
    framework: Framework, model: Any, given: List[Any], before: List[Any], needed: List[float]
) -> Tuple[Dict[str, List[float]], List[str]]:
    """What the outputs change by for each weight, by name, and the names of those that were not moved."""

    def moved(skipped: Set[str]) -> Dict[str, List[float]]:
        made = framework.moved_weights(model, given, skipped) if skipped else framework.moved_weights(model, given)
        return {name: [change(old, new) for old, new in zip(before, after)] for name, after in made}

    bounds: Dict[str, List[float]] = {}
    if framework.slopes:
        try:
            bounds = framework.slopes(model, given, before, needed)
        except Exception:  # no gradient flows: integers, in-place operations, kernels without a derivative
            bounds = {}
    seen = {name: by for name, by in bounds.items() if shows(by, needed)}
    checked = _to_check(seen)
    skipped = set(seen) - checked
    found = moved(skipped)
    if not all(reached(found[name], seen[name]) for name in checked):
        found.update(moved(set(found)))
        return found, []
    found.update((name, seen[name]) for name in skipped)
    return {name: found[name] for name in sorted(found)}, sorted(skipped)


def shows(by: Sequence[float], needed: Sequence[float]) -> bool:
    return any(change > least for change, least in zip(by, needed))


def reached(changes: Sequence[float], bounds: Sequence[float]) -> bool:
    """Whether each output changed by its bound or more."""
    return all(change >= bound for change, bound in zip(changes, bounds))


def _to_check(seen: Mapping[str, Sequence[float]]) -> Set[str]:
    """The weights with the smallest bounds, and some from there to the largest."""
    names = sorted(seen, key=lambda name: (max(seen[name]), name))
    return set(names[:LEAST] + [names[(len(names) - 1) * place // SPREAD] for place in range(1, SPREAD + 1) if names])


def enough(case: Case, references: Mapping[str, Any]) -> List[float]:
    """Per output, what a change has to be above to be seen: at the least what judging.sensitivity asks for, by the same
    rounding noise; of a set of boxes more, since rows are not matched here."""
    import numpy

    found = []
    for output in case.outputs:
        noise, scale = 0.0, 0.0
        for sample in case.samples():
            place = "%d/%s" % (sample.index, output.name)
            one = references["float32/" + place]
            other = references.get("float64/" + place, references.get("ulp/" + place, one))
            if one.dtype.kind == "f":
                noise = max(noise, ULPS * float(numpy.spacing(one.dtype.type(_largest(one)))))
                scale = scale or max(1.0, _largest(references.get("float64/" + place, one)))
                if one.shape == other.shape:
                    with numpy.errstate(all="ignore"):
                        noise = max(noise, _largest(one.astype("float64") - other.astype("float64")))
        found.append(max(SENSITIVE, NOISE_FACTOR * noise / (scale or 1.0)))
    return found


def _largest(array: Any) -> float:
    """The largest magnitude of an element that is finite and no fill, 0 for none."""
    import numpy

    with numpy.errstate(all="ignore"):
        sizes = numpy.abs(array.astype("float64")).ravel()
    return float(numpy.where(sizes < FILL, sizes, 0.0).max()) if sizes.size else 0.0


def change(old: Any, new: Any) -> float:
    """The largest difference between two outputs, relative to max(1, max |old|) over the finite elements.

    A changed integer, a changed shape, and an element that becomes or ceases to be finite count as 1.
    """
    import numpy

    if old.shape != new.shape:
        return 1.0
    if old.dtype.kind not in "fc":
        return float((old != new).any())
    finite = numpy.isfinite(old)
    if not numpy.array_equal(finite, numpy.isfinite(new)):
        return 1.0
    if not finite.any():
        return 0.0
    kind = "complex128" if old.dtype.kind == "c" else "float64"
    was, now = old[finite].astype(kind), new[finite].astype(kind)
    return float(numpy.abs(was - now).max()) / max(1.0, float(numpy.abs(was).max()))
