"""What the index has, as uv finds it by the user's own configuration: newest releases, and what is new of the packages
that toolchains pin."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import Version

from tfparity.environments import interpreters, lock, uv_command
from tfparity.environments.changed import FOLLOWERS, Resolver
from tfparity.environments.lock import packages_of
from tfparity.errors import LockError, NetworkError
from tfparity.inputs.matrix import Environment, Matrix, Toolchain


@dataclass(frozen=True)
class News:
    """A release newer than any that the toolchains pin. base: the newest toolchain that pins the package, over which it
    would be tried; pinned: the newest pinned version; held: it was there on the newest day of the toolchains already,
    so that the pins are older on purpose."""

    package: str
    version: str
    pinned: str
    base: str
    held: bool


def newest(asked: Sequence[str], python: str, day: datetime.date, resolver: Resolver) -> dict[str, str]:
    """Package to the newest release, without pre-releases, that the index has on that day for that Python of each
    requirement ("torch", "torch>2.4,<2.6"); one that has none is left out.

    Raises NetworkError, InterpreterError; LockError where uv fails for another reason at the only one, which is told
    of one of several.
    """
    command = [
        *(uv_command.uv(), "pip", "compile", "-"),
        *("--python", str(interpreters.find(python, download=resolver.download, run=resolver.run))),
        *("--python-platform", lock.PLATFORM, "--exclude-newer", lock.end_of_day(day)),
        *("--no-deps", "--no-header", "--no-annotate", "--prerelease", "disallow"),
    ]
    done = resolver.run(command, stdin="".join(f"{line}\n" for line in asked))
    if done.status == 0:
        return packages_of(done.output)
    if uv_command.unreachable(done.errors):
        raise NetworkError(f"the package index cannot be reached to list the releases of {_named(asked)}")
    if len(asked) > 1:  # one of them fails the rest
        return {name: found for one in asked for name, found in _told(one, python, day, resolver).items()}
    if "No solution found" not in done.errors:
        raise LockError(f"uv could not list the releases of {asked[0]}: {uv_command.masked(done.errors, {})}")
    return {}


def _told(one: str, python: str, day: datetime.date, resolver: Resolver) -> dict[str, str]:
    """`newest` of one of several; where uv fails for another reason than that there is none, that is told."""
    try:
        return newest([one], python, day, resolver)
    except LockError as wrong:
        resolver.progress(str(wrong))
        return {}


def news(matrix: Matrix, toolchains: Iterable[str], resolver: Resolver) -> list[News]:
    """What the index has that is newer than all pins of those toolchains, by the names of packages. What goes with a
    release of another package that is new (torchvision with torch) comes with that. Raises as `newest`."""
    pinning = _pinning(matrix, [matrix.toolchains[id] for id in toolchains])
    bases = {name: max(ways, key=lambda way: _newness(way, name)) for name, ways in pinning.items()}
    pinned = {name: max((way[1].pins[name] for way in ways), key=Version) for name, ways in pinning.items()}
    now = _newest_of(bases, resolver, resolver.as_of)
    newer = {name: version for name, version in now.items() if Version(version) > Version(pinned[name])}
    looked = min(max(way[1].as_of for way in bases.values()), resolver.as_of)
    before = _newest_of({name: bases[name] for name in newer}, resolver, looked)
    found = [
        News(name, version, pinned[name], bases[name][0].id, held=before.get(name) == version)
        for name, version in sorted(newer.items())
    ]
    names = {one.package for one in found if not one.held}
    follow = {follower for name in names for follower in FOLLOWERS.get(name, ())}
    return [one for one in found if one.package not in follow]


def _named(asked: Sequence[str]) -> str:
    return asked[0] if len(asked) == 1 else f"{asked[0]} and {len(asked) - 1} more packages"


#: A toolchain, and the environment of it that pins the package.
_Way = tuple[Toolchain, Environment]


def _pinning(matrix: Matrix, toolchains: Iterable[Toolchain]) -> dict[str, list[_Way]]:
    found: dict[str, list[_Way]] = {}
    for toolchain in toolchains:
        for environment in (matrix.environments[id] for id in toolchain.environments()):
            for name in environment.pins:
                found.setdefault(name, []).append((toolchain, environment))
    return found


def _newness(way: _Way, name: str) -> tuple[datetime.date, Version, bool]:
    """The newest day first, then the newest version; of these one for all cases."""
    toolchain, environment = way
    return environment.as_of, Version(environment.pins[name]), not toolchain.cases


def _newest_of(bases: dict[str, _Way], resolver: Resolver, day: datetime.date) -> dict[str, str]:
    """Of each package the newest release for the Python of its base: one question for each Python."""
    by_python: dict[str, list[str]] = {}
    for name, (_, environment) in bases.items():
        by_python.setdefault(environment.python, []).append(name)
    found: dict[str, str] = {}
    for python, names in by_python.items():
        found.update(newest(sorted(names), python, day, resolver))
    return found
