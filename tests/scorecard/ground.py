"""The ground that plants are set in: a small project with all that a run leaves, put back before each plant.

A command runs in a fork of this process, which has all modules loaded (`command`), or as a process of its own
(`process`). Either way its end is held against what every end must be (`Done.said_well`).
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import kills
import psutil
from plants import Missed

import tfparity
from tfparity import cli, errors, paths
from tfparity.engine import bundles, store
from tfparity.features.gate import compare
from tfparity.records import readers

#: Exit codes by which a command says that something is not as it should be, and those of errors, which have a message.
ERRORS = {
    kind.exit_code
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.TfparityError)
}
FINDINGS = {0, 1, *compare.EXIT_CODES.values()}
SIGNALLED = {128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGHUP}

#: Seconds after which a command hangs, and MiB of memory above which it takes more than a file is worth.
HANGING, MEMORY = 120.0, 1500.0

#: Of an error, of argparse, and of `lock --check`, which tells every lockfile that does not fit.
_MESSAGE = re.compile(r"^(python -m )?tfparity.*: \S|run `nox -s lock`", re.MULTILINE)

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Done:
    """How a command ended. mib: its own peak of memory, None where it wasn't read."""

    code: int
    out: str
    err: str
    seconds: float
    mib: float | None = None

    @property
    def said(self) -> str:
        """The last lines, for a report of what was missed."""
        return " / ".join((self.out + self.err).strip().splitlines()[-4:])[-500:]

    def said_well(self) -> Done:
        """Itself, ended as a command may end: a known exit code, an error with its message, no traceback, no raw
        control characters, in a bounded time and memory. Raises Missed."""
        text = self.out + self.err
        if "Traceback (most recent call last)" in text or "Exception ignored in" in text:
            raise Missed(f"a traceback: {self.said}")
        if self.code not in ERRORS | FINDINGS | SIGNALLED:
            raise Missed(f"ended with {self.code}: {self.said}")
        if self.code in ERRORS | SIGNALLED and not _MESSAGE.search(text):
            raise Missed(f"ended with {self.code} and no message: {self.said}")
        if found := _CONTROLS.search(text):
            raise Missed(f"{found.group()!r} in {text[max(0, found.start() - 40) : found.end() + 40]!r}")
        if self.mib is not None and self.mib > MEMORY:
            raise Missed(f"took {self.mib:.0f} MiB")
        return self


class Ground:
    """A project of two cases by two routes of a numpy "framework", its cache and results/, and bundles to hand on."""

    def __init__(self, root: Path) -> None:
        self.trials = kills.Trials(root / "trials", conversion=0.0)
        self.root = self.trials.root
        self.project, self.cache, self.results = self.trials.project, self.trials.cache, self.trials.results
        self.handed, self.home = self.root / "handed", self.root / "home"
        self._masters = {(): self.root / "masters"}
        self.home.mkdir()
        self.environment = {**self.trials.environment, "HOME": str(self.home), "COLUMNS": "200"}
        self.environment["ORT_DISABLE_TELEMETRY"] = "1"
        _load_everything()
        _compile([self.project / route for route in kills.ROUTES])
        self._expect(self.command("bundles", "export", str(self.handed)))
        self._expect(self.command("gate"))
        self.whole = self.evidence()
        self._keep(self._masters[()])

    def _places(self) -> tuple[Path, ...]:
        return self.project, self.cache, self.handed

    @staticmethod
    def _expect(done: Done) -> None:
        if done.code:
            raise RuntimeError(f"the ground itself is not sound: {done.code}: {done.said}")

    def _keep(self, masters: Path) -> None:
        masters.mkdir()
        for place in self._places():
            shutil.copytree(place, masters / place.name, symlinks=True)

    def reset(self, after: tuple[str, ...] = ()) -> None:
        """Everything as a run without a plant left it, and a command after that."""
        if after not in self._masters:
            self.reset()
            self._expect(self.command(*after))
            self._keep(self.root / f"masters-{len(self._masters)}")
            self._masters[after] = self.root / f"masters-{len(self._masters)}"
        for place in self._places():
            _as_it_was(self._masters[after] / place.name, place)
        for left in list(self.home.iterdir()):
            _removed(left)

    def forget_the_first(self, *folders: str) -> None:
        """What is stored and bundled of planted/net has to be made again; what lies in those folders, where some are
        given."""
        for folder in folders or ("store", "bundles"):
            for path in (self.trials.first / folder).glob("*/*"):
                _removed(self.cache / path.relative_to(self.trials.first))

    def of_the_first(self, pattern: str) -> list[Path]:
        """Files of the cache that are of planted/net."""
        first = self.trials.first
        return sorted(self.cache / path.relative_to(first) for path in first.glob(pattern))

    def clear(self) -> None:
        """End what a plant that was missed left running."""
        for process in self.trials._running():
            with suppress(psutil.Error):
                process.kill()

    def put_back(self) -> None:
        """What a person wrote as it was; the cache stays as a plant left it, results/ is as before any run."""
        _as_it_was(self._masters[()] / self.project.name, self.project)
        (self.results / "small.json").write_bytes(self.trials.before)

    def evidence(self) -> bytes:
        """What stands in results/ of the toolchain; nothing where it cannot be read."""
        try:
            return paths.read_bytes(self.results / "small.json")
        except OSError:
            return b""

    def one(self, pattern: str) -> Path:
        """The first file that matches below the root."""
        return min(self.root.glob(pattern))

    # Commands

    def command(
        self,
        *words: str,
        variables: Mapping[str, str] | None = None,
        before: Callable[[], object] | None = None,
        seconds: float | None = None,
    ) -> Done:
        """`tfparity …` in the project, in a fork of this process. `before`: called there first. Raises Missed where it
        hangs."""
        seconds = seconds or HANGING
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            began = time.monotonic()
            pid = os.fork()
            if pid == 0:
                self._child(words, {**self.environment, **(variables or {})}, before, out.fileno(), err.fileno())
            status, used = _waited(pid, seconds)
            took = time.monotonic() - began
            said = []
            for stream in (out, err):
                stream.seek(0)
                said.append(stream.read(2**22).decode("utf-8", "replace"))
        if status is None:
            raise Missed(f"hangs for more than {seconds:.0f} s: tfparity {' '.join(words)[:200]}")
        return Done(os.waitstatus_to_exitcode(status), *said, took, used.ru_maxrss / 1024)

    def _child(
        self, words: tuple[str, ...], variables: Mapping[str, str], before: Callable[[], object] | None, *streams: int
    ) -> None:
        code = 70
        try:
            os.setsid()
            for number, stream in zip((1, 2), streams, strict=True):
                os.dup2(stream, number)
            sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8") for number in (1, 2))  # noqa: PTH123, SIM115
            os.chdir(self.project)
            os.environ.clear()
            os.environ.update(variables)
            if before:
                before()
            code = cli.main(words)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
            if isinstance(ended.code, str):
                print(ended.code, file=sys.stderr)
        except BaseException:  # noqa: BLE001 - this is what is looked for
            traceback.print_exc()
        finally:
            with suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def begun(
        self,
        *words: str,
        variables: Mapping[str, str] | None = None,
        before: Callable[[], object] | None = None,
    ) -> Running:
        """`python -m tfparity …` in the project, as a process in a group of its own. `before`: called there first."""
        return Running([sys.executable, "-m", "tfparity", *words], self, variables or {}, before=before)

    def process(
        self,
        *words: str,
        variables: Mapping[str, str] | None = None,
        before: Callable[[], object] | None = None,
        seconds: float = HANGING,
    ) -> Done:
        """The same to its end. Raises Missed where it hangs."""
        return self.begun(*words, variables=variables, before=before).ended(seconds)

    # What has to hold

    def nothing_runs(self, seconds: float = kills.ENDING) -> None:
        """No process of this ground is left. Raises Missed."""
        try:
            self.trials._nothing_runs(seconds)
        except kills.Wrong as wrong:
            raise Missed(str(wrong)[:300]) from None

    def nothing_is_left(self, seconds: float = kills.ENDING) -> None:
        """Neither a process of this ground nor a file that was being written. Raises Missed."""
        self.nothing_runs(seconds)
        lying = list((self.cache / "work").glob("*"))
        for folder in (self.results, *(self.cache / name for name in ("store", "bundles", "read"))):
            lying += [path for path in _below(folder) if kills.UNFINISHED.fullmatch(path.name)]
        if lying:
            raise Missed(f"left lying: {', '.join(str(path.relative_to(self.root)) for path in lying)}")

    def same(self, *accepted: bytes, whole: bytes | None = None, allow: Callable[[bytes], bool] | None = None) -> None:
        """The evidence is `whole`, what an undisturbed run writes unless given, or one of those. Raises Missed."""
        found, whole = self.evidence(), whole or self.whole
        if found not in (whole, *accepted) and not (allow and allow(found)):
            raise Missed(f"the evidence is another: {_difference(whole, found)}")

    def next_run(self, *words: str) -> None:
        """A run without a plant gives the undisturbed bytes. Raises Missed."""
        done = self.command("run", "--record", *words).said_well()
        if done.code:
            raise Missed(f"the next run ended with {done.code}: {done.said}")
        self.same()
        self.nothing_is_left()


class Running:
    """A process of tfparity's own in a session of its own. What it says goes through pipes: to files, a limit on their
    size would cut it off."""

    def __init__(
        self,
        command: list[str],
        ground: Ground,
        variables: Mapping[str, str],
        *,
        before: Callable[[], object] | None = None,
    ) -> None:
        self._ground, self.began = ground, time.monotonic()
        self._said: dict[str, str] = {}
        self.process = subprocess.Popen(
            command,
            env={**ground.environment, **variables},
            cwd=ground.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=before,  # noqa: PLW1509 - this process has no threads
        )
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in ("stdout", "stderr")
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        stream = getattr(self.process, name)
        self._said[name] = stream.read().decode("utf-8", "replace")
        stream.close()

    def ended(self, seconds: float = HANGING) -> Done:
        """How it ended. Raises Missed where it hangs."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Missed(f"hangs for more than {seconds:.0f} s") from None
        took = time.monotonic() - self.began
        for reader in self._readers:
            reader.join(kills.ENDING)
        if len(self._said) < 2:
            raise Missed("what it started holds its output open after its end")
        return Done(code if code >= 0 else 128 - code, self._said["stdout"], self._said["stderr"], took)

    def kill(self) -> None:
        """End it and its children."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    child.kill()
        self.process.kill()
        self.process.wait()


def _waited(pid: int, seconds: float) -> tuple[int | None, resource.struct_rusage]:
    """The status of a child and what it used; no status where it had to be killed."""
    until, pause = time.monotonic() + seconds, 0.002
    while True:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, used
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            return None, os.wait4(pid, 0)[2]
        time.sleep(pause)
        pause = min(pause * 1.2, 0.05)


def _load_everything() -> None:
    """Import what any command may, and make the readers that any has: a fork has them at once."""
    for found in pkgutil.walk_packages(tfparity.__path__, "tfparity."):
        if not found.name.endswith(("__main__", "pytest_plugin")):
            with suppress(ImportError):  # what only an environment under test has
                importlib.import_module(found.name)
    importlib.import_module("rich._emoji_codes")
    for kind in (store._Attempts, store._Probes, store._Imports, bundles._Description, bundles._ExportFile):
        readers.reader(kind)
    made = cli.parser()
    cli.parser = lambda: made
    gc.freeze()  # what a fork need not look through, nor copy


def _compile(routes: Sequence[Path]) -> None:
    """A fork has those files compiled, as long as they are what they are now."""
    loader: Any = SourceFileLoader
    real = loader.source_to_code
    texts = [(path.read_bytes(), str(path)) for path in routes]
    known = {text: real(loader("route", text[1]), *text) for text in texts}

    def compiled(self: object, data: bytes, path: str, **given: object) -> object:
        return known.get((data, path)) or real(self, data, path, **given)

    loader.source_to_code = compiled


def _as_it_was(master: Path, place: Path) -> None:
    """Make a folder what its master is, by copying what is of another kind, size, time or mode."""
    if not place.is_dir() or place.is_symlink():
        _removed(place)
        shutil.copytree(master, place, symlinks=True)
        return
    place.chmod(stat.S_IMODE(master.stat().st_mode))
    extra = {path.name for path in place.iterdir()}
    for original in master.iterdir():
        mine = place / original.name
        extra.discard(original.name)
        if original.is_symlink():
            if not (mine.is_symlink() and mine.readlink() == original.readlink()):
                _removed(mine)
                mine.symlink_to(original.readlink())
        elif original.is_dir():
            _as_it_was(original, mine)
        elif _known_by(mine) != _known_by(original):
            _removed(mine)
            shutil.copy2(original, mine)
    for name in extra:
        _removed(place / name)


def _known_by(file: Path) -> tuple[int, ...] | None:
    """What a change of a file changes."""
    try:
        there = file.lstat()
    except OSError:
        return None
    return there.st_mode, there.st_size, there.st_mtime_ns


def _removed(folder: Path) -> None:
    """Remove a folder, whatever a plant made of what is in it."""

    def opened(function: Callable[[str], object], path: str, _: object) -> None:
        for place in (Path(path).parent, Path(path)):
            if not place.is_symlink():
                place.chmod(stat.S_IRWXU)
        if Path(path).is_dir() and not Path(path).is_symlink():
            shutil.rmtree(path)
        else:
            function(path)

    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        folder.unlink()
    elif folder.is_dir():
        try:
            shutil.rmtree(folder, onerror=opened)
        except RecursionError:
            subprocess.run(["rm", "-rf", str(folder)], check=True)


def _below(folder: Path) -> list[Path]:
    """All that is in a folder, however deep."""
    found = subprocess.run(["find", str(folder), "-print0"], capture_output=True).stdout
    return [Path(os.fsdecode(path)) for path in found.split(b"\0")[1:-1]]


def _difference(whole: bytes, found: bytes) -> str:
    """Where the evidence is another."""
    at = next(
        (n for n, (was, now) in enumerate(zip(whole, found, strict=False)) if was != now), min(len(whole), len(found))
    )
    was, now = (text[max(0, at - 60) : at + 60].decode("utf-8", "replace") for text in (whole, found))
    return f"{was!r} is {now!r}"
