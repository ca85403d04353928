"""uv as a command: how it is called, and its words without hosts and paths."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tfparity import signals
from tfparity.records import own_environment
from tfparity.records.fingerprint import printable

#: Settings of a user's that would change what is resolved. Where the index is, and how to reach it, stays theirs.
CHANGES_RESOLUTION = (
    "UV_BUILD_CONSTRAINT",
    "UV_CONSTRAINT",
    "UV_EXCLUDE",
    "UV_EXCLUDE_NEWER",
    "UV_FORK_STRATEGY",
    "UV_NO_BINARY",
    "UV_NO_BUILD",
    "UV_NO_BUILD_ISOLATION",
    "UV_NO_SOURCES",
    "UV_NO_VERIFY_HASHES",
    "UV_OVERRIDE",
    "UV_PRERELEASE",
    "UV_PYTHON",
    "UV_RESOLUTION",
    "UV_TORCH_BACKEND",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)

_UNREACHABLE = re.compile(
    r"error sending request|failed to fetch|dns error|failed to lookup address|connection (refused|reset|closed)|"
    r"network is unreachable|network (connectivity is|was) disabled|operation timed out|request timed out|"
    r"http status (server|client) error|tls handshake|failed to download|could not connect|"
    r"error decoding response body|could not be queried",
    re.IGNORECASE,
)
#: What uv says where a source distribution does not build.
_UNBUILT = re.compile(r"failed to build|build backend", re.IGNORECASE)
#: What uv says where the index lacks a package, or all versions of one that would do.
_NO_PACKAGE = re.compile(r"\b([a-z0-9][a-z0-9-]*)(?:\[[^\]]*\])? was not found in the package registry")
_NO_VERSION = re.compile(
    r"\b(?:there (?:is|are) no versions? of|only(?: the following versions of)?) ([a-z0-9][a-z0-9-]*)"
)
#: What it says where releases are there and of no use here.
_DOES_NOT_FIT = re.compile(r"python version|\bABI tag|platform tag|has no (?:usable )?wheels|yanked", re.IGNORECASE)
_PROGRESS = re.compile(r"^\s*(Using (C?Python|\S+ environment)|Resolved|Prepared|Audited|Downloading|Building|Built)\b")


@dataclass(frozen=True)
class Completed:
    """How a command ended: its exit status and its words."""

    status: int
    output: str
    errors: str


class Runner(Protocol):
    """Runs a command to its end; the unit tests put a planned one in its place."""

    def __call__(self, command: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> Completed: ...


def uv() -> str:
    """The executable of uv, the one that came with our dependencies."""
    from uv import find_uv_bin

    return str(find_uv_bin())


def run(command: Sequence[str], *, stdin: str = "", cwd: Path | None = None) -> Completed:
    """Run a command without a terminal, outside any project's settings, until it ends. It may build what it installs,
    which is other people's code."""
    own_environment.hide()
    given = own_environment.for_uv(os.environ)
    environment = {name: value for name, value in given.items() if name not in CHANGES_RESOLUTION}
    # In a sandbox nothing is written beside a module, so that its bytecode has to be there.
    environment.update(NO_COLOR="1", UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="manual", UV_COMPILE_BYTECODE="1")
    process = subprocess.Popen(
        list(command),
        cwd=cwd or tempfile.gettempdir(),
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    with process:
        _running.add(process.pid)
        try:
            output, errors = process.communicate(stdin)
        except BaseException:
            _end(process.pid)
            raise
        finally:
            _running.discard(process.pid)
    return Completed(process.returncode, output, errors)


#: The commands under way in this process. Its set is changed and copied whole: a signal's handler may look at any time.
_running: set[int] = set()


def end() -> None:
    """End the commands under way, with the builds that they started: each comes back as one that was killed."""
    for process in tuple(_running):
        _end(process)


signals.at_end(end)


def _end(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def end_left(folder: Path) -> None:
    """End what a run that was killed left installing into that environment, which nobody else installs into now."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if words and Path(words[0]).name == "uv" and any(word.startswith(f"{folder}/") for word in words):
                process.kill()
                process.wait(10)


def unreachable(text: str) -> bool:
    """Whether uv failed because the index did not answer, rather than for what the index says."""
    return bool(_UNREACHABLE.search(text)) and "Hash mismatch" not in text  # that came, and was something else


def absent(text: str, name: str) -> Literal["package", "versions"] | None:
    """What uv says that the index lacks of a package that was asked for, without what it brings: all of it, or versions
    that would do. None where it says no such thing: of releases for another Python or system, which are there, it tells
    why they do not fit."""
    said = " ".join(text.split())
    if name in _NO_PACKAGE.findall(said):
        return "package"
    return "versions" if name in _NO_VERSION.findall(said) and not _DOES_NOT_FIT.search(said) else None


def unbuilt(text: str) -> bool:
    """Whether uv failed because a package does not build."""
    return bool(_UNBUILT.search(text))


def without_days(text: str) -> bool:
    """Whether the index tells no upload dates, so that no limit by day leaves anything."""
    return "is missing an upload date" in text


def masked(text: str, places: Mapping[str, str]) -> str:
    """What uv said; `places` (folder to word), addresses and other paths replaced, no colours, no progress."""
    for folder, word in sorted(places.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(folder, word)
    text = re.sub(r"\b[a-z][a-z0-9+.-]*://[^\s`'\")>]+", "<address>", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(?:\d{1,3}\.){3}\d{1,3}:\d+\b", "<address>", text)
    text = re.sub(r"(?<![\w<.>/])/(?:[\w.+@-]+/)+[\w.+@-]*", "<path>", text)
    lines = [re.match(r"\s*", line)[0] + printable(line) for line in text.splitlines()]  # type: ignore[index]
    return "\n".join(line for line in lines if line.strip() and not _PROGRESS.match(line))
