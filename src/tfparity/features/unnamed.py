"""Environments that no matrix names are of one command: what it installed of them goes when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

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
    """Remove at the end the environments that stand in no matrix.yaml and were not there before; keep: none."""
    mine = [one for one in environments if not one.published]
    before = {one.id for one in mine if (folder := _place(one, project, cache)) is None or folder.exists()}
    try:
        yield
    finally:
        for one in [] if keep else mine:
            folder = _place(one, project, cache)
            if one.id not in before and folder is not None and folder.exists():
                install.remove(one, lock.status(project, one), cache)


def _place(environment: Environment, project: Project, cache: Cache) -> Path | None:
    """Where it would be; None where it cannot be."""
    locked = lock.status(project, environment)
    return install.place(environment, locked, cache) if locked.kind == "locked" else None
