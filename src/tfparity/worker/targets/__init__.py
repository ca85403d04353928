"""Targets: what is deployed, made from a SavedModel. A module each, which declares a TARGET."""

from typing import Any, Callable, Dict, NamedTuple, Tuple

from tfparity.worker import plugins


class Target(NamedTuple):
    """One kind of artifact that is made from a SavedModel."""

    #: Raised by hand when a change can move its results.
    revision: int

    #: Names of the remedies that are tried where the SavedModel is right and the target is not.
    remedies: Tuple[str, ...]

    #: make(SavedModel folder, folder) → facts about how it was made, as JSON values.
    make: Callable[[str, str], Dict[str, Any]]

    #: load(folder) → a runner, as a Runtime's (see tfparity.worker.runtimes).
    load: Callable[[str], Any]

    #: pin_threads(number), before anything else in the process.
    pin_threads: Callable[[int], None]


def load(name: str) -> Target:
    """The target of that name (tflite-float32). Raises what plugins.declared raises."""
    return plugins.declared(name, Target)
