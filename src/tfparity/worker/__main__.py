"""Entry point inside an environment: `python -I <this folder> <control directory>`.

Makes `tfparity` importable from this copy alone: the environment under test holds nothing of ours.
"""

import importlib.util
import os
import sys


def _bootstrap() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    package = os.path.dirname(here)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    spec = importlib.util.spec_from_file_location(
        "tfparity", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tfparity"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _bootstrap()
    from tfparity.worker.serve import serve

    sys.exit(serve(sys.argv[1]))
