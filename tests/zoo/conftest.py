"""What needs the default toolchain's environment, and is too large for every change: `nox -s zoo`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfparity import paths


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of this session's own; environments are shared: they hold only what their locks say."""
    root = tmp_path_factory.mktemp("cache")
    shared = paths.cache().environments
    shared.mkdir(parents=True, exist_ok=True)
    (root / "environments").symlink_to(shared)
    return root
