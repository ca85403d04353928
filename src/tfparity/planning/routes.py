"""Routes, exporters and frameworks as our side reads them: by a name of ours or by the path of a person's own file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tfparity import paths
from tfparity.errors import UsageError
from tfparity.paths import Project
from tfparity.records import exits
from tfparity.worker import exporters, frameworks, plugins, routes
from tfparity.worker.declare import Case
from tfparity.worker.exporters import Exporter
from tfparity.worker.frameworks import Framework
from tfparity.worker.routes import Route

T = TypeVar("T")

#: The framework and the exporter of cases that are ONNX files.
ONNX_FILE = "onnx-file"

#: Routes by which a person writes each model anew: what works by them is no offer for another model.
BY_HAND = ("keras-rebuild",)


def locate(name: str, project: Project) -> str:
    """A module as the worker finds it: a name stays, a path counts from the project's root."""
    return str(project.root / name) if name.endswith(".py") else name


def route(name: str, project: Project) -> Route:
    """The route of that name or path. Raises UsageError for an unknown or a broken one."""
    return _declared("route", name, project, routes.load)


def exporter(name: str, project: Project) -> Exporter:
    """The exporter of that name or path. Raises UsageError for an unknown or a broken one."""
    return _declared("exporter", name, project, exporters.load)


def framework(name: str, project: Project) -> Framework:
    """The framework of that name or path. Raises UsageError for an unknown or a broken one."""
    return _declared("framework", name, project, frameworks.load)


def _declared(kind: str, name: str, project: Project, load: Callable[[str], T]) -> T:
    place = locate(name, project)
    try:
        if place.endswith(".py"):
            paths.look_at(Path(place))  # an import waits for a pipe
        with exits.guarded():
            return load(place)
    except plugins.Undeclared as lacking:
        raise UsageError(f"the {kind} {name!r} {lacking}") from None
    except (ImportError, OSError) as unknown:
        raise UsageError(f"no {kind} {name!r}: {unknown}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as broken:  # noqa: BLE001 - whatever a person's own file raises, SystemExit too
        raise UsageError(f"the {kind} {name!r} raises {type(broken).__name__} when imported: {broken}") from None


def layout(route: Route) -> str:
    """The layout of images in what a route delivers: "channels-last" where the route transposes them for the check,
    else "kept". Parity is held on the user's own layout, so that outputs in another one are broken."""
    return "channels-last" if route.gives.layout == "channels-last" else "kept"


#: Packages that no route is told by.
_COMMON = ("torch", "tensorflow", "onnx", "numpy")


def converter(name: str, project: Project) -> str:
    """The package that does a route's work, which several routes may share; the route's name where none does."""
    needed = route(name, project).requires["target"]
    return next((package for package in needed if package not in _COMMON), name)


@dataclass(frozen=True)
class Way:
    """How a case gets to a route: the framework that runs it, the exporter, the opsets in the order of trying."""

    framework: str
    exporter: str
    opsets: tuple[int, ...]


def way(route: Route, case: Case) -> Way:
    """A model goes as the route says; an ONNX file as it is, and then at the route's opsets."""
    if not case.onnx_opset:
        return Way(route.framework, route.exporter, route.opsets)
    opsets = (case.onnx_opset, *(opset for opset in route.opsets if opset != case.onnx_opset))
    return Way(ONNX_FILE, ONNX_FILE, opsets)
