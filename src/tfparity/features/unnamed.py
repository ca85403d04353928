"""Environments that no matrix names are of one command: what it installed of them goes when it ends."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tfparity import paths
from tfparity.environments import install, lock
from tfparity.features.session import Session
from tfparity.inputs.matrix import Environment
from tfparity.paths import Cache, Project


def removed(session: Session) -> AbstractContextManager[None]:
    """`gone` of the environments of the session's toolchains. What ran in them stays in the store."""
    selection = session.selection
    keep = session.choice.keep_environments
    return gone(selection.environments, selection.project, selection.cache, keep=keep)


@contextmanager
def gone(environments: Iterable[Environment], project: Project, cache: Cache, *, keep: bool) -> Iterator[None]:
    """Remove at the end the environments that stand in no matrix.yaml, but those that were there before, or that
    another command has in use; keep: none."""
    mine: dict[Path, Environment] = {}
    for one in environments:
        folder = None if one.published or keep else _place(one, project, cache)
        if folder is not None and (not folder.exists() or _used(folder)):
            mine[folder] = one
    for folder in mine:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _mark(folder).touch()
    try:
        yield
    finally:
        for folder, one in mine.items():
            _mark(folder).unlink(missing_ok=True)
            if folder.exists() and not _used(folder):
                install.remove(one, lock.status(project, one), cache)
                for left in _marks(folder):  # by killed commands
                    left.unlink(missing_ok=True)


def _place(environment: Environment, project: Project, cache: Cache) -> Path | None:
    """Where it would be; None where it cannot be."""
    locked = lock.status(project, environment)
    return install.place(environment, locked, cache) if locked.kind == "locked" else None


def _mark(folder: Path) -> Path:
    """Says, while it is there, that this process needs that environment, and no longer than its command."""
    return folder.with_name(f".{folder.name}.{os.getpid()}.user")


def _used(folder: Path) -> bool:
    """Whether another command that runs has it in use; what a killed one left does not count."""
    pids = [int(number) for one in _marks(folder) if (number := one.name.split(".")[-2]).isdigit()]
    return any(pid != os.getpid() and paths.is_running(pid) for pid in pids)


def _marks(folder: Path) -> list[Path]:
    return list(folder.parent.glob(f".{folder.name}.*.user"))
