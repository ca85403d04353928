"""Environments that no matrix names: given pins, a Python and a day, resolved and locked in the cache.

They go wherever an environment of the matrix goes (`lock.status`, `install.ensure`, an engine whose matrix is
`extended`), but nothing of theirs is ever recorded: what is published stands in matrix.yaml and lockfiles/.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from filelock import FileLock
from pydantic import Field, ValidationError

from tfparity.environments import lock, uv_command
from tfparity.environments.lock import LockStatus, silent
from tfparity.environments.uv_command import Runner
from tfparity.errors import AbsentError, UsageError
from tfparity.inputs import names
from tfparity.inputs.matrix import Environment, Matrix, Override, Package, Pin, Toolchain
from tfparity.paths import Cache
from tfparity.records import called

#: What an id begins with; matrix.yaml can give no such id.
PREFIX = "adhoc_"


class AdhocEnvironment(Environment):
    """An environment that no matrix names. `folder`: where in the cache its lockfile is; `wanted`: requirements beside
    the pins, which leave the version to the resolver; `kept`: versions that it keeps where it can ("numpy==1.26.4")."""

    published: ClassVar[bool] = False

    id: str = Field(pattern=rf"^{PREFIX}[0-9a-f]{{12}}$")
    folder: Path
    pins: dict[Package, Pin] = Field(default={})
    wanted: tuple[Override, ...] = ()
    kept: tuple[str, ...] = ()

    def asked(self) -> tuple[str, ...]:
        return (*super().asked(), *self.wanted)

    def near(self) -> tuple[str, ...]:
        return self.kept

    def digest(self) -> str:
        own = super().digest()
        if not (self.wanted or self.kept):
            return own
        return hashlib.sha256(json.dumps([own, self.wanted, self.kept]).encode()).hexdigest()

    def lock_folder(self, committed: Path) -> Path:  # noqa: ARG002
        return self.folder


def declared(
    cache: Cache,
    *,
    python: str,
    pins: Mapping[str, str],
    as_of: datetime.date,
    overrides: Sequence[str] = (),
    shims: Sequence[str] = (),
    wanted: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> AdhocEnvironment:
    """The environment of these pins, not resolved. The same content, in any order of pins, has the same id.

    Raises UsageError for what matrix.yaml would refuse too.
    """
    content = {
        "python": python,
        "as_of": as_of,
        "pins": dict(pins),
        "overrides": tuple(overrides),
        "shims": tuple(shims),
        "wanted": tuple(sorted(wanted)),
        "kept": tuple(sorted(kept)),
    }
    if not (pins or wanted):
        raise UsageError("pins: name a package")
    try:
        nameless = AdhocEnvironment.model_validate({**content, "id": PREFIX + "0" * 12, "folder": cache.adhoc})
    except ValidationError as invalid:
        raise UsageError(_readable(invalid)) from None
    made_of = hashlib.sha256(json.dumps([nameless.digest(), nameless.shims]).encode()).hexdigest()
    return nameless.model_copy(update={"id": PREFIX + made_of[:12]})


def made(
    cache: Cache,
    *,
    python: str,
    pins: Mapping[str, str],
    as_of: datetime.date,
    overrides: Sequence[str] = (),
    shims: Sequence[str] = (),
    wanted: Sequence[str] = (),
    kept: Sequence[str] = (),
    download: bool = False,
    run: Runner = uv_command.run,
    progress: Callable[[str], None] = silent,
    known: Callable[[], Iterable[str]] = tuple,
    words: str = "",
) -> tuple[AdhocEnvironment, LockStatus]:
    """The environment of these pins and its lock, which is "locked" or "unresolvable" with the resolver's reason.

    Either is resolved once and then read from the cache, also by processes side by side. To change an environment of
    the matrix: `made(cache, python=e.python, pins={**e.pins, **changed}, as_of=…, overrides=e.overrides,
    shims=e.shims)`. known: packages of which one may be meant where there is none of a name. words: what
    it is called where a person reads of it. Raises UsageError as `declared`, AbsentError for a package or a version
    that the index does not have, of which nothing is kept, and what `lock.lock` raises for one environment.
    """
    environment = declared(
        cache, python=python, pins=pins, as_of=as_of, overrides=overrides, shims=shims, wanted=wanted, kept=kept
    )
    if words:
        called.call(environment.id, words)
    cache.adhoc.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.adhoc / f".{environment.id}.lock"):
        locked = lock.fitting(cache.adhoc, environment)
        if locked is None:
            progress(f"resolving {', '.join(line.replace('==', ' ') for line in environment.asked())}")
            resolved = lock.resolve(environment, download=download, run=run)
            if resolved.reason is not None:
                _refuse_absent(environment, lock.absent(environment, download=download, run=run), known)
            lock.write(cache.adhoc, environment, resolved)
            locked = lock.status_in(cache.adhoc, environment)
    return environment, locked


def _refuse_absent(environment: Environment, found: Sequence[lock.Absent], known: Callable[[], Iterable[str]]) -> None:
    """Raises AbsentError where anything was found to be absent."""
    if not found:
        return
    names_known = set(known()) if any(one.package for one in found) else set()
    said = "; ".join(_absence(one, environment, names_known) for one in found)
    raise AbsentError(said, found[0].name)


def _absence(one: lock.Absent, environment: Environment, known: Collection[str]) -> str:
    """What the index lacks, and what may be meant."""
    if one.package:
        meant = names.closest(one.name, known)
        guess = f", did you mean {meant!r}?" if meant else ""
        return f"{one.requirement}: the index has no package {one.name!r}{guess}"
    newest = f"; the newest for Python {environment.python} is {one.newest}" if one.newest else ""
    return f"{one.requirement}: the index has no such version of {one.name} as of {environment.as_of}{newest}"


def extended(matrix: Matrix, toolchain: Toolchain, environments: Iterable[Environment]) -> Matrix:
    """The matrix with one more toolchain and the environments that it needs beside those of the matrix.

    Raises UsageError where the matrix has a toolchain of that name, ValueError where an environment is missing.
    """
    if toolchain.id in matrix.toolchains:
        raise UsageError(f"matrix.yaml has a toolchain {toolchain.id!r}; give this one another name")
    known = {**matrix.environments, **{environment.id: environment for environment in environments}}
    missing = [id for id in toolchain.environments() if id not in known]
    if missing:
        raise ValueError(f"{toolchain.id}: no environment {', '.join(missing)}")
    return matrix.model_copy(
        update={"environments": known, "toolchains": {**matrix.toolchains, toolchain.id: toolchain}}
    )


def refuse_to_publish(environments: Iterable[Environment]) -> None:
    """Raises UsageError where evidence of one of these must not be recorded."""
    for environment in environments:
        if not environment.published:
            raise UsageError(
                f"{environment.id} stands in no matrix.yaml, so nothing of it can be recorded: "
                f"add it there and run `{lock.COMMAND}`"
            )


def _readable(invalid: ValidationError) -> str:
    """The first error in a line, with its place."""
    error = invalid.errors(include_url=False)[0]
    place = ".".join(str(part) for part in error["loc"] if part != "[key]")
    return f"{place}: {re.sub(r'^Value error, ', '', error['msg'])}"
