"""Environments that no matrix names are of one command: what it installed of them goes when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tfparity.environments import in_use, install, lock
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
    another command has in use; keep: none. As long as it lasts, all are marked as in use."""
    places = {folder: one for one in environments if (folder := _place(one, project, cache)) is not None}
    unnamed = {folder: one for folder, one in places.items() if not one.published}
    mine = [] if keep else [folder for folder in unnamed if not folder.exists() or in_use.elsewhere(folder)]
    for folder in places:
        in_use.mark(folder)
    try:
        yield
    finally:
        for folder in mine:
            if folder.exists():
                install.remove(unnamed[folder], lock.status(project, unnamed[folder]), cache)
        for folder in places:
            in_use.release(folder)


def _place(environment: Environment, project: Project, cache: Cache) -> Path | None:
    """Where it would be; None where it cannot be."""
    locked = lock.status(project, environment)
    return install.place(environment, locked, cache) if locked.kind == "locked" else None
