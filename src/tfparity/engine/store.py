"""The store: what was done and need not be done again, by content key, outside git.

A file of attempts per cell, `<cell key>/attempts.json`, and one of what probes and runtimes came to,
`<cell key>/probes.json`; per target `<its key>/target.json`, per environment side `<side key>/imports.json`.
Safe to delete, and safe to share between processes: files appear whole. Each has a digest of its content: one that is
damaged, or that lies in another's place, is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from tfparity import paths
from tfparity.records.cells import Attempt, Entry, Failure, Problem, TargetRun
from tfparity.records.readers import Read, reader
from tfparity.records.vocabulary import Outcome


@dataclass(frozen=True)
class ImportStep:
    """How the import of one module went, in seconds."""

    module: str
    outcome: Outcome
    seconds: float
    error: Problem | None = None


@dataclass(frozen=True)
class StoredAttempt:
    """An attempt with the revisions that it used: it counts while they are the same."""

    revisions: Mapping[str, int]
    attempt: Attempt


@dataclass(frozen=True)
class StoredProbe:
    """What a probe found of a cell, and the failure that its entry names."""

    entry: Entry
    failure: Failure | None


@dataclass(frozen=True)
class StoredTarget:
    """What a target of a cell came to, the failure that its entry names, and what was measured."""

    entry: Entry
    failure: Failure | None
    run: TargetRun


_Attempts = dict[str, StoredAttempt]
_Probes = dict[str, StoredProbe]
_Imports = tuple[ImportStep, ...]


class Store:
    """The folder of stored attempts and imports."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _file(self, folder: str, name: str) -> str:
        return f"{paths.by_key(self.root, folder)}/{name}.json"

    def attempts(self, cell: str) -> dict[str, StoredAttempt]:
        """The attempts at a cell, by name; none where they cannot be read (they are then made again)."""
        return _load(_Attempts, paths.attempts_file(self.root, cell)) or {}

    def put_attempt(self, cell: str, name: str, revisions: Mapping[str, int], attempt: Attempt) -> None:
        """Keep an attempt beside the others at the cell. Of two processes that do so at once, one's may be lost."""
        kept = {**self.attempts(cell), name: StoredAttempt(revisions, attempt)}
        self._put(paths.attempts_file(self.root, cell), {name: asdict(one) for name, one in kept.items()})

    def probes(self, cell: str) -> dict[str, StoredProbe]:
        """What probes found of a cell and runtimes came to, by the keys of their entries; none where it cannot be
        read, or says that it is another's."""
        found = _load(_Probes, self._file(cell, "probes")) or {}
        return {key: one for key, one in found.items() if one.entry.key == key}

    def put_probes(self, cell: str, found: Mapping[str, StoredProbe]) -> None:
        """Keep what probes found beside the others of the cell. Of two processes that do so at once, one's may be
        lost."""
        kept = {**self.probes(cell), **found}
        self._put(self._file(cell, "probes"), {entry: asdict(one) for entry, one in kept.items()})

    def target(self, entry: str) -> StoredTarget | None:
        """What a target came to, by the key of its entry; None where there is none, where it cannot be read, or where
        it says that it is another's."""
        found = _load(StoredTarget, self._file(entry, "target"))
        return found if found and found.entry.key == entry else None

    def put_target(self, entry: str, found: StoredTarget) -> None:
        """Keep what a target came to."""
        self._put(self._file(entry, "target"), asdict(found))

    def imports(self, side: str) -> tuple[ImportStep, ...]:
        """How a side's imports went; empty where it never started here."""
        return _load(_Imports, self._file(side, "imports")) or ()

    def put_imports(self, side: str, steps: Sequence[ImportStep]) -> None:
        """Keep how a side's imports went."""
        self._put(self._file(side, "imports"), [asdict(step) for step in steps])

    def _put(self, file: str, value: object) -> None:
        path, kept = Path(file), json.dumps(value).encode()
        paths.make_way(path, self.root.parent)
        paths.write_bytes(path, _sealed(file, kept) + kept + b"}")


def _sealed(file: str, kept: bytes) -> bytes:
    """What stands before a file's content: a digest of it and of the file's own place, by its key and name."""
    place = "/".join(file.rsplit("/", 2)[1:])
    return b'{"sha256": "%s", "kept": ' % hashlib.sha256(place.encode() + b"\0" + kept).hexdigest().encode()


def _load(kind: type[Read], file: str) -> Read | None:
    """What a file of the store holds; None where it is not there, or is not as it was written."""
    try:
        content = _read(file)
        kept = content[_BEFORE:-1]
        found: Read | None = reader(kind).validate_json(kept) if content[:_BEFORE] == _sealed(file, kept) else None
    except (OSError, ValidationError):
        return None
    return found


_BEFORE = len(_sealed("", b""))


def _read(file: str) -> bytes:
    # A run over much that is done reads thousands: what open() asks of a file beside takes as long again.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        there = os.fstat(descriptor)
        if not stat.S_ISREG(there.st_mode) or there.st_size > paths.LARGEST_FILE:
            return b""
        return os.read(descriptor, there.st_size)
    finally:
        os.close(descriptor)
