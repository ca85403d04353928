"""A project in a folder of its own, with a numpy "framework" for torch and TensorFlow, and commands run on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfparity import paths
from tfparity.environments import lock
from tfparity.inputs import matrix

REPOSITORY = Path(__file__).resolve().parents[2]
PLANTED = REPOSITORY / "tests" / "worker"

MATRIX = """\
schema: 1
default: small

toolchains:
  - id: small
    python: "3.11"
    as-of: 2026-11-20
    pins: {numpy: 2.3.5}
    routes: {ROUTES}
"""

CASES = """\
from tfparity import case, normal


IMAGES = [normal("batch", 3, 8, 8, name="images")]


@case("planted/net", inputs=IMAGES, outputs=["z_scores", "attention"], tags={"smoke"})
def net():
    \"\"\"The network of planted.py.\"\"\"
    import numpy
    from tfparity.worker import plugins

    planted = next(module for path, module in plugins._loaded.items() if hasattr(module, "GRAPH"))
    return planted.Net(planted.GRAPH, planted.weights(numpy, 0))
"""


def several(names: Sequence[str]) -> str:
    """A case file of that network under each of these names."""
    head, net = CASES.split("@case(", 1)
    named = [net.replace("planted/net", f"planted/{name}").replace("def net", f"def {name}") for name in names]
    return "\n\n".join([head.rstrip(), *(f"@case({one}" for one in named)])


LIMITATIONS = """\
- id: swapped
  stage: parity
  matches: "the converted model's answer is wrong"
  cases: [planted/net]
  cause: The planted converter swaps its outputs.
  link: none found
  remedy: none known
- id: frozen
  stage: dynamic-shape
  matches: "axis 'batch' is lost"
  cause: The planted converter freezes the batch.
  link: none found
  remedy: none known
"""


@dataclass
class Folder:
    """A project in a folder of its own, and the command line run on it."""

    root: Path
    environment: dict[str, str]

    def run(self, *arguments: str, timeout: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        """`python -m tfparity …` there; extra environment variables by name."""
        return subprocess.run(
            [sys.executable, "-m", "tfparity", *arguments],
            env={**self.environment, **environment},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def pytest(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """The engine behind pytest, there."""
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "tfparity.pytest_plugin",
                str(REPOSITORY / "tests" / "compat"),
                *arguments,
                "-p",
                "no:cacheprovider",
            ],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a file of the project; the old text must be there."""
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def seal(self) -> None:
        """Put into the lockfile's header what its lines now are, as if they had been resolved so."""
        project = paths.project(self.root)
        status = lock.status(project, matrix.load(project.matrix).environments["small"])
        text = status.path.read_text(encoding="utf-8")
        status.path.write_text(re.sub(r"(?m)^# content: .*$", f"# content: {status.sha256}", text), encoding="utf-8")

    def evidence(self, change: Callable[[dict], None]) -> None:
        """Change results/small.json as a value."""
        path = self.root / "results" / "small.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content), encoding="utf-8")


def variables(root: Path, cache: Path) -> dict[str, str]:
    """The environment of a command on that project, with that cache."""
    own = {
        "PYTHONPATH": str(REPOSITORY / "src"),
        "TFPARITY_PROJECT": str(root),
        "TFPARITY_CACHE": str(cache),
        # Compiled once, and beside no source.
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(paths.cache().root / "bytecode"),
    }
    return {name: value for name, value in os.environ.items() if name not in ("GITHUB_STEP_SUMMARY", "COLUMNS")} | own
