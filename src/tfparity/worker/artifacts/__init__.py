"""Artifacts of anybody's, opened and called as they are served. A module a way, which declares an OPENER.

A runner has run([(input name, array)]) → [(output name, array)] and described() → {"inputs": [[name, dtype, shape]],
"outputs": …}; in a shape -1 is an open axis, and None stands for an unknown rank.
"""

from typing import Any, Callable, Dict, NamedTuple, Tuple

from tfparity.worker import plugins


class Opener(NamedTuple):
    """One way to open an artifact and to call it."""

    #: Raised by hand when a change can move its results.
    revision: int

    #: What a warm worker imports before it forks: of (package, module) the first whose package is installed.
    imports: Tuple[Tuple[str, str], ...]

    #: open(artifact, settings) → a runner. settings: "threads" (a number) and, of an interpreter, "xnnpack" (a bool).
    open: Callable[[str, Dict[str, Any]], Any]


def load(name: str) -> Opener:
    """The opener of that name (saved-model) or in that file. Raises what plugins.declared raises."""
    return plugins.declared(name, Opener)
