"""A run's own folder below the cache's work/: held while its process lives, removed by a later run if it was killed."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from filelock import FileLock

from tfparity import paths

#: What the name of a folder that stays begins with: no run removes it, a person does.
KEPT = "kept-"

#: In each folder; the kernel unlocks it when the process ends, however that ends. No child process inherits it.
LOCK = ".lock"

#: Seconds after which a folder without that file is nobody's: it is of an older version, or was just being made.
UNLOCKED_SECONDS = 86400.0


def place(work: Path, *, keep: bool = False) -> Path:
    """A new name below `work` for the folder of a run; with `keep` one that stays."""
    return work / f"{KEPT if keep else ''}{uuid.uuid4().hex[:12]}"


class WorkFolder:
    """Makes a run's folder, named by `place`, and removes it at the end unless its name says that it stays.

    On entry the folders of runs that are gone are removed: those beside it that no process holds, but for the ones that
    stay. Processes may start and end side by side. Raises OSError where the folder cannot be made; what cannot be
    removed is left there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / LOCK, thread_local=False)

    def __enter__(self) -> Path:
        _remove_abandoned(self.folder.parent)
        while not self._hold():
            pass
        return self.folder

    def _hold(self) -> bool:
        """Make and lock the folder; whether it is still there then: unlocked, it may have been taken for abandoned."""
        paths.make_way(self.folder / LOCK, self.folder.parents[1])
        with suppress(FileNotFoundError):
            self._lock.acquire()
            if (self.folder / LOCK).exists():
                return True
        self._lock.release()
        return False

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.folder.name.startswith(KEPT):
            (self.folder / LOCK).unlink(missing_ok=True)
        else:
            paths.remove_folder(self.folder)
        self._lock.release()


def _remove_abandoned(work: Path) -> None:
    """Remove the folders below `work` that no process holds."""
    for folder in work.iterdir() if work.is_dir() else ():
        if folder.name.startswith(KEPT) or folder.is_symlink() or not folder.is_dir():
            continue
        with suppress(OSError):  # held, removed meanwhile, or another user's
            lock = folder / LOCK
            if not lock.exists() and time.time() - folder.stat().st_mtime < UNLOCKED_SECONDS:
                continue
            with FileLock(lock, timeout=0):
                _end_what_runs_in(folder)
                paths.remove_folder(folder)


def _end_what_runs_in(folder: Path) -> None:
    """End what a killed run left: a worker that was stopped, a converter's daemon. Each began in a folder of the
    run's."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder):
                process.kill()
