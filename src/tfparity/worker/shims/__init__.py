"""Small, documented changes to an environment that revive a converter, put in before any framework.

A shim is a module with `REVISION` (raised when its effect changes) and `apply()`. What works through
one works with a remedy, never without.
"""

import importlib
from types import ModuleType


def load(name: str) -> ModuleType:
    """The shim of that name (hyphens as in matrix.yaml). Raises ImportError where there is none."""
    return importlib.import_module("tfparity.worker.shims." + name.replace("-", "_"))


def revision(name: str) -> int:
    """The shim's revision, part of what evidence depends on."""
    return int(load(name).REVISION)
