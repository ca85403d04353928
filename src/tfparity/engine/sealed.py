"""What a conversion leaves, as a folder of anybody's: what may lie in it, its seal, and a copy of what was judged.

Nothing but plain files is opened: a device has no end, and a pipe waits for ever.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tfparity import paths
from tfparity.errors import DiskError, MachineFault, WorkerError
from tfparity.records import machine
from tfparity.records.cells import Problem
from tfparity.records.fingerprint import printable

#: Bytes that the files of an artifact may take, and how many entries it may have.
LARGEST = 64 * 2**30
MOST = 100_000

#: A seal: the sha256 of each file by its path below the artifact, "" of each folder.
Seal = Mapping[str, str]

#: What an artifact may not hold.
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISDIR, "a link to a folder"),
    (stat.S_ISLNK, "a link in a circle"),
)


class Unfit(WorkerError):
    """What was converted is not handed over: it holds more than plain files, or is no more what was judged. problem: as
    a stage of its cell tells of it."""

    def __init__(self, kind: str, said: str) -> None:
        self.problem = Problem(kind, said)
        super().__init__(f"{kind}: {said}")


def changed_error(said: str = "the artifact was changed after it was judged") -> Unfit:
    """Of an artifact that is no more what it was."""
    return Unfit("ChangedArtifact", said)


def _odd(said: str) -> Unfit:
    return Unfit("OddArtifact", f"the artifact {said}")


def size(folder: Path) -> int:
    """Bytes of everything in a folder but folders, links not followed. What cannot be looked at counts nothing, nor
    what is beyond the entries that an artifact may have."""
    total = 0
    if folder.is_symlink():
        return total
    with suppress(OSError):
        for entry in itertools.islice(below(folder), MOST):
            with suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def seal(folder: Path) -> Seal:
    """The seal of what was converted; a link within it is the file that it names.

    Raises Unfit where it holds anything but plain files, or is too large; MachineFault where this machine cannot read
    it.
    """
    sealed = {}
    for name, place in _held(folder).items():
        try:
            sealed[name] = _digest(place) if place else ""
        except OSError as wrong:
            raise _unread(name, wrong) from None
    return sealed


def changed(folder: Path, sealed: Seal) -> bool:
    """Whether it is no more what was sealed. Raises MachineFault where this machine cannot read it."""
    try:
        return seal(folder) != sealed
    except Unfit:
        return True


def copy(folder: Path, to: Path, sealed: Seal) -> None:
    """Copy what was sealed into a new folder. Raises Unfit where it is something else now, DiskError where there is no
    room for it."""
    held = _held(folder)
    if held.keys() != sealed.keys():
        raise changed_error()
    _room(to, [place for place in held.values() if place])
    to.mkdir()
    for name, place in held.items():
        if place is None:
            (to / name).mkdir(parents=True, exist_ok=True)
    for name, place in held.items():
        if place is not None:
            _copy(name, place, to / name, sealed)


def copy_file(folder: Path, name: str, to: Path, sealed: Seal) -> None:
    """Copy one file of what was sealed. Raises as `copy`."""
    place = _held(folder).get(name)
    if place is None:
        raise changed_error()
    _room(to, [place])
    _copy(name, place, to, sealed)


def _held(folder: Path) -> dict[str, Path | None]:
    """What an artifact holds, in order, by the path below it: where each file really lies, None of a folder."""
    root, total = os.path.realpath(folder), 0
    found: dict[str, Path | None] = {}
    try:
        if folder.is_symlink():
            raise _odd("is a link")
        for entry in below(folder) if folder.exists() else ():
            name = os.path.relpath(entry.path, folder)
            if len(found) == MOST:
                raise _odd(f"has more than {MOST:,} files and folders")
            if entry.is_dir(follow_symlinks=False):
                found[name] = None
                continue
            real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            if entry.is_symlink() and os.path.commonpath((root, real)) != root:
                raise _odd(f"has a link out of it, {printable(name)}")
            there = Path(real).lstat()
            if not stat.S_ISREG(there.st_mode):
                kind = next((said for is_one, said in _KINDS if is_one(there.st_mode)), "a device")
                raise _odd(f"has {kind}, {printable(name)}")
            total += there.st_size
            if total > LARGEST:
                raise _odd(f"takes more than {LARGEST / 2**30:.0f} GiB")
            found[name] = Path(real)
    except OSError as wrong:
        raise _unread(None, wrong) from None
    return dict(sorted(found.items()))


def below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder, however deep; links are not followed. Raises OSError."""
    waiting = [os.fspath(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                yield entry


def _unread(name: str | None, wrong: OSError) -> Unfit | MachineFault:
    said = f"cannot be read{f' ({printable(name)})' if name else ''}: {wrong.strerror}"
    return MachineFault(f"the artifact {said}") if machine.refused(wrong) else _odd(said)


def _digest(place: Path) -> str:
    with os.fdopen(paths.open_untrusted(place), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _room(to: Path, places: list[Path]) -> None:
    needed = sum(place.stat().st_size for place in places)
    free = shutil.disk_usage(to.parent).free
    if needed > free:
        raise DiskError(
            f"what was converted takes {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free in {to.parent}: make "
            "room, or name a folder on a larger disk"
        )


def _copy(name: str, place: Path, to: Path, sealed: Seal) -> None:
    hashed = hashlib.sha256()
    try:
        source = os.fdopen(paths.open_untrusted(place), "rb")
    except OSError as wrong:
        raise _unread(name, wrong) from None
    with source, to.open("xb") as target:
        while part := source.read(2**20):
            hashed.update(part)
            target.write(part)
    if hashed.hexdigest() != sealed.get(name):
        raise changed_error()
