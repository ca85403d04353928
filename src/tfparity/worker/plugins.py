"""Modules found by a name of ours or by a path: routes, exporters, source frameworks, case files.

Another repository's route is named by its path; its own parts (an exporter, a framework) may be the
same file.
"""

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Dict

_loaded: Dict[str, ModuleType] = {}


def load(name: str, package: str) -> ModuleType:
    """`name` is a file's path (it ends in .py), or a module of `package`, with hyphens for underscores.

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
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[alias]
            raise
        finally:
            sys.dont_write_bytecode = writes
        _loaded[path] = module
    return _loaded[path]
