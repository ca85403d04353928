"""Remedies (workarounds): named changes that make a case convert where the plain conversion fails. A module each, which
declares a REMEDY; the first line of its docstring says what is changed.

A rule of limitations.yaml names the remedies that are tried for what it explains. What works through one works with a
remedy; parity is always held against the model as it was before any.
"""

from contextlib import ExitStack
from typing import Any, Callable, ContextManager, NamedTuple, Optional, Sequence

from tfparity.worker import plugins
from tfparity.worker.declare import Case


class Remedy(NamedTuple):
    """One change, in one or more parts."""

    #: Raised by hand when its effect can change: recorded evidence of what works through it becomes stale.
    revision: int

    #: A context manager around the export, on the source side.
    exporting: Optional[Callable[[], ContextManager[None]]] = None

    #: Changes the exported ONNX model in place, on the source side.
    rewrite: Optional[Callable[[Any], None]] = None

    #: A context manager around the conversion, on the target side.
    converting: Optional[Callable[[], ContextManager[None]]] = None

    #: declare(case) → the case as it is exported instead.
    declare: Optional[Callable[[Case], Case]] = None

    @property
    def at_source(self) -> bool:
        """Whether it changes what the source side writes: its exports are other files."""
        return any((self.exporting, self.rewrite, self.declare))


def load(name: str) -> Remedy:
    """The remedy of that name (hyphens as in limitations.yaml). Raises what plugins.declared raises."""
    return plugins.declared(name, Remedy)


def described(name: str) -> str:
    """The docstring of the remedy's module."""
    return plugins.load(name, __name__).__doc__ or ""


def around(part: str, names: Sequence[str]) -> ExitStack:
    """The context managers `part` ("exporting", "converting") of those remedies, entered together."""
    stack = ExitStack()
    for name in names:
        manager = getattr(load(name), part)
        if manager is not None:
            stack.enter_context(manager())
    return stack
