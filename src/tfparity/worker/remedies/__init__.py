"""Remedies: named changes that get a case across where the plain way fails. A module each.

A remedy is a module whose docstring says in its first line what is done, with
    REVISION          raised by hand when its effect can change
and one or more of
    exporting()       a context manager around the export, on the source side
    rewrite(model)    changes the exported ONNX model in place, on the source side
    converting()      a context manager around the conversion, on the target side
    declare(case)     the case as it is exported instead
A rule of limitations.yaml names the remedies that are tried for what it explains. What works through one works with a
remedy; parity is always held against the model as it was before any.
"""

import importlib
from contextlib import ExitStack
from types import ModuleType
from typing import Sequence

#: What makes a remedy one of the source side: its exports are other files.
SOURCE = ("exporting", "rewrite", "declare")


def load(name: str) -> ModuleType:
    """The remedy of that name (hyphens as in limitations.yaml). Raises ImportError where there is none."""
    return importlib.import_module("tfparity.worker.remedies." + name.replace("-", "_"))


def revision(name: str) -> int:
    """The remedy's revision, part of what evidence depends on."""
    return int(load(name).REVISION)


def at_source(name: str) -> bool:
    """Whether it changes what the source side leaves."""
    module = load(name)
    return any(hasattr(module, part) for part in SOURCE)


def around(part: str, names: Sequence[str]) -> ExitStack:
    """The context managers `part` ("exporting", "converting") of those remedies, entered together."""
    stack = ExitStack()
    for name in names:
        manager = getattr(load(name), part, None)
        if manager is not None:
            stack.enter_context(manager())
    return stack
