"""Runtimes: artifacts as they are served, loaded and called. A module each, which declares a RUNTIME."""

from typing import Any, Callable, NamedTuple

from tfparity.worker import plugins


class Runtime(NamedTuple):
    """One way to run an artifact."""

    #: Raised by hand when a change can move its results, together with the stage "load" in planning/revisions.py,
    #: which is what evidence depends on.
    revision: int

    #: load(artifact folder) → a runner with run([(input name, array)]) → [(output name, array)] and signature() →
    #: {"inputs": [[name, dtype]], "outputs": [[name, dtype]], "ordered": bool}.
    load: Callable[[str], Any]

    #: pin_threads(number), before anything else in the process.
    pin_threads: Callable[[int], None]


def load(name: str) -> Runtime:
    """The runtime of that name (saved-model). Raises what plugins.declared raises."""
    return plugins.declared(name, Runtime)
