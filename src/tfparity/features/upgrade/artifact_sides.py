"""The two sides of an upgrade of one artifact: environments that open it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfparity.engine import artifact_runs
from tfparity.environments import changed, lock
from tfparity.environments.changed import Resolver
from tfparity.errors import UsageError
from tfparity.features.upgrade.sides import has_versions, is_file, python_for
from tfparity.inputs import requirement_files, yaml_input
from tfparity.inputs.artifact import Kind
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.planning.options import DEFAULT


@dataclass(frozen=True)
class ArtifactSide:
    """Where an artifact is run. label: as it was asked for."""

    label: str
    environment: Environment


def read(
    matrix: Matrix, kind: Kind, base: str, head: Sequence[str], resolver: Resolver, python: str | None = None
) -> tuple[ArtifactSide, ArtifactSide]:
    """Both sides: each a runtime, a toolchain, whose TensorFlow side is taken, or an environment; HEAD also changes
    over one of these ("tensorflow==2.16.2" over BASE), or a file of requirements. What no matrix names is resolved
    here.

    Raises UsageError for what is not there or opens no such artifact, RequirementsError, and as environments.changed.
    """
    first = _named(matrix, kind, base, resolver)
    word, *changes = head
    if is_file(head, python):
        path = Path(word)
        asked = requirement_files.read(path)
        version = python_for(asked, path, python, first.python)
        return ArtifactSide(base, first), _able(
            kind, ArtifactSide(path.name, changed.environment_of(path, asked.lines, version, resolver)), resolver
        )
    if has_versions(word):
        over, under, changes = base, first, list(head)
    else:
        over, under = word, _named(matrix, kind, word, resolver, changes=bool(changes))
    if not changes:
        return ArtifactSide(base, first), ArtifactSide(over, under)
    made = changed.environment_over(under, changes, resolver)
    return ArtifactSide(base, first), ArtifactSide(changed.said(over, changes), made)


def command(base: str, head: Sequence[str], artifact: Path, golden: Path, more: Sequence[str] = ()) -> str:
    """What makes such a report again."""
    words = [base, *head, "--artifact", str(artifact), "--golden", str(golden), *more]
    return f"nox -s upgrade -- {shlex.join(words)}"


def _named(matrix: Matrix, kind: Kind, id: str, resolver: Resolver, *, changes: bool = False) -> Environment:
    id = matrix.default if id == DEFAULT else id
    toolchain = matrix.toolchains.get(id)
    ids = list(dict.fromkeys(toolchain.routes.values())) if toolchain else [id] if id in matrix.locked else []
    if not ids:
        known = {*matrix.locked, *matrix.toolchains}
        guess = yaml_input.did_you_mean(id, known)
        hint = "" if changes else "; to change a package, say which versions: 'tensorflow>=2.16'"
        raise UsageError(f"no runtime or toolchain {id!r} in matrix.yaml{guess}{hint}")
    able = [one for one in map(matrix.locked.__getitem__, ids) if _opens(kind, one, resolver)]
    if len(able) > 1:
        raise UsageError(f"{id} has several TensorFlow sides: name one, {' or '.join(one.id for one in able)}")
    if not able:
        raise UsageError(_unable(id, kind))
    return able[0]


def _able(kind: Kind, side: ArtifactSide, resolver: Resolver) -> ArtifactSide:
    if not _opens(kind, side.environment, resolver):
        raise UsageError(_unable(side.label, kind))
    return side


def _opens(kind: Kind, environment: Environment, resolver: Resolver) -> bool:
    """Whether it holds a package that opens such an artifact; of one that cannot be resolved nothing is held against
    it."""
    locked = lock.status(resolver.project, environment)
    return locked.unresolvable or not locked.packages.keys().isdisjoint(artifact_runs.opens(kind))


def _unable(label: str, kind: Kind) -> str:
    return f"{label} runs no {kind} artifact: it holds none of {', '.join(artifact_runs.opens(kind))}"
