"""The two sides of an upgrade as they are asked for, and the session that holds both."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tfparity.environments import changed
from tfparity.environments.changed import Resolver
from tfparity.environments.uv_command import Runner
from tfparity.environments.uv_command import run as uv
from tfparity.errors import UsageError
from tfparity.features.session import Session
from tfparity.features.upgrade.report import Sides
from tfparity.inputs import requirement_files
from tfparity.inputs.matrix import PYTHONS, Matrix
from tfparity.planning.options import Choice
from tfparity.planning.selection import Selection
from tfparity.records.vocabulary import Tier


def read(
    base: str,
    head: Sequence[str],
    choice: Choice,
    *,
    python: str | None = None,
    run: Runner = uv,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Session, Sides]:
    """The session over both toolchains, and their names. Without --tier every case counts.

    head: a toolchain; requirements ("torch>=2.4") over a toolchain, BASE if none is named; or a file of requirements,
    for `python` or BASE's. What no matrix names is resolved here. Raises UsageError for an unknown toolchain, with the
    one that is most likely meant; RequirementsError; and as environments.changed.
    """
    first = _named(base, choice)
    selection = Selection(choice)
    resolver = Resolver(selection.project, selection.cache, changed.yesterday(), choice.download, run, progress)
    matrix, second, label, packages = _head(selection, first, head, python, resolver)
    asked = replace(choice, toolchains=(first, second), tier=choice.tier or Tier.ALL.value)
    session = Session(asked, selection.project, selection.cache, matrix)
    words = command([first, *([second] if label == second else head), *(["--python", python] if python else [])])
    return session, Sides(first, second, first, label, words, packages)


def named(base: str, head: str) -> Sides:
    """Two toolchains of the matrix."""
    return Sides(base, head, base, head, command([base, head]))


def _head(
    selection: Selection, base: str, words: Sequence[str], python: str | None, resolver: Resolver
) -> tuple[Matrix | None, str, str, tuple[str, ...]]:
    """The matrix to take, HEAD's id in it, how it is called, and the packages that it is asked to change."""
    first, *changes = words
    if is_file(words, python):
        return *_of_file(selection, base, Path(first), python, resolver), ()
    if has_versions(first):
        changes, over = list(words), base
    else:
        over = _named(first, selection.choice, changes=bool(changes))
    if not changes:
        return None, over, over, ()
    matrix, id = changed.over(selection.matrix, over, changes, resolver)
    return matrix, id, changed.said(over, changes), tuple(canonicalize_name(Requirement(one).name) for one in changes)


def _of_file(
    selection: Selection, base: str, path: Path, python: str | None, resolver: Resolver
) -> tuple[Matrix, str, str]:
    asked = requirement_files.read(path)
    matrix = selection.matrix
    own = matrix.environments[matrix.toolchains[base].source].python
    version = python_for(asked, path, python, own)
    made, id = changed.of_requirements(matrix, base, path, asked.lines, version, resolver)
    return made, id, path.name


def is_file(words: Sequence[str], python: str | None) -> bool:
    """Whether HEAD is a file of requirements. Raises UsageError for what does not go with it, or without it."""
    first, *changes = words
    if first.endswith(requirement_files.ENDINGS):
        if changes:
            raise UsageError(f"{first} and {' '.join(changes)}: write the changes into the file")
        return True
    if python:
        raise UsageError("--python is for a HEAD that is a file of requirements")
    return False


def python_for(asked: requirement_files.Asked, path: Path, python: str | None, own: str) -> str:
    """The Python of a file of requirements: the one asked for, else BASE's `own`. Raises UsageError."""
    allowed = [version for version in PYTHONS if SpecifierSet(asked.pythons or "").contains(f"{version}.99")]
    if not allowed:
        raise UsageError(f"{path}: requires-python {asked.pythons} leaves none of {', '.join(PYTHONS)}")
    if python is not None and python not in allowed:
        raise UsageError(f"--python {python}: {path.name} is for {', '.join(allowed)}")
    return python or (own if own in allowed else allowed[-1])


def has_versions(word: str) -> bool:
    """Whether a word is a requirement with versions, and so no id."""
    try:
        read = Requirement(word)
    except InvalidRequirement:
        return any(mark in word for mark in "<>=!~@ ")
    return bool(read.specifier or read.url)


def _named(id: str, choice: Choice, *, changes: bool = False) -> str:
    try:
        (found,) = Selection(replace(choice, toolchains=(id,))).toolchains
    except ValueError:
        raise UsageError(f"{id!r} is not one toolchain") from None
    except UsageError as unknown:
        hint = "; to change a package, say which versions: 'torch>=2.4'" if not changes else ""
        raise UsageError(f"{unknown}{hint}") from None
    return found


def command(words: Sequence[str]) -> str:
    """What makes such a report again."""
    return f"nox -s upgrade -- {shlex.join(words)}"


def tier_to_run(choice: Choice) -> Tier:
    """Of which cases --run runs what is missing: those of --tier; without it all that are named, else smoke."""
    return Selection(choice).tier
