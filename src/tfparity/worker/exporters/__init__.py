"""Exporters: from a built model to a folder of files that routes read. A module each, which declares an EXPORTER."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from tfparity.worker import plugins
from tfparity.worker.declare import Case

Axes = List[Dict[int, str]]


class Exporter(NamedTuple):
    """One way from a model to files."""

    #: Raised by hand when a change can move its results: recorded evidence of it becomes stale.
    revision: int

    #: newest_opset() → the newest opset that it offers in this environment; 0 where its files have none.
    newest_opset: Callable[[], int]

    #: export(model, example inputs, case, dynamic axes of each output, opset, folder).
    export: Callable[[Any, List[Any], Case, Axes, int, str], None]

    #: check(folder): validates what was written; returns the opset that it really has, None where it has none.
    check: Callable[[str], Optional[int]]

    #: operators(folder) → the operators of the exported graph.
    operators: Optional[Callable[[str], List[str]]] = None

    #: Modules that the first export would import: a warm parent imports them ahead where they are installed.
    preload: Tuple[str, ...] = ()


def load(name: str) -> Exporter:
    """The exporter of that name (onnx-legacy) or in that file (mine.py). Raises what plugins.declared raises."""
    return plugins.declared(name, Exporter)
