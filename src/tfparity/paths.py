"""Where things are, and how a file of text gets there. The only module that knows the repository's paths and the
cache's."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import shutil
import stat
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tfparity.errors import UsageError

PACKAGE = Path(__file__).resolve().parent
WORKER = PACKAGE / "worker"

#: The matrix, lockfiles, cases and evidence of the release, where tfparity is installed as a package.
INSTALLED = PACKAGE / "project"


@dataclass(frozen=True)
class Project:
    """A folder with a matrix.yaml: this repository, or a user's own. `own_results`: where the evidence is instead."""

    root: Path
    own_results: Path | None = None

    @property
    def matrix(self) -> Path:
        return self.root / "matrix.yaml"

    @property
    def limitations(self) -> Path:
        return self.root / "limitations.yaml"

    @property
    def flaky(self) -> Path:
        return self.root / "flaky.yaml"

    @property
    def claims(self) -> Path:
        return self.root / "claims.yaml"

    @property
    def cases(self) -> Path:
        return self.root / "cases"

    def is_own(self, file: str) -> bool:
        """Whether a case file is a user's own. What goes by the names of the zoo's cases says nothing of its cases."""
        return not Path(file).is_relative_to(self.cases)

    @property
    def lockfiles(self) -> Path:
        return self.root / "lockfiles"

    @property
    def results(self) -> Path:
        return self.own_results or self.root / "results"

    @property
    def docs(self) -> Path:
        return self.root / "docs"

    @property
    def readme(self) -> Path:
        return self.root / "README.md"


@dataclass(frozen=True)
class Cache:
    """A folder outside git, safe to delete: environments by lock digest, the store, bundles, files read."""

    root: Path

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def adhoc(self) -> Path:
        """Lockfiles of environments that no matrix names."""
        return self.root / "adhoc"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    @property
    def locks(self) -> Path:
        """What is locked while a bundle is made: beside bundles, since no exporter may write here."""
        return self.root / "locks"

    @property
    def made(self) -> Path:
        """Case files made for models that have none."""
        return self.root / "made"

    @property
    def read(self) -> Path:
        """What reading case files came to."""
        return self.root / "read"

    @property
    def work(self) -> Path:
        """Control directories and artifacts of running requests."""
        return self.root / "work"

    @property
    def reading(self) -> Path:
        """Exports by names of the runs that read them: no converter may write there."""
        return self.root / "reading"


@functools.cache
def worker_modules(kind: str) -> tuple[str, ...]:
    """The names of the worker's modules in that folder ("remedies", "targets"), with hyphens, in order."""
    files = (WORKER / kind).glob("*.py")
    return tuple(sorted(path.stem.replace("_", "-") for path in files if not path.stem.startswith("_")))


#: What Debian names as the home of who has none.
NO_HOME = Path("/nonexistent")


def home() -> Path:
    """The user's home folder, NO_HOME of a user who has none: no HOME, no entry in the system's list of users."""
    try:
        return Path.home()
    except RuntimeError:
        return NO_HOME


def real(path: Path | str) -> Path:
    """The absolute path, through links; of links that go round in a circle as far as they go, where Path.resolve
    raises."""
    return Path(os.path.realpath(path))


def project(root: Path | str | None = None) -> Project:
    """The project at `root`, at $TFPARITY_PROJECT, at the nearest folder upwards with a matrix.yaml, or the one that
    came with the installed package."""
    named = root or os.environ.get("TFPARITY_PROJECT")
    if named:
        return Project(real(named))
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "matrix.yaml").is_file():
            return Project(folder)
    return Project(INSTALLED if INSTALLED.is_dir() else here)


def cache() -> Cache:
    """$TFPARITY_CACHE, or tfparity/ in the user's cache folder ($XDG_CACHE_HOME where it is absolute, as its
    specification asks; ~/.cache). Raises UsageError where nothing says where a user's files go."""
    named = os.environ.get("TFPARITY_CACHE")
    if named:
        return Cache(real(named))
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # noqa: PTH117 - of text that may be empty
        if home() == NO_HOME:
            raise UsageError("this user has no home folder: set TFPARITY_CACHE to a folder for the cache")
        base = str(home() / ".cache")
    return Cache(Path(base) / "tfparity")


def by_key(root: Path, key: str) -> str:
    """The folder below `root` of what has that key."""
    return f"{root}/{key[:2]}/{key}"


def attempts_file(store: Path, key: str) -> str:
    """The file of the store with the attempts at the cell that has that key."""
    return f"{by_key(store, key)}/attempts.json"


class Bounds(NamedTuple):
    """How far files are read that code under test may write to. at_most: bytes, of all that are read together; going:
    called on the way, raises where the run is to end."""

    at_most: int
    going: Callable[[], None]


def digest(files: Iterable[Path], root: Path | None = None, bounds: Bounds | None = None) -> str:
    """sha256 of files, by name (their path below `root`, where there is one) and content, in that order. With `bounds`
    they are those that code under test may write to. Raises OSError, also for what is no plain file or goes beyond."""
    hashed, read = hashlib.sha256(), 0
    for path in files:
        descriptor = open_untrusted(path) if bounds else _open_plain(path)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            read += size
            if bounds and read > bounds.at_most:
                raise _too_large(path, bounds.at_most)
            hashed.update(f"{path.relative_to(root).as_posix() if root else path.name}\0{size}\0".encode())
            hashed.update(_content(file, size, bounds.going if bounds else None))
    return hashed.hexdigest()


def _content(file: BinaryIO, size: int, going: Callable[[], None] | None) -> bytes:
    """The digest of what a file of that size holds; what is written to it meanwhile is not waited for."""
    hashed = hashlib.sha256()
    while size > 0 and (part := file.read(min(size, _AT_ONCE))):
        hashed.update(part)
        size -= len(part)
        if going:
            going()
    return hashed.digest()


#: Bytes that are hashed at once.
_AT_ONCE = 2**20


def stands(path: Path) -> bool:
    """Whether anything stands there: a link that leads nowhere, or in a circle, is something that cannot be read, and
    not nothing."""
    return os.path.lexists(path)


def below(folder: Path) -> Iterator[Path]:
    """Whatever lies below a folder and is no folder, however deep code under test made it: links are not followed, and
    a folder that cannot be read has nothing in it, as one whose path is longer than the system takes."""
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        yield Path(entry.path)
        except OSError:
            continue


def discard(path: Path) -> None:
    """Remove what is there, whatever it is; nothing where it is gone. A folder's files that cannot be removed stay."""
    if path.is_dir() and not path.is_symlink():
        remove_folder(path)
    else:
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder and all that is in it, however deep code under test made it; what cannot be removed stays."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        with contextlib.suppress(OSError, RecursionError):
            _flatten(folder)
            shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir() and not folder.is_symlink():
        with contextlib.suppress(OSError, RecursionError):
            _open_up(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    """Have every folder below be one that its owner may enter and change."""
    _permit(folder)
    for root, folders, _ in os.walk(folder):
        for name in folders:
            _permit(Path(root, name))


def _permit(folder: Path) -> None:
    """Give its owner all rights to a folder, and not to what a link in its place names."""
    without_reading = getattr(os, "O_PATH", os.O_RDONLY)
    opened = os.open(folder, without_reading | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.chmod(f"/proc/self/fd/{opened}" if hasattr(os, "O_PATH") else opened, stat.S_IRWXU)  # noqa: PTH101
    finally:
        os.close(opened)


def _flatten(top: Path) -> None:
    """Move every folder below to the top, where it has a new name."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    into = os.open(top, flags)
    try:
        waiting = _folders(into)
        while waiting:
            opened = os.open(waiting.pop(), flags, dir_fd=into)
            try:
                for name in _folders(opened):
                    waiting.append(uuid.uuid4().hex)
                    os.rename(name, waiting[-1], src_dir_fd=opened, dst_dir_fd=into)
            finally:
                os.close(opened)
    finally:
        os.close(into)


def _folders(opened: int) -> list[str]:
    with os.scandir(opened) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def make_way(file: Path, root: Path) -> None:
    """The folder of a file of the cache, whose folder is `root`. What a damaged disk or a person left in the place of
    the file or of a folder on the way, and is of another kind, is removed. Raises OSError."""
    if not file.is_file() and (file.exists() or file.is_symlink()):
        discard(file)
    if file.parent.is_dir():
        return
    for folder in file.parents:
        if folder == root:
            break
        if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
            discard(folder)
    file.parent.mkdir(parents=True, exist_ok=True)


#: Bytes of a file that a person or tfparity writes, at most: a toolchain's evidence takes 1 MB.
LARGEST_FILE = 32 * 2**20


def read_bytes(path: Path, at_most: int = LARGEST_FILE) -> bytes:
    """What stands in a file, which may be named by a link. Raises OSError, also for what is no plain file or takes more
    bytes: nobody waits for a pipe, and a device has no end."""
    return _bounded(_open_plain(path), path, at_most)


def look_at(path: Path, at_most: int = LARGEST_FILE) -> None:
    """Raises OSError of what `read_bytes` does not read, for who has another read it."""
    there = path.stat()
    _check_plain(there, path)
    if there.st_size > at_most:
        raise _too_large(path, at_most)


def read_text(path: Path, at_most: int = LARGEST_FILE) -> str:
    """`read_bytes` as UTF-8, its lines ended as Path.read_text ends them. Raises OSError, UnicodeDecodeError."""
    text = read_bytes(path, at_most).decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_untrusted(path: Path, at_most: int) -> bytes:
    """What stands in a file that code under test may write to. Raises OSError as `read_bytes`, and for a link."""
    return _bounded(open_untrusted(path), path, at_most)


def open_untrusted(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a file in a folder that code under test may write to: a plain file, else OSError. A link is not
    followed, and nobody waits for who writes into a pipe."""
    return _open_plain(path, flags | os.O_NOFOLLOW)


def _open_plain(path: Path, flags: int = os.O_RDONLY) -> int:
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_plain(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_plain(there: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(there.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(there.st_mode):
        raise OSError(errno.EINVAL, "is no plain file", str(path))


def _bounded(descriptor: int, path: Path, at_most: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        small = os.fstat(file.fileno()).st_size <= at_most
        content = file.read(at_most + 1) if small else b""
    if not small or len(content) > at_most:  # it may have grown
        raise _too_large(path, at_most)
    return content


def _too_large(path: Path, at_most: int) -> OSError:
    """No EFBIG, which says that this machine refused."""
    return OSError(errno.EINVAL, f"takes more than {at_most / 2**20:,.0f} MiB", str(path))


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of the text in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all: under a name beside it, then renamed. A link stays a link.

    What killed writers of that file left beside it is removed. What is there and no file, such as /dev/null, is written
    to. Raises OSError, which names `path`.
    """
    place = real(path)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        clear_unfinished(place)
        temporary.write_bytes(data)
        temporary.replace(place)
    except OSError as wrong:  # a full disk names no file, the others may name the temporary one
        raise OSError(wrong.errno, wrong.strerror, str(path)) from wrong
    finally:
        with contextlib.suppress(OSError):  # renamed away, or never made
            temporary.unlink()


def clear_unfinished(path: Path) -> None:
    """Remove what writers of that file left beside it when they were killed: the temporary files of `write_bytes` and
    of the worker's `messages.write_json` whose process is gone. A file that cannot be removed stays."""
    named = re.compile(rf"\.?{re.escape(path.name)}\.(\d+)\.\d+")
    with contextlib.suppress(OSError):  # there is no folder yet
        for beside in path.parent.iterdir():
            match = named.fullmatch(beside.name)
            if match and not is_running(int(match[1])):
                with contextlib.suppress(OSError):
                    beside.unlink()


def is_running(pid: int) -> bool:
    """Whether there is a process of that number."""
    import psutil  # only here: `lock --check` answers in less time without

    try:
        return psutil.pid_exists(pid)
    except OverflowError:  # no number of a process
        return False
