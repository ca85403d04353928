"""Installs: one folder per lock digest in the cache, made once, with hashes required."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tfparity import machine
from tfparity.environments import estimate, interpreters, lock, uv_command
from tfparity.environments.lock import LockStatus, silent
from tfparity.environments.uv_command import Runner
from tfparity.errors import DiskError, InstallError, LockError, NetworkError
from tfparity.matrix import Environment
from tfparity.paths import Cache, Project

#: Says in an environment's folder that the install came to its end: an interrupted one has none and is made again.
COMPLETE = "tfparity-complete.json"

#: Gigabytes (10^9 bytes) that an install leaves free.
LEFT_FREE_GB = 1.0


@dataclass(frozen=True)
class Installed:
    """An environment that is there. lock_sha256: of its requirement lines; packages: name to version."""

    python: Path
    folder: Path
    lock_sha256: str
    packages: dict[str, str]


def ensure(
    project: Project,
    environment: Environment,
    cache: Cache,
    *,
    progress: Callable[[str], None] = silent,
    download: bool = False,
    run: Runner = uv_command.run,
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Installed:
    """The environment, installed from its lockfile if it is not there yet; one process at a time makes it.

    Raises LockError (no lockfile that fits, or unresolvable), InterpreterError, DiskError before anything is
    fetched, NetworkError, InstallError with uv's own reason.
    """
    locked = lock.status(project, environment)
    if locked.kind == "unresolvable":
        raise LockError(f"{environment.id} cannot be resolved:\n{locked.reason}")
    if locked.kind != "locked":
        raise LockError(f"{locked.reason}: run `{lock.COMMAND}`")
    folder = place(environment, locked, cache)
    installed = Installed(folder / "bin" / "python", folder, locked.sha256, locked.packages)
    if (folder / COMPLETE).is_file() and installed.python.exists():
        return installed
    cache.environments.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if (folder / COMPLETE).is_file() and installed.python.exists():
            return installed
        _room(environment, locked, cache.environments, free_bytes)
        interpreter = interpreters.find(environment.python, download=download, run=run)
        progress(f"installing {len(locked.packages)} packages on Python {environment.python}")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            _make(environment, locked, folder, interpreter, run)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        progress("installed")
    return installed


def place(environment: Environment, locked: LockStatus, cache: Cache) -> Path:
    """Where that lock of that environment is installed, by that Python."""
    made_of = hashlib.sha256(f"{environment.python} {locked.sha256}".encode()).hexdigest()
    return cache.environments / f"{environment.id}-{made_of[:12]}"


def _room(environment: Environment, locked: LockStatus, folder: Path, free_bytes: Callable[[Path], int]) -> None:
    needed = estimate.installed_gb(locked.packages) + LEFT_FREE_GB
    free = free_bytes(folder) / 1e9
    if free < needed:
        raise DiskError(
            f"{environment.id} needs {needed:.1f} GB of disk and {free:.1f} GB are free in {folder}: "
            "make room, or set TFPARITY_CACHE to a folder on a larger disk"
        )


def _make(environment: Environment, locked: LockStatus, folder: Path, interpreter: Path, run: Runner) -> None:
    """Made in place, since a virtual environment's scripts hold its path; the marker comes last."""
    steps = (
        ["venv", "--no-project", "--python", str(interpreter), str(folder)],
        [
            *("pip", "sync", "--python", str(folder / "bin" / "python"), "--require-hashes"),
            *("--exclude-newer", lock.end_of_day(environment.as_of), str(locked.path)),
        ],
    )
    for step in steps:
        done = run([uv_command.uv(), *step])
        if done.status != 0:
            raise _reason(environment, done.errors, folder, locked.path)
    facts = {"environment": environment.id, "lock_sha256": locked.sha256}
    (folder / COMPLETE).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def _reason(environment: Environment, errors: str, folder: Path, path: Path) -> Exception:
    words = uv_command.masked(errors, {str(folder): "<env>", str(path): path.name, str(Path.home()): "<home>"})
    if machine.disk_failed(errors):
        return DiskError(f"the disk filled up while {environment.id} was installed:\n{words}")
    if uv_command.unreachable(errors):
        return NetworkError(f"the package index cannot be reached to install {environment.id}:\n{words}")
    return InstallError(f"{environment.id} does not install:\n{words}")
