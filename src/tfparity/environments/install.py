"""Installs: one folder per lock digest in the cache, made once, with hashes required."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tfparity import paths
from tfparity.environments import estimate, in_use, intact, interpreters, lock, uv_command
from tfparity.environments.lock import LockStatus, silent
from tfparity.environments.uv_command import Completed, Runner
from tfparity.errors import DiskError, InstallError, LockError, MachineFault, NetworkError, PackageError
from tfparity.inputs.matrix import Environment
from tfparity.paths import Cache, Project
from tfparity.records import machine, waiting

#: Says in an environment's folder that the install came to its end: an interrupted one has none and is made again.
COMPLETE = "tfparity-complete.json"

#: Gigabytes (10^9 bytes) that an install leaves free.
LEFT_FREE_GB = 1.0

#: Seconds between two looks for room on the disk, and between two words on how far an install is.
ROOM_SECONDS = 1.0
TOLD_SECONDS = 10.0


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
    going: Callable[[], None] = waiting.nothing,
) -> Installed:
    """The environment, installed from its lockfile if it is not there yet; one process at a time makes it. It is marked
    as in use until this process ends.

    `going` raises where it is to be made no more. Several may be made at
    once, where the disk has room for all of them together; else one waits for the others.
    Raises LockError (no lockfile that fits, or unresolvable), InterpreterError, DiskError before anything is
    fetched, NetworkError where the index does not give what is locked, InstallError where a package does not build,
    PackageError where one under test does not lie over it, MachineFault; each with uv's own reason.
    """
    locked = lock.status(project, environment)
    if locked.kind == "unresolvable":
        raise LockError(f"{environment.id} cannot be resolved:\n{locked.reason}")
    if locked.kind != "locked":
        raise LockError(f"{locked.reason}: {f'run `{lock.COMMAND}`' if environment.published else 'resolve it again'}")
    folder = place(environment, locked, cache)
    installed = Installed(folder / "bin" / "python", folder, locked.sha256, locked.packages)
    in_use.mark(folder)  # before it is looked at: see remove
    if _is_whole(installed):
        return installed
    if (folder / COMPLETE).exists():
        progress("damaged, and made again")
    paths.make_way(_lock_of(folder), cache.root)

    def waits() -> None:
        progress("waiting for another run that installs it")

    with waiting.held(FileLock(_lock_of(folder)), going, waits):
        if _is_whole(installed):
            return installed
        with _room(environment, locked, folder, free_bytes, progress, going):
            interpreter = interpreters.find(environment.python, download=download, run=run)
            going()
            uv_command.end_left(folder)
            paths.discard(folder)
            try:
                told = f"installing {len(locked.packages)} packages on Python {environment.python}"
                with _counted(folder, told, progress):
                    _make(environment, locked, folder, interpreter, run)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        progress("installed")
    return installed


def _is_whole(installed: Installed) -> bool:
    """Whether an install came to its end, and what it left is still there. What was unlike its packages' own lists even
    then, as where two bring one file, counts as it is; an older install says nothing of it, and is not looked at."""
    try:
        facts = json.loads(paths.read_text(installed.folder / COMPLETE))
        if not all(file.stat().st_size for file in (installed.python, installed.folder / "pyvenv.cfg")):
            return False
        unlike = facts.get("unlike")
    except (OSError, ValueError, RecursionError, AttributeError):
        return False
    return unlike is None or intact.damaged(installed.folder) == unlike


def place(environment: Environment, locked: LockStatus, cache: Cache) -> Path:
    """Where that lock of that environment is installed, by that Python."""
    made_of = hashlib.sha256(f"{environment.python} {locked.sha256}".encode()).hexdigest()
    return cache.environments / f"{environment.id}-{made_of[:12]}"


def remove(environment: Environment, locked: LockStatus, cache: Cache) -> bool:
    """Remove an environment from the cache; it is made again where it is asked for. False where another command that
    runs has it in use: then it stays."""
    folder = place(environment, locked, cache)
    aside = folder / f"{COMPLETE}.aside"
    with FileLock(_lock_of(folder)):
        # Out of the way before the others' marks are looked at: who marks it later finds none that is whole.
        with suppress(FileNotFoundError):
            (folder / COMPLETE).replace(aside)
        if in_use.elsewhere(folder):
            with suppress(FileNotFoundError):
                aside.replace(folder / COMPLETE)
            return False
        shutil.rmtree(folder, ignore_errors=True)
        in_use.forget(folder)
    return True


def _lock_of(folder: Path) -> Path:
    """What is locked while that environment is made."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def _room(
    environment: Environment,
    locked: LockStatus,
    folder: Path,
    free_bytes: Callable[[Path], int],
    progress: Callable[[str], None],
    going: Callable[[], None],
) -> Iterator[None]:
    """Disk for an install, set aside while it lasts.

    Installs under way, of other processes too, count with all that they are estimated to need: where the disk may not
    have room for all of them, this waits until it is known what they took. Raises DiskError where there is no room for
    this one alone. To be entered under the environment's own lock, by which the others see that this one lives.
    """
    needed = estimate.installed_gb(locked.packages) + LEFT_FREE_GB
    mine = folder.with_name(f".{folder.name}.room")
    waits = False
    while True:
        with FileLock(folder.with_name(".room.lock")):
            free = free_bytes(folder.parent) / 1e9
            if free < needed:
                raise DiskError(
                    f"{environment.id} needs {needed:.1f} GB of disk and {free:.1f} GB are free in {folder.parent}: "
                    "make room, or set TFPARITY_CACHE to a folder on a larger disk"
                )
            if free >= needed + _set_aside(folder.parent, mine):
                mine.write_text(f"{needed - LEFT_FREE_GB}\n", encoding="utf-8")
                break
        if not waits:
            progress("waiting for other installs: the disk may not have room for all of them")
        waits = True
        going()
        time.sleep(ROOM_SECONDS)
    try:
        yield
    finally:
        mine.unlink(missing_ok=True)


def _set_aside(environments: Path, mine: Path) -> float:
    """Gigabytes that installs under way need; what a killed one set aside is given back."""
    needed = 0.0
    for other in environments.glob(".*.room"):
        if other == mine:
            continue
        with suppress(OSError, ValueError):  # it has just ended, or is another user's
            try:
                with FileLock(other.with_suffix(".lock"), timeout=0):
                    other.unlink(missing_ok=True)
            except Timeout:
                needed += float(other.read_text(encoding="utf-8"))
    return needed


@contextmanager
def _counted(folder: Path, doing: str, progress: Callable[[str], None]) -> Iterator[None]:
    """Say what is done, then how many packages are there, or for how long they have been fetched, as it goes on."""
    over = threading.Event()
    began = time.monotonic()

    def count() -> None:
        while not over.wait(TOLD_SECONDS):
            there = sum(1 for _ in folder.glob("lib/python*/site-packages/*.dist-info"))
            progress(f"{doing}: {f'{there} there' if there else f'fetching, {time.monotonic() - began:.0f} s'}")

    progress(doing)
    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    try:
        yield
    finally:
        over.set()
        counting.join()


def _make(environment: Environment, locked: LockStatus, folder: Path, interpreter: Path, run: Runner) -> None:
    """Made in place, since a virtual environment's scripts hold its path; the marker comes last."""
    done = run([uv_command.uv(), "venv", "--no-project", "--python", str(interpreter), str(folder)])
    if done.status != 0:
        words = _masked(done.errors, folder, locked.path)
        raise _of_machine(environment, done) or MachineFault(
            f"no environment can be made for {environment.id}:\n{words}"
        )
    sync = [uv_command.uv(), "pip", "sync", "--python", str(folder / "bin" / "python"), "--require-hashes"]
    path = environment.beneath(locked.path)
    # The day limits what builds a source distribution; an index that gives no days has nothing from before it.
    done = run([*sync, "--exclude-newer", lock.end_of_day(environment.as_of), str(path)])
    if done.status != 0 and uv_command.without_days(done.errors):
        done = run([*sync, str(path)])
    if done.status != 0:
        raise _reason(environment, done, folder, path)
    if environment.over():
        _lay_over(environment, locked, folder, run)
    facts = {"environment": environment.id, "lock_sha256": locked.sha256, "unlike": intact.damaged(folder)}
    (folder / COMPLETE).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def _lay_over(environment: Environment, locked: LockStatus, folder: Path, run: Runner) -> None:
    wheels = [str(wheel) for wheel in environment.over()]
    where = ["--python", str(folder / "bin" / "python")]
    done = Completed(0, "", "")
    if environment.given_up():
        done = run([uv_command.uv(), "pip", "uninstall", *where, *environment.given_up()])
    if done.status == 0:
        done = run([uv_command.uv(), "pip", "install", *where, "--no-index", "--no-deps", "--reinstall", *wheels])
    if done.status != 0:
        words = _masked(done.errors, folder, locked.path)
        raise _of_machine(environment, done) or PackageError(f"a package under test does not install:\n{words}")


def _of_machine(environment: Environment, done: Completed) -> Exception | None:
    """The error where this machine ended uv, or its disk did; else None."""
    if machine.disk_failed(done.errors):
        return DiskError(f"the disk filled up while {environment.id} was installed")
    killed = machine.ended_from_outside(done.status)
    return MachineFault(f"{killed}, while {environment.id} was installed") if killed else None


def _masked(errors: str, folder: Path, path: Path) -> str:
    return uv_command.masked(errors, {str(folder): "<env>", str(path): path.name, str(paths.home()): "<home>"})


def _reason(environment: Environment, done: Completed, folder: Path, path: Path) -> Exception:
    """The error of a failed install. It is the toolchain's own only where a package does not build: what is locked was
    there with those hashes, so that an index which lacks it, gives another file or refuses says nothing of it."""
    words = _masked(done.errors, folder, path)
    ended = _of_machine(environment, done)
    if ended:
        return ended
    if uv_command.unreachable(done.errors):
        return NetworkError(f"the package index cannot be reached to install {environment.id}:\n{words}")
    if uv_command.unbuilt(done.errors):
        return InstallError(f"{environment.id} does not install:\n{words}")
    return NetworkError(f"the package index does not give {environment.id} as {path.name} has it:\n{words}")
