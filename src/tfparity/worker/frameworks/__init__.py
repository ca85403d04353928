"""Source frameworks: how a case's model is built, calibrated, run and perturbed. A module each, which declares a
FRAMEWORK."""

from types import MappingProxyType
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from tfparity.worker import plugins
from tfparity.worker.declare import Case


class Framework(NamedTuple):
    """The library that computes the reference outputs."""

    #: pin_threads(number), before anything else in the process.
    pin_threads: Callable[[int], None]

    #: build(case) → the model, calibrated and ready to export. Raises Refused for a model in train mode.
    build: Callable[[Case], Any]

    #: run(model, arrays, double) → outputs as arrays; with `double` in float64.
    run: Callable[..., List[Any]]

    #: double(model) → the model in float64.
    double: Callable[[Any], Any]

    #: moved_weights(model, arrays) → (weight name, outputs with that weight moved by 1 %). Where there are slopes, a
    #: third argument names weights to leave out.
    moved_weights: Callable[..., Iterator[Tuple[str, List[Any]]]]

    #: parameters(model) → how many it has.
    parameters: Callable[[Any], int]

    #: sizes(model) → by weight name, its largest magnitude.
    sizes: Optional[Callable[[Any], Dict[str, float]]] = None

    #: enliven(model, case) → None: what a model of a user's own gets whose weights mean nothing, so that each can be
    #: seen, beyond what `build` does for the zoo.
    enliven: Optional[Callable[[Any, Case], None]] = None

    #: timed(model, arrays) → a call without arguments, to be timed; None where latency is not measured.
    timed: Optional[Callable[[Any, List[Any]], Callable[[], Any]]] = None

    #: slopes(model, arrays, outputs, needed) → by weight name, what each output changes by at the least when that
    #: weight is moved by 1 %, by gradients; 0 where they don't tell. needed: per output, the change that matters. It
    #: may raise where no gradient flows. None where every weight is moved.
    slopes: Optional[Callable[[Any, List[Any], List[Any], List[float]], Dict[str, List[float]]]] = None

    #: nudged(model, seed) → a copy whose weights are moved by one ulp each; None where it has no such form.
    nudged: Optional[Callable[[Any, int], Any]] = None

    #: package → version specifier: what the source side needs besides the route's own requirements.
    requires: Mapping[str, str] = MappingProxyType({})


def load(name: str) -> Framework:
    """The framework of that name (pytorch) or in that file (mine.py). Raises what plugins.declared raises."""
    return plugins.declared(name, Framework)
