"""uv as a command: how it is called, and its words without hosts and paths."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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
    r"error decoding response body",
    re.IGNORECASE,
)
#: What uv says where a source distribution does not build.
_UNBUILT = re.compile(r"failed to build|build backend", re.IGNORECASE)
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
    given = own_environment.without_secrets(os.environ)
    environment = {name: value for name, value in given.items() if name not in CHANGES_RESOLUTION}
    # In a sandbox nothing is written beside a module, so that its bytecode has to be there.
    environment.update(NO_COLOR="1", UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="manual", UV_COMPILE_BYTECODE="1")
    done = subprocess.run(
        list(command),
        input=stdin,
        cwd=cwd or tempfile.gettempdir(),
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr)


def unreachable(text: str) -> bool:
    """Whether uv failed because the index did not answer, rather than for what the index says."""
    return bool(_UNREACHABLE.search(text)) and "Hash mismatch" not in text  # that came, and was something else


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
