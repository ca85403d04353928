"""Packages under test laid over locked toolchains: a wheel, a folder of sources, or another version.

A version is resolved again with everything else kept where it can be. A wheel replaces what is locked and nothing else:
it is installed over the lock without what it asks for. Nothing of such a toolchain is ever published.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from filelock import FileLock
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import Field

from tfparity.environments import changed, lock, wheels
from tfparity.environments.adhoc import PREFIX
from tfparity.environments.changed import Resolver
from tfparity.environments.wheels import ARCHIVES, Wheel
from tfparity.errors import AbsentError, PackageError, UsageError
from tfparity.inputs import names
from tfparity.inputs.matrix import Environment, Matrix
from tfparity.records import called


@dataclass(frozen=True)
class Asked:
    """A package under test as it is asked for: a version, or the file or folder that it is made of."""

    name: str
    version: str | None = None
    made_of: Path | None = None


@dataclass(frozen=True)
class Laid:
    """A package that lies over an environment. digest: of its content, None of a version of the index; what: "wheel",
    "sources" or "version"; was: the version beneath; lacks: what it asks for that is not there."""

    name: str
    version: str
    what: str
    digest: str | None
    was: str
    environment: str
    lacks: tuple[str, ...] = ()


class UnderTest(Environment):
    """A locked environment with wheels laid over it. folder: where its own lockfile is; lockfile, lock_sha256: what it
    lies over; wheels; content: of each its name, version and digest, which make it another environment; gone: packages
    beneath with the same modules as one of them."""

    published: ClassVar[bool] = False

    id: str = Field(pattern=rf"^{PREFIX}[0-9a-f]{{12}}$")
    folder: Path
    lockfile: Path
    lock_sha256: str
    wheels: tuple[Path, ...]
    content: tuple[tuple[str, str, str], ...]
    gone: tuple[str, ...] = ()

    def beneath(self, lockfile: Path) -> Path:  # noqa: ARG002
        return self.lockfile

    def over(self) -> tuple[Path, ...]:
        return self.wheels

    def given_up(self) -> tuple[str, ...]:
        return self.gone

    def lock_folder(self, committed: Path) -> Path:  # noqa: ARG002
        return self.folder

    def digest(self) -> str:
        return hashlib.sha256(json.dumps([super().digest(), self.lock_sha256, self.content]).encode()).hexdigest()


def read(text: str) -> Asked:
    """What "PACKAGE=WHAT" asks for. Raises UsageError for another form, PackageError for a file that is not there."""
    name, _, what = (part.strip() for part in text.partition("="))
    what = what.removeprefix("=")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name) or not what:
        raise UsageError(f"--with {text}: write PACKAGE=WHEEL, PACKAGE=FOLDER or PACKAGE=VERSION")
    package = str(canonicalize_name(name))
    try:
        path = Path(what).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (RuntimeError, OSError) as wrong:  # no such user's home; too long, or not to be looked at
        said = wrong.strerror if isinstance(wrong, OSError) else wrong
        raise PackageError(f"--with {text}: cannot be looked for: {said}") from None
    if is_folder or (is_file and what.endswith((".whl", *ARCHIVES))):
        return Asked(package, made_of=path.absolute())
    if is_file:
        raise PackageError(f"{what}: is neither a wheel nor an archive of sources ({', '.join(ARCHIVES)})")
    try:
        return Asked(package, version=str(Version(what)))
    except InvalidVersion:
        looks_like_path = "/" in what or what.endswith((".whl", *ARCHIVES))
        said = "is not there" if looks_like_path else "is no version, and no wheel or folder of that name is there"
        raise PackageError(f"--with {text}: {what} {said}") from None


def over(matrix: Matrix, base: str, packages: Sequence[Asked], resolver: Resolver) -> tuple[Matrix, str, list[Laid]]:
    """The matrix with a toolchain more, `base` with these packages in every environment that holds them, its id, and
    what lies where.

    Raises PackageError for a package that it does not hold, that does not fit or does not resolve, and as adhoc.made.
    """
    for index, one in enumerate(packages):
        again = changed.held_as(one.name, [other.name for other in packages[:index]])
        if again:
            raise UsageError(
                f"--with {one.name}: {'' if again == one.name else f'as {again}, '}is given more than once"
            )
    toolchain = matrix.toolchains[base]
    sides = {id: matrix.environments[id] for id in toolchain.environments()}
    held = {id: lock.status(resolver.project, side) for id, side in sides.items()}
    for package in packages:
        _refuse_unknown(package.name, base, held)
    made = {}
    laid: list[Laid] = []
    for id, side in sides.items():
        was = {package.name: _version(package.name, held[id].packages) for package in packages}
        mine = [package for package in packages if was[package.name]]
        versions = [f"{package.name}=={package.version}" for package in mine if package.version]
        try:
            environment = changed.environment_over(side, versions, resolver) if versions else side
        except AbsentError as absent:
            raise PackageError(f"--with {absent}") from None
        locked = lock.status(resolver.project, environment)
        if locked.unresolvable:
            what = f"{base} with {', '.join(versions)}" if versions else base
            raise PackageError(f"{what} cannot be resolved:\n{locked.reason}\nName another version, or give a wheel.")
        laid += [Laid(one.name, one.version, "version", None, was[one.name], id) for one in mine if one.version]
        built = [_wheel(package, environment, resolver) for package in mine if package.made_of]
        for wheel in built:
            wheels.refuse_another_python(wheel, environment.python, id)
        if built:
            environment = _laid_over(environment, built, resolver)
        together = lock.status(resolver.project, environment).packages
        laid += [
            Laid(
                wheel.name,
                wheel.version,
                wheel.what,
                wheel.digest,
                was[wheel.name],
                id,
                tuple(wheel.lacks(together, environment.python)),
            )
            for wheel in built
        ]
        if mine:
            made[id] = environment
    renamed = {id: made[id].id if id in made else id for id in sides}
    id = PREFIX + hashlib.sha256("\0".join([base, *sorted(renamed.values())]).encode()).hexdigest()[:12]
    words = changed.said(base, list(dict.fromkeys(f"{one.name} {one.version}" for one in laid)))
    for unnamed in (id, *(one.id for one in made.values())):
        called.call(unnamed, words)
    return *changed.joined(matrix, toolchain, renamed, id, made, over=base), laid


def _refuse_unknown(name: str, base: str, held: dict[str, lock.LockStatus]) -> None:
    known = {package for locked in held.values() for package in locked.packages}
    if changed.held_as(name, known):
        return
    unresolvable = next((locked.reason for locked in held.values() if locked.unresolvable), None)
    if unresolvable:
        raise PackageError(f"{base} cannot be resolved, so nothing can lie over it:\n{unresolvable}")
    meant = names.closest(name, known)
    guess = f", did you mean {meant!r}?" if meant else ": pin it in matrix.yaml first"
    raise PackageError(f"no environment of {base} holds the package {name!r}{guess}")


def _version(name: str, packages: Mapping[str, str]) -> str:
    """The version of that package, or of another with the same modules; empty where none is there."""
    return packages.get(changed.held_as(name, packages) or "", "")


def _wheel(package: Asked, environment: Environment, resolver: Resolver) -> Wheel:
    assert package.made_of is not None
    if package.made_of.suffix == ".whl":
        return wheels.of_file(package.made_of, package.name, resolver.cache)
    return wheels.built(
        package.made_of,
        package.name,
        environment.python,
        resolver.cache,
        run=resolver.run,
        download=resolver.download,
        progress=resolver.progress,
    )


def _laid_over(base: Environment, over: Sequence[Wheel], resolver: Resolver) -> UnderTest:
    """The environment of these wheels over that one, its lockfile written into the cache: the lines of that beneath,
    and for each wheel its version and digest."""
    locked = lock.status(resolver.project, base)
    fields = {name: getattr(base, name) for name in Environment.model_fields if name != "id"}
    names = {wheel.name: changed.held_as(wheel.name, locked.packages) or wheel.name for wheel in over}
    pinned = {wheel.name: wheel.version for wheel in over if names[wheel.name] in base.pins}
    kept = {name: version for name, version in base.pins.items() if name not in names.values()}
    nameless = UnderTest(
        **{**fields, "pins": {**kept, **pinned}},
        id=PREFIX + "0" * 12,
        folder=resolver.cache.adhoc,
        lockfile=locked.path,
        lock_sha256=locked.sha256,
        wheels=tuple(wheel.file for wheel in over),
        content=tuple(sorted((wheel.name, wheel.version, wheel.digest) for wheel in over)),
        gone=tuple(sorted(held for name, held in names.items() if held != name)),
    )
    made_of = hashlib.sha256(json.dumps([nameless.digest(), nameless.shims]).encode()).hexdigest()
    environment = nameless.model_copy(update={"id": PREFIX + made_of[:12]})
    lines = lock.requirements(locked)
    for wheel in over:
        block = rf"(?m)^{re.escape(names[wheel.name])}(\[[^\]]*\])?==.*(\n[ \t]+.*)*"
        line = f"{wheel.name}=={wheel.version}\n    # under test, laid over the rest: {wheel.what} {wheel.digest}"
        lines, count = re.subn(block, line.replace("\\", r"\\"), lines)
        assert count == 1, wheel.name
    resolver.cache.adhoc.mkdir(parents=True, exist_ok=True)
    with FileLock(resolver.cache.adhoc / f".{environment.id}.lock"):
        if lock.fitting(environment.folder, environment) is None:
            lock.write(environment.folder, environment, lock.Resolved(lines, None))
    return environment
