"""The session of a choice, with the packages under test that it names laid over its toolchains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tfparity.environments import changed, under_test
from tfparity.environments.changed import Resolver
from tfparity.environments.under_test import Laid
from tfparity.environments.uv_command import Runner
from tfparity.environments.uv_command import run as uv
from tfparity.errors import UsageError
from tfparity.features.session import Session
from tfparity.inputs.matrix import Toolchain
from tfparity.planning.options import Choice
from tfparity.planning.selection import SUGGESTED, Selection


def session(choice: Choice, told: Callable[[str], None] = lambda _: None, run: Runner = uv) -> Session:
    """The session of that choice. Raises UsageError for what does not go with packages under test, PackageError, and as
    environments.under_test."""
    if not choice.packages:
        return Session(choice)
    selection = Selection(choice)
    _refuse(selection)
    packages = [under_test.read(text) for text in choice.packages]
    resolver = Resolver(selection.project, selection.cache, changed.yesterday(), choice.download, run, told)
    matrix, ids = selection.matrix, []
    for base in selection.toolchains:
        matrix, id, laid = under_test.over(matrix, base, packages, resolver)
        ids.append(id)
        for text in said(base, laid):
            told(text)
    return Session(replace(choice, toolchains=tuple(ids)), selection.project, selection.cache, matrix)


def said(base: str, laid: list[Laid]) -> list[str]:
    """What lies over a toolchain, a line each."""
    lines = []
    for one in laid:
        what = one.what if one.digest is None else f"{one.what} {one.digest[:12]}"
        place = "" if one.environment == base else f" in {one.environment}"
        lines.append(f"{base} with {one.name} {one.version} ({what}) instead of {one.was}{place}: unlocked")
        if one.lacks:
            lines.append(
                f"{one.name} {one.version} asks for {', '.join(one.lacks)}; it is laid over the lock all the same"
            )
    return lines


def bases(session: Session) -> dict[str, Toolchain]:
    """Of each chosen toolchain that packages under test lie over: the locked one beneath, by its id."""
    known = session.selection.matrix.toolchains
    return {id: known[beneath] for id in session.selection.toolchains if (beneath := known[id].over) is not None}


def _refuse(selection: Selection) -> None:
    choice = selection.choice
    if choice.record and not selection.has_own_results:
        raise UsageError(
            "--with is of a package under test, and nothing of it goes into results/: leave out --record, or give a "
            f"folder of your own, --results {SUGGESTED}"
        )
    if choice.record and choice.shard:
        raise UsageError("--shard --record is for `merge`, of toolchains of matrix.yaml alone: leave out --with")
    if choice.needs:
        raise UsageError("--need asks for what is recorded of a toolchain, which has nothing of a package under test")
