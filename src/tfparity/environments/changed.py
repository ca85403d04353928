"""Toolchains that no matrix names: one of the matrix with other versions of some packages, or a set of one's own."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tfparity import paths
from tfparity.environments import adhoc, lock, uv_command
from tfparity.environments.adhoc import PREFIX
from tfparity.environments.lock import silent
from tfparity.environments.uv_command import Runner
from tfparity.errors import AbsentError, RequirementsError, UsageError
from tfparity.inputs.matrix import Environment, Matrix, Toolchain
from tfparity.paths import Cache, Project
from tfparity.records import called

#: Packages each release of which goes with one of another: where that is changed and they are not named, they follow.
FOLLOWERS = {"torch": ("torchvision", "torchaudio"), "tensorflow": ("tf-keras",)}

#: Packages that install the same modules: where one of them is asked for, it takes the place of the other.
ALIKE = (("tensorflow", "tensorflow-cpu"),)


@dataclass(frozen=True)
class Resolver:
    """How unnamed environments are made: in whose cache, as of which day, and who is told."""

    project: Project
    cache: Cache
    as_of: datetime.date
    download: bool = False
    run: Runner = uv_command.run
    progress: Callable[[str], None] = silent

    def known(self) -> set[str]:
        """The packages of the project's locks: what a person may mean who misspells one."""
        found: set[str] = set()
        for path in self.project.lockfiles.glob("*.txt"):
            with suppress(OSError, UnicodeDecodeError):  # who needs that one is told
                found |= lock.packages_of(paths.read_text(path)).keys()
        return found


def yesterday() -> datetime.date:
    """The last day that is over in UTC: the newest that can be resolved twice alike."""
    return datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)


def over(matrix: Matrix, base: str, changes: Sequence[str], resolver: Resolver) -> tuple[Matrix, str]:
    """The matrix with a toolchain more, `base` with these requirements ("torch>=2.4") in place of its own pins of those
    packages, and its id. All other pins stay; what these bring keeps its version where it can.

    Raises UsageError for a requirement without versions or of a package that neither of two sides holds, and as
    adhoc.made. A set that cannot be resolved is a toolchain too: its lock says so.
    """
    toolchain = matrix.toolchains[base]
    wanted = [_requirement(change) for change in changes]
    sides = {id: matrix.environments[id] for id in toolchain.environments()}
    held = {id: lock.status(resolver.project, side).packages for id, side in sides.items()}
    mine: dict[str, list[Requirement]] = {id: [] for id in sides}
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        holding = [id for id, side in sides.items() if not alike(name).isdisjoint({*side.pins, *held[id]})]
        if not holding and len(sides) > 1:
            raise UsageError(f"{name}: no environment of {base} holds it, so it is of no side; {base} has two")
        for id in holding or sides:
            mine[id].append(requirement)
    words = said(base, changes)
    made = {id: _changed(sides[id], held[id], changed, words, resolver) for id, changed in mine.items() if changed}
    renamed = {id: made[id].id if id in made else id for id in sides}
    id = name_of(sorted(renamed.values()))
    called.call(id, words)
    return joined(matrix, toolchain, renamed, id, made)


def said(base: str, changes: Sequence[str]) -> str:
    """What a toolchain or an environment with changes is called."""
    return f"{base} with {', '.join(changes)}"


def environment_over(base: Environment, changes: Sequence[str], resolver: Resolver) -> Environment:
    """One environment with these requirements in place of its own pins of those packages, as `over`. Raises as that."""
    held = lock.status(resolver.project, base).packages
    return _changed(base, held, [_requirement(change) for change in changes], said(base.id, changes), resolver)


def environment_of(file: Path, wanted: Sequence[str], python: str, resolver: Resolver) -> Environment:
    """The environment of these requirements of a file alone. Raises as adhoc.made, but RequirementsError for what the
    index does not have."""
    try:
        environment, _ = adhoc.made(
            resolver.cache,
            python=python,
            pins={},
            as_of=resolver.as_of,
            wanted=wanted,
            download=resolver.download,
            run=resolver.run,
            progress=resolver.progress,
            known=resolver.known,
            words=file.name,
        )
    except AbsentError as absent:
        from tfparity.inputs import requirement_files  # and tomllib, which a gate needs not

        line = requirement_files.line_of(file, absent.name)
        raise RequirementsError(str(absent), file=file, line=line) from None
    return environment


def of_requirements(
    matrix: Matrix, base: str, file: Path, wanted: Sequence[str], python: str, resolver: Resolver
) -> tuple[Matrix, str]:
    """The matrix with a toolchain more, one environment of these requirements of a file by the routes of `base`, and
    its id. Raises as environment_of."""
    environment = environment_of(file, wanted, python, resolver)
    toolchain = matrix.toolchains[base]
    renamed = dict.fromkeys(toolchain.environments(), environment.id)
    return joined(matrix, toolchain, renamed, environment.id, {environment.id: environment})


def joined(
    matrix: Matrix,
    base: Toolchain,
    renamed: Mapping[str, str],
    id: str,
    made: Mapping[str, Environment],
    over: str | None = None,
) -> tuple[Matrix, str]:
    """The matrix with a toolchain more, `base` with other environments, and its id. over: as in inputs.matrix."""
    routes = {route: renamed[target] for route, target in base.routes.items()}
    made_of = {"id": id, "source": renamed[base.source], "routes": routes, "note": None, "over": over}
    toolchain = base.model_copy(update=made_of)
    return adhoc.extended(matrix, toolchain, made.values()), id


def name_of(ids: Sequence[str]) -> str:
    """The id of a toolchain of these environments: that of a sole one."""
    return ids[0] if len(ids) == 1 else PREFIX + hashlib.sha256("\0".join(ids).encode()).hexdigest()[:12]


def alike(name: str) -> set[str]:
    """A package and those with the same modules."""
    return {name, *(other for group in ALIKE if name in group for other in group)}


def held_as(name: str, packages: Iterable[str]) -> str | None:
    """The name under which these packages hold that one or another with the same modules; None where none does."""
    return next((one for one in sorted(alike(name) & {*packages}, key=lambda one: one != name)), None)


def _requirement(text: str) -> Requirement:
    """A requirement with versions, as a person types it."""
    from packaging.requirements import InvalidRequirement

    try:
        read = Requirement(text)
    except InvalidRequirement as wrong:
        raise UsageError(f"{text!r} is no requirement such as 'torch>=2.4': {str(wrong).splitlines()[0]}") from None
    if read.url or read.marker or not read.specifier:
        raise UsageError(f"{text!r}: name versions of a package on the index, such as 'torch>=2.4'")
    return read


def _exact(requirement: Requirement) -> str | None:
    """The version that alone is asked for, None where there is a choice."""
    (only, *more) = requirement.specifier
    return only.version if not more and only.operator == "==" and "*" not in only.version else None


def _changed(
    base: Environment, held: Mapping[str, str], changes: Sequence[Requirement], words: str, resolver: Resolver
) -> Environment:
    by_name = {str(canonicalize_name(change.name)): change for change in changes}
    follow = {name for of in by_name for name in FOLLOWERS.get(of, ()) if name in base.pins and name not in by_name}
    replaced = {other for name in by_name for other in alike(name) if other not in by_name}
    free = {*by_name, *follow, *replaced}
    exact = {name: version for name, change in by_name.items() if (version := _exact(change)) and not change.extras}
    environment, _ = adhoc.made(
        resolver.cache,
        python=base.python,
        pins={**{name: version for name, version in base.pins.items() if name not in free}, **exact},
        as_of=max(resolver.as_of, base.as_of),
        overrides=[line for line in base.overrides if canonicalize_name(Requirement(line).name) not in free],
        shims=base.shims,
        wanted=[*follow, *(str(change) for name, change in by_name.items() if name not in exact)],
        kept=[f"{name}=={version}" for name, version in held.items() if name not in free],
        download=resolver.download,
        run=resolver.run,
        progress=resolver.progress,
        known=resolver.known,
        words=words,
    )
    return environment
