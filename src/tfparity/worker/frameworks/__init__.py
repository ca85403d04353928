"""Source frameworks: how a case's model is built, calibrated, run and perturbed. A module each, which declares a
FRAMEWORK."""

from types import MappingProxyType
from typing import Any, Callable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

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

    #: moved_weights(model, arrays) → (weight name, outputs with that weight moved by 1 %).
    moved_weights: Callable[[Any, List[Any]], Iterator[Tuple[str, List[Any]]]]

    #: parameters(model) → how many it has.
    parameters: Callable[[Any], int]

    #: timed(model, arrays) → a call without arguments, to be timed; None where latency is not measured.
    timed: Optional[Callable[[Any, List[Any]], Callable[[], Any]]] = None

    #: package → version specifier: what the source side needs besides the route's own requirements.
    requires: Mapping[str, str] = MappingProxyType({})


def load(name: str) -> Framework:
    """The framework of that name (pytorch) or in that file (mine.py). Raises what plugins.declared raises."""
    return plugins.declared(name, Framework)
