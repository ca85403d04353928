"""Modules loaded by a name of ours or by a path: routes, exporters, source frameworks, case files.

Another repository's route is named by its path; the same file may declare its exporter and its framework.
"""

import importlib
import importlib.util
import os
import sys
from types import CodeType, ModuleType
from typing import Callable, Dict, Optional, Type, TypeVar

T = TypeVar("T")

_loaded: Dict[str, ModuleType] = {}


class Undeclared(Exception):
    """A module does not declare the object that it was loaded for."""


def declared(name: str, kind: Type[T]) -> T:
    """The object that the module declares for the class `kind`: ROUTE for Route, REMEDY for Remedy.

    `name` is a path, or a module in the package of the class. Raises Undeclared if the module has no such object or one
    of another type, and what `load` raises.
    """
    word = kind.__name__.upper()
    found = getattr(load(name, kind.__module__), word, None)
    if isinstance(found, kind):
        return found
    problem = "declares no %s" % word if found is None else "declares %s as a %s" % (word, type(found).__name__)
    raise Undeclared("%s; see src/%s/__init__.py" % (problem, kind.__module__.replace(".", "/")))


def load(name: str, package: str, code: Optional[Callable[[], CodeType]] = None) -> ModuleType:
    """`name` is a file's path (it ends in .py), or a module of `package`, with hyphens for underscores. `code` gives
    what a file compiles to, for who has it already.

    Raises ImportError with the name, or whatever the module raises.
    """
    if not name.endswith(".py"):
        return importlib.import_module("%s.%s" % (package, name.replace("-", "_")))
    path = os.path.abspath(name)
    if path not in _loaded:
        alias = "tfparity_plugin_%d_%s" % (len(_loaded), os.path.basename(path)[:-3])
        spec = importlib.util.spec_from_file_location(alias, path)
        if spec is None or spec.loader is None:
            raise ImportError("cannot load %s" % path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[alias] = module
        writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a person's folder stays as it is
        try:
            if code is None:
                spec.loader.exec_module(module)
            else:
                exec(code(), module.__dict__)  # nosec B102 # a person's own case or route, run as an import would
        except BaseException:
            del sys.modules[alias]
            raise
        finally:
            sys.dont_write_bytecode = writes
        _loaded[path] = module
    return _loaded[path]
