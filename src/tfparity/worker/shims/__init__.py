"""Shims: small, documented changes to an environment that revive a converter, applied before any framework is
imported. A module each, which declares a SHIM. What works through one works with a remedy, never without.
"""

from typing import Callable, NamedTuple

from tfparity.worker import plugins


class Shim(NamedTuple):
    """One change to an environment."""

    #: Raised by hand when its effect can change: recorded evidence of environments with it becomes stale.
    revision: int

    apply: Callable[[], None]


def load(name: str) -> Shim:
    """The shim of that name (hyphens as in matrix.yaml). Raises what plugins.declared raises."""
    return plugins.declared(name, Shim)
