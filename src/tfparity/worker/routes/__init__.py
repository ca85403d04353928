"""Routes: how an exported model becomes a TensorFlow artifact. A module each, which declares a ROUTE.

Our side reads the declaration to plan; the worker calls its functions. A module imports its converter inside them.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from tfparity.worker import plugins, targets
from tfparity.worker.declare import Case


class Gives(NamedTuple):
    """What a person gets from a route, by its design; None where the route does not say."""

    #: The targets (see tfparity.worker.targets): first what it converts to, then what can be made of that.
    targets: Tuple[str, ...] = targets.NAMES

    #: Whether axes stay dynamic.
    dynamic: Optional[bool] = None

    #: "kept", "inputs kept" or "channels-last".
    layout: Optional[str] = None

    #: "kept", or the type that integers become.
    integers: Optional[str] = None

    #: Whether the artifact has trainable variables.
    trainable: Optional[bool] = None


class Route(NamedTuple):
    """One way from an export to an artifact."""

    #: Raised by hand when a change can move the route's results: recorded evidence of it becomes stale.
    revision: int

    #: "split": the two sides may be two environments; "together": they are one.
    sides: str

    #: Names of modules in frameworks/ and exporters/, or paths of files.
    framework: str
    exporter: str

    #: The opsets in the order in which a cell tries them, until one converts and is right.
    opsets: Tuple[int, ...]

    #: {"source": {package: version specifier}, "target": {…}}: a cell whose environments differ is not applicable.
    requires: Dict[str, Dict[str, str]]

    #: {"source": [module], "target": [module]}: what a warm parent imports before it forks.
    imports: Dict[str, List[str]]

    #: convert(bundle folder, artifact folder, request): writes the artifact.
    convert: Callable[[str, str, Dict[str, Any]], None]

    #: load(artifact folder) → a runner, as a Runtime's (see tfparity.worker.runtimes).
    load: Callable[[str], Any]

    #: pin_threads(number), before anything else in the process.
    pin_threads: Callable[[int], None]

    gives: Gives = Gives()

    #: Whether the route takes cases that are .onnx files, too.
    onnx_files: bool = False

    #: refusal(case) → why the route cannot take it, as far as its declaration and its file tell (inputs, axes, imports;
    #: never its name); None where it may. What only the built model tells, the exporter or `convert` says by raising
    #: messages.NotApplicable: the cell is not applicable then, and none that failed.
    refusal: Optional[Callable[[Case], Optional[str]]] = None

    #: of_zoo(case id) → why a case of the zoo is not run, whose models are known; a user's own case is never asked.
    of_zoo: Optional[Callable[[str], Optional[str]]] = None


def load(name: str) -> Route:
    """The route of that name (onnx-tf) or in that file (mine.py). Raises what plugins.declared raises."""
    return plugins.declared(name, Route)
