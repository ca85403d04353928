"""What reading a file came to, kept in the cache folder, so that a file that has not changed is not read again.

An entry is sealed: one that is damaged, half written, or of another content, reader or path is as good as none. Nothing
depends on an entry being there, nor on a folder that can be written.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

from tfparity import paths
from tfparity.errors import UsageError

_SEAL = hashlib.sha256().digest_size


class ReadCache(NamedTuple):
    """Readings of one kind, the last of every file. `reader`: all that a reading depends on beside the file."""

    kind: str
    reader: str

    def get(self, file: Path, content: bytes) -> bytes | None:
        """The reading of a file of that content; None without one."""
        try:
            entry = paths.read_bytes(self._entry(file))
        except (OSError, UsageError):  # UsageError: nothing says where the cache is
            return None
        reading = entry[_SEAL:]
        return reading if entry[:_SEAL] == self._seal(file, content, reading) else None

    def put(self, file: Path, content: bytes, reading: bytes) -> None:
        """Keep a reading, in place of that of an earlier content."""
        with contextlib.suppress(OSError, UsageError):
            entry = self._entry(file)
            paths.make_way(entry, paths.cache().root)
            paths.write_bytes(entry, self._seal(file, content, reading) + reading)

    def _entry(self, file: Path) -> Path:
        name = hashlib.sha256(str(file).encode("utf-8", "surrogateescape")).hexdigest()
        return paths.cache().read / f"{self.kind}-{name[:24]}"

    def _seal(self, file: Path, content: bytes, reading: bytes) -> bytes:
        named = f"{self.kind}\0{self.reader}\0{file}".encode("utf-8", "surrogateescape")
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in (named, content, reading))).digest()
