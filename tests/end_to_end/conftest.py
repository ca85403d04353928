"""The front door from outside: real commands, real processes. A small numpy "framework" stands in for torch and
TensorFlow where the commands are what is tested; test_real_toolchain.py has the real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from folders import CASES, LIMITATIONS, MATRIX, PLANTED, Folder, variables

from tfparity import paths


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of this session's own; environments are shared: they hold only what their locks say."""
    root = tmp_path_factory.mktemp("cache")
    shared = paths.cache().environments
    shared.mkdir(parents=True, exist_ok=True)
    (root / "environments").symlink_to(shared)
    return root


@pytest.fixture
def small(tmp_path: Path, cache: Path) -> Folder:
    """A project of one numpy toolchain with three routes: one faithful, two with a planted fault."""
    root = tmp_path / "project"
    routes = ["faithful.py", "swap-outputs.py", "freeze-batch.py"]
    for folder in ("cases", "lockfiles"):
        (root / folder).mkdir(parents=True)
    for route in routes:
        shutil.copy(PLANTED / "planted.py", root / route)
    named = ", ".join(f"{route}: small" for route in routes)
    (root / "matrix.yaml").write_text(MATRIX.replace("ROUTES", named), encoding="utf-8")
    (root / "cases" / "planted_cases.py").write_text(CASES, encoding="utf-8")
    (root / "limitations.yaml").write_text(LIMITATIONS, encoding="utf-8")
    shutil.copy(PLANTED / "lockfiles" / "numpy-py3.11.txt", root / "lockfiles" / "small.txt")
    return Folder(root, variables(root, cache))
