"""Mixtures of two environments of the matrix: one with some of the other's packages, Python, shims and overrides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tfparity.environments import adhoc, lock, news
from tfparity.environments.adhoc import AdhocEnvironment
from tfparity.environments.changed import Resolver
from tfparity.environments.lock import LockStatus
from tfparity.inputs.matrix import Environment

#: What is mixed beside packages: "python" and "shim legacy-keras".
PYTHON, SHIM = "python", "shim "

#: More releases between two versions than this are not listed.
MOST_RELEASES = 60


def differing(good: Environment, bad: Environment) -> list[str]:
    """What differs between both, by name: pinned or overridden packages, "python", "shim …"."""
    overrides = _overrides(good), _overrides(bad)
    names = dict.fromkeys((*good.pins, *bad.pins, *overrides[0], *overrides[1]))
    packages = [
        name
        for name in names
        if good.pins.get(name) != bad.pins.get(name) or overrides[0].get(name) != overrides[1].get(name)
    ]
    shims = [f"{SHIM}{name}" for name in sorted({*good.shims} ^ {*bad.shims})]
    return [*([PYTHON] if good.python != bad.python else []), *packages, *shims]


def pinned(environment: Environment, locked: LockStatus) -> Environment:
    """An environment that leaves versions to the resolver, as what pins those that it found: only to be mixed."""
    if not isinstance(environment, AdhocEnvironment) or not environment.wanted:
        return environment
    names = [str(canonicalize_name(Requirement(line).name)) for line in environment.wanted]
    found = {name: locked.packages[name] for name in names if name in locked.packages}
    return environment.model_copy(update={"pins": {**environment.pins, **found}, "wanted": ()})


def mixed(
    good: Environment,
    bad: Environment,
    chosen: Collection[str],
    resolver: Resolver,
    versions: Mapping[str, str] | None = None,
    along: Collection[str] = (),
) -> tuple[Environment, LockStatus]:
    """`good` with what is chosen of `differing` from `bad`, resolved; what its pins bring keeps good's version where it
    can. versions: of chosen packages, others than bad's. along: chosen packages that both pin and that take whatever
    version between the two goes with the rest, the newest that does. Raises as adhoc.made."""
    if not chosen:
        return good, lock.status(resolver.project, good)
    held = lock.status(resolver.project, good).packages
    pins = {
        name: version
        for name in dict.fromkeys((*good.pins, *bad.pins))
        if (version := (bad if name in chosen else good).pins.get(name)) is not None
    }
    pins.update({name: version for name, version in (versions or {}).items() if name in pins})
    wanted = [between(name, good, bad) for name in along if name in good.pins and name in pins]
    pins = {name: version for name, version in pins.items() if name not in along or name not in good.pins}
    mine = [name for name in good.shims if f"{SHIM}{name}" not in chosen]
    overrides = [line for name, lines in _overrides(good).items() if name not in chosen for line in lines]
    overrides += [line for name, lines in _overrides(bad).items() if name in chosen for line in lines]
    return adhoc.made(
        resolver.cache,
        python=bad.python if PYTHON in chosen else good.python,
        pins=pins,
        as_of=max(good.as_of, bad.as_of),
        overrides=overrides,
        shims=[*mine, *(name for name in bad.shims if f"{SHIM}{name}" in chosen and name not in mine)],
        wanted=wanted,
        kept=[f"{name}=={version}" for name, version in held.items() if name not in pins and name not in chosen],
        download=resolver.download,
        run=resolver.run,
        progress=resolver.progress,
        known=resolver.known,
        words=f"{good.id} with {', '.join(_named(name, pins, bad) for name in chosen)}",
    )


def _named(name: str, pins: Mapping[str, str], bad: Environment) -> str:
    """A change as a person reads of it; of one that takes along what goes with it no version is known."""
    if name == PYTHON:
        return f"Python {bad.python}"
    return f"{name} {pins[name]}" if name in pins else name


def between(name: str, good: Environment, bad: Environment) -> str:
    """The requirement of a package that both pin, from the older of their versions to the newer."""
    low, high = sorted((good.pins[name], bad.pins[name]), key=Version)
    return f"{name}>={low},<={high}"


def _overrides(environment: Environment) -> dict[str, tuple[str, ...]]:
    """Package → its override lines."""
    found: dict[str, tuple[str, ...]] = {}
    for line in environment.overrides:
        name = str(canonicalize_name(Requirement(line).name))
        found[name] = (*found.get(name, ()), line)
    return found


@dataclass(frozen=True)
class Brought:
    """A package that came or moved beside those that were asked for; before: None of one that came."""

    name: str
    before: str | None
    now: str

    def __str__(self) -> str:
        return f"{self.name} {self.now}"

    @property
    def leaps(self) -> bool:
        """Whether the first number of its version moved."""
        return self.before is not None and Version(self.before).major != Version(self.now).major


def brought(before: Mapping[str, str], now: Mapping[str, str], asked: Iterable[str]) -> list[Brought]:
    """What came or moved between two locks beside what was asked for: where a first number moved, these alone."""
    moved = [
        Brought(name, before.get(name), now[name])
        for name in sorted({*now} - set(asked))
        if before.get(name) != now[name]
    ]
    return [one for one in moved if one.leaps] or moved


def conflict(reason: str) -> frozenset[str]:
    """The packages that a resolver's reason names with versions: what doesn't go together."""
    return frozenset(re.findall(r"\b([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?(?=[<>=!~]=?\d)", reason))


def releases(name: str, low: str, high: str, environment: Environment, resolver: Resolver) -> list[str] | None:
    """The releases of a package from one version to a newer one, both among them, as uv finds them for the
    environment's Python and day, without pre-releases; None where there are more than MOST_RELEASES between.

    Raises NetworkError, InterpreterError.
    """
    found = [high]
    while len(found) <= MOST_RELEASES:
        older = news.newest([f"{name}>{low},<{found[-1]}"], environment.python, environment.as_of, resolver)
        if not older:
            return [low, *reversed(found)]
        found.append(older[name])
    return None
