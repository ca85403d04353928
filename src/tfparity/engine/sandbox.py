"""The sandbox around code under test: what there is on this machine, found once, and a command inside it.

Whole parents of workers run inside, one per side of a toolchain; their requests are forked there.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tfparity.engine import sandbox_process
from tfparity.errors import SandboxError
from tfparity.records.fingerprint import printable
from tfparity.records.vocabulary import Sandboxing
from tfparity.worker import confinement

SCRIPT = Path(sandbox_process.__file__)

#: Folders of the system's for what programs leave for a while: inside there are others in their place.
PRIVATE = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - nothing is made there  # nosec B108

#: Seconds that trying a way may take; a busy machine is slow to start a process.
TRIAL_SECONDS = 60.0

#: A number that no process has: /proc/sys/kernel/pid_max is at most that.
NOBODY = 2**22


#: What comes of it where requests are held apart without one of the means.
LACKING = {
    confinement.MOUNTS: "nested namespaces: what runs may change modes and times of what its like makes",
    confinement.LANDLOCK: "Landlock: what runs may reach the memory of its like",
    confinement.CALLS: "a filter of calls for this processor: what runs may slow or limit its like",
}


@dataclass(frozen=True)
class Sandbox:
    """A way to run a command inside. program: bubblewrap's, None for namespaces that our own process makes."""

    name: str
    program: str | None = None

    def around(
        self,
        command: Sequence[str],
        made: Path,
        writes: Sequence[Path],
        reads: Sequence[Path],
        told: int | None = None,
    ) -> list[str]:
        """That command, inside, where it may write to `writes` alone. `reads`: what it may read even where that lies
        beside other programs' sockets; `made`: a folder for what the sandbox needs, emptied here; `told`: the
        descriptor of a Refusal."""
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        places = {
            "writes": [str(place) for place in writes],
            "reads": [command[0], *map(str, reads)],
            "private": list(PRIVATE),
            "made": [str(made)],
            "told": [] if told is None else [str(told)],
        }
        if self.program is None:
            return [sys.executable, "-I", "-S", str(SCRIPT), json.dumps(places), *command]
        heard = [] if told is None else ["--json-status-fd", str(told)]
        return [self.program, *_bubblewrap(places, made), *heard, "--", *command]

    def status(self, code: int) -> int:
        """The command's own status: bubblewrap tells a signal as a shell does."""
        return 128 - code if self.program is not None and code > 128 else code


def _bubblewrap(places: dict[str, list[str]], made: Path) -> list[str]:
    """What sandbox_process does, in bubblewrap's words."""
    words = ["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent"]
    for word, own in (("--uid", os.geteuid()), ("--gid", os.getegid())):
        words += [word, str(own or sandbox_process.NOBODY)]
    words += ["--cap-drop", "ALL", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    needed = [os.path.realpath(place) for place in (*places["writes"], *places["reads"])]
    for number, place in enumerate(dict.fromkeys(map(os.path.realpath, places["private"]))):
        if not Path(place).is_dir():
            continue
        inside = made / str(number)
        inside.mkdir()
        words += ["--bind", str(inside), place]
        for entry in sandbox_process.shown(place, needed):
            if entry.is_symlink():
                words += ["--symlink", str(Path(entry.path).readlink()), entry.path]
            else:
                words += ["--ro-bind-try", entry.path, entry.path]
    for place in map(os.path.realpath, places["writes"]):
        words += ["--bind", place, place]
    return words


@dataclass(frozen=True)
class Found:
    """What there is: the sandbox, and what it lacks to hold requests apart (of LACKING), or why there is none."""

    sandbox: Sandbox | None
    why: str | None = None
    lacks: tuple[str, ...] = ()


@functools.cache
def available() -> Found:
    """The first way that works on this machine, tried once: our own namespaces, then bubblewrap, which a system may
    allow where it denies them to others."""
    if sys.platform != "linux":
        return Found(None, "there is none for this system")
    refusals = []
    program = shutil.which("bwrap")
    ways = [Sandbox("user namespaces"), *([Sandbox("bubblewrap", program)] if program else [])]
    for way in ways:
        found = tried(way)
        if found.sandbox is not None:
            return found
        refusals.append(f"{way.name}: {found.why}")
    if program is None:
        refusals.append("bubblewrap (bwrap) is not installed")
    return Found(None, "; ".join(refusals))


def tried(way: Sandbox) -> Found:
    """Whether that way works here: a Python starts in it, and confines itself as a request does."""
    with tempfile.TemporaryDirectory(prefix="tfparity-sandbox-") as made:
        request = [sys.executable, "-I", "-S", confinement.__file__, made]
        command = way.around(request, Path(made) / "made", [Path(made)], [])
        try:
            done = subprocess.run(
                command,
                cwd=made,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIAL_SECONDS,
                check=False,
            )
        except OSError as wrong:
            return Found(None, wrong.strerror or type(wrong).__name__)
        except subprocess.TimeoutExpired:
            return Found(None, f"does not start within {TRIAL_SECONDS:.0f} s")
    if done.returncode:
        return Found(None, _last_line(done.stderr) or f"ended with status {done.returncode}")
    return Found(way, lacks=tuple(done.stdout.decode().split()))


def refusal(log: Path) -> str:
    """Why a sandbox was not made, out of the log of what was to run in it."""
    try:
        return _last_line(log.read_bytes()) or "no reason came back"
    except OSError as wrong:
        return wrong.strerror or "its log is gone"


def _last_line(said: bytes) -> str | None:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return printable(lines[-1])[:300] if lines else None


def chosen(wanted: Sandboxing, told: Callable[[str], None]) -> Sandbox | None:
    """The sandbox that is wanted, None for none; `told` hears which, or why there is none. Raises SandboxError where
    there is none and one is required."""
    if wanted is Sandboxing.OFF:
        return None
    found = available()
    if found.sandbox is not None:
        without = "; ".join(LACKING[means] for means in found.lacks)
        told(
            f"sandbox: {found.sandbox.name}: no network, and what runs writes to its own folder alone"
            f"{without and f' (here without {without})'}"
        )
    elif wanted is Sandboxing.REQUIRED:
        raise SandboxError(
            f"no sandbox here: {found.why}; allow user namespaces or install bubblewrap, or leave out "
            "--sandbox required: what runs then has the network and may write where this user may"
        )
    else:
        told(
            f"no sandbox here ({found.why}): what runs has the network and may write where this user may; "
            "--sandbox required refuses that, --sandbox off says nothing of it"
        )
    return found.sandbox


class Refusal:
    """Whether a sandbox could not be made, through a descriptor that its command does not have: the status that it ends
    with is for the command to choose, too. Our own tells that it was not made, bubblewrap, once its command has
    ended, that it was (--json-status-fd)."""

    def __init__(self, way: Sandbox) -> None:
        self._bubblewrap = way.program is not None
        heard, self.told = os.pipe()
        os.set_blocking(heard, False)
        self._heard: int | None = heard

    @property
    def passed(self) -> tuple[int, ...]:
        """The descriptors that the sandbox's process has to be given."""
        return (self.told,)

    def started(self) -> None:
        """The sandbox's process has the descriptor, or was not started."""
        if self.told >= 0:
            os.close(self.told)
            self.told = -1

    def came(self, status: int) -> bool:
        """Whether no sandbox was made, once its process has ended with that status; of one that a signal ended nobody
        knows."""
        said = b""
        with suppress(BlockingIOError):
            said = os.read(self._heard, 4096) if self._heard is not None else b""
        return status > 0 and b'"exit-code"' not in said if self._bubblewrap else bool(said)

    def close(self) -> None:
        """Let go of both ends."""
        self.started()
        if self._heard is not None:
            os.close(self._heard)
            self._heard = None


@dataclass(frozen=True)
class Inside:
    """Where a process runs: in that sandbox, where it writes to its own folder alone. reads: what it may read even
    where that lies beside other programs' sockets."""

    sandbox: Sandbox
    reads: tuple[Path, ...] = ()

    def around(self, command: Sequence[str], folder: Path, told: int | None = None) -> list[str]:
        """Its command; `folder` is its own; told: see Sandbox and Refusal."""
        return self.sandbox.around(command, folder / "sandbox", (folder,), (folder, *self.reads), told)


def outer(top: int, inner: int) -> int:
    """The number, as this process sees it, of a process below `top` that has the number `inner` in its namespace;
    NOBODY where it is gone."""
    try:
        for child in psutil.Process(top).children(recursive=True):
            if _inner(child.pid) == inner:
                return child.pid
    except psutil.Error:
        pass
    return NOBODY


def _inner(process: int) -> int | None:
    """The number of a process in the sandbox's namespace, whatever further one it is in."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return int(numbers[1]) if len(numbers) > 1 else None
