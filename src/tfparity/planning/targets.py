"""Targets as our side sees them: what declares each, and which a route cannot give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfparity.records.vocabulary import Target
from tfparity.worker import targets
from tfparity.worker.routes import Route

if TYPE_CHECKING:  # --help answers in less time than pydantic takes to import
    from tfparity.inputs.matrix import Matrix

#: The word for all of them on a command line.
ALL = "all"

#: The module of each, as a worker finds it.
MODULES: dict[Target, str] = {target: target.value for target in Target}


def declared(target: Target) -> targets.Target:
    """What a target's module declares."""
    return targets.load(MODULES[target])


def named(words: Sequence[str]) -> tuple[Target, ...]:
    """The targets of that name, each once, in the order in which they are shown."""
    return tuple(target for target in Target if ALL in words or target in words)


def own(route: Route) -> Target:
    """The target that a route converts to by itself; further ones are made of it."""
    return Target(route.gives.targets[0])


def of(target: Target) -> Target:
    """What a target is made of, where it is made."""
    return Target(declared(target).of)


def refused(route: Route, target: Target, matrix: Matrix) -> str | None:
    """Why a route cannot give a target, None where it may."""
    if target in route.gives.targets:
        if declared(target).maker and matrix.maker(target) is None:
            return "no environment under makers: of matrix.yaml makes it"
        return None
    if own(route) is not Target.SAVED_MODEL:
        return f"the route gives {own(route)} by itself, and no SavedModel to make a target of"
    return "nothing more is made of this route's SavedModel" + (
        f" than {', '.join(route.gives.targets[1:])}" if route.gives.targets[1:] else ""
    )
